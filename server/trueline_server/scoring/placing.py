"""Features of a roadmap and where they may be, and a roadmap without a search: what earns most for its effort first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Sums of decimal fractions may be an ulp beyond a capacity that they fill.
_SLACK = 1e-9


@dataclass(frozen=True, slots=True)
class Item:
    """Something that may be built.

    Attributes:
        name: no other has it.
        score: 0 to 100 for each period in which it is there.
        effort: what it takes, above 0.
        after: names of those that must be built in an earlier period.
        not_before: first period in which it may be built, from 1.

    """

    name: str
    score: float
    effort: float
    after: tuple[str, ...] = ()
    not_before: int = 1


def worth(item: Item, period: int, periods: int) -> float:
    """Score of an item over the periods in which it is there, the one that it is built in and all later ones."""
    return item.score * (periods - period + 1) if period else 0.0


def total(items: Sequence[Item], periods: int, chosen: dict[str, int]) -> float:
    """What a roadmap is worth."""
    return math.fsum(worth(item, chosen[item.name], periods) for item in items)


def fits(effort: float, room: float) -> bool:
    """Whether there is room for an effort."""
    return effort <= room + _SLACK * max(room, effort)


def room_left(items: Sequence[Item], capacities: Sequence[float], chosen: dict[str, int]) -> list[float]:
    """What is left of each period."""
    left = list(capacities)
    for item in items:
        if chosen[item.name]:
            left[chosen[item.name] - 1] -= item.effort
    return [max(room, 0.0) for room in left]


def earliest(item: Item, chosen: dict[str, int]) -> int | None:
    """First period that an item may be in after those that it needs; None if one of them is not built."""
    needed = [chosen[name] for name in item.after]
    return None if 0 in needed else max([item.not_before, *(period + 1 for period in needed)])


def starts(items: Sequence[Item]) -> dict[str, int]:
    """First period that each item may be in if capacities are no matter; may be beyond the last one."""
    found: dict[str, int] = {}
    for item in _in_order(items):
        found[item.name] = max([item.not_before, *(found[name] + 1 for name in item.after)])
    return found


def place(items: Sequence[Item], capacities: Sequence[float]) -> dict[str, int]:
    """A roadmap: period by period what earns most for its effort, by itself or with what it makes possible.

    Args:
        items: in an order that decides between those that earn the same.
        capacities: of periods.

    """
    earns = _earnings(items)
    order = sorted(items, key=lambda item: (-earns[item.name], -item.score / item.effort))
    chosen = dict.fromkeys((item.name for item in items), 0)
    for period, capacity in enumerate(capacities, start=1):
        left = capacity
        for item in order:
            start = None if chosen[item.name] else earliest(item, chosen)
            if start is not None and start <= period and fits(item.effort, left):
                chosen[item.name] = period
                left -= item.effort
    return chosen


def move_up(items: Sequence[Item], capacities: Sequence[float], chosen: dict[str, int]) -> None:
    """Move items to earlier periods that have room; a best plan has only those to move that are worth nothing."""
    moved = True
    while moved:
        moved = False
        for item in items:
            start = earliest(item, chosen)
            if start is None:
                continue
            left = room_left(items, capacities, chosen)
            end = (chosen[item.name] or len(capacities) + 1) - 1
            found = next((period for period in range(start, end + 1) if fits(item.effort, left[period - 1])), None)
            if found is not None:
                chosen[item.name] = found
                moved = True


def most(items: Sequence[Item], capacities: Sequence[float]) -> float:
    """What no roadmap can be worth more than: in each period the best of what could be built in parts by then."""
    begins = starts(items)
    order = sorted(items, key=lambda item: -item.score / item.effort)
    sum_of, left_of = 0.0, 0.0
    for period, capacity in enumerate(capacities, start=1):
        left_of += capacity
        left = left_of
        for item in order:
            if begins[item.name] > period:
                continue
            part = min(item.effort, left)
            sum_of += item.score * part / item.effort
            left -= part
    # Efforts may be beyond capacities by the slack, and sums are rounded.
    return sum_of * (1 + 2 * _SLACK)


def _earnings(items: Sequence[Item]) -> dict[str, float]:
    """Score for effort of an item, or of one that needs it, with all that this one needs; the highest of them."""
    by_name = {item.name: item for item in items}
    needed: dict[str, set[str]] = {}
    found = dict.fromkeys(by_name, 0.0)
    for item in _in_order(items):
        needed[item.name] = {item.name}.union(*(needed[name] for name in item.after))
        # In the order of the items, so that sums are the same however sets are kept.
        group = [by_name[one.name] for one in items if one.name in needed[item.name]]
        earned = math.fsum(one.score for one in group) / math.fsum(one.effort for one in group)
        for one in group:
            found[one.name] = max(found[one.name], earned)
    return found


def _in_order(items: Sequence[Item]) -> list[Item]:
    """Items after those that they need."""
    by_name = {item.name: item for item in items}
    done: dict[str, Item] = {}
    waiting = list(reversed(items))
    while waiting:
        item = waiting[-1]
        missing = [by_name[name] for name in item.after if name not in done]
        if missing:
            waiting += missing
        else:
            done.setdefault(item.name, item)
            waiting.pop()
    return list(done.values())
