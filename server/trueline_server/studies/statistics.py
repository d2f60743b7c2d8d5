"""Intervals and tests of studies: shares, ratios of sums, means and medians, and many of them beside each other.

All functions are pure. Distributions come from SciPy; sums are exact fractions, so that nothing depends on an order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import scipy

# Below so many expected in a cell of a two-by-two table the normal approximation is off.
_FEW = 5


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of a confidence interval."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A difference, its interval, and the p-value that there is none; None = it cannot be told."""

    value: float
    interval: Interval | None
    p_value: float | None


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over observations of numbers x[0], x[1], …

    Attributes:
        n: how many observations.
        totals: of each number.
        products: of each number with each: products[i][j] = sum of x[i] * x[j].

    """

    n: int
    totals: tuple[Fraction, ...]
    products: tuple[tuple[Fraction, ...], ...]

    @classmethod
    def of(cls, rows: Sequence[Sequence[Fraction]], width: int) -> Sums:
        """Over observations with `width` numbers each."""
        totals = tuple(sum((row[i] for row in rows), Fraction(0)) for i in range(width))
        products = tuple(
            tuple(sum((row[i] * row[j] for row in rows), Fraction(0)) for j in range(width)) for i in range(width)
        )
        return cls(len(rows), totals, products)

    def error(self, weights: Sequence[Fraction], n: int | None = None) -> float:
        """Standard error of the weighted total, as of a sample of `n` observations (all of them)."""
        count = self.n if n is None else n
        if count < 2:
            return math.inf
        size = range(len(weights))
        squares = sum((weights[i] * weights[j] * self.products[i][j] for i in size for j in size), Fraction(0))
        total = sum((weights[i] * self.totals[i] for i in size), Fraction(0))
        return math.sqrt(max(Fraction(count, count - 1) * (squares - total * total / count), Fraction(0)))


def wilson(hits: int, n: int, confidence: float) -> Interval:
    """Wilson's score interval of a share; n at least 1."""
    found = scipy.stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")
    return Interval(float(found.low), float(found.high))


def compare_shares(hits: int, n: int, hits_before: int, n_before: int, confidence: float) -> Compared:
    """Two shares: Newcombe's hybrid score interval (his method 10), and the score test, Fisher's for small counts."""
    share, before = hits / n, hits_before / n_before
    interval = mover(share, wilson(hits, n, confidence), before, wilson(hits_before, n_before, confidence))
    table = np.array([[hits, n - hits], [hits_before, n_before - hits_before]])
    if 0 in table.sum(axis=0):
        # All or none in both: nothing tells them apart.
        return Compared(share - before, interval, 1.0)
    expected = scipy.stats.contingency.expected_freq(table)
    few = expected.min() < _FEW
    p_value = scipy.stats.fisher_exact(table)[1] if few else scipy.stats.chi2_contingency(table, correction=False)[1]
    return Compared(share - before, interval, float(p_value))


def mover(value: float, own: Interval, before: float, other: Interval) -> Interval:
    """Interval of the difference of two independent estimates from their own: the method of variance recovery."""
    difference = value - before
    return Interval(
        difference - math.hypot(value - own.low, other.high - before),
        difference + math.hypot(own.high - value, before - other.low),
    )


def ratio_weights(sums: Sums, over: int, under: int) -> list[Fraction]:
    """What each observation moves the ratio of two totals by, to first order (delta method); under's is not 0."""
    total = sums.totals[under]
    weights = [Fraction(0)] * len(sums.totals)
    weights[over] += 1 / total
    weights[under] -= sums.totals[over] / (total * total)
    return weights


def around(value: float, error: float, degrees: int, confidence: float) -> Interval | None:
    """Student's interval; None where the error is not known."""
    if not math.isfinite(error) or degrees < 1:
        return None
    reach = float(scipy.stats.t.ppf((1 + confidence) / 2, degrees)) * error
    return Interval(value - reach, value + reach)


def compare(value: float, error: float, degrees: float, confidence: float) -> Compared:
    """A difference with its standard error by Student's distribution."""
    if not math.isfinite(error) or degrees < 1:
        return Compared(value, None, None)
    reach = float(scipy.stats.t.ppf((1 + confidence) / 2, degrees)) * error
    if error == 0:
        return Compared(value, Interval(value, value), 1.0 if value == 0 else 0.0)
    p_value = float(2 * scipy.stats.t.sf(abs(value) / error, degrees))
    return Compared(value, Interval(value - reach, value + reach), p_value)


def compare_independent(
    first: tuple[float, float, int], second: tuple[float, float, int], confidence: float
) -> Compared:
    """Two independent estimates, each (value, standard error, observations), with Welch's degrees of freedom."""
    (value, error, n), (before, error_before, n_before) = first, second
    if not (math.isfinite(error) and math.isfinite(error_before)):
        return Compared(value - before, None, None)
    spread, spread_before = error**2, error_before**2
    both = spread + spread_before
    degrees = both**2 / (spread**2 / (n - 1) + spread_before**2 / (n_before - 1)) if both else n + n_before - 2
    return compare(value - before, math.sqrt(both), degrees, confidence)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Mean and its standard error; that of a single value is not known."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return mean, math.inf
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)


def median_interval(values: Sequence[float], confidence: float) -> Interval | None:
    """Interval of a median between two of the values, by the binomial distribution; None of too few values."""
    n = len(values)
    below = int(scipy.stats.binom.ppf((1 - confidence) / 2, n, 0.5))
    # The probability to lie outside of the interval from the below-th to the (n - below + 1)-th value.
    while below > 0 and 2 * scipy.stats.binom.cdf(below - 1, n, 0.5) > 1 - confidence + 1e-12:
        below -= 1
    if below < 1:
        return None
    ordered = sorted(values)
    return Interval(ordered[below - 1], ordered[n - below])


def compare_medians(values: Sequence[float], before: Sequence[float], confidence: float) -> Compared:
    """Two medians: interval from their own ones, and the test of Mann and Whitney."""
    value, value_before = float(np.median(values)), float(np.median(before))
    own, other = median_interval(values, confidence), median_interval(before, confidence)
    interval = None if own is None or other is None else mover(value, own, value_before, other)
    p_value = float(scipy.stats.mannwhitneyu(values, before, alternative="two-sided").pvalue)
    return Compared(value - value_before, interval, p_value if math.isfinite(p_value) else 1.0)


def adjusted(p_values: Sequence[float]) -> list[float]:
    """P-values beside each other, by Benjamini and Hochberg: those up to q are false in a share of at most q."""
    return [float(p) for p in scipy.stats.false_discovery_control(p_values, method="bh")] if p_values else []
