"""Attribution written the long way, straight from the definitions, to compare the models with."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

Credit = dict[str, float]
Counts = dict[object, dict[object, float]]
Worth = Callable[[frozenset[str]], float]
START, CONVERSION, NULL = object(), object(), object()


class Row(NamedTuple):
    """A path, and what came of the journeys on it."""

    touches: tuple[str, ...]
    conversions: float
    value: float
    nulls: float


def draw_rows(seed: int, channels: Sequence[str], paths: int, longest: int) -> list[Row]:
    """Random paths; some convert, some do not, some are refunded."""
    source = random.Random(seed)
    rows: list[Row] = []
    for _ in range(paths):
        touches = tuple(source.choices(channels, k=source.randint(1, longest)))
        conversions = source.choice([0, 0, 1, 2, 5])
        value = source.choice([1.0, 9.5, 20.25, -3.0]) * conversions
        nulls = source.choice([0, 1, 3]) or int(conversions == 0)
        rows.append(Row(touches, float(conversions), value, float(nulls)))
    return rows


def position_shares(n: int, first: float, last: float) -> list[float]:
    """Shares of n touches of the position-based model."""
    if n <= 2:
        even = (1 - first - last) / n
        return [1.0] if n == 1 else [first + even, last + even]
    return [first, *[(1 - first - last) / (n - 2)] * (n - 2), last]


def heuristic(rows: Iterable[Row], name: str) -> tuple[Credit, Credit]:
    """Credit of conversions and of value, of models that look at places only."""
    conversions: Credit = defaultdict(float)
    value: Credit = defaultdict(float)
    for touches, converted, worth, _ in rows:
        n = len(touches)
        shares = {
            "first": [1.0, *[0.0] * (n - 1)],
            "last": [*[0.0] * (n - 1), 1.0],
            "linear": [1 / n] * n,
            "position": position_shares(n, 0.4, 0.4),
        }[name]
        for channel, share in zip(touches, shares, strict=True):
            conversions[channel] += share * converted
            value[channel] += share * worth
    return conversions, value


def collapsed(touches: Sequence[str]) -> tuple[str, ...]:
    """Touches of one channel in a row as one."""
    return tuple(channel for channel, _ in itertools.groupby(touches))


def transition_counts(rows: Iterable[Row], order: int) -> Counts:
    """How often journeys went from each history to the next one; a history is the last `order` touches."""
    counts: Counts = defaultdict(lambda: defaultdict(float))
    for touches, converted, _, nulls in rows:
        histories = [touches[max(0, end - order) : end] for end in range(1, len(touches) + 1)]
        for before, after in itertools.pairwise([START, *histories]):
            counts[before][after] += converted + nulls
        counts[histories[-1]][CONVERSION] += converted
        counts[histories[-1]][NULL] += nulls
    return {before: after for before, after in counts.items() if sum(after.values()) > 0}


def markov(rows: Sequence[Row], order: int) -> tuple[Credit, Credit]:
    """Removal effects as credit: of conversions; and of value, where it is positive and where negative apart."""
    counts = transition_counts(rows, order)
    # What journeys brought in all that ended in a history.
    converted: dict[object, float] = defaultdict(float)
    value: dict[object, float] = defaultdict(float)
    for row in rows:
        ended_in = row.touches[max(0, len(row.touches) - order) :]
        converted[ended_in] += row.conversions
        value[ended_in] += row.value
    channels = sorted({channel for row in rows for channel in row.touches})
    gains = _removals(counts, {history: max(worth, 0.0) for history, worth in value.items()}, channels)
    losses = _removals(counts, {history: max(-worth, 0.0) for history, worth in value.items()}, channels)
    return _removals(counts, converted, channels), {name: gains[name] - losses[name] for name in channels}


def _removals(counts: Counts, worth: dict[object, float], channels: Sequence[str]) -> Credit:
    whole = _reached(counts, worth, None)
    effects = {channel: 1 - _reached(counts, worth, channel) / whole if whole else 0.0 for channel in channels}
    total = sum(effects.values())
    return {name: effect / total * sum(worth.values()) if total else 0.0 for name, effect in effects.items()}


def _reached(counts: Counts, worth: dict[object, float], without: str | None) -> float:
    """What a journey is expected to be worth if it ends where it meets a channel."""
    place = {history: number for number, history in enumerate(counts)}
    system, known = np.eye(len(place)), np.zeros(len(place))
    for history, after in counts.items():
        if isinstance(history, tuple) and history[-1] == without:
            continue
        out = sum(after.values())
        known[place[history]] = worth.get(history, 0.0) / out
        for target, count in after.items():
            if target in place:
                system[place[history], place[target]] -= count / out
    return float(np.linalg.solve(system, known)[place[START]]) if START in place else 0.0


def shapley(rows: Sequence[Row], of: str) -> Credit:
    """Shapley values, with v(S) the "conversions" or the "value" of the paths whose channels all lie in S."""
    channels = sorted({channel for row in rows for channel in row.touches})

    def worth(coalition: frozenset[str]) -> float:
        return math.fsum(getattr(row, of) for row in rows if set(row.touches) <= coalition)

    return _shapley(channels, worth)


def shapley_of_rates(rows: Sequence[Row], of: str) -> Credit:
    """Each set that converted shares what it has in proportion to Shapley values of conversion rates within it."""
    sets: dict[frozenset[str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        sets[frozenset(row.touches)].update(row._asdict() | {"touches": 0})

    def rate(coalition: frozenset[str]) -> float:
        found = sets.get(coalition, Counter())
        return found["conversions"] / (found["conversions"] + found["nulls"]) if found["conversions"] else 0.0

    credit: Credit = defaultdict(float)
    for members, totals in sets.items():
        if totals["conversions"]:
            values = _shapley(sorted(members), rate)
            for channel, value in values.items():
                credit[channel] += value / sum(values.values()) * totals[of]
    return credit


def _shapley(players: Sequence[str], worth: Worth) -> Credit:
    n = len(players)
    values: Credit = {}
    for player in players:
        others = [other for other in players if other != player]
        values[player] = math.fsum(
            math.factorial(size)
            * math.factorial(n - size - 1)
            / math.factorial(n)
            * (worth(frozenset({*coalition, player})) - worth(frozenset(coalition)))
            for size in range(n)
            for coalition in itertools.combinations(others, size)
        )
    return values
