"""A feature with its scores, and what more is told of it to a persona."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trueline_server.scoring.advising import Advising, Held
from trueline_server.scoring.given import Values
from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile
from trueline_server.scoring.scores import OverallScore, Scores, score_values
from trueline_server.scoring.sensitivity import Sensitivity, leverages, sensitivities


class PersonaView(NamedTuple):
    """What a feature is to a persona."""

    persona: CompiledPersona
    overall: OverallScore
    concerns: list[Held]
    recommendations: list[Held]
    sensitivities: list[Sensitivity]


class FeatureScore(NamedTuple):
    """A feature that was scored.

    Attributes:
        feature_id: of it.
        name: what to call it.
        profile: by which it was scored.
        personas: for whom.
        values: of its inputs.
        scores: what they come to, by persona in the same order.

    """

    feature_id: str
    name: str
    profile: CompiledProfile
    personas: tuple[CompiledPersona, ...]
    values: Values
    scores: Scores

    def views(self) -> Iterator[PersonaView]:
        """What it is to each persona, in their order."""
        known = self.values.known
        levers = leverages(self.profile, known, self.scores)
        advising = Advising(self.profile, known, self.scores)
        for persona, overall in zip(self.personas, self.scores.personas, strict=True):
            yield PersonaView(
                persona,
                overall,
                *advising.hold(persona, overall),
                sensitivities(persona, overall, self.scores.dimensions, levers),
            )


def score_feature(
    profile: CompiledProfile, personas: Sequence[CompiledPersona], feature_id: str, name: str, values: Values
) -> FeatureScore:
    """Score a feature for some personas, one at least."""
    scores = score_values(profile, values.known, personas)
    return FeatureScore(feature_id, name or feature_id, profile, tuple(personas), values, scores)
