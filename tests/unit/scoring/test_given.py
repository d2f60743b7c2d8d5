"""Inputs as callers give them: what is taken, and what is told, with its field, about what cannot be."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from profile_cases import PACK
from trueline_rules.model import Metadata
from trueline_rules.scoring_model import (
    InputType,
    OnMissing,
    ScoringDimension,
    ScoringInput,
    ScoringPersona,
    ScoringProfile,
    Subject,
)
from trueline_server.errors import TruelineError
from trueline_server.scoring.given import Given, take_inputs
from trueline_server.scoring.profiles import Interval, compile_profile

_NUMBER = ScoringInput("size", InputType.NUMBER, 0.4, unit="cm", range=(0, 10), points=((0, 0), (10, 100)))
_TEXT = ScoringInput("colour", InputType.TEXT, 0.3, values={"red": 100, "grey": 20})
_FLAG = ScoringInput("washable", InputType.FLAG, 0.3, flags=(0, 100))


def _profile(*inputs: ScoringInput) -> ScoringProfile:
    dimensions = {"d": ScoringDimension("d", "D", inputs)}
    return ScoringProfile(Metadata("toys"), Subject.FEATURE, dimensions, {"p": ScoringPersona("p", {"d": 1})}, {"a": 0})


TOYS = compile_profile(_profile(_NUMBER, _TEXT, _FLAG), "r")


def test_values_of_each_type_are_taken() -> None:
    """In the order of the profile; a range whose ends are the same is a number."""
    given: list[tuple[str, Given]] = [("washable", True), ("colour", "grey"), ("size", Interval(1.0, 2.0))]
    assert take_inputs(TOYS, given, "inputs").known == (Interval(1.0, 2.0), "grey", True)
    assert take_inputs(TOYS, [("size", Interval(3.0, 3.0))], "inputs").known == (3.0, None, None)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param("size", 10.5, "'size' is 10.5, out of its range; give a number from 0 to 10 cm", id="above"),
        pytest.param("size", -1.0, "'size' is -1, out of its range; give a number from 0 to 10 cm", id="below"),
        pytest.param("size", math.nan, "'size' is no number (NaN); give a number from 0 to 10 cm", id="NaN"),
        pytest.param("size", math.inf, "'size' is inf, out of its range; give a number from 0 to 10 cm", id="infinite"),
        pytest.param(
            "size",
            Interval(4.0, 2.0),
            "'size' is turned round: from 4 to 2; give the lower end first",
            id="turned",
        ),
        pytest.param(
            "size", Interval(1.0, 20.0), "'size' is 20, out of its range; give a number from 0 to 10 cm", id="end"
        ),
        pytest.param(
            "size", Interval(math.nan, 2.0), "'size' is no number (NaN); give a number from 0 to 10 cm", id="end is NaN"
        ),
        pytest.param("size", "big", "'size' is the text 'big'; give a number from 0 to 10 cm", id="text for a number"),
        pytest.param("size", True, "'size' is true; give a number from 0 to 10 cm", id="flag for a number"),
        pytest.param("size", None, "'size' has no value; give a number from 0 to 10 cm", id="nothing"),
        pytest.param("colour", "gray", "'colour' is 'gray', none of its values; did you mean 'grey'?", id="text"),
        pytest.param("colour", 1.0, "'colour' is a number; give one of red, grey", id="number for a text"),
        pytest.param("washable", 1.0, "'washable' is a number; give true or false", id="number for a flag"),
        pytest.param("washable", Interval(0.0, 1.0), "'washable' is a number; give true or false", id="range"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, value: Given, message: str) -> None:
    """With the field, the value and what would do."""
    with pytest.raises(TruelineError) as caught:
        take_inputs(TOYS, [(name, value)], "feature.inputs")
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert caught.value.message == f"feature.inputs[0] {message}"
    assert caught.value.metadata == {"field": "feature.inputs[0]"}


def test_names_that_do_not_fit_are_refused() -> None:
    """An unknown one with the nearest, one that is there twice; all of them in one answer."""
    given: list[tuple[str, Given]] = [("complexty", 0.5), ("complexity", 0.5), ("complexity", 0.6)]
    with pytest.raises(TruelineError) as caught:
        take_inputs(PACK, given, "feature.inputs")
    assert caught.value.violations == (
        (
            "feature.inputs[0].name",
            "'complexty' is no input of the scoring profile 'features'; did you mean 'complexity'?",
        ),
        ("feature.inputs[2].name", "'complexity' is given twice"),
    )


def test_what_is_missing_is_dropped_defaulted_or_told() -> None:
    """As each input says."""
    required = replace(_NUMBER, on_missing=OnMissing.REQUIRED)
    defaulted = replace(_TEXT, on_missing=OnMissing.DEFAULT, default="grey")
    profile = compile_profile(_profile(required, defaulted, _FLAG), "r")
    values = take_inputs(profile, [("size", 2.0)], "feature.inputs")
    assert (values.known, values.defaulted) == ((2.0, "grey", None), {1})
    with pytest.raises(TruelineError) as caught:
        take_inputs(profile, [("colour", "red")], "feature.inputs")
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "MISSING_INPUT")
    assert caught.value.message == (
        "feature.inputs lacks 'size', which the profile requires: give a number from 0 to 10 cm"
    )
    assert caught.value.metadata == {"field": "feature.inputs", "inputs": "size"}


def test_an_unknown_persona_is_told_with_the_nearest() -> None:
    """And every persona once, in the order that they are asked for."""
    with pytest.raises(TruelineError) as caught:
        PACK.choose(["agencies"])
    assert (caught.value.code, caught.value.reason) == ("NOT_FOUND", "UNKNOWN_PERSONA")
    assert caught.value.metadata == {"persona": "agencies", "nearest": "agency"}
    assert "did you mean 'agency'?" in caught.value.message
    assert [one.name for one in PACK.choose(["brand", "agency", "brand"])] == ["brand", "agency"]
