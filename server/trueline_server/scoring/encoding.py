"""Writes a scored feature as the bytes of its message.

An answer has about two hundred messages, of which most are the same each time but for a few numbers. Making them one by
one takes several times as long as the arithmetic. So what follows from the profile and from which inputs are known is
written once, and what depends on values goes between.
"""

from __future__ import annotations

from functools import lru_cache

from trueline_server.scoring.dimension_encoding import DimensionTemplates
from trueline_server.scoring.feature_scores import FeatureScore
from trueline_server.scoring.persona_encoding import PersonaTemplates
from trueline_server.scoring.weighing import Weighing
from trueline_server.scoring.wire import ends_field, number_field, text_field

# Sets of known inputs whose templates are kept; each takes a few times as much memory as an answer.
_MOST_KEPT = 64
_OVERALL = ends_field(5)


def encode_feature(feature: FeatureScore) -> bytes:
    """The bytes of a FeatureScore."""
    dimensions, personas, end = _templates(feature.scores.weighing)
    overall = feature.scores.overall
    return b"".join(
        (
            text_field(1, feature.feature_id),
            text_field(2, feature.name),
            *dimensions.write(feature),
            *personas.write(feature),
            b"" if overall is None else _OVERALL(overall),
            end,
        )
    )


@lru_cache(maxsize=_MOST_KEPT)
def _templates(weighing: Weighing) -> tuple[DimensionTemplates, PersonaTemplates, bytes]:
    """What writes dimensions and personas, and the end: coverage, and which dimensions have no input."""
    missing = [
        text_field(7, dimension.name)
        for dimension, own in zip(weighing.profile.dimensions, weighing.dimensions, strict=True)
        if not own.weight
    ]
    return (
        DimensionTemplates(weighing),
        PersonaTemplates(weighing),
        number_field(6, weighing.coverage) + b"".join(missing),
    )
