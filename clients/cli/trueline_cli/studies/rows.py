"""Studies as plain rows: what CSV has, and how figures are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline import StudyComparison, StudyDifference, StudyEstimate, StudyRun

Rows = Iterable[Sequence[object]]

_LABELS = {
    "weighted_renewal_rate": "renewal by value",
    "cost_per_conversion": "cost/conversion",
    "avg_roi": "average ROI",
    "total_roi": "total ROI",
    "median_roi": "median ROI",
}
VERDICTS = {
    "better": "better",
    "worse": "worse",
    "no_evidence_of_change": "unclear",
    "insufficient_data": "no data",
    "unspecified": "",
}
# From here on cents are noise.
_WHOLE = 1_000


def label(name: str) -> str:
    """A figure's name for people."""
    return _LABELS.get(name, name.replace("_", " "))


def value(number: float | None, unit: str) -> str:
    """A figure: a ratio as a percentage, an amount without its currency."""
    if number is None:
        return "–"  # noqa: RUF001  an en dash is how tables say that there is nothing
    if unit == "ratio":
        return f"{number * 100:,.1f} %"
    return f"{number:,.0f}" if abs(number) >= _WHOLE else f"{number:,.2f}"


def interval(estimate: StudyEstimate | StudyDifference, unit: str) -> str:
    """The ends of an interval; "" if there is none."""
    if estimate.low is None or estimate.high is None:
        return ""
    low, high = value(estimate.low, unit), value(estimate.high, unit)
    return f"{low.removesuffix(' %')} … {high}"


def change(difference: StudyDifference | None, unit: str) -> str:
    """A difference with its sign; of percentages in percentage points."""
    if difference is None:
        return ""
    if unit == "ratio":
        return f"{difference.value * 100:+,.1f} pp"
    return f"{difference.value:+,.0f}" if abs(difference.value) >= _WHOLE else f"{difference.value:+,.2f}"


def csv_run(run: StudyRun) -> tuple[Sequence[str], Rows]:
    """A row for each group and figure; inputs in one column, like renewed=12 ended=3."""
    header = (
        *("study", "start", "end", "breakdown", "group", "area", "figure", "unit"),
        *("value", "low", "high", "observations", "previous", "previous_observations"),
        *("difference", "difference_low", "difference_high", "p_value", "adjusted_p_value", "verdict", "inputs"),
    )
    return header, (
        (
            *(run.study, _day(run.start), _day(run.end), each.breakdown, each.group, figure.area, name, figure.unit),
            *(figure.now.value, figure.now.low, figure.now.high, figure.now.observations),
            *(figure.previous.value, figure.previous.observations),
            *_difference(figure.difference),
            figure.verdict.value,
            " ".join(f"{key}={one.value:f}" for key, one in figure.now.inputs.items()),
        )
        for each in run.groups
        for name, figure in each.figures.items()
    )


def csv_comparison(compared: StudyComparison) -> tuple[Sequence[str], Rows]:
    """A row for each figure of either run."""
    header = ("breakdown", "group", "figure", "unit", "before", "after", "difference", "low", "high", "verdict")
    return header, (
        (
            *(each.breakdown, each.group, each.name, each.unit),
            None if each.before is None else each.before.value,
            None if each.after is None else each.after.value,
            *_difference(each.difference)[:3],
            each.verdict.value,
        )
        for each in compared.changes
    )


def csv_runs(runs: Sequence[StudyRun]) -> tuple[Sequence[str], Rows]:
    """A row for each run."""
    header = ("id", "study", "start", "end", "completeness", "definition", "finished_at")
    return header, (
        (
            *(run.id, run.study, _day(run.start), _day(run.end)),
            *(run.completeness.value, run.definition, _day(run.finished_at)),
        )
        for run in runs
    )


def _difference(difference: StudyDifference | None) -> tuple[float | None, ...]:
    if difference is None:
        return (None,) * 5
    return (difference.value, difference.low, difference.high, difference.p_value, difference.adjusted_p_value)


def _day(instant: object) -> str:
    from datetime import datetime

    from trueline_cli.output import rfc3339

    return rfc3339(instant) if isinstance(instant, datetime) else ""
