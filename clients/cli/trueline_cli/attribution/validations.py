"""A validation of attribution as tables of 80 columns, and as plain rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from trueline_cli import style

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trueline import AttributionValidation, ModelValidation

    from trueline_cli.attribution.rows import Rows

# A difference that chance makes in one of twenty is shown.
_SIGNIFICANT = 0.05
_MODEL, _CHANNEL = 16, 24


def show_validation(found: AttributionValidation) -> None:
    """How well models predict, what they favour, how far credits would differ by chance, and the order of a chain."""
    start, end = (style.moment(instant, short=True) for instant in (found.about.start_time, found.about.end_time))
    style.show(f"{found.about.conversion}, {start} to {end}")
    style.show(f"{found.journeys:,} journeys with a touch, {found.conversions:,} of them converted", "")
    if any(model.accuracy for model in found.models):
        _show_accuracy(found)
    _show_biased(found)
    if any(model.intervals for model in found.models):
        _show_intervals(found)
    if found.orders:
        _show_orders(found)
    style.show(*_notes(found.models))


def csv_validation(found: AttributionValidation) -> tuple[Sequence[str], Rows]:
    """A row for each number: of which model and what about it, of which channel or order, its name and itself."""
    return ("model", "about", "name", "measure", "value"), list(_numbers(found))


def _show_accuracy(found: AttributionValidation) -> None:
    columns = ("AUC", "p", "log loss", "one rate", "Brier", "position", "length")
    made = style.table("model", *columns, right=columns, cut={"model": _MODEL})
    for model in found.models:
        accuracy, bias = model.accuracy, model.bias
        if accuracy is None or bias is None:
            made.add_row(model.model, *(style.NOTHING for _ in columns))
            continue
        made.add_row(
            model.model,
            f"{accuracy.auc:.3f}",
            _chance(accuracy.p_value),
            f"{accuracy.log_loss:.4f}",
            f"{accuracy.base_log_loss:.4f}",
            f"{accuracy.brier:.4f}",
            f"{bias.position_effect:.2f}",
            f"{bias.length_effect:+.2f}",
        )
    held = next(model.accuracy.journeys for model in found.models if model.accuracy)
    told = f"{held:,} journeys that were held out; position and length: what a model favours"
    style.show(told, made, "")


def _show_biased(found: AttributionValidation) -> None:
    columns = ("journeys", "predicted", "converted", "effect", "p")
    made = style.table("channel", "model", *columns, right=columns, cut={"channel": 18, "model": _MODEL})
    for model in found.models:
        for one in () if model.bias is None else model.bias.channels:
            if one.p_value < _SIGNIFICANT:
                told = (f"{one.journeys:,}", f"{one.predicted:.1f}", f"{one.converted:,}", f"{one.effect:+.2f}")
                made.add_row(one.channel, model.model, *told, _chance(one.p_value))
    if made.row_count:
        style.show("channels that convert otherwise than predicted; above 0 they have too little", made, "")


def _show_intervals(found: AttributionValidation) -> None:
    columns = ("conversions", "from", "to")
    made = style.table("channel", "model", *columns, right=columns, cut={"channel": _CHANNEL, "model": _MODEL})
    channels = list(dict.fromkeys(one.channel for model in found.models for one in model.intervals))
    for channel in channels:
        name = channel
        for model in found.models:
            for one in model.intervals:
                if one.channel == channel:
                    ends = f"{one.conversions_low:,.2f}", f"{one.conversions_high:,.2f}"
                    made.add_row(name, model.model, f"{one.conversions:,.2f}", *ends)
                    name = ""
    style.show("conversions, and how far they would differ by chance", made, "")


def _show_orders(found: AttributionValidation) -> None:
    columns = ("order", "states", "parameters", "AIC", "BIC", "p")
    made = style.table(*columns, right=columns)
    for fit in found.orders:
        told = (f"{fit.states:,}", f"{fit.parameters:,}", f"{fit.aic:,.0f}", f"{fit.bic:,.0f}")
        made.add_row(str(fit.order), *told, "" if fit.p_value is None else _chance(fit.p_value))
    style.show(made, f"the journeys support a Markov chain of order {found.supported_order} (least BIC)")


def _notes(models: Sequence[ModelValidation]) -> list[str]:
    """Each once; with the model, unless it is of all of them."""
    counted = Counter(note for model in models for note in model.notes)
    told: dict[str, None] = {}
    for model in models:
        for note in model.notes:
            told[f"! {note}" if counted[note] == len(models) else f"! {model.model}: {note}"] = None
    return ["", *told] if told else []


def _numbers(found: AttributionValidation) -> Iterator[tuple[object, ...]]:
    for model in found.models:
        for about, one in (("accuracy", model.accuracy), ("bias", model.bias)):
            yield from () if one is None else ((model.model, about, "", *pair) for pair in _measures(one))
        for channel in () if model.bias is None else model.bias.channels:
            yield from ((model.model, "bias", channel.channel, *pair) for pair in _measures(channel))
        for interval in model.intervals:
            yield from ((model.model, "interval", interval.channel, *pair) for pair in _measures(interval))
    for fit in found.orders:
        yield from (("", "order", fit.order, *pair) for pair in _measures(fit))
    yield "", "order", "", "supported_order", found.supported_order


def _measures(one: Any) -> Iterator[tuple[str, object]]:
    """Its numbers by name; shares by place have the place behind their name."""
    for field in fields(one):
        value = getattr(one, field.name)
        if field.name in ("channel", "channels", "order"):
            continue
        if isinstance(value, tuple):
            yield from ((f"{field.name}.{place}", part) for place, part in enumerate(value, start=1))
        else:
            yield field.name, value


def _chance(p_value: float) -> str:
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"
