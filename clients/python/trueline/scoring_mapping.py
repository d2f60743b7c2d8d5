"""Scores from their messages, and features to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from trueline import mapping
from trueline.scoring import (
    DimensionScore,
    DimensionWeight,
    FeatureComparison,
    FeatureScore,
    FeatureValue,
    InputScore,
    InputSensitivity,
    InputSource,
    OrderChange,
    PersonaRanking,
    PersonaScore,
    PlannedFeature,
    ProfileDimension,
    ProfileInput,
    RankedFeature,
    Roadmap,
    RoadmapPeriod,
    ScoreRange,
    ScoringAdvice,
    ScoringProfile,
)
from trueline.v1 import scoring_service_pb2 as pb

_SOURCES = {value: InputSource(name.removeprefix("INPUT_SOURCE_").lower()) for name, value in pb.InputSource.items()}


def feature_inputs(feature_id: str, inputs: Mapping[str, FeatureValue], name: str) -> pb.FeatureInputs:
    """A feature with its inputs.

    Raises:
        ValueError: a value is none that an input may have.

    """
    return pb.FeatureInputs(
        feature_id=feature_id, name=name, inputs=[_value(one, value) for one, value in inputs.items()]
    )


def score_of(answer: pb.ScoreFeatureResponse) -> FeatureScore:
    """The score of one feature."""
    return replace(feature_score(answer.score), profile=answer.profile, rule_revision=answer.rule_revision)


def feature_score(message: pb.FeatureScore) -> FeatureScore:
    """A feature that was scored."""
    return FeatureScore(
        feature_id=message.feature_id,
        name=message.name,
        dimensions={one.name: dimension(one) for one in message.dimensions},
        personas={one.persona: _persona(one) for one in message.personas},
        overall=score_range(message, "overall"),
        coverage=message.coverage,
        dimensions_without_inputs=tuple(message.dimensions_without_inputs),
    )


def comparison(answer: pb.CompareFeaturesResponse) -> FeatureComparison:
    """Features against each other."""
    profile, revision = answer.profile, answer.rule_revision
    return FeatureComparison(
        scores={
            one.feature_id: replace(feature_score(one), profile=profile, rule_revision=revision)
            for one in answer.scores
        },
        rankings={one.persona: _ranking(one) for one in answer.rankings},
        dominances=tuple((one.feature_id, one.over) for one in answer.dominances),
        profile=profile,
        rule_revision=revision,
    )


def roadmap(answer: pb.ScoreRoadmapResponse) -> Roadmap:
    """What to build when."""
    return Roadmap(
        periods=tuple(
            RoadmapPeriod(one.number, one.capacity, one.used, tuple(one.feature_ids)) for one in answer.periods
        ),
        features=tuple(
            PlannedFeature(one.feature_id, score_range(one, "score"), one.effort, one.period, one.lost, one.reason)
            for one in answer.features
        ),
        total=answer.total,
        bound=answer.bound,
        lost=answer.lost,
        profile=answer.profile,
        rule_revision=answer.rule_revision,
    )


def profiles(answer: pb.ListScoringProfilesResponse) -> tuple[ScoringProfile, ...]:
    """Profiles in force."""
    return tuple(_profile(one) for one in answer.profiles)


def _value(name: str, value: FeatureValue) -> pb.InputValue:
    if isinstance(value, bool):
        return pb.InputValue(name=name, flag=value)
    if isinstance(value, str):
        return pb.InputValue(name=name, text=value)
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ValueError(f"input {name} has {len(value)} numbers; a range is (low, high)")
        return pb.InputValue(name=name, range=pb.NumberRange(low=float(value[0]), high=float(value[1])))
    try:
        return pb.InputValue(name=name, number=float(value))
    except TypeError:
        told = f"input {name} is a {type(value).__name__}; give a number, a range (low, high), a text or a bool"
        raise ValueError(told) from None


def score_range(message: Any, field: str) -> ScoreRange | None:
    """A score that may be absent."""
    if not message.HasField(field):
        return None
    score: pb.ScoreRange = getattr(message, field)
    return ScoreRange(score.value if score.HasField("value") else None, score.low, score.high)


def dimension(one: pb.DimensionScore) -> DimensionScore:
    """What a dimension is worth."""
    return DimensionScore(
        one.name, one.title, score_range(one, "score"), one.coverage, tuple(_input(each) for each in one.inputs)
    )


def _input(one: pb.InputScore) -> InputScore:
    return InputScore(
        name=one.name,
        value=one.value,
        source=_SOURCES.get(one.source, InputSource.UNSPECIFIED),
        origin=one.origin,
        score=score_range(one, "score"),
        weight=one.weight,
        share=one.share,
        assumed=one.assumed,
        observed_at=mapping.instant(one, "observed_at"),
    )


def _persona(one: pb.PersonaScore) -> PersonaScore:
    return PersonaScore(
        overall=score_range(one, "overall"),
        coverage=one.coverage,
        band=one.band,
        weights={weight.dimension: DimensionWeight(weight.weight, weight.share) for weight in one.weights},
        concerns=tuple(ScoringAdvice(each.name, each.text, each.reason) for each in one.concerns),
        recommendations=tuple(ScoringAdvice(each.name, each.text, each.reason) for each in one.recommendations),
        sensitivities=tuple(
            InputSensitivity(each.name, each.to_best, each.to_worst, each.per_unit) for each in one.sensitivities
        ),
    )


def _ranking(one: pb.PersonaRanking) -> PersonaRanking:
    return PersonaRanking(
        features=tuple(
            RankedFeature(each.rank, each.feature_id, score_range(each, "overall"), each.certain)
            for each in one.features
        ),
        changes=tuple(
            # A keyword of Python as a field's name.
            OrderChange(each.feature_id, each.above, each.input, getattr(each, "from"), each.to, each.gap)
            for each in one.changes
        ),
    )


def _profile(one: pb.ScoringProfile) -> ScoringProfile:
    return ScoringProfile(
        name=one.name,
        description=one.description,
        subject=one.subject,
        dimensions=tuple(
            ProfileDimension(each.name, each.title, tuple(_profile_input(given) for given in each.inputs))
            for each in one.dimensions
        ),
        personas={each.name: {weight.dimension: weight.weight for weight in each.weights} for each in one.personas},
        assumed_personas=frozenset(each.name for each in one.personas if each.assumed),
        bands={each.name: getattr(each, "from") for each in one.bands},
    )


def _profile_input(one: pb.ProfileInput) -> ProfileInput:
    return ProfileInput(
        name=one.name,
        description=one.description,
        unit=one.unit,
        least=one.least if one.HasField("least") else None,
        most=one.most if one.HasField("most") else None,
        curve=one.curve,
        weight=one.weight,
        on_missing=one.on_missing,
        origin=one.origin,
        assumed=one.assumed,
    )
