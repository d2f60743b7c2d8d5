"""Shape of times that come again and again, in the grammar of Alertmanager's time intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trueline_rules.kinds.kind import Spec
from trueline_rules.kinds.times import (
    FIRST_YEAR,
    LAST_YEAR,
    TIME_OF_DAY,
    TIME_ZONE,
    WEEKDAY_RANGE,
    WEEKDAYS,
    Unquoted,
    format_minute,
    parse_minute,
)
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, ListOf, Record
from trueline_rules.routing_model import Range, TimeInterval
from trueline_rules.scalars import Text
from trueline_rules.site import Path, Site

MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_PARTS = ("times", "weekdays", "days_of_month", "months", "years")


@dataclass(frozen=True, slots=True)
class _Numbers(Unquoted):
    """Numbers or ranges of them, which editors may see as numbers."""

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [Text.schema(self), {"type": "integer"}]}


def _wrong_months(text: str) -> str | None:
    for part in text.lower().split(":"):
        if part.isdecimal() and not 1 <= int(part) <= len(MONTHS):
            return f"has the month {int(part)}; months are 1 to 12, or january to december"
        if not part.isdecimal() and part not in MONTHS:
            return f"has {quoted(part)}, which is no month{hint(part, MONTHS)}"
    return None


def _wrong_days(text: str) -> str | None:
    first, last = _pair(text, int)
    for number in (first, last):
        if number == 0 or abs(number) > 31:
            return f"has the day {number}; days are 1 to 31, or -1 (the last one) to -31"
    if first < 0 < last:
        return f"is {quoted(text)}: a range that begins from the end of the month ends there too, such as -3:-1"
    # Of a range such as 20:-1 it depends on the month.
    if (first < 0) == (last < 0) and first > last:
        return f"is {quoted(text)}, which runs backwards; write {last}:{first}"
    return None


def _wrong_years(text: str) -> str | None:
    first, last = _pair(text, int)
    if first > last:
        return f"is {quoted(text)}, which runs backwards; write {last}:{first}"
    if not FIRST_YEAR <= first <= last <= LAST_YEAR:
        return f"is {quoted(text)}; years from {FIRST_YEAR} to {LAST_YEAR} are allowed"
    return None


TIME_INTERVAL = Record(
    {
        "times": Key(
            ListOf(
                Record(
                    {
                        "start_time": Key(TIME_OF_DAY, "From this time on.", required=True),
                        "end_time": Key(TIME_OF_DAY, "Up to this time, without it; 24:00 ends a day.", required=True),
                    }
                )
            ),
            "Times of day.",
        ),
        "weekdays": Key(
            ListOf(WEEKDAY_RANGE, most=7), "Weekdays and ranges of them, also over the end of the week: friday:monday."
        ),
        "days_of_month": Key(
            ListOf(_Numbers("a day of the month or a range such as 1:5", "-?[0-9]+(:-?[0-9]+)?", check=_wrong_days)),
            "Days and ranges of them, -1 is the last one.",
        ),
        "months": Key(
            ListOf(
                _Numbers("a month or a range such as march:may", "[A-Za-z0-9]+(:[A-Za-z0-9]+)?", check=_wrong_months)
            ),
            "Months and ranges of them, by name or number.",
        ),
        "years": Key(
            ListOf(_Numbers("a year or a range such as 2026:2028", "[0-9]{4}(:[0-9]{4})?", check=_wrong_years)),
            "Years and ranges of them.",
        ),
        "location": Key(TIME_ZONE, "IANA time zone of all of it."),
    }
)
TIME_INTERVALS = ListOf(TIME_INTERVAL, least=0, most=100)


def read_time_intervals(
    written: Sequence[Spec], path: Path, site: Site, location: str = "UTC"
) -> tuple[TimeInterval, ...]:
    """Read what TIME_INTERVALS took, at `path`; one without a location is in `location`."""
    return tuple(_read(one, (*path, at), site, location) for at, one in enumerate(written))


def write_time_intervals(intervals: Sequence[TimeInterval]) -> list[dict[str, Any]]:
    """Write time intervals as they are read."""
    return [_write(interval) for interval in intervals]


def _read(written: Spec, path: Path, site: Site, location: str) -> TimeInterval:
    if not any(part in written for part in _PARTS):
        site.problem(path, f"says no time; it needs one of {', '.join(_PARTS)}")
    times = tuple(
        (parse_minute(span["start_time"]), parse_minute(span["end_time"])) for span in written.get("times", ())
    )
    for at, (start, end) in enumerate(times):
        if start >= end:
            way_out = "; over midnight it is two times, one up to 24:00 and one from 00:00" if end < start else ""
            site.problem((*path, "times", at, "end_time"), f"must be later than start_time{way_out}")
    return TimeInterval(
        times=times,
        weekdays=tuple(_pair(text.lower(), WEEKDAYS.index) for text in written.get("weekdays", ())),
        days_of_month=tuple(_pair(text, int) for text in written.get("days_of_month", ())),
        months=tuple(_pair(text.lower(), _month) for text in written.get("months", ())),
        years=tuple(_pair(text, int) for text in written.get("years", ())),
        location=written.get("location", location),
    )


def _month(text: str) -> int:
    return int(text) if text.isdecimal() else MONTHS.index(text) + 1


def _pair(text: str, read: Callable[[str], int]) -> Range:
    first, _, last = text.partition(":")
    return read(first), read(last or first)


def _write(interval: TimeInterval) -> dict[str, Any]:
    written: dict[str, Any] = {
        "times": [
            {"start_time": format_minute(start), "end_time": format_minute(end)} for start, end in interval.times
        ],
        "weekdays": _ranges(interval.weekdays, WEEKDAYS.__getitem__),
        "days_of_month": _ranges(interval.days_of_month, str),
        "months": _ranges(interval.months, lambda number: MONTHS[number - 1]),
        "years": _ranges(interval.years, str),
    }
    return {key: value for key, value in written.items() if value} | {"location": interval.location}


def _ranges(ranges: Sequence[Range], shown: Callable[[int], str]) -> list[str]:
    return [shown(first) if first == last else f"{shown(first)}:{shown(last)}" for first, last in ranges]
