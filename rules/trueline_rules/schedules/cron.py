"""Cron expressions: five fields, checked when they are read, and the instants that they mean in a time zone.

The arithmetic is that of `cronsim`, which follows Debian's cron where the clocks change: a job at a fixed time runs
once a day, also on the day when its hour is skipped (right after the leap) or repeated (the first time); a job with
`*` in its minutes or hours runs by elapsed time. `croniter` runs a daily job twice in the repeated hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cronsim import CronSim, CronSimError

from trueline_rules.local_time import EPOCH, zone_of
from trueline_rules.names import hint, quoted

NAMED = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = ("minute", "hour", "day of the month", "month", "day of the week")
_RANGES = ("0-59", "0-23", "1-31", "1-12 or JAN-DEC", "0-7 or SUN-SAT")
_MICROSECOND = timedelta(microseconds=1)
# Each field alone, so that the message can name the one that is wrong.
_ANY = ("*",) * 5


def written_out(expression: str) -> str:
    """An expression in five fields and upper case; "@daily" and the like are replaced."""
    return " ".join(NAMED.get(expression.strip().lower(), expression).upper().split())


def wrong_cron(expression: str) -> str | None:
    """Say what is wrong with an expression; None if nothing is."""
    if expression.strip().startswith("@") and expression.strip().lower() not in NAMED:
        return f"is {quoted(expression)}, which is no name of an interval{hint(expression, NAMED)}"
    fields = written_out(expression).split()
    if len(fields) != len(FIELDS):
        seconds = "; there is no field for seconds" if len(fields) == 6 else ""
        return (
            f"must have five fields (minute hour day month weekday) or be a name such as @daily, has {len(fields)}"
            f"{seconds}"
        )
    for place, written in enumerate(fields):
        alone = [*_ANY[:place], written, *_ANY[place + 1 :]]
        try:
            CronSim(" ".join(alone), EPOCH)
        except CronSimError:
            return f"has the {FIELDS[place]} {quoted(written)}, which is not within {_RANGES[place]}"
    try:
        next(CronSim(" ".join(fields), EPOCH))
    except (CronSimError, StopIteration, RuntimeError):
        return f"is {quoted(expression)}, a day that no year has; correct the day of the month or the month"
    return None


def instants_after(cron: str, time_zone: str, after_us: int) -> Iterator[int]:
    """The instants of an expression after one, ascending, without end (µs since 1970)."""
    zone = UTC if time_zone == "UTC" else zone_of(time_zone)
    last_us = after_us
    for found in CronSim(cron, (EPOCH + timedelta(microseconds=after_us)).astimezone(zone)):
        at_us = _us(found)
        # In the repeated hour the wall clock alone also finds times of the first passing.
        if at_us > last_us:
            last_us = at_us
            yield at_us


def _us(at: datetime) -> int:
    return (at - EPOCH) // _MICROSECOND
