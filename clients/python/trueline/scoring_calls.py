"""Each call of the ScoringService about features as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueline import scoring_mapping
from trueline.calls import Call, built
from trueline.scoring import (
    Feature,
    FeatureComparison,
    FeatureScore,
    FeatureValue,
    Roadmap,
    RoadmapItem,
    ScoringProfile,
)
from trueline.v1 import scoring_service_pb2 as pb

_SERVICE = "ScoringService"


@built
def list_scoring_profiles(subject: str) -> Call[tuple[ScoringProfile, ...]]:
    """ListScoringProfiles."""
    request = pb.ListScoringProfilesRequest(subject=subject)
    return Call(_SERVICE, "ListScoringProfiles", request, lambda answers: scoring_mapping.profiles(answers[0]))


@built
def score_feature(
    feature_id: str, inputs: Mapping[str, FeatureValue], *, name: str, personas: Sequence[str], profile: str
) -> Call[FeatureScore]:
    """ScoreFeature."""
    request = pb.ScoreFeatureRequest(
        feature=scoring_mapping.feature_inputs(feature_id, inputs, name), profile=profile, personas=personas
    )
    return Call(_SERVICE, "ScoreFeature", request, lambda answers: scoring_mapping.score_of(answers[0]))


@built
def compare_features(features: Sequence[Feature], *, personas: Sequence[str], profile: str) -> Call[FeatureComparison]:
    """CompareFeatures."""
    request = pb.CompareFeaturesRequest(
        features=[scoring_mapping.feature_inputs(one.feature_id, one.inputs, one.name) for one in features],
        profile=profile,
        personas=personas,
    )
    return Call(_SERVICE, "CompareFeatures", request, lambda answers: scoring_mapping.comparison(answers[0]))


@built
def score_roadmap(
    items: Sequence[RoadmapItem],
    capacities: Sequence[float],
    *,
    personas: Mapping[str, float] | Sequence[str],
    profile: str,
) -> Call[Roadmap]:
    """ScoreRoadmap."""
    weights = personas if isinstance(personas, Mapping) else dict.fromkeys(personas, 1.0)
    request = pb.ScoreRoadmapRequest(
        items=[
            pb.RoadmapItem(
                feature=scoring_mapping.feature_inputs(one.feature_id, one.inputs, one.name),
                effort=one.effort,
                after=one.after,
                not_before=one.not_before,
            )
            for one in items
        ],
        capacities=capacities,
        profile=profile,
        personas=[pb.PersonaWeight(persona=name, weight=weight) for name, weight in weights.items()],
    )
    return Call(_SERVICE, "ScoreRoadmap", request, lambda answers: scoring_mapping.roadmap(answers[0]))
