"""Lengths of time as rule files write them: 30s, 5m, 1h, 1d, week, month."""

from __future__ import annotations

from trueline_rules.model import Span
from trueline_rules.scalars import Text

SECOND_US = 1_000_000
_UNITS_US = {"s": SECOND_US, "m": 60 * SECOND_US, "h": 3600 * SECOND_US, "d": 86_400 * SECOND_US}
CALENDAR = ("week", "month")
# Longer windows are what months and KPIs are for; a bound also keeps every sum of times inside 64 bits.
LONGEST_US = 400 * _UNITS_US["d"]

_DIGITS = "[1-9][0-9]{0,7}[smhd]"


def _bounded(text: str) -> str | None:
    return "must be at most 400d, is '" + text + "'" if parse_span(text).us > LONGEST_US else None


WINDOW = Text("a length of time such as 30s, 5m, 1h, 7d, week or month", f"{_DIGITS}|week|month", check=_bounded)
WINDOW_OF_TIME = Text("a length of time such as 30s, 5m, 1h or 7d", _DIGITS, check=_bounded)
STEP = Text("a length of time such as 30s, 5m, 1h or 1d", f"{_DIGITS}|week|month", check=_bounded)
DELAY = Text("a length of time such as 0s, 120s, 5m or 48h", f"0s|{_DIGITS}", check=_bounded)


def parse_span(text: str) -> Span:
    """Read a length of time that matches WINDOW or DELAY."""
    if text in CALENDAR:
        return Span(text, 0, text)
    return Span(text, int(text[:-1]) * _UNITS_US[text[-1]])


def format_span(us: int) -> str:
    """Write a number of microseconds, whole seconds, with the largest unit that needs no fraction."""
    unit = next((unit for unit in "dhm" if us and us % _UNITS_US[unit] == 0), "s")
    return f"{us // _UNITS_US[unit]}{unit}"
