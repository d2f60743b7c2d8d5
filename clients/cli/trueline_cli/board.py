"""The board: alignment score, every KPI with value, target, status and bar, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from trueline.results import AlignmentScore, KpiValue, PriorityAction, ScoreItem, Status

from trueline_cli import style

_SCORE_BAR = 30
_WIDTH = 80
# The bar of a KPI takes what the words and numbers leave over of the width.
_LONGEST_KPI_BAR, _SHORTEST_KPI_BAR = 12, 8
_GAP, _NARROW_GAP = 2, 1
_HEADS = ("KPI", "value", "target", "status", "attained", "points", "")
_NEVER_CUT = ("value", "target", "")
_BAR_COLUMN = _HEADS.index("attained")


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
    """A row for each KPI of the score. No number and no word is cut at 80 columns; a long name takes two lines."""
    rows = [_words(item) for item in score.items]
    bar, gap = _fitting(rows)
    made = style.table(*_HEADS, right=("value", "target", "points"), fold=("KPI",), gap=gap)
    for item, words in zip(score.items, rows, strict=True):
        colour = style.BAND_COLOURS[item.kpi.band]
        name, value, aim, band, *rest = words
        made.add_row(name, value, aim, Text(band, style=colour), style.bar(item.kpi.attainment, bar, colour), *rest[1:])
    for column, cells in zip(made.columns, zip(_HEADS, *rows, strict=True), strict=True):
        if column.header in _NEVER_CUT:
            column.min_width = max(map(len, cells))
    return made


def _words(item: ScoreItem) -> list[str]:
    """What stands in a row, with nothing where the bar comes."""
    kpi = item.kpi
    return [
        kpi.name,
        style.amount(kpi.value, kpi),
        target(kpi),
        style.BAND_WORDS[kpi.band],
        "",
        style.NOTHING if kpi.value is None else f"{item.contribution:.1f}",
        "" if kpi.value is None else style.completeness(kpi.completeness),
    ]


def _fitting(rows: list[list[str]]) -> tuple[int, int]:
    """How long the bars may be, and how many blanks stand between columns."""
    columns = zip(_HEADS, *rows, strict=True)
    words = sum(max(map(len, cells)) for place, cells in enumerate(columns) if place != _BAR_COLUMN)
    for gap in (_GAP, _NARROW_GAP):
        rest = _WIDTH - words - gap * (len(_HEADS) - 1)
        if rest >= _SHORTEST_KPI_BAR:
            return min(rest, _LONGEST_KPI_BAR), gap
    return _SHORTEST_KPI_BAR, _NARROW_GAP


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
    # Positions are counted over all tenants, so they are no number of this tenant's events.
    return text + (f"; the dataflow is {behind:,} log positions behind" if behind > 0 else "")
