"""A scored feature is written as the bytes of its message: held against the message made field by field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from profile_cases import ADVANCED_ATTRIBUTION, PACK, known_values, profiles, scored
from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.scoring_model import ASSUMED
from trueline_server.scoring.advising import Held
from trueline_server.scoring.encoding import bytes_field, encoder_of
from trueline_server.scoring.feature_scores import FeatureScore, PersonaView, score_feature
from trueline_server.scoring.mapping import map_ends_to_proto
from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, CompiledProfile, Interval
from trueline_server.scoring.scores import DimensionScore, OverallScore
from trueline_server.scoring.sensitivity import Sensitivity
from trueline_server.scoring.values import show_value

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
    assert pb.FeatureScore.FromString(encoder_of(profile).encode(found)) == plain_feature(found)


@given(st.data())
def test_so_are_those_of_the_pack(data: st.DataObject) -> None:
    """With concerns, recommendations and what they saw."""
    personas = data.draw(st.permutations(PACK.choose(())))[: data.draw(st.integers(1, 6))]
    found = score_feature(PACK, personas, "f", "", data.draw(known_values(PACK)))
    assert pb.FeatureScore.FromString(encoder_of(PACK).encode(found)) == plain_feature(found)


def test_bytes_of_every_length() -> None:
    """Lengths of one, two and three bytes."""
    for size in (0, 1, 127, 128, 129, 16_383, 16_384, 3_000_000):
        assert pb.ScoreFeatureResponse.FromString(bytes_field(2, b"x" * size)).profile == "x" * size


def test_values_are_told_with_their_units() -> None:
    """Numbers, ranges, and where they are from."""
    found = scored({**ADVANCED_ATTRIBUTION, "retention_potential": Interval(0.2, 0.4)})
    roi = pb.FeatureScore.FromString(encoder_of(PACK).encode(found)).dimensions[0]
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
        personas=[_map_view(found, view) for view in found.views()],
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


def _map_view(found: FeatureScore, view: PersonaView) -> pb.PersonaScore:
    return pb.PersonaScore(
        persona=view.persona.name,
        overall=map_ends_to_proto(view.overall.ends),
        coverage=view.overall.coverage,
        band=found.profile.band(view.overall.ends),
        weights=_map_weights(found.profile, view.persona, found.scores.dimensions, view.overall),
        concerns=[_told(pb.Concern, held) for held in view.concerns],
        recommendations=[_told(pb.Recommendation, held) for held in view.recommendations],
        sensitivities=[_map_sensitivity(found, one) for one in view.sensitivities],
    )


def _map_sensitivity(found: FeatureScore, one: Sensitivity) -> pb.InputSensitivity:
    _, place, to_best, to_worst, per_unit = one
    name = found.profile.inputs[place].name
    return pb.InputSensitivity(name=name, to_best=to_best, to_worst=to_worst, per_unit=per_unit)


def _told(message: Any, held: Held) -> Any:
    return message(name=held.compiled.advice.name, text=held.compiled.advice.text, reason=held.reason)
