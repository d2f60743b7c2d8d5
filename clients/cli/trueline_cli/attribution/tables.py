"""Answers about attribution as tables of 80 columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trueline.attribution import AttributionReport

from trueline_cli import style
from trueline_cli.attribution.changing import cause_table, show_changes
from trueline_cli.attribution.rows import names_of, percentage, step_counts
from trueline_cli.attribution.validations import show_validation

if TYPE_CHECKING:
    from decimal import Decimal

    from trueline import (
        AttributionAbout,
        AttributionTotals,
        ChannelPaths,
        ExplainedJourney,
        Funnel,
        ModelComparison,
    )

# Beside it a channel and a cost stand; names that are longer are cut.
_MODEL_WIDTH = 15
_SHOWN_MODELS = 3
# Touches of a journey or path that are shown at its begin and at its end; those between are counted.
_SHOWN_TOUCHES = 20


def show_report(report: AttributionReport) -> None:
    """A line for each channel: with one model all that is told of it, with several the values of the first few."""
    if not report.rows:
        style.show(_head(report.about), "nothing converted and nothing was spent")
        return
    models = list(report.rows[0].credits)
    named = [name for name in ("channel", "campaign", "day", "segment") if any(getattr(r, name) for r in report.rows)]
    if len(models) == 1:
        _one_model(report, named, models[0])
    else:
        _several_models(report, named, models)
    style.show("", _totals(report.about, report.totals), *_changes(report), *left_out(report))
    if report.causes:
        style.show("", cause_table(report.causes))
    if report.about.document == "default" and 0 < report.totals.conversions == report.totals.unattributed_conversions:
        style.show("", "no touch led to any of them; --document self_reported goes by what signups name")


def _one_model(report: AttributionReport, named: Sequence[str], model: str) -> None:
    columns = ("conversions", "value", "cost", "return")
    made = style.table(*named, *columns, right=columns)
    for row in report.rows:
        credit = row.credits[model]
        roi = "" if credit.roi is None else percentage(credit.roi)
        made.add_row(*names_of(row, named), f"{credit.conversions:.2f}", _money(credit.value), _money(row.cost), roi)
    style.show(f"{_head(report.about)} · {model}", made)


def _several_models(report: AttributionReport, named: Sequence[str], models: Sequence[str]) -> None:
    shown = models[:_SHOWN_MODELS]
    names = [name for name in named if name != "day"]
    made = style.table(
        *named, "cost", *shown, right=("cost", *shown), cut=dict.fromkeys((*names, *shown), _MODEL_WIDTH)
    )
    for row in report.rows:
        values = (_money(row.credits[model].value) for model in shown)
        made.add_row(*names_of(row, named), _money(row.cost), *values)
    style.show(f"{_head(report.about)} · value by model", made)
    if more := models[_SHOWN_MODELS:]:
        style.show("", f"also: {', '.join(more)}; --model NAME shows it, --output csv all")


def show_comparison(comparison: ModelComparison) -> None:
    """A line for each channel and model, the channels that models differ about most first."""
    columns = ("conversions", "share", "difference", "removal")
    made = style.table("channel", "model", *columns, right=columns, cut={"channel": 24, "model": 20})
    for one in comparison.channels:
        for place, (model, share) in enumerate(one.shares.items()):
            removal = "" if share.removal_conversions is None else percentage(share.removal_conversions)
            difference = "" if model == comparison.baseline else f"{round(share.difference * 100, 1) + 0.0:+.1f}"
            channel = "" if place else one.channel
            made.add_row(channel, model, f"{share.conversions:.2f}", percentage(share.share), difference, removal)
    head = f"{_head(comparison.about)} · difference to {comparison.baseline} in points"
    style.show(head, made if comparison.channels else "no touch led to a conversion")
    style.show("", _totals(comparison.about, comparison.totals), *left_out(comparison))


def show_paths(paths: ChannelPaths) -> None:
    """A line for each path."""
    columns = ("converted", "not", "rate", "value")
    made = style.table(*columns, "path", right=columns, fold=("path",))
    for path in paths.paths:
        numbers = (f"{path.conversions:,}", f"{path.nulls:,}", percentage(path.conversion_rate), _money(path.value))
        made.add_row(*numbers, _path(path.channels))
    style.show(_head(paths.about), made if paths.paths else "nobody took a journey")
    if paths.total_paths > len(paths.paths):
        style.show("", f"{paths.total_paths - len(paths.paths):,} more paths; --limit 0 shows all")


def show_journey(journey: ExplainedJourney) -> None:
    """The touches, then what each of them earned by each model."""
    stitched = f", known by {journey.stitched_by}" if journey.stitched_by else ""
    style.show(
        f"{journey.about.conversion} of {journey.person}{stitched} at {style.moment(journey.converted_at)}: "
        f"{_money(journey.value)} {journey.about.currency}"
    )
    if not journey.touches:
        style.show("no touch led to it")
        return
    touches = style.table(
        "#", "when", "channel", "campaign", "known by", "sure", right=("#", "sure"), fold=("known by",)
    )
    every = list(enumerate(journey.touches, start=1))
    between = len(every) - 2 * _SHOWN_TOUCHES
    shown = every if between <= 0 else [*every[:_SHOWN_TOUCHES], *every[-_SHOWN_TOUCHES:]]
    for place, touch in shown:
        known = touch.stitched_by or "its user"
        when = style.moment(touch.at, short=True)
        touches.add_row(str(place), when, touch.channel, touch.campaign, known, percentage(touch.confidence))
    made = style.table("model", "#", "weight", "value", "why", right=("#", "weight", "value"), fold=("why",))
    for model in journey.touches[0].credits:
        for place, touch in shown:
            credit = touch.credits[model]
            name = "" if place > 1 else model
            made.add_row(name, str(place), f"{credit.weight:.3f}", _money(credit.value), credit.reason)
    style.show(touches, "", made)
    if between > 0:
        ends = f"#{_SHOWN_TOUCHES} and #{len(every) - _SHOWN_TOUCHES + 1:,}"
        style.show("", f"{between:,} more touches between {ends}; --output csv has all")


def show_funnel(funnel: Funnel) -> None:
    """A line for each step, then one for each channel."""
    columns = ("people", "of the step before", "of the first")
    steps = style.table("step", *columns, right=columns, fold=("step",))
    for step in funnel.steps:
        steps.add_row(step.name, f"{step.people:,}", percentage(step.from_previous), percentage(step.from_first))
    style.show(steps)
    if funnel.channels:
        numbers = [str(place) for place in range(1, len(funnel.steps) + 1)]
        made = style.table("channel", *numbers, "through", right=(*numbers, "through"), cut={"channel": 24})
        for channel, counts in funnel.channels.items():
            made.add_row(channel or "no touch", *step_counts(counts), percentage(counts[-1].from_first))
        style.show("", made)


SHOWN: Mapping[str, Callable[[Any], None]] = {
    "report": show_report,
    "comparison": show_comparison,
    "paths": show_paths,
    "journey": show_journey,
    "funnel": show_funnel,
    "validation": show_validation,
    "changes": show_changes,
}


def _head(about: AttributionAbout) -> str:
    start, end = (style.moment(instant, short=True) for instant in (about.start_time, about.end_time))
    return f"{about.conversion}, {start} to {end}, {about.currency}"


def _totals(about: AttributionAbout, totals: AttributionTotals) -> str:
    alone = ""
    if totals.unattributed_conversions:
        alone = f", {totals.unattributed_conversions:,} of them ({_money(totals.unattributed_value)}) without a touch"
    cost = "" if totals.cost is None else f"; spent: {_money(totals.cost)}"
    if totals.unmatched_refunds:
        refunded = _money(totals.unmatched_refund_value)
        several = "" if totals.unmatched_refunds == 1 else "s"
        cost += f"; {totals.unmatched_refunds:,} refund{several} ({refunded}) of nothing that was bought before"
    return f"{totals.conversions:,} conversions, {_money(totals.value)} {about.currency}{alone}{cost}"


def _path(channels: Sequence[str]) -> str:
    """The touches of a path; of a long one those at its ends."""
    between = len(channels) - 2 * _SHOWN_TOUCHES
    if between <= 0:
        return " > ".join(channels) or "no touch"
    ends = (*channels[:_SHOWN_TOUCHES], f"({between:,} more)", *channels[-_SHOWN_TOUCHES:])
    return " > ".join(ends)


def _changes(report: AttributionReport) -> list[str]:
    before = report.totals_before
    if before is None:
        return []
    came = ", ".join(f"{count:,} {kind}" for kind, count in report.late_events.items()) or "nothing"
    return [f"before: {_totals(report.about, before)}", f"came in since: {came}"]


def left_out(found: AttributionReport | ModelComparison) -> list[str]:
    """A line for each model without an answer, now or before."""
    before = found.left_out_before if isinstance(found, AttributionReport) else {}
    changed = isinstance(found, AttributionReport) and found.totals_before is not None
    lines = []
    for model, reason in found.left_out.items():
        had = ", which had an answer then" if changed and model not in before else ""
        lines.append(f"without {model}{had}: {reason}")
    new = [(model, reason) for model, reason in before.items() if model not in found.left_out]
    return [*lines, *(f"{model} is new, it had no answer then: {reason}" for model, reason in new)]


def _money(value: Decimal | None) -> str:
    return "" if value is None else f"{value:,f}"
