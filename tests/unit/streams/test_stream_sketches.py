"""Distinct counts on both sides of the exact limit, and quantiles."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_streams.distinct import estimate, merged_sketch, sketch_of
from trueline_streams.quantiles import bins_of, quantile_of, value_of
from trueline_streams.records import EXACT_DISTINCT

from tests.unit.streams.reference import Event, Reference, bin_of
from tests.unit.streams.support import Append, assert_same, feed_all, metric_of, plan_of, run_plain

DISTINCT = [plan_of(metric_of("users", "count_distinct", field="user_id", window="1d"))]


def users(first: int, last: int) -> Append:
    """Events of users, one each."""
    return "t", 0, [Event(f"e{number}", "s", "n", 0, user_id=f"u{number}") for number in range(first, last)]


def test_the_value_beyond_the_limit_switches_to_a_sketch() -> None:
    """65,536 values are counted exactly and written as members; one more gives an estimate within 1 %."""
    exact = run_plain(DISTINCT, [users(0, EXACT_DISTINCT)])
    (point,) = exact.points.values()
    assert (point.distinct, point.sketch) == (EXACT_DISTINCT, b"")
    assert len(next(iter(exact.members.values()))) == EXACT_DISTINCT
    beyond = run_plain(DISTINCT, [users(0, EXACT_DISTINCT), users(EXACT_DISTINCT - 5, EXACT_DISTINCT + 1)], [1])
    (point,) = beyond.points.values()
    assert point.sketch
    assert point.distinct == pytest.approx(EXACT_DISTINCT + 1, rel=0.01)
    assert len(next(iter(beyond.members.values()))) == EXACT_DISTINCT


def test_a_sketch_does_not_depend_on_batches() -> None:
    """The same users in one batch or in several leave the same bytes, and what plain Python makes of them."""
    log = [users(0, 40_000), users(30_000, 66_000), users(100, 70_000)]
    apart = run_plain(DISTINCT, log, [1, 1, 1])
    assert run_plain(DISTINCT, log).points == apart.points
    one = run_plain(DISTINCT, log, [2], max_members=1)
    assert one.points == apart.points
    (point,) = apart.points.values()
    assert point.sketch == sketch_of(f"u{number}" for number in range(70_000))


@pytest.mark.parametrize("size", [70_000, 200_000])
def test_a_sketch_is_within_one_percent_and_blind_to_order(size: int) -> None:
    """Merged from shuffled parts it gives the same bytes."""
    values = [f"user-{number}" for number in range(size)]
    whole = sketch_of(values)
    random.Random(7).shuffle(values)
    parts = [sketch_of(values[start : start + size // 3]) for start in range(0, size, size // 3)]
    assert merged_sketch(parts) == whole
    assert merged_sketch(parts[:-1], values[-(size // 2) :]) == whole
    assert estimate(whole) == pytest.approx(size, rel=0.01)


@given(st.lists(st.integers(-(10**27), 10**27), min_size=1))
def test_bins_are_those_of_the_definition(units: list[int]) -> None:
    """Column by column as number by number; a bin's value is within 1 % of what fell into it."""
    keys = bins_of(np.array(units, dtype=object)).tolist()
    assert keys == [bin_of(unit) for unit in units]
    for unit, key in zip(units, keys, strict=True):
        assert value_of(key) == pytest.approx(unit / 1e9, rel=0.010001)


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=50), st.floats(0, 1))
def test_a_quantile_is_within_one_percent_of_an_element(units: list[int], quantile: float) -> None:
    """Of the element at the lower rank, whatever the signs."""
    bins: dict[int, int] = {}
    for unit in units:
        bins[bin_of(unit)] = bins.get(bin_of(unit), 0) + 1
    wanted = sorted(units)[int(quantile * (len(units) - 1))] / 1e9
    assert quantile_of(bins, quantile) == pytest.approx(wanted, rel=0.010001)


def test_no_values_have_no_quantile() -> None:
    """Nothing, not zero."""
    assert quantile_of({}, 0.5) is None


def test_sums_beyond_64_bits_are_exact() -> None:
    """Many of the largest values add up without rounding, in one batch and over several."""
    plans = [plan_of(metric_of("total", "sum", field="properties.big", window="1d"))]
    events = [
        Event(f"e{number}", "s", "n", 0, properties={"big": f"{10**18 - number}.{number:09}"}) for number in range(300)
    ]
    log: list[Append] = [("t", 0, events[:100]), ("t", 0, events[100:])]
    assert_same(run_plain(plans, log, [1]), feed_all(Reference(plans, 120_000_000), log))
