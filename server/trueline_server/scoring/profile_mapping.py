"""Scoring profiles as messages."""

from __future__ import annotations

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.scoring_model import ASSUMED, EVERYBODY_ELSE, InputType, OnMissing, ScoringInput, ScoringProfile


def map_profile_to_proto(profile: ScoringProfile) -> pb.ScoringProfile:
    """A profile."""
    return pb.ScoringProfile(
        name=profile.metadata.name,
        description=profile.metadata.description,
        subject=profile.subject,
        dimensions=[
            pb.ProfileDimension(name=one.name, title=one.title, inputs=map(_map_input, one.inputs))
            for one in profile.dimensions.values()
        ],
        personas=[
            pb.ProfilePersona(
                name="" if name == EVERYBODY_ELSE else name,
                weights=[
                    pb.DimensionWeight(dimension=dimension, weight=weight, share=weight)
                    for dimension, weight in one.weights.items()
                ],
                assumed=one.basis == ASSUMED,
            )
            for name, one in profile.personas.items()
        ],
        bands=[pb.ScoreBand(name=name, **{"from": start}) for name, start in profile.bands.items()],
    )


def _map_input(one: ScoringInput) -> pb.ProfileInput:
    number = one.type is InputType.NUMBER
    return pb.ProfileInput(
        name=one.name,
        description=one.description,
        unit=one.unit,
        least=one.range[0] if number else None,
        most=one.range[1] if number else None,
        curve=_shown_curve(one),
        weight=one.weight,
        on_missing=_shown_missing(one),
        origin=shown_origin(one),
        assumed=one.basis == ASSUMED,
    )


def shown_origin(one: ScoringInput) -> str:
    """Where the values of an input are from, for people; "" if they are given."""
    source = one.source
    if source is None:
        return ""
    if source.kind == "fact":
        return f"fact {source.name}"
    days = source.operand.over_us / 86_400_000_000
    return f"{source.operand.agg} of metric {source.name}" + (f" over {days:g} days" if days else "")


def _shown_curve(one: ScoringInput) -> str:
    if one.type is InputType.NUMBER:
        pairs = [(f"{value:.12g}", score) for value, score in one.points]
    elif one.type is InputType.TEXT:
        pairs = list(one.values.items())
    else:
        pairs = [("true", one.flags[1]), ("false", one.flags[0])]
    return ", ".join(f"{value} -> {score:.12g}" for value, score in pairs)


def _shown_missing(one: ScoringInput) -> str:
    if one.on_missing is not OnMissing.DEFAULT:
        return str(one.on_missing)
    value = one.default
    shown = str(value).lower() if isinstance(value, bool) else f"{value:.12g}" if isinstance(value, float) else value
    return f"default {shown}"
