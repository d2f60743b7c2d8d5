"""Lengths of time as rule files write them: 30s, 5m, 1h, 1d, week, month."""

from __future__ import annotations

import re

from trueline_rules.model import Span
from trueline_rules.scalars import Text

SECOND_US = 1_000_000
_UNITS_US = {"s": SECOND_US, "m": 60 * SECOND_US, "h": 3600 * SECOND_US, "d": 86_400 * SECOND_US}
CALENDAR = ("week", "month")
# Longer windows are what months and KPIs are for; a bound also keeps every sum of times inside 64 bits.
LONGEST_US = 400 * _UNITS_US["d"]

_DIGITS = "[1-9][0-9]{0,7}[smhd]"
# How other systems and people write it: 1h30m, 500ms, 2w, 5 min, 90 seconds.
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]+)")
_OTHER_UNITS_US = {
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds"), 1000),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), SECOND_US),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60 * SECOND_US),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600 * SECOND_US),
    **dict.fromkeys(("d", "day", "days"), 86_400 * SECOND_US),
    **dict.fromkeys(("w", "week", "weeks"), 7 * 86_400 * SECOND_US),
    **dict.fromkeys(("y", "year", "years"), 365 * 86_400 * SECOND_US),
}


def _bounded(text: str) -> str | None:
    return "must be at most 400d, is '" + text + "'" if parse_span(text).us > LONGEST_US else None


def _way_out(written: str) -> str:
    """What to write instead, as far as it can be told."""
    if re.fullmatch("[0-9]{1,8}", written):
        if not written.strip("0"):
            return "; it needs a unit: s, m, h or d"
        number = int(written)
        return f"; it needs a unit: write {number}s, {number}m, {number}h or {number}d"
    plain = written.strip().lower()
    parts = _PART.findall(plain)
    if not parts or len(written) > 40 or _PART.sub("", plain).replace(",", " ").strip() not in {"", "and"}:
        return ""
    if any(unit not in _OTHER_UNITS_US for _, unit in parts):
        return ""
    us = sum(float(number) * _OTHER_UNITS_US[unit] for number, unit in parts)
    if us < SECOND_US or us % SECOND_US:
        return "; whole seconds are the shortest" if us else ""
    return f"; write {format_span(int(us))}"


_EXAMPLES = ("5m", "1h", "1d")
WINDOW = Text(
    "a length of time such as 30s, 5m, 1h, 7d, week or month",
    f"{_DIGITS}|week|month",
    way_out=_way_out,
    examples=(*_EXAMPLES, *CALENDAR),
    check=_bounded,
)
WINDOW_OF_TIME = Text(
    "a length of time such as 30s, 5m, 1h or 7d", _DIGITS, way_out=_way_out, examples=_EXAMPLES, check=_bounded
)
STEP = Text(
    "a length of time such as 30s, 5m, 1h or 1d",
    f"{_DIGITS}|week|month",
    way_out=_way_out,
    examples=(*_EXAMPLES, *CALENDAR),
    check=_bounded,
)
DELAY = Text(
    "a length of time such as 0s, 120s, 5m or 48h",
    f"0[smhd]|{_DIGITS}",
    way_out=_way_out,
    examples=("0s", *_EXAMPLES),
    check=_bounded,
)


def parse_span(text: str) -> Span:
    """Read a length of time that matches WINDOW or DELAY."""
    if text in CALENDAR:
        return Span(text, 0, text)
    return Span(text, int(text[:-1]) * _UNITS_US[text[-1]])


def format_span(us: int) -> str:
    """Write a number of microseconds, whole seconds, with the largest unit that needs no fraction."""
    unit = next((unit for unit in "dhm" if us and us % _UNITS_US[unit] == 0), "s")
    return f"{us // _UNITS_US[unit]}{unit}"
