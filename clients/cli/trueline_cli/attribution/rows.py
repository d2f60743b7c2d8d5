"""Answers about attribution as plain rows: what CSV has, and parts of lines that tables share."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trueline_cli.attribution.changing import csv_changes
from trueline_cli.attribution.validations import csv_validation

if TYPE_CHECKING:
    from trueline import (
        AttributionReport,
        AttributionRow,
        ChannelPaths,
        ExplainedJourney,
        Funnel,
        FunnelStep,
        ModelComparison,
    )

UNATTRIBUTED = "(no touch)"
Rows = Iterable[Sequence[object]]


def csv_report(report: AttributionReport) -> tuple[Sequence[str], Rows]:
    """A row for each line and model; conversions and value as they were are empty without --changed-since."""
    header = ("channel", "campaign", "day", "segment", "unattributed", "touches", "cost")
    credited = ("model", "conversions", "value", "return", "conversions_before", "value_before")
    rows = [
        (
            *(row.channel, row.campaign, row.day, row.segment, row.unattributed, row.touches, row.cost),
            model,
            credit.conversions,
            credit.value,
            credit.roi,
            credit.conversions_before,
            credit.value_before,
        )
        for row in report.rows
        for model, credit in row.credits.items()
    ]
    return (*header, *credited), rows


def csv_comparison(comparison: ModelComparison) -> tuple[Sequence[str], Rows]:
    """A row for each channel and model."""
    header = ("channel", "spread", "model", "conversions", "value", "share", "difference")
    rows = [
        (
            one.channel,
            one.spread,
            model,
            share.conversions,
            share.value,
            share.share,
            share.difference,
            share.removal_conversions,
            share.removal_value,
        )
        for one in comparison.channels
        for model, share in one.shares.items()
    ]
    return (*header, "removal_conversions", "removal_value"), rows


def csv_paths(paths: ChannelPaths) -> tuple[Sequence[str], Rows]:
    """A row for each path; a path is a CSV line of its own, because channels may be called anything."""
    rows = [
        (_line(path.channels), path.conversions, path.value, path.nulls, path.conversion_rate) for path in paths.paths
    ]
    return ("path", "conversions", "value", "nulls", "conversion_rate"), rows


def csv_journey(journey: ExplainedJourney) -> tuple[Sequence[str], Rows]:
    """A row for each touch and model."""
    header = ("touch", "at", "channel", "campaign", "stitched_by", "confidence", "model", "weight", "value", "reason")
    rows = [
        (
            place,
            touch.at,
            touch.channel,
            touch.campaign,
            touch.stitched_by,
            touch.confidence,
            model,
            credit.weight,
            credit.value,
            credit.reason,
        )
        for place, touch in enumerate(journey.touches, start=1)
        for model, credit in touch.credits.items()
    ]
    return header, rows


def csv_funnel(funnel: Funnel) -> tuple[Sequence[str], Rows]:
    """A row for each channel and step; those of all people have no channel and come first."""
    everybody = [("", step) for step in funnel.steps]
    by_channel = [(channel or UNATTRIBUTED, step) for channel, steps in funnel.channels.items() for step in steps]
    rows = [
        (channel, step.name, step.people, step.from_previous, step.from_first)
        for channel, step in [*everybody, *by_channel]
    ]
    return ("channel", "step", "people", "from_previous", "from_first"), rows


def names_of(row: AttributionRow, named: Sequence[str]) -> list[str]:
    """What a line is of; the first name of one that no touch led to says so."""
    names = [str(getattr(row, name)) for name in named]
    if row.unattributed:
        place = next((place for place, name in enumerate(named) if name in ("channel", "campaign")), 0)
        names[place] = UNATTRIBUTED if named[place] in ("channel", "campaign") else f"{names[place]} {UNATTRIBUTED}"
    return names


def step_counts(steps: Sequence[FunnelStep]) -> list[str]:
    """People by step."""
    return [f"{step.people:,}" for step in steps]


def percentage(share: float) -> str:
    """A share in percent."""
    return f"{share * 100:.1f} %"


FLAT: Mapping[str, Callable[[Any], tuple[Sequence[str], Rows]]] = {
    "report": csv_report,
    "comparison": csv_comparison,
    "paths": csv_paths,
    "journey": csv_journey,
    "funnel": csv_funnel,
    "validation": csv_validation,
    "changes": csv_changes,
}


def _line(channels: Sequence[str]) -> str:
    from io import StringIO

    line = StringIO()
    csv.writer(line, lineterminator="").writerow(channels)
    return line.getvalue()
