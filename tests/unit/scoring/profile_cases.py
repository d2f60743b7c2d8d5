"""Scoring profiles and values for tests: the pack's, and any that hypothesis thinks of."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.loader import load_rules
from trueline_rules.model import Metadata, RuleSet
from trueline_rules.scoring_model import (
    LEAST_WEIGHT,
    InputType,
    ScoringDimension,
    ScoringInput,
    ScoringPersona,
    ScoringProfile,
    Subject,
)
from trueline_server.scoring.encoding import encode_feature
from trueline_server.scoring.feature_scores import FeatureScore, score_feature
from trueline_server.scoring.given import Given, Values, take_inputs
from trueline_server.scoring.profiles import CompiledProfile, Interval, Known, ProfileBook, compile_profile

RULES: RuleSet = load_rules([])
PACK: CompiledProfile = ProfileBook().find(RULES, "features", Subject.FEATURE)
# The example that the product was described by.
ADVANCED_ATTRIBUTION: Mapping[str, float] = {
    "estimated_revenue_impact": 20000.0,
    "conversion_potential": 0.85,
    "complexity": 0.7,
    "ui_complexity": 0.3,
    "time_savings_hours_per_month": 15.0,
}
_EVEN = st.floats(-1e6, 1e6)
_SCORES = st.floats(0, 100)


def scored(inputs: Mapping[str, Given], feature_id: str = "f", profile: CompiledProfile = PACK) -> FeatureScore:
    """A feature scored for all personas of a profile."""
    values = take_inputs(profile, inputs.items(), "feature.inputs")
    return score_feature(profile, profile.choose(()), feature_id, "", values)


def told_feature(found: FeatureScore) -> pb.FeatureScore:
    """A feature that was scored, as callers are told of it."""
    return pb.FeatureScore.FromString(encode_feature(found))


@st.composite
def curves(draw: st.DrawFn) -> tuple[tuple[float, float], ...]:
    """Points of one direction; values a thousandth apart at least."""
    count = draw(st.integers(2, 5))
    steps = draw(st.lists(st.integers(1, 1_000_000), min_size=count, max_size=count))
    worths = sorted(draw(st.lists(_SCORES, min_size=count, max_size=count)), reverse=draw(st.booleans()))
    values = [sum(steps[: place + 1]) / 1000 - 500 for place in range(count)]
    return tuple(zip(values, worths, strict=True))


@st.composite
def inputs(draw: st.DrawFn, name: str) -> ScoringInput:
    """An input of any type."""
    weight = draw(st.floats(0.01, 1))
    kind = draw(st.sampled_from(InputType))
    if kind is InputType.TEXT:
        return ScoringInput(name, kind, weight, values={"a": draw(_SCORES), "b": draw(_SCORES)})
    if kind is InputType.FLAG:
        return ScoringInput(name, kind, weight, flags=(draw(_SCORES), draw(_SCORES)))
    points = draw(curves())
    return ScoringInput(name, kind, weight, range=(points[0][0], points[-1][0]), points=points)


@st.composite
def profiles(draw: st.DrawFn) -> CompiledProfile:
    """Any profile of features with one to four dimensions and personas."""
    dimensions = {
        f"d{number}": ScoringDimension(
            f"d{number}", "", tuple(draw(inputs(f"i{number}_{one}")) for one in range(draw(st.integers(1, 4))))
        )
        for number in range(draw(st.integers(1, 4)))
    }
    personas = {
        f"p{number}": ScoringPersona(
            f"p{number}", {name: draw(st.just(0.0) | st.floats(LEAST_WEIGHT, 1)) for name in dimensions}
        )
        for number in range(draw(st.integers(1, 3)))
    }
    bands = {"good": 60.0, "bad": 0.0}
    return compile_profile(ScoringProfile(Metadata("any"), Subject.FEATURE, dimensions, personas, bands), "r")


def points_of(one: ScoringInput) -> st.SearchStrategy[float | str | bool]:
    """Any value of an input."""
    if one.type is InputType.TEXT:
        return st.sampled_from(list(one.values))
    return st.booleans() if one.type is InputType.FLAG else st.floats(*one.range)


@st.composite
def known_values(draw: st.DrawFn, profile: CompiledProfile, *, ranges: bool = True) -> Values:
    """Any values of the inputs of a profile; some are dropped, some ranges."""
    known: list[Known | None] = []
    for one in profile.inputs:
        value = draw(st.none() | points_of(one.input))
        if ranges and isinstance(value, float) and one.input.type is InputType.NUMBER and draw(st.booleans()):
            other = draw(st.floats(*one.input.range))
            value = value if value == other else Interval(min(value, other), max(value, other))  # type: ignore[assignment]
        known.append(value)
    return Values(tuple(known))


@st.composite
def within(draw: st.DrawFn, values: Values) -> Values:
    """Values that lie in the ranges of others."""
    known = (draw(st.floats(v.low, v.high)) if isinstance(v, Interval) else v for v in values.known)
    return Values(tuple(known))
