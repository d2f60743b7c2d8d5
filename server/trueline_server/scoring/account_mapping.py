"""The health of an account as a message."""

from __future__ import annotations

from collections.abc import Sequence

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.scoring_model import ASSUMED

from trueline_server.scoring.account_health import AccountValues, Health
from trueline_server.scoring.mapping import map_ends_to_proto
from trueline_server.scoring.moves import PERSONA, Move
from trueline_server.scoring.profile_mapping import shown_origin
from trueline_server.scoring.profiles import CompiledInput, CompiledProfile
from trueline_server.scoring.scores import DimensionScore
from trueline_server.scoring.values import show_value
from trueline_server.transport.times import timestamp_if


def map_health_to_proto(
    profile: CompiledProfile, before: Health, now: Health, moved: Sequence[Move]
) -> pb.ScoreAccountHealthResponse:
    """How an account is; whose it is, when, and what is foreseen are for the caller to add."""
    overall = now.overall
    weights = list(zip(profile.dimensions, now.weighed.weights, now.scores.dimensions, strict=True))
    return pb.ScoreAccountHealthResponse(
        score=map_ends_to_proto(overall.ends),
        health=now.name,
        coverage=overall.coverage,
        persona=now.persona,
        dimensions=[_map_dimension(profile, place, now) for place in range(len(profile.dimensions))],
        weights=[
            pb.DimensionWeight(
                dimension=one.name,
                weight=weight,
                share=weight / overall.weight if score.ends is not None and overall.weight else 0.0,
            )
            for one, weight, score in weights
        ],
        score_before=map_ends_to_proto(before.overall.ends),
        health_before=before.name,
        moves=[_map_move(profile, one, before, now) for one in moved],
        recommendations=[
            pb.Recommendation(name=one.compiled.advice.name, text=one.compiled.advice.text, reason=one.reason)
            for one in now.recommendations
        ],
        profile=profile.profile.metadata.name,
        missing=now.missing,
        dimensions_without_inputs=[one.name for one, _, score in weights if score.ends is None],
    )


def _map_dimension(profile: CompiledProfile, place: int, health: Health) -> pb.DimensionScore:
    dimension, score = profile.dimensions[place], health.scores.dimensions[place]
    return pb.DimensionScore(
        name=dimension.name,
        title=dimension.title,
        score=map_ends_to_proto(score.ends),
        coverage=score.coverage,
        inputs=[_map_input(one, health, score) for one in dimension.inputs],
    )


def _map_input(one: CompiledInput, health: Health, dimension: DimensionScore) -> pb.InputScore:
    ends, values = health.scores.inputs[one.place], health.values
    observed_us = values.observed_us.get(one.place)
    return pb.InputScore(
        name=one.name,
        value=show_value(one.input, values.known[one.place]),
        source=_source(one, values),
        origin=_origin(one, values),
        observed_at=timestamp_if(observed_us),
        score=map_ends_to_proto(ends),
        weight=one.weight,
        share=one.weight / dimension.weight if ends is not None else 0.0,
        assumed=one.input.basis == ASSUMED,
    )


def _source(one: CompiledInput, values: AccountValues) -> pb.InputSource.ValueType:
    if values.known[one.place] is None:
        return pb.INPUT_SOURCE_DROPPED
    if one.place in values.defaulted:
        return pb.INPUT_SOURCE_DEFAULT
    metric = one.input.source is not None and one.input.source.kind == "metric"
    return pb.INPUT_SOURCE_METRIC if metric else pb.INPUT_SOURCE_FACT


def _origin(one: CompiledInput, values: AccountValues) -> str:
    """Where the value is from, and what was done to it."""
    told = shown_origin(one.input)
    if one.place in values.defaulted:
        told = f"default; {told} has no value"
    return f"{told}; {values.notes[one.place]}" if one.place in values.notes else told


def _map_move(profile: CompiledProfile, move: Move, before: Health, now: Health) -> pb.InputMove:
    if move.place is None:
        return pb.InputMove(name=PERSONA, before=before.persona, now=now.persona, points=move.points)
    one = profile.inputs[move.place]
    return pb.InputMove(
        dimension=profile.dimensions[one.dimension].name,
        name=one.name,
        before=show_value(one.input, before.values.known[one.place]),
        now=show_value(one.input, now.values.known[one.place]),
        points=move.points,
    )
