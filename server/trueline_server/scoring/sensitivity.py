"""What each input could change of the overall score, and how much a unit more of it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, CompiledProfile, Interval, Known
from trueline_server.scoring.scores import DimensionScore, OverallScore, Scores


class Leverage(NamedTuple):
    """What an input could change of the score of its dimension; in one without a score, what would be its score.

    Attributes:
        dimension: place of its dimension.
        up: points that are won if it is as good as can be, or the score then.
        down: points that are lost if it is as bad as can be, or less the score then.
        per_unit: points for one unit more; 0 for texts, flags and dropped ones.

    """

    dimension: int
    up: float
    down: float
    per_unit: float


# What an input could change for a persona, in points of its overall score. A plain tuple, for there are many: less the
# sum of what is won and lost, so that the largest is the least; the place of the input in the profile; what is won if
# it is as good as can be; what is lost if it is as bad as can be; what one unit more of it is worth.
Sensitivity = tuple[float, int, float, float, float]


def leverages(profile: CompiledProfile, values: Sequence[Known | None], scores: Scores) -> list[Leverage]:
    """What each input could change of its dimension, from the middle of its range; in the order of the profile."""
    return [
        _leverage(one, values[one.place], scores.inputs[one.place], scores.dimensions[one.dimension])
        for one in profile.inputs
    ]


def sensitivities(
    persona: CompiledPersona, overall: OverallScore, dimensions: Sequence[DimensionScore], levers: Sequence[Leverage]
) -> list[Sensitivity]:
    """What each input could change for a persona, the largest first; none of those in dimensions without weight."""
    middle = overall.middle
    if middle is None:
        return []
    known = overall.weight
    # Of a dimension that would come in, what is won and lost is the distance to the score as it is.
    parts = [
        (weight / known, 0.0) if one.ends is not None else (weight / (known + weight), middle)
        for weight, one in zip(persona.weights, dimensions, strict=True)
    ]
    found: list[Sensitivity] = []
    place = -1
    for dimension, up, down, per_unit in levers:
        place += 1
        part, base = parts[dimension]
        if part:
            to_best, to_worst = part * (up - base), part * (down + base)
            found.append((-to_best - to_worst, place, to_best, to_worst, part * per_unit))
    found.sort()
    return found


def _leverage(
    one: CompiledInput, value: Known | None, ends: tuple[float, float] | None, dimension: DimensionScore
) -> Leverage:
    weight, middle = one.weight, dimension.middle
    if middle is None:
        return Leverage(one.dimension, one.best, -one.worst, 0.0)
    if ends is None:
        # It would come in beside those that are known.
        part = weight / (dimension.weight + weight)
        return Leverage(one.dimension, part * (one.best - middle), part * (middle - one.worst), 0.0)
    share = weight / dimension.weight
    now = (ends[0] + ends[1]) / 2
    slope = 0.0
    if one.curve is not None:
        slope = one.curve.slope(value.middle if isinstance(value, Interval) else value)  # type: ignore[arg-type]
    return Leverage(one.dimension, share * (one.best - now), share * (now - one.worst), share * slope)
