"""Features against each other: order, what would change it, and which are better whoever asks."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_cases import ADVANCED_ATTRIBUTION, PACK, known_values, profiles, scored, within
from trueline_server.scoring.comparing import changes, dominances, rank
from trueline_server.scoring.feature_scores import FeatureScore, score_feature
from trueline_server.scoring.profiles import CompiledProfile
from trueline_server.scoring.scores import score_values


@st.composite
def _features(draw: st.DrawFn, profile: CompiledProfile, *, ranges: bool = True) -> list[FeatureScore]:
    """Two to five features."""
    personas = profile.choose(())
    drawn = draw(st.lists(known_values(profile, ranges=ranges), min_size=2, max_size=5))
    return [score_feature(profile, personas, f"f{place}", "", values) for place, values in enumerate(drawn)]


@given(st.data(), st.randoms(use_true_random=False))
def test_the_order_is_by_score_whatever_the_order_of_the_request(data: st.DataObject, shuffle: random.Random) -> None:
    """Ranks descend by the middle of scores; the same scores have the same rank; no score is last."""
    features = data.draw(_features(data.draw(profiles())))
    ranked = rank(features, 0)
    shuffled = features.copy()
    shuffle.shuffle(shuffled)
    assert [(one.rank, one.feature.feature_id) for one in rank(shuffled, 0)] == [
        (one.rank, one.feature.feature_id) for one in ranked
    ]
    middles = [one.feature.scores.personas[0].middle for one in ranked]
    known = [middle for middle in middles if middle is not None]
    assert middles == sorted(known, reverse=True) + [None] * (len(middles) - len(known))
    assert [one.rank for one in ranked] == [1 + middles.index(middle) for middle in middles]


@given(st.data())
def test_a_certain_order_holds_at_every_point_of_the_ranges(data: st.DataObject) -> None:
    """Whatever the values within the ranges are."""
    profile = data.draw(profiles())
    ranked = rank(data.draw(_features(profile)), 0)
    points = []
    for one in ranked:
        values = data.draw(within(one.feature.values))
        points.append(score_values(profile, values.known, profile.choose(())).personas[0].middle)
    for place, one in enumerate(ranked[:-1]):
        if one.certain:
            above, below = points[place], points[place + 1]
            assert above is not None
            assert below is not None
            assert above > below


@given(st.data(), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_who_dominates_is_better_with_any_weights(data: st.DataObject, weights: list[float]) -> None:
    """No weighing of dimensions puts the other one above, and no values within the ranges do."""
    profile = data.draw(profiles())
    for better, worse in dominances(data.draw(_features(profile))):
        means = []
        for one in (better, worse):
            point = score_values(profile, data.draw(within(one.values)).known, profile.choose(()))
            known = [(w, d.middle) for w, d in zip(weights, point.dimensions, strict=False) if d.middle is not None]
            total = sum(w for w, _ in known)
            means.append(sum(w * middle for w, middle in known) / total if total > 1e-6 else 0.0)
        assert means[0] >= means[1] - 1e-9


@given(st.data())
def test_nobody_dominates_itself_and_never_both_ways(data: st.DataObject) -> None:
    """It is an order."""
    pairs = {(a.feature_id, b.feature_id) for a, b in dominances(data.draw(_features(data.draw(profiles()))))}
    assert not {(b, a) for a, b in pairs} & pairs


@given(st.data())
def test_what_would_change_the_order_does(data: st.DataObject) -> None:
    """With the one input at the value that is told, the feature is level with the one above it."""
    profile = data.draw(profiles())
    ranked = rank(data.draw(_features(profile, ranges=False)), 0)
    for change in changes(ranked, 0):
        above = change.above.scores.personas[0].middle
        now = change.feature.scores.personas[0].middle
        assert above is not None
        assert now is not None
        assert change.gap == above - now > 0
        if change.input is not None:
            known = list(change.feature.values.known)
            known[change.input.place] = change.to
            after = score_values(profile, known, profile.choose(())).personas[0].middle
            assert after == pytest.approx(above, abs=1e-6)


def test_the_input_with_the_smallest_step_is_told() -> None:
    """Of all inputs that can do it alone, the one that moves by the smallest part of its range."""
    other = scored({**ADVANCED_ATTRIBUTION, "complexity": 0.65}, "simpler")
    ranked = rank([scored(ADVANCED_ATTRIBUTION, "advanced_attribution"), other], 0)
    (change,) = changes(ranked, 0)
    assert (change.feature.feature_id, change.above.feature_id) == ("advanced_attribution", "simpler")
    # Five points of workload weigh 1.25 for a solo podcaster. Of time saved 6.25 points would do it, 2.34 hours or
    # 2.9 % of its range; of the interface 3.125 points, 3.1 % of its.
    assert change.gap == pytest.approx(1.25)
    assert change.input is not None
    assert change.input.input.name == "time_savings_hours_per_month"
    assert change.to == pytest.approx(15 + 1.25 / 0.2 * 15 / 40)


def test_what_no_input_can_change_alone_is_told_without_one() -> None:
    """Neither complexity nor documentation is worth what is missing."""
    high = scored({**ADVANCED_ATTRIBUTION, "complexity": 0.0}, "high")
    hard = scored({"complexity": 1.0, "documentation_coverage": 0.1}, "hard")
    place = PACK.choose(()).index(PACK.personas["platform_admin"])
    (change,) = changes(rank([hard, high], place), place)
    assert (change.feature, change.above, change.input) == (hard, high, None)
    assert change.gap > 0
