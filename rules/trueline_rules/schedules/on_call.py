"""Who is on call at an instant, and the shifts of a span of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from trueline_rules.local_time import instant_of, wall_clock, zone_of
from trueline_rules.routing.time_intervals import begins_us, covers, ends_us
from trueline_rules.routing_model import TimeInterval
from trueline_rules.schedule_model import Layer, OnCallSchedule, Rotation, Unit

_LENGTHS = {Unit.HOUR: timedelta(hours=1), Unit.DAY: timedelta(days=1), Unit.WEEK: timedelta(weeks=1)}
# A year of shifts by the hour; more is asked for piece by piece.
MOST_SHIFTS_US = 400 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Shift:
    """Who is on call from an instant up to another; `people` is () while nobody is."""

    from_us: int
    until_us: int
    people: tuple[str, ...]


def on_call(schedule: OnCallSchedule, at_us: int) -> tuple[str, ...]:
    """The people on call at an instant; () if nobody is."""
    for override in schedule.overrides:
        if override.from_us <= at_us < override.until_us:
            return (override.person,)
    for layer in reversed(schedule.layers):
        people = _of_layer(layer, schedule.time_zone, at_us)
        if people:
            return people
    return ()


def shifts(schedule: OnCallSchedule, from_us: int, until_us: int) -> tuple[Shift, ...]:
    """Who is on call in a span of time, gaps too: each shift once, in order, cut at both ends.

    Raises:
        ValueError: if the span is longer than 400 days.

    """
    if until_us - from_us > MOST_SHIFTS_US:
        raise ValueError("shifts are told for at most 400 days at once")
    found: list[Shift] = []
    bounds = sorted({at for at in _bounds(schedule, from_us, until_us) if from_us < at < until_us})
    for start, end in zip([from_us, *bounds], [*bounds, until_us], strict=True):
        if start >= end:
            continue
        people = on_call(schedule, start)
        if found and found[-1].people == people:
            found[-1] = Shift(found[-1].from_us, end, people)
        else:
            found.append(Shift(start, end, people))
    return tuple(found)


def _bounds(schedule: OnCallSchedule, from_us: int, until_us: int) -> Iterator[int]:
    """Every instant in a span at which somebody else may come on call, and some at which nobody does."""
    for override in schedule.overrides:
        yield from (override.from_us, override.until_us)
    for layer in schedule.layers:
        if layer.rotation is not None:
            first = max(_turn(layer.rotation, schedule.time_zone, from_us), 0)
            last = _turn(layer.rotation, schedule.time_zone, until_us)
            yield from (_handover(layer.rotation, schedule.time_zone, turn) for turn in range(first, last + 1))
        if layer.only:
            yield from _turns(layer.only, from_us, until_us)


def _turns(only: tuple[TimeInterval, ...], from_us: int, until_us: int) -> Iterator[int]:
    """The instants in a span at which intervals begin or end."""
    at_us: int | None = from_us
    while at_us is not None and at_us < until_us:
        yield at_us
        at_us = ends_us(only, at_us) if covers(only, at_us) else begins_us(only, at_us)


def _of_layer(layer: Layer, time_zone: str, at_us: int) -> tuple[str, ...]:
    if layer.only and not covers(layer.only, at_us):
        return ()
    if layer.rotation is None:
        return layer.shifts[0]
    turn = _turn(layer.rotation, time_zone, at_us)
    return layer.shifts[turn % len(layer.shifts)] if turn >= 0 else ()


def _turn(rotation: Rotation, time_zone: str, at_us: int) -> int:
    """How many handovers there were by an instant, less 1; negative before the first one."""
    length = rotation.length * _LENGTHS[rotation.unit]
    turn = (wall_clock(at_us, zone_of(time_zone)) - rotation.starts) // length
    # Wall clocks run back once a year, turns never do.
    while _handover(rotation, time_zone, turn + 1) <= at_us:
        turn += 1
    while _handover(rotation, time_zone, turn) > at_us:
        turn -= 1
    return turn


def _handover(rotation: Rotation, time_zone: str, turn: int) -> int:
    local = rotation.starts + turn * rotation.length * _LENGTHS[rotation.unit]
    return instant_of(local, zone_of(time_zone))
