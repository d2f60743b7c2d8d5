"""Local time of IANA zones: from wall clocks to instants and back, also where an hour is skipped or repeated."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from trueline_rules.names import hint, quoted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND_US = 1_000_000


@lru_cache(maxsize=256)
def zone_of(name: str) -> ZoneInfo:
    """The zone of an IANA name that `wrong_zone` finds nothing wrong with."""
    return ZoneInfo(name)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - {"localtime", "posixrules", "Factory"}


def wrong_zone(name: str) -> str | None:
    """Say what is wrong with the name of a time zone; None if nothing is."""
    if name in _zones():
        return None
    return f"is {quoted(name)}, which is no IANA time zone such as Europe/Berlin or UTC{hint(name, _zones())}"


def instant_of(local: datetime, zone: ZoneInfo) -> int:
    """The instant (µs since 1970) of a wall clock without a zone.

    A time that the clocks skip means the instant at which they leap; one that they show twice means the first time.
    """
    early = _us(local.replace(tzinfo=zone, fold=0))
    if wall_clock(early, zone) == local:
        return early
    # Skipped: by the offset before the leap it lies after it, by the one after the leap before it.
    below, above = _us(local.replace(tzinfo=zone, fold=1)), early
    after = _offset(above, zone)
    while above - below > _SECOND_US:
        middle = below + (above - below) // (2 * _SECOND_US) * _SECOND_US
        if middle == below:
            middle += _SECOND_US
        if _offset(middle, zone) == after:
            above = middle
        else:
            below = middle
    return above // _SECOND_US * _SECOND_US


def wall_clock(at_us: int, zone: ZoneInfo) -> datetime:
    """What wall clocks show at an instant, without a zone."""
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(zone).replace(tzinfo=None, fold=0)


def minute_of(day: date, minute: int, zone: ZoneInfo) -> int:
    """The instant of a minute of a day (0 to 1440) in a zone."""
    return instant_of(datetime(day.year, day.month, day.day) + timedelta(minutes=minute), zone)  # noqa: DTZ001


def _us(at: datetime) -> int:
    return (at - EPOCH) // _MICROSECOND


def _offset(at_us: int, zone: ZoneInfo) -> timedelta | None:
    return (EPOCH + timedelta(microseconds=at_us)).astimezone(zone).utcoffset()
