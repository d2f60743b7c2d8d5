"""Scores as messages, and messages as inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.scoring_model import ASSUMED, ScoringInput

from trueline_server.scoring.advising import Held
from trueline_server.scoring.comparing import OrderChange, Ranked
from trueline_server.scoring.feature_scores import FeatureScore, PersonaView
from trueline_server.scoring.given import Given
from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, CompiledProfile, Ends, Interval, Known
from trueline_server.scoring.scores import DimensionScore, OverallScore
from trueline_server.scoring.sensitivity import Sensitivity

_GIVEN = pb.INPUT_SOURCE_GIVEN
_DEFAULT = pb.INPUT_SOURCE_DEFAULT
_DROPPED = pb.INPUT_SOURCE_DROPPED


def given_inputs(inputs: Iterable[pb.InputValue]) -> Iterator[tuple[str, Given]]:
    """Names and values as they were given; None where none was."""
    for one in inputs:
        kind = one.WhichOneof("value")
        if kind is None:
            yield one.name, None
        elif kind == "range":
            yield one.name, Interval(one.range.low, one.range.high)
        else:
            yield one.name, getattr(one, kind)


def map_ends_to_proto(ends: Ends | None) -> pb.ScoreRange | None:
    """A score; None where there is none."""
    if ends is None:
        return None
    low, high = ends
    return pb.ScoreRange(value=low, low=low, high=high) if low == high else pb.ScoreRange(low=low, high=high)


def map_feature_to_proto(found: FeatureScore) -> pb.FeatureScore:
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
        personas=[_map_view(found, view) for view in found.views],
        overall=map_ends_to_proto(scores.overall),
        coverage=scores.coverage,
        dimensions_without_inputs=[
            dimension.name
            for dimension, score in zip(found.profile.dimensions, scores.dimensions, strict=True)
            if score.ends is None
        ],
    )


def band_of(profile: CompiledProfile, ends: Ends | None) -> str:
    """Band that a score lies in; "" if it lies in several or there is none."""
    if ends is None:
        return ""
    low, high = (next(name for start, name in profile.bands if end >= start) for end in ends)
    return low if low == high else ""


def show_value(one: ScoringInput, value: Known | None) -> str:
    """A value with its unit, for people; "" if it is not known."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    shown = f"{value.low:.12g} to {value.high:.12g}" if isinstance(value, Interval) else f"{value:.12g}"
    return f"{shown} {one.unit}" if one.unit else shown


def map_weights_to_proto(
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
        band=band_of(found.profile, view.overall.ends),
        weights=map_weights_to_proto(found.profile, view.persona, found.scores.dimensions, view.overall),
        concerns=[_told(pb.Concern, held) for held in view.concerns],
        recommendations=[_told(pb.Recommendation, held) for held in view.recommendations],
        sensitivities=[_map_sensitivity(one) for one in view.sensitivities],
    )


def _map_sensitivity(one: Sensitivity) -> pb.InputSensitivity:
    return pb.InputSensitivity(
        name=one.input.input.name, to_best=one.to_best, to_worst=one.to_worst, per_unit=one.per_unit
    )


def _told(message: Any, held: Held) -> Any:
    return message(name=held.advice.name, text=held.advice.text, reason=held.reason)


def map_ranked_to_proto(one: Ranked) -> pb.RankedFeature:
    """A feature in the order of a persona."""
    return pb.RankedFeature(
        rank=one.rank,
        feature_id=one.feature.feature_id,
        overall=map_ends_to_proto(one.ends),
        certain=one.certain,
    )


def map_change_to_proto(one: OrderChange) -> pb.OrderChange:
    """What would change an order."""
    by = one.input
    return pb.OrderChange(
        feature_id=one.feature.feature_id,
        above=one.above.feature_id,
        input="" if by is None else by.input.name,
        # A keyword of Python as a field's name.
        **{"from": "" if by is None else show_value(by.input, one.feature.values.known[by.place])},
        to=one.to,
        gap=one.gap,
    )
