"""What to build when: as much score as can be, as early as can be, within capacities; exact, by HiGHS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

# HiGHS takes a sum for within its bound if it is 1e-6 beyond it; rows of this size make that a billionth.
_ROW_SIZE = 1000.0
# Sums of decimal fractions may be an ulp beyond a capacity that they fill.
_SLACK = 1e-9
_FEASIBLE = (0, 1)


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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is built when.

    Attributes:
        periods: item -> period, from 1; 0 = it is not built.
        bound: what the score of no plan can be above; that of this plan where it is the best.

    """

    periods: dict[str, int]
    bound: float


def worth(item: Item, period: int, periods: int) -> float:
    """Score of an item over the periods in which it is there, the one that it is built in and all later ones."""
    return item.score * (periods - period + 1) if period else 0.0


def plan(items: Sequence[Item], capacities: Sequence[float], limit_s: float) -> Plan:
    """The best plan, the same for the same items in any order; or the best one found within `limit_s` seconds.

    How far the search comes until then depends on the machine, and so may the plan; its bound holds either way.
    """
    items = sorted(items, key=lambda item: item.name)
    periods = len(capacities)
    values = np.array([[worth(item, period, periods) for period in range(1, periods + 1)] for item in items])
    allowed = np.array(
        [
            [period >= item.not_before and fits(item.effort, room) for period, room in enumerate(capacities, start=1)]
            for item in items
        ]
    )
    found = milp(
        -values.ravel(),
        integrality=np.ones(values.size),
        bounds=Bounds(0, allowed.astype(float).ravel()),
        constraints=_constraints(items, capacities),
        options={"time_limit": limit_s, "mip_rel_gap": 0.0},
    )
    chosen: dict[str, int] = dict.fromkeys((item.name for item in items), 0)
    # Without a plan within the time nothing is built, which the bound then tells.
    if found.status in _FEASIBLE and found.x is not None:
        for number, period in zip(*np.nonzero(found.x.reshape(values.shape) > 0.5), strict=True):
            chosen[items[number].name] = int(period) + 1
    _move_up(items, capacities, chosen)
    total = sum(worth(item, chosen[item.name], periods) for item in items)
    best = found.status == 0
    above = -found.mip_dual_bound if found.mip_dual_bound is not None else float(values.max(axis=1).sum())
    return Plan(chosen, total if best else max(total, above))


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


def _constraints(items: Sequence[Item], capacities: Sequence[float]) -> list[LinearConstraint]:
    """Each item once at most, efforts within capacities, and what must come before."""
    count, periods = len(items), len(capacities)
    place = {item.name: number for number, item in enumerate(items)}
    rows: list[tuple[int, int, float]] = [
        (number, number * periods + period, 1.0) for number in range(count) for period in range(periods)
    ]
    upper = [1.0] * count
    for period, capacity in enumerate(capacities):
        scale = _ROW_SIZE / capacity if capacity else 1.0
        rows += [(len(upper), number * periods + period, item.effort * scale) for number, item in enumerate(items)]
        upper.append(capacity * scale)
    for number, item in enumerate(items):
        for name in item.after:
            for period in range(periods):
                # Built up to this period only if the other was built up to the one before it.
                rows += [(len(upper), number * periods + earlier, 1.0) for earlier in range(period + 1)]
                rows += [(len(upper), place[name] * periods + earlier, -1.0) for earlier in range(period)]
                upper.append(0.0)
    lines, columns, factors = zip(*rows, strict=True)
    matrix = coo_array((factors, (lines, columns)), shape=(len(upper), count * periods)).tocsr()
    return [LinearConstraint(matrix, ub=np.array(upper))]


def _move_up(items: Sequence[Item], capacities: Sequence[float], chosen: dict[str, int]) -> None:
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
