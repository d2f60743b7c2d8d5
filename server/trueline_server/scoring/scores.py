"""From values of inputs to scores: inputs, dimensions, and the overall score of each persona. Pure.

Every step is monotone in each score, also in floating point: sums are taken in the order of the profile. So the scores
of the ends of ranges are the ends of the scores, to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile, Ends, Known
from trueline_server.scoring.weighing import Weighed, Weighing, weigh

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
        weighing: by which they were made.

    """

    inputs: tuple[Ends | None, ...]
    dimensions: tuple[DimensionScore, ...]
    personas: tuple[OverallScore, ...]
    weighing: Weighing

    @property
    def overall(self) -> Ends | None:
        """Mean over the personas that have a score."""
        return mean_ends([(one.ends, 1.0) for one in self.personas])

    @property
    def coverage(self) -> float:
        """Mean over the personas."""
        return self.weighing.coverage


def score_values(
    profile: CompiledProfile, values: Sequence[Known | None], personas: Sequence[CompiledPersona]
) -> Scores:
    """Score values of inputs, in the order of the profile, for some personas, one at least."""
    inputs = tuple(
        [None if value is None else one.ends(value) for one, value in zip(profile.inputs, values, strict=True)]
    )
    weighing = weigh(profile, tuple(personas), tuple([ends is not None for ends in inputs]))
    means = [_mean(inputs, one) for one in weighing.dimensions]
    dimensions = [
        DimensionScore(ends, one.weight, one.coverage) for ends, one in zip(means, weighing.dimensions, strict=True)
    ]
    overall = [OverallScore(_mean(means, one), one.weight, one.coverage) for one in weighing.overall]
    return Scores(inputs, tuple(dimensions), tuple(overall), weighing)


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


def _mean(ends: Sequence[Ends | None], weighed: Weighed) -> Ends | None:
    """Of what is known, as `weighed` says; None if nothing is."""
    total = weighed.weight
    if not total:
        return None
    low = high = 0.0
    for place, weight in weighed.parts:
        # What has a part has a score.
        one, other = ends[place]  # type: ignore[misc]
        low += weight * one
        high += weight * other
    # Of products and their sum the quotient may be an ulp too much.
    score = min(low / total, FULL)
    return score, score if low == high else min(high / total, FULL)
