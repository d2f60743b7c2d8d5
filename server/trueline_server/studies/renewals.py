"""Renewal rates: of the deals whose term ran out in a period, how many went on, and how much of their value did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from trueline_server.studies.figures import Key, Kind, amount, estimate, no_estimate, too_few
from trueline_server.studies.model import BUSINESS_SUCCESS, RATIO, Estimate, Figure, Input
from trueline_server.studies.statistics import (
    Compared,
    Interval,
    Sums,
    around,
    compare_independent,
    compare_shares,
    ratio_weights,
    wilson,
)

RATE = Kind(
    "renewal_rate",
    BUSINESS_SUCCESS,
    RATIO,
    "renewed / (renewed + ended); Wilson's score interval; difference: Newcombe's hybrid score interval, score test "
    "(Fisher's exact test where few are expected)",
)
WEIGHTED = Kind(
    "weighted_renewal_rate",
    BUSINESS_SUCCESS,
    RATIO,
    "value renewed / value decided; ratio of two sums over deals, interval and test by the delta method",
)


@dataclass(frozen=True, slots=True)
class Renewals:
    """What became of the deals of a group; the open ones were not decided by the end of the period."""

    renewed: int = 0
    ended: int = 0
    open: int = 0
    renewed_value: Decimal = Decimal(0)
    ended_value: Decimal = Decimal(0)
    open_value: Decimal = Decimal(0)
    renewed_squares: Decimal = Decimal(0)
    ended_squares: Decimal = Decimal(0)

    @property
    def decided(self) -> int:
        """How many count."""
        return self.renewed + self.ended

    @property
    def sums(self) -> Sums:
        """Over the decided deals: value renewed, value."""
        renewed, ended = Fraction(self.renewed_value), Fraction(self.ended_value)
        squares, all_squares = Fraction(self.renewed_squares), Fraction(self.renewed_squares + self.ended_squares)
        return Sums(self.decided, (renewed, renewed + ended), ((squares, squares), (squares, all_squares)))


def read_renewals(rows: Sequence[Sequence[Any]]) -> dict[Key, Renewals]:
    """The answer of CountRenewals by group."""
    found = {}
    for breakdown, group, renewed, ended, still_open, *values in rows:
        counts = (int(renewed), int(ended), int(still_open))
        found[str(breakdown), str(group)] = Renewals(*counts, *(Decimal(value) for value in values))
    return found


def renewal_figures(now: Renewals, before: Renewals, *, confidence: float, least: int, currency: str) -> list[Figure]:
    """The figures of a group; the weighted rate only where deals have values."""
    figures = [_rate(now, before, confidence, least)]
    if now.sums.totals[1] or before.sums.totals[1]:
        figures.append(_weighted(now, before, confidence, least, currency))
    return figures


def _rate(now: Renewals, before: Renewals, confidence: float, least: int) -> Figure:
    own, other = _share(now, confidence, least), _share(before, confidence, least)
    compared = None
    if own.value is not None and other.value is not None:
        compared = compare_shares(now.renewed, now.decided, before.renewed, before.decided, confidence)
    return RATE.figure(own, other, compared)


def _share(deals: Renewals, confidence: float, least: int) -> Estimate:
    counts = (("renewed", deals.renewed), ("ended", deals.ended), ("still_open", deals.open))
    inputs = [amount(name, count, "deals") for name, count in counts]
    missing = too_few(deals.decided, least, "decided deals")
    if missing:
        return no_estimate(missing, deals.decided, inputs)
    interval = wilson(deals.renewed, deals.decided, confidence)
    return estimate(deals.renewed / deals.decided, interval, deals.decided, inputs)


def _weighted(now: Renewals, before: Renewals, confidence: float, least: int, currency: str) -> Figure:
    estimates: list[Estimate] = []
    parts: list[tuple[float, float, int]] = []
    for deals in (now, before):
        sums, inputs = deals.sums, _values(deals, currency)
        missing = too_few(deals.decided, least, "decided deals")
        missing = missing or ("" if sums.totals[1] > 0 else "no deal has a value")
        if missing:
            estimates.append(no_estimate(missing, deals.decided, inputs))
            continue
        rate = float(sums.totals[0] / sums.totals[1])
        error = sums.error(ratio_weights(sums, 0, 1))
        interval = around(rate, error, deals.decided - 1, confidence)
        # A share is no less than nothing and no more than all.
        within = None if interval is None else Interval(max(interval.low, 0.0), min(interval.high, 1.0))
        estimates.append(estimate(rate, within, deals.decided, inputs))
        parts.append((rate, error, deals.decided))
    compared: Compared | None = None
    if len(parts) == len(estimates):
        compared = compare_independent(parts[0], parts[1], confidence)
    return WEIGHTED.figure(estimates[0], estimates[1], compared)


def _values(deals: Renewals, currency: str) -> list[Input]:
    values = (("renewed", deals.renewed_value), ("ended", deals.ended_value), ("still_open", deals.open_value))
    return [amount(name, value, currency) for name, value in values]
