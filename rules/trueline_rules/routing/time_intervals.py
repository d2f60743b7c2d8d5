"""Times that come again and again: whether an instant is among them, and when they begin and end next."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from datetime import date, timedelta

from trueline_rules.local_time import minute_of, wall_clock, zone_of
from trueline_rules.routing_model import MINUTE_US, Range, TimeInterval

# Beginnings and ends further away than that are not looked for.
FURTHEST_DAYS = 400
_DAY_US = 1440 * MINUTE_US


def covers(intervals: Sequence[TimeInterval], at_us: int) -> bool:
    """Tell whether an instant is in one of the intervals: what wall clocks in their zones show then decides.

    An hour that the clocks show twice is in an interval both times, one that they skip never comes.
    """
    return any(_covers(interval, at_us) for interval in intervals)


def ends_us(intervals: Sequence[TimeInterval], at_us: int) -> int | None:
    """The first instant after one in the intervals that is in none of them; None if there is none for 400 days."""
    return _turn(intervals, at_us, wanted=False)


def begins_us(intervals: Sequence[TimeInterval], at_us: int) -> int | None:
    """The first instant from here on that is in one of the intervals; None if there is none for 400 days."""
    return _turn(intervals, at_us, wanted=True)


def _covers(interval: TimeInterval, at_us: int) -> bool:
    local = wall_clock(at_us, zone_of(interval.location))
    return _day_is_in(interval, local.date()) and _within(interval.times, local.hour * 60 + local.minute)


def _within(times: Sequence[Range], minute: int) -> bool:
    return not times or any(start <= minute < end for start, end in times)


def _day_is_in(interval: TimeInterval, day: date) -> bool:
    return (
        _in_ranges(interval.weekdays, day.weekday())
        and _in_ranges(interval.months, day.month)
        and _in_ranges(interval.years, day.year)
        and (not interval.days_of_month or any(_is_day(span, day) for span in interval.days_of_month))
    )


def _in_ranges(ranges: Sequence[Range], number: int) -> bool:
    """Tell whether a number is in a range; one that begins above its end runs over the end of the week or year."""
    return not ranges or any(
        first <= number <= last if first <= last else number >= first or number <= last for first, last in ranges
    )


def _is_day(span: Range, day: date) -> bool:
    """Tell whether a day is in a range of days of its month; what the month does not have is left out."""
    length = calendar.monthrange(day.year, day.month)[1]
    first, last = (number if number > 0 else length + number + 1 for number in span)
    return first <= day.day <= last


def _turn(intervals: Sequence[TimeInterval], at_us: int, *, wanted: bool) -> int | None:
    """The first instant from here on at which the intervals cover it, or do not, as wanted."""
    if covers(intervals, at_us) is wanted:
        return at_us
    first = at_us // _DAY_US
    for day in range(first, first + FURTHEST_DAYS):
        for bound in _bounds(intervals, day):
            if bound > at_us and covers(intervals, bound) is wanted:
                return bound
    return None


def _bounds(intervals: Sequence[TimeInterval], day: int) -> list[int]:
    """Instants of a day (UTC, counted from 1970) at which an interval may begin or end, ascending."""
    found: set[int] = set()
    start_us = day * _DAY_US
    for location in {interval.location for interval in intervals}:
        zone = zone_of(location)
        if _ahead(start_us, location) != _ahead(start_us + _DAY_US, location):
            # Clocks leap, which may begin or end anything: each minute is looked at. That is two days a year.
            found.update(range(start_us, start_us + _DAY_US, MINUTE_US))
            continue
        minutes = {0}
        for interval in intervals:
            if interval.location == location:
                minutes.update(minute for span in interval.times for minute in span)
        local = wall_clock(start_us, zone).date()
        for ahead in range(2):
            found.update(minute_of(local + timedelta(days=ahead), minute, zone) for minute in minutes)
    return sorted(at_us for at_us in found if start_us <= at_us < start_us + _DAY_US)


def _ahead(at_us: int, location: str) -> timedelta:
    """How far the clocks of a zone are ahead of UTC."""
    return wall_clock(at_us, zone_of(location)) - wall_clock(at_us, zone_of("UTC"))
