"""Arithmetic of business time: clocks that run only while a business is open, in its time zone.

Opening hours are half-open, [from, until). A time of day that the clocks skip means the instant at which they leap,
one that they show twice the first of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache

from trueline_rules.escalation_model import BusinessHours
from trueline_rules.local_time import minute_of, wall_clock, zone_of

_DAY = timedelta(days=1)
# Longer spells without an open day come from a list of holidays that closes the business for good.
MOST_CLOSED_DAYS = 800


def add(start_us: int, span_us: int, hours: BusinessHours | None) -> int:
    """The first instant by which a span of business time has passed since `start_us`.

    A span of 0 has passed at once. One that ends as the business closes ends then, not when it opens again.

    Raises:
        ValueError: if the business does not open within 800 days.

    """
    if hours is None or span_us <= 0:
        return start_us + max(span_us, 0)
    left = span_us
    for opens_us, closes_us in _open_from(start_us, hours):
        from_us = max(opens_us, start_us)
        if closes_us - from_us >= left:
            return from_us + left
        left -= closes_us - from_us
    raise ValueError("the business never opens")


def between(start_us: int, end_us: int, hours: BusinessHours | None) -> int:
    """Business time that passes from one instant to another, in µs; negative if `end_us` is the earlier one."""
    if hours is None:
        return end_us - start_us
    if end_us < start_us:
        return -between(end_us, start_us, hours)
    total = 0
    day, last = _day(start_us, hours) - _DAY, _day(end_us, hours) + _DAY
    while day <= last:
        found = _open_on(day, hours)
        if found is not None:
            total += max(0, min(found[1], end_us) - max(found[0], start_us))
        day += _DAY
    return total


def opens(at_us: int, hours: BusinessHours | None) -> int:
    """The first instant from `at_us` on at which the business is open.

    Raises:
        ValueError: if there is none within 800 days.

    """
    if hours is None:
        return at_us
    return max(at_us, next(_open_from(at_us, hours))[0])


def _open_from(start_us: int, hours: BusinessHours) -> Iterator[tuple[int, int]]:
    """Opening hours that end after an instant, in order."""
    # The day before too: zones with a date line may show an earlier date than the one that is open.
    day, closed = _day(start_us, hours) - _DAY, 0
    while closed <= MOST_CLOSED_DAYS:
        found = _open_on(day, hours)
        if found is not None and found[1] > start_us:
            closed = 0
            yield found
        closed += 1
        day += _DAY
    raise ValueError("the business does not open within 800 days; see its weekdays and holidays")


def _day(at_us: int, hours: BusinessHours) -> date:
    return wall_clock(at_us, zone_of(hours.time_zone)).date()


@lru_cache(maxsize=4096)
def _open_on(day: date, hours: BusinessHours) -> tuple[int, int] | None:
    """When the business opens and closes on a day; None if it stays closed."""
    if day.weekday() not in hours.weekdays or day.isoformat() in hours.holidays:
        return None
    zone = zone_of(hours.time_zone)
    opens_us, closes_us = minute_of(day, hours.from_minute, zone), minute_of(day, hours.until_minute, zone)
    return (opens_us, closes_us) if closes_us > opens_us else None
