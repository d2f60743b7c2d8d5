"""Shapes of local times: time zones, times of day, days, weekdays and instants, as several kinds write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import yaml

from trueline_rules.local_time import EPOCH, instant_of, wrong_zone, zone_of
from trueline_rules.names import hint, quoted
from trueline_rules.scalars import Text
from trueline_rules.site import BAD, FRACTION, INSTANT, TEXT, WHOLE, Path, Site, show_node

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Calendars of other ages have other rules; a bound also keeps every sum of times inside 64 bits.
FIRST_YEAR, LAST_YEAR = 1970, 2200

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)"
_SECONDS = "(:[0-5][0-9])?"
_OFFSET = "(Z|[+-][0-9]{2}:[0-9]{2})"


@dataclass(frozen=True, slots=True)
class Unquoted(Text):
    """A text that YAML takes for a date or for a number to the base of 60 unless it is quoted: both ways are read."""

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer the text as it is written."""
        if not isinstance(node, yaml.ScalarNode) or node.tag not in {TEXT, INSTANT, WHOLE, FRACTION}:
            site.problem(path, f"must be {self.noun}, {show_node(node)}", at=node)
            return BAD
        wrong = self.wrong(node.value)
        if wrong is None:
            return node.value
        site.problem(path, wrong, at=node)
        return BAD


def _clock_way_out(written: str) -> str:
    found = re.fullmatch(r"([0-9]{1,2})(?:[:.]([0-9]{2}))?\s*([ap]\.?m\.?)?", written.strip().lower())
    if found is None:
        return ""
    hour, minute = int(found[1]), int(found[2] or 0)
    if found[3]:
        hour = hour % 12 + (12 if found[3].startswith("p") else 0)
    fits = (hour < 24 and minute < 60) or (hour, minute) == (24, 0)
    return f"; write {hour:02d}:{minute:02d}" if fits else "; a day has 00:00 to 24:00"


def _real_day(text: str) -> str | None:
    try:
        year = date.fromisoformat(text[:10]).year
    except ValueError:
        return f"is {quoted(text)}, a day that the calendar does not have"
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return f"is {quoted(text)}; years from {FIRST_YEAR} to {LAST_YEAR} are allowed"
    return None


TIME_ZONE = Text("an IANA time zone", most=64, examples=("UTC", "Europe/Berlin", "America/New_York"), check=wrong_zone)
TIME_OF_DAY = Unquoted(
    "a time of day such as 09:00 or 24:00", _CLOCK, way_out=_clock_way_out, examples=("09:00", "17:00", "24:00")
)
DATE = Unquoted("a day such as 2026-12-25", _DAY, check=_real_day)
LOCAL_TIME = Unquoted(
    "a local time such as 2026-03-02T09:00, without a zone", f"{_DAY}([T ]{_CLOCK}{_SECONDS})?", check=_real_day
)
TIME = Unquoted(
    "a time such as 2026-03-02T09:00 (local) or 2026-03-02T09:00Z",
    f"{_DAY}([T ]{_CLOCK}{_SECONDS}{_OFFSET}?)?",
    check=_real_day,
)


def _wrong_weekdays(text: str) -> str | None:
    for name in text.lower().split(":"):
        if name not in WEEKDAYS:
            return f"has {quoted(name)}, which is no weekday{hint(name, WEEKDAYS)}"
    return None


WEEKDAY_RANGE = Text(
    "a weekday or a range of them such as monday:friday",
    "[A-Za-z]+(:[A-Za-z]+)?",
    examples=("monday:friday", "saturday"),
    check=_wrong_weekdays,
)


def parse_minute(text: str) -> int:
    """Read a TIME_OF_DAY as minutes since midnight, up to 1440."""
    return int(text[:2]) * 60 + int(text[3:5])


def format_minute(minute: int) -> str:
    """Write minutes since midnight as a TIME_OF_DAY."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def parse_weekdays(written: tuple[str, ...]) -> tuple[int, ...]:
    """Read WEEKDAY_RANGEs, which may run over the end of the week: 0 = Monday ... 6 = Sunday, ascending, each once."""
    found: set[int] = set()
    for text in written:
        first, _, last = text.lower().partition(":")
        start = WEEKDAYS.index(first)
        days = (WEEKDAYS.index(last or first) - start) % len(WEEKDAYS) + 1
        found.update((start + day) % len(WEEKDAYS) for day in range(days))
    return tuple(sorted(found))


def parse_local(text: str) -> datetime:
    """Read a LOCAL_TIME: a wall clock without a zone; 24:00 is the next day's 00:00."""
    day = datetime.fromisoformat(text[:10])
    clock = text[11:]
    if not clock:
        return day
    seconds = int(clock[6:8]) if len(clock) > 5 else 0
    return day + timedelta(minutes=parse_minute(clock), seconds=seconds)


def parse_time(text: str, time_zone: str) -> int:
    """Read a TIME as an instant (µs since 1970); without an offset it is local to a zone."""
    found = re.fullmatch(f"(.*?){_OFFSET}", text[10:])
    if found is None:
        return instant_of(parse_local(text), zone_of(time_zone))
    # The offset is west or east of UTC; what is left of it is a wall clock in UTC.
    offset = found[2]
    shift = timedelta() if offset == "Z" else timedelta(hours=int(offset[1:3]), minutes=int(offset[4:6]))
    local = parse_local(text[:10] + found[1])
    utc = local + shift if offset.startswith("-") else local - shift
    return (utc.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def format_time(at_us: int) -> str:
    """Write an instant of whole seconds as a TIME in UTC."""
    return (EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%dT%H:%M:%SZ")
