"""Shapley attribution: two forms of what a set of channels is worth, each as defined over all coalitions."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.attribution.paths import Paths
from trueline_server.attribution.shapley import ShapleyForm, shapley
from trueline_server.errors import TruelineError

from tests.oracles import plain_attribution
from tests.oracles.plain_attribution import Row
from tests.unit.attribution.journeys import ABSENT, assert_same, paths_of, permuted, rows

DEFINED = {
    ShapleyForm.SUBSET: plain_attribution.shapley,
    ShapleyForm.CONVERSION_RATE: plain_attribution.shapley_of_rates,
}
FORMS = list(ShapleyForm)


@pytest.mark.parametrize("form", FORMS)
@given(found=rows)
def test_as_defined(form: ShapleyForm, found: list[Row]) -> None:
    """It equals the mean over all orders in which channels could join, which is summed here over every coalition."""
    defined = DEFINED[form]
    assert_same(shapley(paths_of(found), form), defined(found, "conversions"), defined(found, "value"))


def test_by_hand() -> None:
    """A path is shared evenly by those who are needed, whatever their order and however often they come."""
    credit = shapley(Paths.of([("aab", 4, 8, 0), ("ba", 2, 1, 5), ("c", 1, -3, 0), ("ac", 0, 0, 2)]))
    assert credit.conversions.tolist() == [3, 3, 1]
    assert credit.value.tolist() == [4.5, 4.5, -3]


def test_rates_by_hand() -> None:
    """Alone a converts 1 of 2 and b 1 of 4, together 3 of 4: a has 1/2 of 3/4 more a quarter of 1/2 less 1/4, …"""
    credit = shapley(Paths.of([("a", 1, 10, 1), ("b", 1, 10, 3), ("ab", 3, 60, 1)]), ShapleyForm.CONVERSION_RATE)
    # a: (1/2 + (3/4 - 1/4)) / 2 = 1/2, b: (1/4 + (3/4 - 1/2)) / 2 = 1/4; so two thirds of what ab converted, and one.
    assert credit.conversions == pytest.approx([1 + 2, 1 + 1], rel=1e-12)
    assert credit.value == pytest.approx([10 + 40, 10 + 20], rel=1e-12)


@given(found=rows, form=st.sampled_from(FORMS), data=st.data())
def test_credit_of_channels(found: list[Row], form: ShapleyForm, data: st.DataObject) -> None:
    """Credit adds up to what converted, follows a channel to its new place, and a channel in no path gets nothing."""
    paths = paths_of(found)
    credit = shapley(paths, form)

    assert credit.conversions.sum() == pytest.approx(paths.conversions.sum(), rel=1e-9)
    assert credit.value.sum() == pytest.approx(paths.value.sum(), rel=1e-9, abs=1e-9)
    absent = paths.channels.index(ABSENT)
    assert credit.conversions[absent] == credit.value[absent] == 0

    places = data.draw(st.permutations(range(len(paths.channels))))
    moved = shapley(permuted(paths, places), form)
    np.testing.assert_allclose(moved.conversions, credit.conversions[places], atol=1e-9)
    np.testing.assert_allclose(moved.value, credit.value[places], atol=1e-9)


@given(found=rows)
def test_null_paths_change_no_subset(found: list[Row]) -> None:
    """Only the form that counts rates asks for journeys that did not convert."""
    before, after = (shapley(paths_of(given)) for given in (found, [*found, Row(("", "a > b"), 0.0, 0.0, 7.0)]))
    np.testing.assert_array_equal(before.conversions, after.conversions)
    np.testing.assert_array_equal(before.value, after.value)


@pytest.mark.parametrize("form", FORMS)
def test_many_channels(form: ShapleyForm) -> None:
    """Exact where 2^n sets could not be walked: 200 channels that are all needed share evenly."""
    names = [f"channel {number}" for number in range(200)]
    assert shapley(Paths.of([(names, 1, 5, 3)]), form).conversions == pytest.approx([1 / 200] * 200, rel=1e-9)
    paths = Paths.of(plain_attribution.draw_rows(5, names, 2_000, 60))
    credit = shapley(paths, form)
    assert np.isfinite(credit.conversions).all()
    assert credit.conversions.sum() == pytest.approx(paths.conversions.sum(), rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_converted(form: ShapleyForm) -> None:
    """No path, no touch or no conversion: nobody earns anything."""
    for found in ([], [((), 3, 5, 1)], [("ab", 0, 0, 0)], [("ab", 0, 0, 3)]):
        credit = shapley(Paths.of(found, "ab"), form)
        assert credit.conversions.tolist() == credit.value.tolist() == [0, 0]


@pytest.mark.parametrize("form", FORMS)
def test_long_journey(form: ShapleyForm) -> None:
    """One of 100,000 touches is as its set of channels."""
    credit = shapley(Paths.of([("abc" * 33_333 + "a", 3, 7.5, 1)]), form)
    assert credit.conversions == pytest.approx([1, 1, 1], rel=1e-9)


def test_sets_that_are_too_many_to_compare() -> None:
    """Beyond what takes half a minute an error says how to get an answer; the other form has no such limit."""
    source = random.Random(3)
    sets = {frozenset(source.sample(range(30), source.randint(1, 8))) for _ in range(60_000)}
    paths = Paths.of([([f"c{channel}" for channel in sorted(found)], 1, 2, 1) for found in sets])
    with pytest.raises(TruelineError, match=r"channels in common, more than 1,000,000,000; write form: subset, trim"):
        shapley(paths, ShapleyForm.CONVERSION_RATE)
    assert shapley(paths).value.sum() == pytest.approx(2 * len(sets), rel=1e-9)
