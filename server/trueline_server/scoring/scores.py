"""From values of inputs to scores: inputs, dimensions, and the overall score of each persona. Pure.

Every step is monotone in each score, also in floating point: sums are taken in the order of the profile. So the scores
of the ends of ranges are the ends of the scores, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trueline_server.scoring.profiles import CompiledDimension, CompiledPersona, CompiledProfile, Ends, Known

FULL = 100.0


class DimensionScore(NamedTuple):
    """What a dimension is worth.

    Attributes:
        ends: of its score; None if no input is known.
        weight: of its known inputs.
        coverage: that in the weight of all, 0 to 1.

    """

    ends: Ends | None
    weight: float
    coverage: float

    @property
    def middle(self) -> float | None:
        """Middle of its score."""
        return None if self.ends is None else (self.ends[0] + self.ends[1]) / 2


class OverallScore(NamedTuple):
    """What dimensions come to for a persona.

    Attributes:
        ends: of the score; None if no dimension that weighs anything has one.
        weight: of the dimensions with a score.
        coverage: weight of what is known in all, 0 to 1.

    """

    ends: Ends | None
    weight: float
    coverage: float

    @property
    def middle(self) -> float | None:
        """Middle of the score."""
        return None if self.ends is None else (self.ends[0] + self.ends[1]) / 2


class Scores(NamedTuple):
    """Scores of one subject.

    Attributes:
        inputs: ends by input, in the order of the profile; None = dropped.
        dimensions: in the order of the profile.
        personas: in the order that they were asked for.

    """

    inputs: tuple[Ends | None, ...]
    dimensions: tuple[DimensionScore, ...]
    personas: tuple[OverallScore, ...]

    @property
    def overall(self) -> Ends | None:
        """Mean over the personas that have a score."""
        return mean_ends([(one.ends, 1.0) for one in self.personas])

    @property
    def coverage(self) -> float:
        """Mean over the personas."""
        return sum(one.coverage for one in self.personas) / len(self.personas)


def score_values(
    profile: CompiledProfile, values: Sequence[Known | None], personas: Sequence[CompiledPersona]
) -> Scores:
    """Score values of inputs, in the order of the profile, for some personas, one at least."""
    inputs = tuple(
        [None if value is None else one.ends(value) for one, value in zip(profile.inputs, values, strict=True)]
    )
    dimensions = tuple([_score_dimension(one, inputs) for one in profile.dimensions])
    return Scores(inputs, dimensions, tuple([_score_overall(one, dimensions) for one in personas]))


def mean_ends(weighted: Sequence[tuple[Ends | None, float]]) -> Ends | None:
    """Weighted mean of the scores that are there; None if none is."""
    low = high = total = 0.0
    for ends, weight in weighted:
        if ends is not None and weight:
            low += weight * ends[0]
            high += weight * ends[1]
            total += weight
    # Of products and their sum the quotient may be an ulp too much.
    return None if not total else (min(low / total, FULL), min(high / total, FULL))


def _score_dimension(dimension: CompiledDimension, inputs: Sequence[Ends | None]) -> DimensionScore:
    low = high = known = 0.0
    for place, weight in dimension.weights:
        ends = inputs[place]
        if ends is not None:
            low += weight * ends[0]
            high += weight * ends[1]
            known += weight
    if not known:
        return DimensionScore(None, 0.0, 0.0)
    return DimensionScore((min(low / known, FULL), min(high / known, FULL)), known, min(known / dimension.weight, 1.0))


def _score_overall(persona: CompiledPersona, dimensions: Sequence[DimensionScore]) -> OverallScore:
    low = high = known = coverage = 0.0
    for weight, (ends, _, covered) in zip(persona.weights, dimensions, strict=True):
        coverage += weight * covered
        if ends is not None:
            low += weight * ends[0]
            high += weight * ends[1]
            known += weight
    coverage = min(coverage, 1.0)
    if not known:
        return OverallScore(None, 0.0, coverage)
    return OverallScore((min(low / known, FULL), min(high / known, FULL)), known, coverage)
