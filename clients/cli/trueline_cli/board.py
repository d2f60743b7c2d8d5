"""The board: alignment score, every KPI with value, target, status and bar, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from trueline.results import AlignmentScore, KpiValue, PriorityAction, Status

from trueline_cli import style

_SCORE_BAR = 30
_KPI_BAR = 12


def board(score: AlignmentScore, status: Status | None = None, actions: Iterable[PriorityAction] = ()) -> Group:
    """The whole board, at most 80 columns wide."""
    parts: list[RenderableType] = [headline(score), Text(), kpi_table(score)]
    missing = [item.kpi for item in score.items if item.kpi.missing]
    if missing:
        parts += [Text(), *(Text(f"{kpi.name}: {kpi.missing}", style="dim") for kpi in missing)]
    first = next(iter(actions), None)
    if first is not None:
        parts += [Text(), Text(f"Next: {first.action} ({first.kpi.name}, +{first.points:.1f} points)")]
    if status is not None:
        parts += [Text(), Text(taken_in(status), style="dim")]
        if status.rule_error:
            parts.append(Text(f"The newest rule files are not in force: {status.rule_error}", style="red"))
    return Group(*parts)


def headline(score: AlignmentScore) -> Group:
    """The score, its band, its bar; what it covers and when it is from."""
    colour = style.BAND_COLOURS[score.band]
    first = Text("Alignment score  " if score.scorecard in ("", "alignment") else f"{score.scorecard}  ", style="bold")
    first.append(style.NOTHING if score.score is None else f"{score.score:.1f}", style=f"bold {colour}")
    first.append("  ").append_text(style.band(score.band)).append("  ")
    first.append_text(style.bar((score.score or 0.0) / 100, _SCORE_BAR, colour))
    facts = [f"covers {score.coverage * 100:.0f} % of the weight", f"judged at {style.moment(score.at)} UTC"]
    second = Text(" · ".join(facts), style="dim")
    if score.synthetic:
        second.append("\nsynthetic data: made by the generator, not by a business", style="magenta")
    return Group(first, second)


def kpi_table(score: AlignmentScore) -> Table:
    """A row for each KPI of the score."""
    made = style.table(
        "KPI", "value", "target", "status", "attained", "points", "", right=("value", "target", "points")
    )
    for item in score.items:
        kpi = item.kpi
        made.add_row(
            kpi.name,
            style.amount(kpi.value, kpi),
            target(kpi),
            style.band(kpi.band),
            style.bar(kpi.attainment, _KPI_BAR, style.BAND_COLOURS[kpi.band]),
            style.NOTHING if kpi.value is None else f"{item.contribution:.1f}",
            "" if kpi.value is None else style.completeness(kpi.completeness),
        )
    return made


def target(kpi: KpiValue) -> str:
    """The target with the side it must be on."""
    return f"{'≤' if kpi.direction == 'lower' else '≥'} {style.amount(kpi.target, kpi)}"


def taken_in(status: Status) -> str:
    """What was ingested, from where, until when."""
    latest = max((source.latest_event_at for source in status.sources if source.latest_event_at), default=None)
    names = ", ".join(source.source for source in status.sources[:3]) + (", …" if len(status.sources) > 3 else "")
    behind = status.accepted_position - status.processed_position
    text = f"{status.events:,} events"
    text += f" from {names}" if names else ""
    text += f", the latest of {style.moment(latest)} UTC" if latest is not None else ""
    return text + (f"; {behind:,} more are being processed" if behind > 0 else "")
