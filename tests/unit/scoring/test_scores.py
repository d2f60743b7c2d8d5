"""Scores of inputs, dimensions and personas: monotone, exact at the ends of ranges, and weighed by what is known."""

from __future__ import annotations

import itertools
import random
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from profile_cases import (
    ADVANCED_ATTRIBUTION,
    PACK,
    known_values,
    points_of,
    profiles,
    scored,
    told_feature,
    within,
)
from trueline_rules.scoring_model import InputType, ScoringInput
from trueline_server.scoring.encoding import encode_feature
from trueline_server.scoring.feature_scores import score_feature
from trueline_server.scoring.given import Given, Values
from trueline_server.scoring.profiles import CompiledProfile, Ends, Interval, Known
from trueline_server.scoring.scores import Scores, score_values

REVENUE = "estimated_revenue_impact"
_ROI = 0
_STEPS = 16


def _scores(profile: CompiledProfile, values: Values) -> Scores:
    return score_values(profile, values.known, profile.choose(()))


def _ladder(data: st.DataObject, low: float, high: float) -> list[float]:
    """Ascending numbers of a range: its ends, steps between them, so that no part is left out, and any others."""
    steps = [low + (high - low) * place / _STEPS for place in range(_STEPS)]
    return sorted({*steps, high, *data.draw(st.lists(st.floats(low, high), max_size=3))})


def _none_falls(before: Ends | None, after: Ends | None) -> None:
    assert (before is None) == (after is None)
    if before is not None and after is not None:
        assert before[0] <= after[0]
        assert before[1] <= after[1]


@given(st.data())
def test_more_revenue_is_never_worth_less(data: st.DataObject) -> None:
    """Neither the ROI potential nor any persona's overall score falls, whatever else is known."""
    values = list(data.draw(known_values(PACK)).known)
    place = PACK.by_name[REVENUE].place
    found = []
    for revenue in _ladder(data, 0, 100_000):
        values[place] = revenue
        found.append(_scores(PACK, Values(tuple(values))))
    for less, more in itertools.pairwise(found):
        _none_falls(less.dimensions[_ROI].ends, more.dimensions[_ROI].ends)
        for before, after in zip(less.personas, more.personas, strict=True):
            _none_falls(before.ends, after.ends)
    assert found[0].dimensions[_ROI].ends != found[-1].dimensions[_ROI].ends


@given(st.data())
def test_scores_follow_the_direction_of_every_curve(data: st.DataObject) -> None:
    """In any profile, a number moved up moves all scores the way that its curve goes, or not at all."""
    profile = data.draw(profiles())
    numbers = [one for one in profile.inputs if one.input.type is InputType.NUMBER]
    assume(numbers)
    one = data.draw(st.sampled_from(numbers))
    values = list(data.draw(known_values(profile)).known)
    assert one.curve is not None
    found = []
    ladder = _ladder(data, *one.input.range)
    for value in ladder if one.curve.rises else reversed(ladder):
        values[one.place] = value
        found.append(_scores(profile, Values(tuple(values))))
    for worse, better in itertools.pairwise(found):
        for before, after in zip(worse.personas, better.personas, strict=True):
            _none_falls(before.ends, after.ends)


@given(st.randoms(use_true_random=False))
def test_the_order_of_inputs_does_not_matter(shuffle: random.Random) -> None:
    """The same inputs in another order come to the same, to the bit."""
    given_inputs: list[tuple[str, Given]] = [*ADVANCED_ATTRIBUTION.items(), ("retention_potential", Interval(0.2, 0.6))]
    shuffled = given_inputs.copy()
    shuffle.shuffle(shuffled)
    one, other = scored(dict(given_inputs)), scored(dict(shuffled))
    assert one.scores == other.scores
    assert encode_feature(one) == encode_feature(other)


@given(st.data())
def test_the_answer_of_ranges_contains_that_of_every_point_in_them(data: st.DataObject) -> None:
    """Inputs, dimensions, personas and the mean over them, without any tolerance; the ends are reached."""
    profile = data.draw(profiles())
    values = data.draw(known_values(profile))
    ranges, point = _scores(profile, values), _scores(profile, data.draw(within(values)))
    for outer, inner in (
        *zip(ranges.inputs, point.inputs, strict=True),
        *((one.ends, other.ends) for one, other in zip(ranges.dimensions, point.dimensions, strict=True)),
        *((one.ends, other.ends) for one, other in zip(ranges.personas, point.personas, strict=True)),
        (ranges.overall, point.overall),
    ):
        if outer is None or inner is None:
            assert outer is inner
        else:
            assert 0 <= outer[0] <= inner[0] == inner[1] <= outer[1] <= 100
    for end in (0, 1):
        best = Values(
            tuple(
                value
                if not isinstance(value, Interval)
                else ((value.low, value.high)[end == one.curve.rises] if one.curve is not None else value)
                for one, value in zip(profile.inputs, values.known, strict=True)
            )
        )
        reached = _scores(profile, best)
        for outer, inner in zip(ranges.personas, reached.personas, strict=True):
            assert outer.ends is None or (inner.ends is not None and inner.ends[end] == outer.ends[end])


@given(st.data())
def test_dropped_inputs_leave_their_weight_to_the_others(data: st.DataObject) -> None:
    """Held against exact fractions: means over what is known, and the weight of that as coverage."""
    profile = data.draw(profiles())
    values = data.draw(known_values(profile, ranges=False))
    scores = _scores(profile, values)
    means: list[Fraction | None] = []
    for dimension, found in zip(profile.dimensions, scores.dimensions, strict=True):
        known = [(Fraction(one.input.weight), scores.inputs[one.place]) for one in dimension.inputs]
        weight = sum((weight for weight, ends in known if ends is not None), Fraction(0))
        everything = sum(weight for weight, _ in known)
        assert found.coverage == pytest.approx(float(weight / everything))
        means.append(sum(w * Fraction(ends[0]) for w, ends in known if ends) / weight if weight else None)
        assert (found.ends is None) == (weight == 0)
        assert found.ends is None or found.ends[0] == pytest.approx(float(means[-1] or 0), abs=1e-9)
    for persona, overall in zip(profile.choose(()), scores.personas, strict=True):
        weights = [(Fraction(w), mean) for w, mean in zip(persona.weights, means, strict=True)]
        total = sum((w for w, mean in weights if mean is not None), Fraction(0))
        if overall.ends is None:
            assert total == 0
        elif total > Fraction(1, 10**6):
            expected = sum((w * mean for w, mean in weights if mean is not None), Fraction(0)) / total
            assert overall.ends[0] == pytest.approx(float(expected), abs=1e-6)


@given(st.data())
def test_sensitivity_is_what_scoring_again_says(data: st.DataObject) -> None:
    """Every input put to its best and to its worst, one by one, also those that were dropped; the largest first."""
    profile = data.draw(profiles())
    values = data.draw(known_values(profile, ranges=False))
    found = score_feature(profile, profile.choose(()), "f", "", values)
    for number, told in enumerate(told_feature(found).personas):
        persona, before = found.personas[number], found.scores.personas[number].middle
        weighing = [one.name for one in profile.inputs if persona.weights[one.dimension] and before is not None]
        assert sorted(one.name for one in told.sensitivities) == sorted(weighing)
        spans = [one.to_best + one.to_worst for one in told.sensitivities]
        assert spans == pytest.approx(sorted(spans, reverse=True), abs=1e-9)
        for sensitivity in told.sensitivities:
            assert before is not None
            one = profile.by_name[sensitivity.name]
            known = list(values.known)
            again = []
            for wanted in (one.best, one.worst):
                known[one.place] = _value_of(one.input, wanted)
                after = _scores(profile, Values(tuple(known))).personas[number].middle
                assert after is not None
                again.append(after)
            assert sensitivity.to_best == pytest.approx(again[0] - before, abs=1e-6)
            assert sensitivity.to_worst == pytest.approx(before - again[1], abs=1e-6)


def _value_of(one: ScoringInput, score: float) -> Known:
    if one.type is InputType.TEXT:
        return next(value for value, worth in one.values.items() if worth == score)
    if one.type is InputType.FLAG:
        return one.flags.index(score) == 1
    return next(value for value, worth in one.points if worth == score)


def test_a_unit_more_is_worth_what_the_curve_says() -> None:
    """Points of the overall score for one more, at the value."""
    name = "time_savings_hours_per_month"
    before = scored(ADVANCED_ATTRIBUTION)
    after = scored({**ADVANCED_ATTRIBUTION, name: 16.0})
    for told, one, other in zip(
        told_feature(before).personas, before.scores.personas, after.scores.personas, strict=True
    ):
        (per_unit,) = [found.per_unit for found in told.sensitivities if found.name == name]
        assert one.middle is not None
        assert other.middle is not None
        assert other.middle - one.middle == pytest.approx(per_unit)


def test_nothing_known_is_no_score() -> None:
    """A feature without inputs has no score, no band, nothing to change; what depends on nothing known is told."""
    found = scored({})
    assert found.scores.overall is None
    assert found.scores.coverage == 0
    assert [one.ends for one in found.scores.dimensions] == [None] * 4
    told = told_feature(found)
    assert not any(one.sensitivities or one.HasField("overall") for one in told.personas)
    assert "measure_first" in {one.name for one in told.personas[0].recommendations}


def test_points_of_every_input_are_taken() -> None:
    """Each input of the pack takes the ends of its own range."""
    for one in PACK.inputs:
        assert points_of(one.input) is not None
        for end, worth in zip(one.input.range, (one.input.points[0][1], one.input.points[-1][1]), strict=True):
            assert one.ends(end) == (worth, worth)
