"""Churn for people: tables of at most 80 columns, and the reliability diagram."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from trueline_cli import style

if TYPE_CHECKING:
    from trueline import (
        CalibrationBin,
        ChurnDrift,
        ChurnModel,
        ChurnModelSummary,
        ChurnNote,
        ChurnPredictions,
        ChurnQuality,
        ChurnSegments,
        ChurnTraining,
    )

_SHAPES = 8
# A feature or a value of one may take two or three lines.
_LONGEST = 60
_WIDTH = 30
_EFFECTS = 3
_POINTS, _GROUPS = 12, 20
_COLOURS = {"stable": "green", "shifted": "yellow", "drifted": "red"}


def show_training(training: ChurnTraining) -> None:
    """A model, or why there is none."""
    if training.model is not None:
        show_model(training.model)
        return
    assert training.insufficient is not None
    told = training.insufficient
    style.show(f"insufficient data: {told.reason}")
    _show_notes(told.notes)


def show_model(model: ChurnModel) -> None:
    """How it was chosen, how good it is, its reliability diagram, what it learned, and what is to be known."""
    style.show(_head(model.summary))
    forms = style.table("form", "log loss", "worse by", "± error", "AUC", "± sd", "", right=_FORMS)
    for one in model.candidates:
        worse = f"{one.worse_by:.4f}" if one.worse_by else style.NOTHING
        error = f"{one.standard_error:.4f}" if one.worse_by else style.NOTHING
        forms.add_row(
            one.form, f"{one.log_loss:.4f}", worse, error, f"{one.auc:.4f}", f"{one.auc_sd:.4f}",
            "chosen" if one.chosen else "",
        )  # fmt: skip
    style.show(forms, "")
    _show_quality(model.validated, model.held_out)
    judged, which = (model.validated, "cross-validated") if model.held_out is None else (model.held_out, "held out")
    show_reliability(judged.calibration, which)
    # Ranges of dates take two lines; what is cut could be any of several.
    columns = ("feature", "weight", "raises most", "log-odds", "lowers most", "log-odds ")
    shapes = style.table(*columns, right=_SHAPE, fold=("feature", "raises most", "lowers most"))
    for shape in model.shapes[:_SHAPES]:
        high = max(range(len(shape.bins)), key=lambda place: shape.log_odds[place])
        low = min(range(len(shape.bins)), key=lambda place: shape.log_odds[place])
        shapes.add_row(
            _short(shape.name, _LONGEST), f"{shape.importance * 100:.1f} %",
            _short(shape.bins[high], _LONGEST), f"{shape.log_odds[high]:+.2f}",
            _short(shape.bins[low], _LONGEST), f"{shape.log_odds[low]:+.2f}",
        )  # fmt: skip
    style.show("", shapes)
    if len(model.shapes) > _SHAPES:
        style.show(f"and {len(model.shapes) - _SHAPES} more; --output json has all")
    _show_notes(model.notes)


_FORMS = ("log loss", "worse by", "± error", "AUC", "± sd")
_SHAPE = ("weight", "log-odds", "log-odds ")


def show_reliability(bins: Sequence[CalibrationBin], which: str) -> None:
    """A bar for the share that left in each tenth of the probability; the mark is the mean probability."""
    drawn = f"{which}; | is what was foreseen"
    made = style.table("probability", "accounts", "left", drawn, right=_BIN)
    for place, one in enumerate(bins):
        label = f"{place / 10:.1f} to {(place + 1) / 10:.1f}"
        if one.mean_score is None or one.churn_rate is None:
            made.add_row(label, "0", style.NOTHING, "")
        else:
            made.add_row(label, f"{one.accounts:,}", _share(one.churn_rate), _marked(one.churn_rate, one.mean_score))
    style.show("", made)


_BIN = ("accounts", "left")


def _marked(rate: float, score: float) -> Text:
    drawn = style.bar(rate, _WIDTH)
    place = min(_WIDTH - 1, int(score * _WIDTH))
    return Text.assemble(drawn[:place], ("|", "bold"), drawn[place + 1 :])


def _show_quality(validated: ChurnQuality, held_out: ChurnQuality | None) -> None:
    columns = ("cross-validated", "held out")
    made = style.table("", *columns, right=columns)
    rows: tuple[tuple[str, Callable[[ChurnQuality], str]], ...] = (
        ("accounts, of which left", lambda one: f"{one.accounts:,}, {one.churned:,}"),
        ("AUC", lambda one: f"{one.auc:.4f}"),
        ("  95 % interval", lambda one: f"{one.auc_low:.4f} to {one.auc_high:.4f}"),
        ("area under precision-recall", lambda one: f"{one.pr_auc:.4f}"),
        ("Brier score", lambda one: f"{one.brier:.4f}"),
        ("log loss", lambda one: f"{one.log_loss:.4f}"),
        ("KS, Gini", lambda one: f"{one.ks:.4f}, {one.gini:.4f}"),
        ("lift of the highest tenth", lambda one: f"{one.lift:.2f}"),
        ("calibration error", lambda one: f"{one.calibration_error:.4f}"),
        ("  slope, intercept", lambda one: f"{one.calibration_slope:.3f}, {one.calibration_intercept:+.3f}"),
    )
    for name, shown in rows:
        made.add_row(name, shown(validated), style.NOTHING if held_out is None else shown(held_out))
    for place, one in enumerate(validated.confusions):
        other = None if held_out is None else held_out.confusions[place]
        name = f"from {one.threshold:.1f}: precision, recall"
        cells = [
            style.NOTHING if found is None else f"{_share(found.precision)}, {_share(found.recall)}"
            for found in (one, other)
        ]
        made.add_row(name, *cells)
    style.show(made)


def show_models(models: Sequence[ChurnModelSummary]) -> None:
    """A line for each model."""
    made = style.table("model", "document", "trained", "form", "AUC", "held out", "", right=("AUC", "held out"))
    for one in models:
        held = style.NOTHING if one.held_out_auc is None else f"{one.held_out_auc:.3f}"
        state = "active" if one.active else "unused" if one.failed_check else ""
        trained = style.moment(one.trained_at, short=True)
        made.add_row(one.id, _short(one.document, 10), trained[5:], _short(one.form, 8), f"{one.auc:.3f}", held, state)
    style.show(made if models else "no model is kept; trueline churn train")
    for one in models:
        if one.failed_check:
            style.show(f"{one.id}: {one.failed_check}")


def show_predictions(found: ChurnPredictions) -> None:
    """A line for each account, the likeliest to leave first, with how much is known of it and what makes it so."""
    columns = ("account", "leaves", "known", "segment", "why")
    made = style.table(*columns, right=("leaves", "known"), fold=("why",), cut={"account": 22})
    for one in sorted(found.predictions, key=lambda one: -one.outlook.probability):
        why = "; ".join(f"{e.name} {e.value} {e.log_odds:+.2f}" for e in one.outlook.effects[:_EFFECTS])
        known, leaves = f"{one.coverage * 100:.0f} %", _share(one.outlook.probability)
        made.add_row(one.id, leaves, known, one.outlook.segment, why or one.outlook.reason)
    if found.predictions:
        style.show(made)
    if found.unknown_ids:
        style.show(f"nothing is known of, or the document is not about: {', '.join(found.unknown_ids)}")


def show_segments(found: ChurnSegments) -> None:
    """A line for each segment, and what to do."""
    by = f"model {found.model_id}" if found.model_id else f"the plain rule: {found.reason}"
    style.show(f"leaving within {found.horizon.days} days, foreseen by {by}")
    made = style.table("segment", "accounts", "leave", "what to do", right=("accounts", "leave"), fold=("what to do",))
    for one in found.segments:
        leave = _share(one.mean_probability) if one.accounts else style.NOTHING
        made.add_row(one.name or "(none)", f"{one.accounts:,}", leave, one.intervention)
    style.show(made)


def show_drift(found: ChurnDrift) -> None:
    """A line for each feature, the one that differs most first."""
    word = Text(found.verdict.value, style=_COLOURS.get(found.verdict.value, ""))
    style.show(Text.assemble(f"{found.accounts:,} accounts against those of {found.model_id}: ", word))
    right = ("PSI", "KS", "then", "now")
    made = style.table(
        "feature", "PSI", "KS", "", "moved most", "then", "now", right=right, fold=("feature", "moved most")
    )
    for one in found.features:
        verdict = Text(one.verdict.value, style=_COLOURS.get(one.verdict.value, ""))
        made.add_row(
            _short(one.feature, _LONGEST), f"{one.psi:.3f}", f"{one.ks:.3f}", verdict,
            _short(one.moved, _LONGEST), _share(one.share_then), _share(one.share_now),
        )  # fmt: skip
    style.show(made)


def show_survival(curves: Sequence[Any]) -> None:
    """The curve of all as bars, then a line for each group: how many stay longer than some times."""
    whole, *groups = curves
    times = [step.time for step in whole.steps]
    some = sorted({times[len(times) * place // _POINTS] for place in range(_POINTS)} | set(times[-1:]))
    made = style.table("longer than", "stay", "", right=("longer than", "stay"))
    for time in some:
        made.add_row(f"{time:g}", _share(whole.at(time)), style.bar(whole.at(time), _WIDTH))
    style.show(f"{whole.left:,} of {whole.accounts:,} accounts left", made)
    if groups:
        shown = [some[len(some) * place // 4] for place in range(4)]
        columns = ("accounts", "left", "median", *(f"> {time:g}" for time in shown))
        made = style.table("", *columns, right=columns)
        for curve in groups[:_GROUPS]:
            median = style.NOTHING if curve.median is None else f"{curve.median:g}"
            cells = [f"{curve.at(time) * 100:.0f} %" for time in shown]
            made.add_row(_short(curve.group, 18), f"{curve.accounts:,}", f"{curve.left:,}", median, *cells)
        style.show("", made)


def _head(one: ChurnModelSummary) -> str:
    left = f"{one.churned:,} of {one.accounts:,} accounts left ({_share(one.churned / max(1, one.accounts))})"
    state = ", active" if one.active else f"\nnot used: {one.failed_check}" if one.failed_check else ""
    return f"{one.id or 'model'}: {one.form}, {left}{state}"


def _show_notes(notes: Sequence[ChurnNote]) -> None:
    if notes:
        style.show("")
    for note in notes:
        word = "warning: " if note.kind == "leak" else ""
        style.show(f"{word}{note.feature}: {note.text}" if note.feature else note.text)


def _share(value: float | None) -> str:
    return style.NOTHING if value is None else f"{value * 100:.1f} %"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


SHOWN: Mapping[str, Callable[[Any], None]] = {
    "training": show_training,
    "model": show_model,
    "models": show_models,
    "predictions": show_predictions,
    "segments": show_segments,
    "drift": show_drift,
    "survival": show_survival,
}
