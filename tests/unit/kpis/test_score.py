"""The arithmetic of scores."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.model import Direction
from trueline_server.kpis.score import Band, Bands, attain, rank_missed, score_attainments

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TARGETS = st.floats(min_value=5e-324, max_value=1e300)
NAMES = [f"kpi{n}" for n in range(6)]
WEIGHTS = st.dictionaries(st.sampled_from(NAMES), st.floats(min_value=0.01, max_value=1e6), min_size=1)
ATTAINMENTS = st.dictionaries(st.sampled_from(NAMES), st.floats(min_value=0, max_value=1))


@pytest.mark.parametrize(
    ("value", "target", "direction", "expected"),
    [
        pytest.param(0.2, 0.4, Direction.HIGHER, 0.5, id="half way"),
        pytest.param(0.4, 0.4, Direction.HIGHER, 1.0, id="on target"),
        pytest.param(0.9, 0.4, Direction.HIGHER, 1.0, id="beyond target"),
        pytest.param(-0.3, 0.15, Direction.HIGHER, 0.0, id="shrinking"),
        pytest.param(0.10, 0.05, Direction.LOWER, 0.5, id="twice the limit"),
        pytest.param(0.05, 0.05, Direction.LOWER, 1.0, id="on the limit"),
        pytest.param(0.0, 0.05, Direction.LOWER, 1.0, id="none of it"),
        pytest.param(-1.0, 0.05, Direction.LOWER, 1.0, id="below zero"),
        pytest.param(5e-324, 1e300, Direction.LOWER, 1.0, id="division would overflow"),
    ],
)
def test_attainment(value: float, target: float, direction: Direction, expected: float) -> None:
    """value / target where higher is better, target / value where lower is, held within 0 and 1."""
    assert attain(value, target, direction) == pytest.approx(expected)


@given(FINITE, FINITE, TARGETS)
def test_attainment_is_bounded_and_monotone(one: float, other: float, target: float) -> None:
    """A better value never attains less, and attainment stays within 0 and 1."""
    low, high = sorted((one, other))
    assert 0 <= attain(low, target, Direction.HIGHER) <= attain(high, target, Direction.HIGHER) <= 1
    assert 0 <= attain(high, target, Direction.LOWER) <= attain(low, target, Direction.LOWER) <= 1


def test_score_of_the_seed() -> None:
    """Worked by hand: weights 20, 15 and 65 with attainments 1, 0.5 and none."""
    score = score_attainments({"a": 20, "b": 15, "c": 65}, {"a": 1.0, "b": 0.5})
    assert score.value == pytest.approx(100 * (20 * 1 + 15 * 0.5) / 35)
    assert score.coverage == pytest.approx(0.35)
    assert score.parts["a"].effective_weight == pytest.approx(20 / 35)
    assert score.parts["b"].missed == pytest.approx(100 * 15 / 35 * 0.5)
    assert score.parts["c"].effective_weight == score.parts["c"].contribution == score.parts["c"].missed == 0


def test_nothing_has_a_value() -> None:
    """There is no score then, and not a score of zero."""
    score = score_attainments({"a": 1.0}, {})
    assert (score.value, score.coverage) == (None, 0.0)


@given(WEIGHTS, ATTAINMENTS)
def test_score_is_the_sum_of_its_parts(weights: dict[str, float], attainments: dict[str, float]) -> None:
    """Within 0 and 100; contributions add up to it, and with what is missed to 100; effective weights add up to 1."""
    score = score_attainments(weights, attainments)
    assert list(score.parts) == list(weights)
    assert 0 <= score.coverage <= 1
    if score.value is None:
        assert not set(weights) & set(attainments)
        return
    assert 0 <= score.value <= 100
    contributions = math.fsum(part.contribution for part in score.parts.values())
    missed = math.fsum(part.missed for part in score.parts.values())
    assert score.value == pytest.approx(contributions, rel=1e-9, abs=1e-9)
    assert contributions + missed == pytest.approx(100)
    assert math.fsum(part.effective_weight for part in score.parts.values()) == pytest.approx(1)


@given(WEIGHTS, st.data())
def test_all_that_is_judged_attained_is_exactly_100(weights: dict[str, float], data: st.DataObject) -> None:
    """Whatever is left out: the best band may begin at 100."""
    judged = data.draw(st.lists(st.sampled_from(sorted(weights)), min_size=1, unique=True))
    assert score_attainments(weights, dict.fromkeys(judged, 1.0)).value == 100.0


@given(WEIGHTS, ATTAINMENTS)
def test_leaving_out_is_as_if_the_scorecard_had_not_named_it(
    weights: dict[str, float], attainments: dict[str, float]
) -> None:
    """The score over KPIs with values equals that of a scorecard of only those."""
    present = {name: weight for name, weight in weights.items() if name in attainments}
    whole = score_attainments(weights, attainments).value
    if present:
        assert whole == pytest.approx(score_attainments(present, attainments).value)
    else:
        assert whole is None


@given(WEIGHTS, ATTAINMENTS, st.sampled_from(NAMES), st.floats(min_value=0, max_value=1))
def test_score_is_monotone(weights: dict[str, float], attainments: dict[str, float], name: str, better: float) -> None:
    """Raising one attainment never lowers the score."""
    attainments = {**attainments, name: attainments.get(name, 0.0)}
    raised = {**attainments, name: max(attainments[name], better)}
    before, after = score_attainments(weights, attainments).value, score_attainments(weights, raised).value
    if before is not None and after is not None:
        assert after >= before - 1e-9


@given(WEIGHTS, ATTAINMENTS)
def test_actions_are_ranked_by_what_they_win(weights: dict[str, float], attainments: dict[str, float]) -> None:
    """Most points first; meeting the first target raises the score by its points; what wins nothing is left out."""
    score = score_attainments(weights, attainments)
    ranked = rank_missed(score.parts)
    points = [won for _, won in ranked]
    assert points == sorted(points, reverse=True)
    assert all(won > 0 for won in points)
    if ranked and score.value is not None:
        name, won = ranked[0]
        met = score_attainments(weights, {**attainments, name: 1.0}).value
        assert met == pytest.approx(score.value + won)


def test_ties_keep_the_order_of_the_scorecard() -> None:
    """Equal points are ranked as the scorecard names them."""
    parts = score_attainments({"b": 1.0, "a": 1.0}, {"a": 0.5, "b": 0.5}).parts
    assert [name for name, _ in rank_missed(parts)] == ["b", "a"]


@pytest.mark.parametrize(
    ("score", "band"),
    [(100, Band.ON_TRACK), (80, Band.ON_TRACK), (79.999, Band.AT_RISK), (50, Band.AT_RISK), (49.9, Band.OFF_TRACK)],
)
def test_bands(score: float, band: Band) -> None:
    """On track from 80, at risk from 50, off track below: the seed's bands."""
    assert Bands().grade(score) is band
