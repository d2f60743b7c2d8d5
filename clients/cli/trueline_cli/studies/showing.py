"""Studies in words and tables of at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trueline_cli.studies.rows import VERDICTS, change, interval, label, value

if TYPE_CHECKING:
    from trueline import StudyComparison, StudyEstimate, StudyFigure, StudyGroup, StudyRun

_COLOURS = {"better": "green", "worse": "red", "insufficient_data": "dim"}
# Of each area the figure that a breakdown shows, unless all are wanted.
_MAIN = ("renewal_rate", "revenue_growth", "avg_roi")
_RIGHT = ("now", "before", "change", "n", "then")
_CAMPAIGNS = 10


def show_run(run: StudyRun, *, every: bool) -> None:
    """Print a run: the figures of everything with their inputs, then the main ones of each group, or `every` one."""
    from trueline_cli import style

    told = f"{run.completeness.value} · intervals of {run.confidence:.4g} · amounts in {run.currency}"
    spans = f"{_span(run.start, run.end)}, beside {_span(run.previous_start, run.previous_end)}"
    style.show(f"{run.id}  {run.study} · {told}", spans, "", *_overall(run))
    breakdowns = dict.fromkeys(group.breakdown for group in run.groups if group.breakdown)
    for breakdown in breakdowns:
        groups = [group for group in run.groups if group.breakdown == breakdown]
        names = dict.fromkeys(name for group in groups for name in group.figures)
        for name in names:
            if every or name in _MAIN:
                style.show("", f"{label(name)} by {breakdown.replace('_', ' ')}", _by_group(groups, name))
    if run.campaigns and every:
        style.show("", _campaigns(run))
    if breakdowns:
        style.show("", "unclear: no evidence of change; p-values of groups are adjusted for their number")
    for note in run.notes:
        style.show(f"! {note}")
    if breakdowns and not every:
        style.show("--all tells every figure of every group")


def show_list(runs: Sequence[StudyRun]) -> None:
    """Print runs, one a line."""
    from trueline_cli import style

    made = style.table("run", "study", "from", "to", "data", "done", fold=("study",))
    for run in runs:
        done = style.moment(run.finished_at, short=True)[: len("2026-03-01")]
        made.add_row(run.id, run.study, _day(run.start), _day(run.end), run.completeness.value, done)
    style.show(made if runs else "no study was run; trueline study run renewal_rate")


def show_comparison(compared: StudyComparison, *, every: bool) -> None:
    """Print how the figures of a run stand beside those of another; without `every` those of everything."""
    from trueline_cli import style

    before, after = compared.before, compared.after
    made = style.table("of", "figure", "then", "now", "change", "", right=_RIGHT, cut={"of": 24})
    rows = [each for each in compared.changes if every or not each.breakdown]
    for each in rows:
        sides = (None if one is None else one.value for one in (each.before, each.after))
        then, now = (value(one, each.unit) for one in sides)
        whose = each.group or "everything"
        made.add_row(whose, label(each.name), then, now, change(each.difference, each.unit), _verdict(each.verdict))
    kind = "by the intervals of both"
    if compared.same_period:
        kind = "the same period: what came in since"
    elif before.end is not None and after.start is not None and after.start < before.end:
        kind = "not judged: the periods overlap, so they share events"
    style.show(
        f"{before.study}: {before.id} ({_span(before.start, before.end)})",
        f"  beside {after.id} ({_span(after.start, after.end)})",
        kind,
        "",
        made,
    )


def _overall(run: StudyRun) -> list[Any]:
    from trueline_cli import style

    figures = list(run.figures.values())
    made = style.table("", "now", "interval", "before", "change", "", "n", right=_RIGHT)
    for figure in figures:
        now, unit = figure.now, figure.unit
        made.add_row(
            label(figure.name),
            value(now.value, unit),
            interval(now, unit),
            value(figure.previous.value, unit),
            change(figure.difference, unit),
            _verdict(figure.verdict),
            f"{now.observations:,}",
        )
    lines = [f"{label(figure.name)}: {_why(figure)}" for figure in figures if figure.verdict == "insufficient_data"]
    return [made, "", *_inputs(figures), *lines]


def _by_group(groups: Sequence[StudyGroup], name: str) -> Any:
    from trueline_cli import style

    made = style.table("", "now", "interval", "before", "change", "", "n", right=_RIGHT, cut={"": 18})
    for group in groups:
        figure = group.figures.get(name)
        if figure is not None:
            now, unit = figure.now, figure.unit
            made.add_row(
                group.group,
                value(now.value, unit),
                interval(now, unit) or ("insufficient data" if now.value is None else ""),
                value(figure.previous.value, unit),
                change(figure.difference, unit),
                _verdict(figure.verdict),
                f"{now.observations:,}",
            )
    return made


def _inputs(figures: Sequence[StudyFigure]) -> list[str]:
    """What figures are made of; those that are made of the same are told once."""
    told: dict[str, list[str]] = {}
    for figure in figures:
        told.setdefault(_made_of(figure.now), []).append(label(figure.name))
    return [f"{', '.join(names)}: {inputs}" for inputs, names in told.items() if inputs]


def _made_of(estimate: StudyEstimate) -> str:
    """The inputs in a line; the users of a sum stand behind it."""
    users = {name.removesuffix("_users"): each for name, each in estimate.inputs.items() if name.endswith("_users")}
    told = []
    for name, each in estimate.inputs.items():
        if name.removesuffix("_users") in estimate.inputs and name.endswith("_users"):
            continue
        of = f" ({users[name].value:,f} users)" if name in users else ""
        told.append(f"{each.value:,f} {name.replace('_', ' ')}{of}")
    return ", ".join(told)


def _campaigns(run: StudyRun) -> Any:
    from trueline_cli import style

    columns = ("cost", "value", "conversions", "ROI")
    made = style.table("campaign", *columns, right=columns, cut={"campaign": 32})
    for each in run.campaigns[:_CAMPAIGNS]:
        conversions = f"{each.conversions.normalize():,f}"
        made.add_row(each.campaign, f"{each.cost:,.2f}", f"{each.value:,.2f}", conversions, value(each.roi, "ratio"))
    left = len(run.campaigns) - _CAMPAIGNS
    if left > 0:
        made.add_row(f"{left:,} more: --output json")
    return made


def _verdict(verdict: Any) -> Any:
    from rich.text import Text

    return Text(VERDICTS.get(verdict, str(verdict)), style=_COLOURS.get(verdict, ""))


def _why(figure: StudyFigure) -> str:
    return figure.reason or "insufficient data"


def _span(start: datetime | None, end: datetime | None) -> str:
    return f"{_day(start)} to {_day(end)}"


def _day(instant: datetime | None) -> str:
    """A day, and the time where it is not midnight (UTC)."""
    if instant is None:
        return "?"
    utc = instant.astimezone(UTC)
    return utc.strftime("%Y-%m-%d" if (utc.hour, utc.minute) == (0, 0) else "%Y-%m-%d %H:%M")
