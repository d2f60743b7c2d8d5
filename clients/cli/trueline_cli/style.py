"""How things look on a terminal: numbers, times, bands, bars, tables of at most the terminal's width."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text
from trueline.results import Band, Completeness, KpiValue

BAND_COLOURS = {Band.ON_TRACK: "green", Band.AT_RISK: "yellow", Band.OFF_TRACK: "red", Band.UNSPECIFIED: "dim"}
BAND_WORDS = {
    Band.ON_TRACK: "on track",
    Band.AT_RISK: "at risk",
    Band.OFF_TRACK: "off track",
    Band.UNSPECIFIED: "no value",
}
# A longer one ("invitees per inviter") says what the number is, and would push everything else off a table's row.
_LONGEST_UNIT = 8
# Beyond it digits are no more than noise.
_LARGEST_WRITTEN = 1e15
_UNPRINTED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
NOTHING = "–"  # noqa: RUF001  an en dash is how tables say that there is nothing


def console(*, stderr: bool = False) -> Console:
    """Where tables go: colours only on a terminal and without NO_COLOR, 80 columns where there is no terminal.

    Brackets stand for themselves, and what does not print is a box: what is shown is written by others.
    """
    return _Console(stderr=stderr, highlight=False, markup=False, soft_wrap=False)


class _Console(Console):
    """Names of others move no cursor and paint nothing."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for text, look, control in super().render(renderable, options):
            yield Segment(text if control else _UNPRINTED.sub("\N{REPLACEMENT CHARACTER}", text), look, control)


def table(
    *columns: str,
    right: tuple[str, ...] = (),
    fold: tuple[str, ...] = (),
    cut: Mapping[str, int] | None = None,
    gap: int = 2,
) -> Table:
    """An open table; `right` columns hold numbers, `fold` ones may take several lines, others stand on one.

    Of `cut` columns so many characters are shown. Between columns are `gap` blanks.
    """
    made = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
    for name in columns:
        made.add_column(
            name,
            justify="right" if name in right else "left",
            overflow="fold" if name in fold else "ellipsis",
            no_wrap=name not in fold,
            max_width=(cut or {}).get(name),
        )
    return made


def number(value: float | None, digits: int = 2) -> str:
    """A number with separated thousands: whole ones without a point, small ones with two digits that say something."""
    if value is None:
        return NOTHING
    if abs(value) >= _LARGEST_WRITTEN:
        return f"{value:.3g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.{digits}f}" if abs(value) >= 0.01 else f"{value:.2g}"


def amount(value: float | None, kpi: KpiValue) -> str:
    """A KPI's value or target in its unit; a ratio with a target below 1 as a percentage.

    A target looks the same whatever the value beside it.
    """
    if value is None:
        return NOTHING
    if kpi.unit == "ratio" and abs(kpi.target) < 1:
        return f"{value * 100:,.1f} %"
    unit = "" if kpi.unit == "ratio" or len(kpi.unit) > _LONGEST_UNIT else f" {kpi.unit}"
    return f"{number(value)}{unit}".rstrip()


def moment(instant: datetime | None, *, short: bool = False) -> str:
    """A time in UTC, to the second; without seconds where they are zero, or where it is to be `short`."""
    if instant is None:
        return NOTHING
    utc = instant.astimezone(UTC)
    if short:
        return utc.strftime("%Y-%m-%d %H:%M")
    return utc.strftime("%Y-%m-%d %H:%M:%S" if utc.second else "%Y-%m-%d %H:%M")


def bar(share: float | None, width: int, colour: str = "") -> Text:
    """A bar for a share of 0 to 1, in eighths of a character."""
    eighths = round(min(max(share or 0.0, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    filled = "█" * full + (" ▏▎▍▌▋▊▉"[rest] if rest else "")
    text = Text(filled, style=colour)
    text.append("░" * (width - len(filled)), style="dim")
    return text


def band(value: Band) -> Text:
    """A band in words and colour."""
    return Text(BAND_WORDS[value], style=BAND_COLOURS[value])


def completeness(value: Completeness) -> str:
    """How final a number is; nothing where it is."""
    return "" if value in (Completeness.COMPLETE, Completeness.UNSPECIFIED) else value.value


def show(*parts: Any) -> None:
    """Print to standard output."""
    console().print(*parts, sep="\n")
