"""Judging cells: what passes, what fails and how urgently, and what nobody can say."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.checkpoint_model import Cell, Priorities, Priority
from trueline_rules.checkpoints.judge import judge, priority_of, shortfall
from trueline_rules.checkpoints.results import Outcome, Reading, Verdict, verdict_of
from trueline_rules.model import Direction
from trueline_server.checkpoints.stored import read_result, store_result

from tests.unit.checkpoints.checkpoint_cells import FINITE, cell, cells, readings

HIGHER, LOWER = Direction.HIGHER, Direction.LOWER


@pytest.mark.parametrize(
    ("target", "direction", "value", "outcome", "reason"),
    [
        (0.4, HIGHER, 0.4, Outcome.PASS, "40 % meets the target 40 %"),
        (0.4, HIGHER, 0.5, Outcome.PASS, "50 % exceeds the target 40 %"),
        (0.4, HIGHER, 0.3, Outcome.FAIL, "30 % misses the target of at least 40 % by 25 %"),
        (0.4, HIGHER, 0.1 + 0.3 - 1e-17, Outcome.PASS, "40 % meets the target 40 %"),
        (0.4, HIGHER, 0.39999, Outcome.FAIL, "39.999 % misses the target of at least 40 % by 0.0025 %"),
        (0.05, LOWER, 0.05, Outcome.PASS, "5 % meets the target 5 %"),
        (0.05, LOWER, 0.01, Outcome.PASS, "1 % is below the target 5 %"),
        (0.05, LOWER, 0.075, Outcome.FAIL, "7.5 % misses the target of at most 5 % by 50 %"),
        (-0.1, HIGHER, -0.2, Outcome.FAIL, "-20 % misses the target of at least -10 % by 100 %"),
        (0.0, LOWER, 0.25, Outcome.FAIL, "25 % misses the target of at most 0 %"),
    ],
)
def test_a_value_meets_its_target_or_misses_it(
    target: float, direction: Direction, value: float, outcome: Outcome, reason: str
) -> None:
    """To meet it is enough, also by a sum of doubles that ends a hair beside; the reason says it in words."""
    found = judge(cell(target, direction, unit="ratio"), Reading(value))
    assert (found.outcome, found.reason) == (outcome, reason)
    assert (found.missed_by is not None) is (found.priority is not None) is (outcome is Outcome.FAIL)


def test_units_and_observations_are_told() -> None:
    """Whoever reads the reason knows how much stands behind it."""
    found = judge(cell(7, LOWER, unit="days", least=30), Reading(9.25, observations=41))
    assert found.reason == "9.25 days misses the target of at most 7 days by 32.14 %, over 41 observations"
    assert judge(cell(7, HIGHER, least=1), Reading(7.0, observations=1)).reason.endswith(", over 1 observation")


@pytest.mark.parametrize(
    ("missed_by", "priority"),
    [
        (0.001, Priority.LOW),
        (0.1, Priority.MEDIUM),
        (0.2499, Priority.MEDIUM),
        (0.25, Priority.HIGH),
        (0.5, Priority.CRITICAL),
        (1e6, Priority.CRITICAL),
    ],
)
def test_how_far_a_target_is_missed_is_how_urgent_it_is(missed_by: float, priority: Priority) -> None:
    """A limit belongs to the more urgent side."""
    assert priority_of(missed_by, Priorities()) is priority


@pytest.mark.parametrize(
    ("reading", "least", "reason"),
    [
        (Reading(missing="nobody signed up"), 0, "nobody signed up"),
        (Reading(), 0, "fact conversion of agency has no value"),
        (Reading(math.nan), 0, "fact conversion of agency is no finite number"),
        (Reading(math.inf), 0, "fact conversion of agency is no finite number"),
        (Reading(0.9, observations=4), 5, "only 4 observations, at least 5 are needed"),
        (Reading(0.9, observations=0), 1, "only 0 observations, at least 1 are needed"),
        (
            Reading(0.9, source="kpi k"),
            5,
            "at least 5 observations are needed, and kpi k does not tell how many it has",
        ),
    ],
)
def test_too_little_is_no_answer(reading: Reading, least: int, reason: str) -> None:
    """However good or bad the value looks, it says neither pass nor fail."""
    found = judge(cell(least=least), reading)
    assert found.outcome is Outcome.INSUFFICIENT_DATA
    assert found.reason.startswith(reason)
    assert (found.missed_by, found.priority) == (None, None)


@given(cells(), readings())
def test_an_outcome_says_what_the_numbers_say(one: Cell, reading: Reading) -> None:
    """Pass: on the right side of the target; fail: on the wrong one, with a priority; else too little is known."""
    found = judge(one, reading)
    value = reading.value
    known = value is not None and math.isfinite(value)
    enough = not one.least or (reading.observations is not None and reading.observations >= one.least)
    assert (found.outcome is Outcome.INSUFFICIENT_DATA) is not (known and enough)
    if found.outcome is not Outcome.INSUFFICIENT_DATA:
        assert value is not None
        slack = 2e-9 * abs(one.target)
        if found.outcome is Outcome.PASS:
            assert value >= one.target - slack if one.direction is HIGHER else value <= one.target + slack
        else:
            assert value < one.target if one.direction is HIGHER else value > one.target
            assert found.missed_by is not None
            assert 0 < found.missed_by <= 1e6
    assert found.reason


@given(cells(), FINITE, FINITE)
def test_a_worse_value_is_never_less_urgent(one: Cell, first: float, second: float) -> None:
    """How far a target is missed grows with the distance."""
    worse, better = sorted([first, second], reverse=one.direction is LOWER)
    assert shortfall(one, worse) >= shortfall(one, better)


@given(st.lists(st.tuples(cells(), readings()), max_size=8))
def test_the_verdict_and_the_cells_agree(judged: Sequence[tuple[Cell, Reading]]) -> None:
    """Failed where any fails, passed where all pass, incomplete else; never passed where something is not known."""
    results = [judge(one, reading) for one, reading in judged]
    verdict = verdict_of(result.outcome for result in results)
    outcomes = [result.outcome for result in results]
    assert (verdict is Verdict.FAILED) is (Outcome.FAIL in outcomes)
    assert (verdict is Verdict.PASSED) is (bool(outcomes) and set(outcomes) == {Outcome.PASS})
    if verdict is Verdict.INCOMPLETE:
        assert Outcome.INSUFFICIENT_DATA in outcomes or not outcomes


@given(cells(), readings())
def test_results_are_kept_whole(one: Cell, reading: Reading) -> None:
    """What is read back from JSON is what was judged."""
    if reading.value is not None and math.isnan(reading.value):
        return
    result = judge(one, reading)
    assert read_result(json.loads(json.dumps(store_result(result)))) == result
