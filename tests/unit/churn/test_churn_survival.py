"""Curves of how long accounts stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.churn.columns import numbers, texts
from trueline_server.churn.survival import kaplan_meier, survival_by


def test_those_that_stay_count_as_long_as_they_have_been_there() -> None:
    """Of four, one leaves after 1, one stays after 1, one leaves after 3, one stays after 4."""
    found = kaplan_meier(np.array([1.0, 1.0, 3.0, 4.0, np.nan]), np.array([True, False, True, False, True]))
    told = [(step.time, step.at_risk, step.left, step.censored) for step in found.steps]
    assert told == [(1, 4, 1, 1), (3, 2, 1, 0), (4, 1, 0, 1)]
    assert [step.survival for step in found.steps] == [0.75, 0.375, 0.375]
    assert (found.accounts, found.left, found.median, found.at(0.5), found.at(2)) == (4, 2, 3, 1.0, 0.75)


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=50))
def test_a_curve_only_falls_and_without_anybody_who_stays_it_is_the_share_that_is_left(
    rows: list[tuple[int, bool]],
) -> None:
    """With everybody gone in the end it is the plain share that stayed longer."""
    times = np.array([float(time) for time, _ in rows])
    shares = [step.survival for step in kaplan_meier(times, np.array([left for _, left in rows])).steps]
    assert shares == sorted(shares, reverse=True)
    gone = kaplan_meier(times, np.ones(len(rows), dtype=np.bool_))
    for step in gone.steps:
        assert step.survival == pytest.approx(float((times > step.time).mean()))


def test_groups_have_their_own_curves_the_largest_first() -> None:
    """By texts and by numbers; accounts without a value are in none."""
    times, left = np.array([1.0, 2.0, 3.0, 4.0]), np.array([True, True, False, True])
    for groups in (texts(["b", "a", "a", None]), numbers([2, 1, 1, None])):
        found = survival_by(times, left, groups)
        assert [(curve.accounts, curve.left) for curve in found] == [(2, 1), (1, 1)]
    assert kaplan_meier(times[:0], left[:0]).steps == ()
