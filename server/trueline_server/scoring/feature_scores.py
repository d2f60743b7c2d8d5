"""A feature with its scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trueline_server.scoring.given import Values
from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile
from trueline_server.scoring.scores import Scores, score_values


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


def score_feature(
    profile: CompiledProfile, personas: Sequence[CompiledPersona], feature_id: str, name: str, values: Values
) -> FeatureScore:
    """Score a feature for some personas, one at least."""
    scores = score_values(profile, values.known, personas)
    return FeatureScore(feature_id, name or feature_id, profile, tuple(personas), values, scores)
