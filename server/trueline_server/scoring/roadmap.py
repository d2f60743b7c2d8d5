"""What to build when: as much score as can be, as early as can be, within capacities; by HiGHS, in a count of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from trueline_server.errors import TruelineError
from trueline_server.scoring.placing import Item, fits, most, move_up, place, starts, total, worth

# HiGHS takes a sum for within its bound if it is 1e-6 beyond it; rows of this size make that a billionth.
_ROW_SIZE = 1000.0
# What a step (a node of the search) costs grows with the numbers that there are to choose and with the entries of the
# constraints. So many steps and entries take about ten seconds on a core of 2026, the slowest of what was tried; time
# itself is no limit, for then the plan would depend on the machine.
WORK = 400_000_000
_MOST_STEPS = 6_000
# Beyond it even the first step takes longer.
_MOST_ENTRIES = 85_000
# Status of a result; that of a limit of steps is another one.
_TIME_IS_UP = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """What is built when.

    Attributes:
        periods: item -> period, from 1; 0 = it is not built.
        bound: what the score of no plan can be above; that of this plan where it is known to be the best.

    """

    periods: dict[str, int]
    bound: float


def plan(items: Sequence[Item], capacities: Sequence[float], limit_s: float, *, work: int = WORK) -> Plan:
    """The best plan, or the best one found in a number of steps that follows from the size of the request alone.

    So the same request has the same plan and bound, in any order of items, however fast the machine is. Where not even
    the first step is cheap, what earns most for its effort comes first.

    Args:
        items: each `after` names others of them, in no circle.
        capacities: of each period, from 0.
        limit_s: seconds after which the search is given up.
        work: how far it may go.

    Raises:
        TruelineError: DEADLINE_EXCEEDED.

    """
    items = sorted((replace(item, after=tuple(sorted(item.after))) for item in items), key=lambda item: item.name)
    chosen = place(items, capacities)
    bound, best = most(items, capacities), False
    limit = steps(items, len(capacities), work)
    if limit:
        found = _search(items, capacities, limit, limit_s)
        best = found.status == 0
        if found.mip_dual_bound is not None:
            bound = min(bound, -found.mip_dual_bound)
        if found.x is not None:
            searched = _chosen(items, len(capacities), found.x)
            if best or total(items, len(capacities), searched) >= total(items, len(capacities), chosen):
                chosen = searched
    move_up(items, capacities, chosen)
    worth_it = total(items, len(capacities), chosen)
    return Plan(chosen, worth_it if best else max(worth_it, bound))


def steps(items: Sequence[Item], periods: int, work: int = WORK) -> int:
    """Steps that a search may take; 0 if there is to be none."""
    first = starts(items)
    # Periods that an item may be in.
    left = {name: max(periods - start + 1, 0) for name, start in first.items()}
    choices = sum(left.values())
    # Of `_constraints`; they are counted before there are any, because of all that may be asked they could be millions.
    entries = 2 * choices
    for item in items:
        entries += sum(left[item.name] * (left[item.name] + first[item.name] - first[name]) for name in item.after)
    return min(work // max(choices * entries, 1) or 1, _MOST_STEPS) if entries <= _MOST_ENTRIES else 0


def _search(
    items: Sequence[Item], capacities: Sequence[float], limit: int, limit_s: float
) -> scipy.optimize.OptimizeResult:
    periods = range(1, len(capacities) + 1)
    values = np.array([[worth(item, period, len(capacities)) for period in periods] for item in items])
    first = starts(items)
    allowed = np.array(
        [
            [period >= first[item.name] and fits(item.effort, room) for period, room in enumerate(capacities, start=1)]
            for item in items
        ]
    )
    found = scipy.optimize.milp(
        -values.ravel(),
        integrality=np.ones(values.size),
        bounds=scipy.optimize.Bounds(0, allowed.astype(float).ravel()),
        constraints=_constraints(items, capacities),
        # A limit of time that is not reached changes nothing about the steps.
        options={"time_limit": limit_s, "node_limit": limit, "mip_rel_gap": 0.0},
    )
    if found.status == _TIME_IS_UP:
        told = f"the search for a roadmap of {len(items)} features over {len(capacities)} periods took longer than "
        told += f"{limit_s:.3g} s; give the call more time, or ask of fewer"
        raise TruelineError("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", told)
    return found


def _chosen(items: Sequence[Item], periods: int, found: np.ndarray) -> dict[str, int]:
    chosen: dict[str, int] = dict.fromkeys((item.name for item in items), 0)
    for number, period in zip(*np.nonzero(found.reshape(len(items), periods) > 0.5), strict=True):
        chosen[items[number].name] = int(period) + 1
    return chosen


def _constraints(items: Sequence[Item], capacities: Sequence[float]) -> scipy.optimize.LinearConstraint:
    """Each item once at most, efforts within capacities, and what must come before; of periods that may be."""
    count, periods = len(items), len(capacities)
    place_of = {item.name: number * periods for number, item in enumerate(items)}
    first = {name: start - 1 for name, start in starts(items).items()}
    spans = [range(min(first[item.name], periods), periods) for item in items]
    rows: list[tuple[int, int, float]] = [
        (number, number * periods + period, 1.0) for number, span in enumerate(spans) for period in span
    ]
    upper = [1.0] * count
    scales = [_ROW_SIZE / capacity if capacity else 1.0 for capacity in capacities]
    rows += [
        (count + period, number * periods + period, item.effort * scales[period])
        for number, (item, span) in enumerate(zip(items, spans, strict=True))
        for period in span
    ]
    upper += [capacity * scale for capacity, scale in zip(capacities, scales, strict=True)]
    for item, span in zip(items, spans, strict=True):
        for name in item.after:
            for period in span:
                # Built up to this period only if the other was built up to the one before it.
                rows += [(len(upper), place_of[item.name] + one, 1.0) for one in range(first[item.name], period + 1)]
                rows += [(len(upper), place_of[name] + one, -1.0) for one in range(first[name], period)]
                upper.append(0.0)
    lines, columns, factors = zip(*rows, strict=True) if rows else ((), (), ())
    matrix = scipy.sparse.coo_array((factors, (lines, columns)), shape=(len(upper), count * periods)).tocsr()
    return scipy.optimize.LinearConstraint(matrix, ub=np.array(upper))
