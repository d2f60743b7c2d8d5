"""Revenue growth: what users paid less refunds, beside the period before, and which users the change came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from trueline_server.studies.figures import Key, Kind, amount, estimate, no_estimate, too_few
from trueline_server.studies.model import BUSINESS_SUCCESS, RATIO, Estimate, Figure, Input
from trueline_server.studies.statements import MOVES, PRODUCTS
from trueline_server.studies.statistics import Sums, around, compare, ratio_weights

GROWTH = Kind(
    "revenue_growth",
    BUSINESS_SUCCESS,
    RATIO,
    "net revenue / net revenue before - 1; ratio of two sums over users, interval and test by the delta method",
)

_INDICES = range(3)


def net_revenue_kind(currency: str) -> Kind:
    """The kind of figure of net revenue."""
    method = "payments less refunds; sum over users, Student's interval; difference: Student's paired test over users"
    return Kind("net_revenue", BUSINESS_SUCCESS, currency, method)


@dataclass(frozen=True, slots=True)
class PeriodRevenue:
    """What a group paid in a period; `users` are those whose payments and refunds are not even."""

    users: int = 0
    net: Decimal = Decimal(0)
    payments: Decimal = Decimal(0)
    refunds: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Revenue:
    """What a group paid in the period, the one before and the one before that.

    Attributes:
        users: with a payment or refund in any of them.
        periods: the latest first.
        sums: over the users: what each paid in each period.
        moves: from the second period to the first and from the third to the second: name -> (users, amount).

    """

    users: int
    periods: tuple[PeriodRevenue, ...]
    sums: Sums
    moves: tuple[dict[str, tuple[int, Decimal]], ...]


_NOTHING = PeriodRevenue()
_ZERO = Fraction(0)
NO_REVENUE = Revenue(
    0,
    (_NOTHING, _NOTHING, _NOTHING),
    Sums(0, (_ZERO,) * 3, ((_ZERO,) * 3,) * 3),
    ({name: (0, Decimal(0)) for name in MOVES},) * 2,
)


def read_revenue(rows: Sequence[Sequence[Any]]) -> dict[Key, Revenue]:
    """The answer of SumRevenue by group."""
    return {(str(row[0]), str(row[1])): _revenue(row) for row in rows}


def _revenue(row: Sequence[Any]) -> Revenue:
    users, numbers = int(row[2]), iter(row[3:])
    periods = tuple(PeriodRevenue(int(next(numbers)), *(Decimal(next(numbers)) for _ in range(3))) for _ in _INDICES)
    size = len(periods)
    products = {pair: Fraction(Decimal(next(numbers))) for pair in PRODUCTS}
    table = tuple(tuple(products[min(i, j), max(i, j)] for j in range(size)) for i in range(size))
    sums = Sums(users, tuple(Fraction(period.net) for period in periods), table)
    moves = tuple({name: (int(next(numbers)), Decimal(next(numbers))) for name in MOVES} for _ in range(2))
    return Revenue(users, periods, sums, moves)


def revenue_figures(found: Revenue, *, confidence: float, least: int, currency: str) -> list[Figure]:
    """The figures of a group."""
    return [_growth(found, confidence, least, currency), _net(found, confidence, least, currency)]


def _growth(found: Revenue, confidence: float, least: int, currency: str) -> Figure:
    now, before = (_growth_of(found, place, confidence, least, currency) for place in (0, 1))
    compared = None
    if now.value is not None and before.value is not None:
        # The period before is in both, so what each user moves the difference by is taken together.
        first, second = ratio_weights(found.sums, 0, 1), ratio_weights(found.sums, 1, 2)
        weights = [one - other for one, other in zip(first, second, strict=True)]
        compared = compare(now.value - before.value, found.sums.error(weights), found.users - 1, confidence)
    return GROWTH.figure(now, before, compared)


def _growth_of(found: Revenue, place: int, confidence: float, least: int, currency: str) -> Estimate:
    """Growth from the period after `place` to that at it."""
    now, before, moves = found.periods[place], found.periods[place + 1], found.moves[place]
    # Whoever paid in either; those who are new paid in the later one.
    users = before.users + moves["new"][0]
    inputs = [amount("net_revenue", now.net, currency), amount("net_revenue_before", before.net, currency)]
    for name, (count, moved) in moves.items():
        inputs += [amount(name, moved, currency), amount(f"{name}_users", count, "users")]
    missing = too_few(users, least, "paying users") or ("" if before.net > 0 else "no revenue in the period before")
    if missing:
        return no_estimate(missing, users, inputs)
    value = float(Fraction(now.net) / Fraction(before.net) - 1)
    error = found.sums.error(ratio_weights(found.sums, place, place + 1), users)
    return estimate(value, around(value, error, users - 1, confidence), users, inputs)


def _net(found: Revenue, confidence: float, least: int, currency: str) -> Figure:
    now, before = (_net_of(found, place, confidence, least, currency) for place in (0, 1))
    compared = None
    if now.value is not None and before.value is not None:
        users = found.periods[1].users + found.moves[0]["new"][0]
        error = found.sums.error([Fraction(1), Fraction(-1), Fraction(0)], users)
        compared = compare(float(found.periods[0].net - found.periods[1].net), error, users - 1, confidence)
    return net_revenue_kind(currency).figure(now, before, compared)


def _net_of(found: Revenue, place: int, confidence: float, least: int, currency: str) -> Estimate:
    period = found.periods[place]
    inputs: list[Input] = [
        amount("payments", period.payments, currency),
        amount("refunds", period.refunds, currency),
        amount("paying_users", period.users, "users"),
    ]
    missing = too_few(period.users, least, "paying users")
    if missing:
        return no_estimate(missing, period.users, inputs)
    weights = [Fraction(int(other == place)) for other in range(len(found.periods))]
    error = found.sums.error(weights, period.users)
    return estimate(
        float(period.net), around(float(period.net), error, period.users - 1, confidence), period.users, inputs
    )
