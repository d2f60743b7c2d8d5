"""A scored feature is written as the bytes of its message: held against the message made field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from profile_cases import ADVANCED_ATTRIBUTION, PACK, known_values, profiles, scored, told_feature
from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.scoring_model import ASSUMED
from trueline_server.scoring.advising import Advising, Held
from trueline_server.scoring.feature_scores import FeatureScore, score_feature
from trueline_server.scoring.mapping import map_ends_to_proto
from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, CompiledProfile, Interval
from trueline_server.scoring.scores import DimensionScore, OverallScore
from trueline_server.scoring.values import show_value
from trueline_server.scoring.wire import bytes_field

_GIVEN = pb.INPUT_SOURCE_GIVEN
_DEFAULT = pb.INPUT_SOURCE_DEFAULT
_DROPPED = pb.INPUT_SOURCE_DROPPED


@given(st.data())
def test_the_bytes_are_those_of_the_message(data: st.DataObject) -> None:
    """Any profile, any values: points, ranges, dropped ones."""
    profile = data.draw(profiles())
    found = score_feature(
        profile, profile.choose(()), "fé", data.draw(st.text(max_size=200)), data.draw(known_values(profile))
    )
    assert told_feature(found) == plain_feature(found)


@given(st.data())
def test_so_are_those_of_the_pack(data: st.DataObject) -> None:
    """With concerns, recommendations and what they saw."""
    personas = data.draw(st.permutations(PACK.choose(())))[: data.draw(st.integers(1, 6))]
    found = score_feature(PACK, personas, "f", "", data.draw(known_values(PACK)))
    assert told_feature(found) == plain_feature(found)


def test_bytes_of_every_length() -> None:
    """Lengths of one, two and three bytes."""
    for size in (0, 1, 127, 128, 129, 16_383, 16_384, 3_000_000):
        assert pb.ScoreFeatureResponse.FromString(bytes_field(2, b"x" * size)).profile == "x" * size


def test_values_are_told_with_their_units() -> None:
    """Numbers, ranges, and where they are from."""
    found = scored({**ADVANCED_ATTRIBUTION, "retention_potential": Interval(0.2, 0.4)})
    roi = told_feature(found).dimensions[0]
    assert [one.value for one in roi.inputs] == ["20000 USD/month", "0.85", "0.2 to 0.4", ""]
    assert [one.source for one in roi.inputs] == [_GIVEN, _GIVEN, _GIVEN, _DROPPED]


def plain_feature(found: FeatureScore) -> pb.FeatureScore:
    """A feature that was scored."""
    scores = found.scores
    return pb.FeatureScore(
        feature_id=found.feature_id,
        name=found.name,
        dimensions=[
            pb.DimensionScore(
                name=dimension.name,
                title=dimension.title,
                score=map_ends_to_proto(score.ends),
                coverage=score.coverage,
                inputs=[_map_input(found, one, score) for one in dimension.inputs],
            )
            for dimension, score in zip(found.profile.dimensions, scores.dimensions, strict=True)
        ],
        personas=[_map_persona(found, place) for place in range(len(found.personas))],
        overall=map_ends_to_proto(scores.overall),
        coverage=scores.coverage,
        dimensions_without_inputs=[
            dimension.name
            for dimension, score in zip(found.profile.dimensions, scores.dimensions, strict=True)
            if score.ends is None
        ],
    )


def _map_weights(
    profile: CompiledProfile, persona: CompiledPersona, dimensions: Sequence[DimensionScore], overall: OverallScore
) -> list[pb.DimensionWeight]:
    """What dimensions weigh for a persona, and in its score."""
    known = overall.weight
    return [
        pb.DimensionWeight(
            dimension=dimension.name,
            weight=weight,
            share=weight / known if score.ends is not None and known else 0.0,
        )
        for dimension, weight, score in zip(profile.dimensions, persona.weights, dimensions, strict=True)
    ]


def _map_input(found: FeatureScore, one: CompiledInput, dimension: DimensionScore) -> pb.InputScore:
    place, rule = one.place, one.input
    ends = found.scores.inputs[place]
    if ends is None:
        return pb.InputScore(name=rule.name, source=_DROPPED, weight=rule.weight, assumed=rule.basis == ASSUMED)
    defaulted = place in found.values.defaulted
    return pb.InputScore(
        name=rule.name,
        value=show_value(rule, found.values.known[place]),
        source=_DEFAULT if defaulted else _GIVEN,
        origin=f"default of the profile {found.profile.profile.metadata.name}" if defaulted else "",
        score=map_ends_to_proto(ends),
        weight=rule.weight,
        share=rule.weight / dimension.weight,
        assumed=rule.basis == ASSUMED,
    )


def _map_persona(found: FeatureScore, place: int) -> pb.PersonaScore:
    persona, overall = found.personas[place], found.scores.personas[place]
    held = Advising(found.values.known, found.scores).hold(place)
    return pb.PersonaScore(
        persona=persona.name,
        overall=map_ends_to_proto(overall.ends),
        coverage=overall.coverage,
        band=found.profile.band(overall.ends),
        weights=_map_weights(found.profile, persona, found.scores.dimensions, overall),
        concerns=[_told(pb.Concern, one) for one in held if one.compiled.concern],
        recommendations=[_told(pb.Recommendation, one) for one in held if not one.compiled.concern],
        sensitivities=_sensitivities(found, persona, overall),
    )


def _sensitivities(found: FeatureScore, persona: CompiledPersona, overall: OverallScore) -> list[pb.InputSensitivity]:
    """Of each input alone, as its definition says; that which could move the score most comes first."""
    made = []
    for one in found.profile.inputs if overall.ends is not None else ():
        weight, dimension = persona.weights[one.dimension], found.scores.dimensions[one.dimension]
        if not weight:
            continue
        slope = 0.0
        if dimension.ends is None:
            part, share, now = weight / (overall.weight + weight), 1.0, overall.middle
        elif (ends := found.scores.inputs[one.place]) is None:
            part, share, now = weight / overall.weight, one.weight / (dimension.weight + one.weight), dimension.middle
        else:
            part, share, now = weight / overall.weight, one.weight / dimension.weight, (ends[0] + ends[1]) / 2
            if one.curve is not None:
                value = found.values.known[one.place]
                slope = one.curve.slope(value.middle if isinstance(value, Interval) else value)  # type: ignore[arg-type]
        assert now is not None
        numbers = (part * (share * (one.best - now)), part * (share * (now - one.worst)), part * (share * slope))
        made.append((-part * share * (one.best - one.worst), one.place, one.name, *numbers))
    return [
        pb.InputSensitivity(name=name, to_best=to_best, to_worst=to_worst, per_unit=per_unit)
        for _, _, name, to_best, to_worst, per_unit in sorted(made)
    ]


def _told(message: Any, held: Held) -> Any:
    return message(name=held.compiled.advice.name, text=held.compiled.advice.text, reason=held.reason)
