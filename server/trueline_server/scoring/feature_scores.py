"""What is told of a feature: its scores, and for each persona what it could change, worries about and might do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_server.scoring.advising import Advising, Held
from trueline_server.scoring.given import Values
from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile
from trueline_server.scoring.scores import OverallScore, Scores, score_values
from trueline_server.scoring.sensitivity import Sensitivity, leverages, sensitivities


@dataclass(frozen=True, slots=True)
class PersonaView:
    """What a feature is to a persona."""

    persona: CompiledPersona
    overall: OverallScore
    concerns: list[Held]
    recommendations: list[Held]
    sensitivities: list[Sensitivity]


@dataclass(frozen=True, slots=True)
class FeatureScore:
    """A feature that was scored.

    Attributes:
        feature_id: of it.
        name: what to call it.
        profile: by which it was scored.
        values: of its inputs.
        scores: what they come to.
        views: by persona, in the order of the scores.

    """

    feature_id: str
    name: str
    profile: CompiledProfile
    values: Values
    scores: Scores
    views: tuple[PersonaView, ...]


def score_feature(
    profile: CompiledProfile, personas: Sequence[CompiledPersona], feature_id: str, name: str, values: Values
) -> FeatureScore:
    """Score a feature for some personas, one at least."""
    known = values.known
    scores = score_values(profile, known, personas)
    levers = leverages(profile, known, scores)
    advising = Advising(profile, known, scores)
    views = tuple(
        [
            PersonaView(
                persona,
                overall,
                advising.hold(persona, overall, persona.concerns),
                advising.hold(persona, overall, persona.recommendations),
                sensitivities(persona, overall, scores.dimensions, levers),
            )
            for persona, overall in zip(personas, scores.personas, strict=True)
        ]
    )
    return FeatureScore(feature_id, name or feature_id, profile, values, scores, views)
