"""Intervals and tests of studies beside SciPy and the numbers of the literature."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from trueline_server.studies.statistics import (
    Interval,
    Sums,
    adjusted,
    around,
    compare,
    compare_independent,
    compare_medians,
    compare_shares,
    mean_and_error,
    median_interval,
    mover,
    ratio_weights,
    wilson,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_as_published(hits: int, n: int, low: float, high: float) -> None:
    """The four examples of Newcombe's comparison of seven methods."""
    found = wilson(hits, n, 0.95)

    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17:873-890, table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0000),
    ],
)
def test_the_difference_of_shares_is_as_published(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe's hybrid score interval of his own examples, without continuity correction."""
    found = compare_shares(*one, *other, 0.95)

    assert found.interval is not None
    assert found.interval.low == pytest.approx(low, abs=5e-5)
    assert found.interval.high == pytest.approx(high, abs=5e-5)


def test_shares_are_tested_by_counts() -> None:
    """The score test where many are expected, Fisher's where few are, and none where nothing can tell them apart."""
    many = compare_shares(56, 70, 48, 80, 0.95)
    pooled = 104 / 150
    z = (0.8 - 0.6) / math.sqrt(pooled * (1 - pooled) * (1 / 70 + 1 / 80))
    assert many.p_value == pytest.approx(2 * stats.norm.sf(z))
    assert compare_shares(9, 10, 3, 10, 0.95).p_value == pytest.approx(stats.fisher_exact([[9, 1], [3, 7]])[1])
    assert compare_shares(7, 7, 3, 3, 0.95).p_value == 1.0


@given(
    st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.95, 0.99])
)
def test_shares_lie_in_their_intervals(share: tuple[int, int], confidence: float) -> None:
    """An interval holds the share, stays within 0 and 1, and mirrors that of what did not happen."""
    hits, n = share
    found, mirrored = wilson(hits, n, confidence), wilson(n - hits, n, confidence)

    assert -1e-12 <= found.low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= found.high <= 1 + 1e-12
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-12)


def _sums(rows: list[list[int]]) -> Sums:
    return Sums.of([[Fraction(value) for value in row] for row in rows], len(rows[0]))


def test_a_ratio_has_the_error_of_the_textbook() -> None:
    """Cochran's estimator: s of the residuals over the root of n, by the mean below."""
    rows = [[12, 10], [7, 9], [20, 15], [9, 8], [30, 24], [4, 6]]
    sums, x, y = _sums(rows), np.array(rows)[:, 0], np.array(rows)[:, 1]

    ratio = x.sum() / y.sum()
    residuals = x - ratio * y
    expected = residuals.std(ddof=1) / math.sqrt(len(rows)) / y.mean()
    assert sums.error(ratio_weights(sums, 0, 1)) == pytest.approx(expected)


@given(st.lists(st.tuples(st.integers(0, 1000), st.integers(1, 1000)), min_size=3, max_size=30), st.integers(2, 50))
def test_a_ratio_does_not_depend_on_scale_or_order(rows: list[tuple[int, int]], factor: int) -> None:
    """Both sums times a factor leave the error of their ratio as it is, and so does any order, to the last bit."""
    plain = _sums([list(row) for row in rows])
    scaled = _sums([[factor * value for value in row] for row in reversed(rows)])

    error = plain.error(ratio_weights(plain, 0, 1))
    assert scaled.error(ratio_weights(scaled, 0, 1)) == error
    turned = _sums([list(row) for row in reversed(rows)])
    assert turned == plain


def test_what_does_not_vary_is_certain() -> None:
    """Users who all pay twice as much have a growth without an interval's width."""
    sums = _sums([[2, 1], [4, 2], [10, 5]])

    assert sums.error(ratio_weights(sums, 0, 1)) == 0
    assert around(1.0, 0.0, 2, 0.95) == Interval(1.0, 1.0)
    assert compare(1.0, 0.0, 2, 0.95).p_value == 0.0
    assert compare(0.0, 0.0, 2, 0.95).p_value == 1.0


def test_means_are_compared_as_scipy_does() -> None:
    """Welch's test with its degrees of freedom and interval."""
    one, other = [2.1, 3.4, 1.9, 4.4, 3.0], [1.1, 0.4, 1.8, 2.0]
    expected = stats.ttest_ind(one, other, equal_var=False)

    found = compare_independent((*mean_and_error(one), 5), (*mean_and_error(other), 4), 0.9)

    assert found.p_value == pytest.approx(expected.pvalue)
    assert found.interval is not None
    assert found.interval.low == pytest.approx(expected.confidence_interval(0.9).low)
    assert found.interval.high == pytest.approx(expected.confidence_interval(0.9).high)


@given(st.integers(2, 80), st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_of_a_median_covers_it(n: int, confidence: float) -> None:
    """Between which values it lies is the tightest pair that binomial probabilities allow; few values have none."""
    found = median_interval([float(value) for value in range(1, n + 1)], confidence)

    def covered(rank: int) -> float:
        return 1 - 2 * float(stats.binom.cdf(rank - 1, n, 0.5))

    if found is None:
        assert covered(1) < confidence
    else:
        rank = int(found.low)
        assert found.high == n - rank + 1
        assert covered(rank) >= confidence - 1e-9
        assert rank >= (n + 1) // 2 or covered(rank + 1) < confidence


def test_medians_are_tested_by_ranks() -> None:
    """Mann and Whitney's test; values that are all the same are no evidence."""
    one, other = [float(value) for value in range(10, 22)], [float(value) for value in range(3, 15)]

    found = compare_medians(one, other, 0.95)

    assert found.value == 7.0
    assert found.p_value == pytest.approx(stats.mannwhitneyu(one, other).pvalue)
    assert compare_medians([1.0] * 8, [1.0] * 8, 0.95).p_value == 1.0


def test_independent_intervals_make_that_of_a_difference() -> None:
    """Of intervals that reach equally far to both sides the difference reaches the root of the sum of squares."""
    found = mover(10.0, Interval(7.0, 13.0), 4.0, Interval(0.0, 8.0))

    assert (found.low, found.high) == (1.0, 11.0)


def test_p_values_beside_each_other() -> None:
    """The example of Benjamini and Hochberg 1995 (15 p-values): at 0.05 the four smallest stay."""
    p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p_values += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]

    found = adjusted(p_values)

    assert [p < 0.05 for p in found] == [True] * 4 + [False] * 11
    assert found[0] == pytest.approx(0.0015)
    assert adjusted([]) == []
