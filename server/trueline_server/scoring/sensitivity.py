"""What each input could change of the overall score, and how much a unit more of it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, CompiledProfile, Interval, Known
from trueline_server.scoring.scores import DimensionScore, OverallScore, Scores


@dataclass(frozen=True, slots=True)
class Leverage:
    """What an input could change of the score of its dimension; in one without a score, what would be its score.

    Attributes:
        input: which.
        up: points that are won if it is as good as can be, or the score then.
        down: points that are lost if it is as bad as can be, or the score then.
        per_unit: points for one unit more; 0 for texts, flags and dropped ones.

    """

    input: CompiledInput
    up: float
    down: float
    per_unit: float


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What an input could change for a persona, in points of the overall score; see InputSensitivity."""

    input: CompiledInput
    to_best: float
    to_worst: float
    per_unit: float


def leverages(profile: CompiledProfile, values: Sequence[Known | None], scores: Scores) -> tuple[Leverage, ...]:
    """What each input could change of its dimension, from the middle of its range."""
    return tuple(
        [
            _leverage(one, values[one.place], scores.inputs[one.place], scores.dimensions[one.dimension])
            for one in profile.inputs
        ]
    )


def sensitivities(
    persona: CompiledPersona, overall: OverallScore, dimensions: Sequence[DimensionScore], levers: Sequence[Leverage]
) -> list[Sensitivity]:
    """What each input could change for a persona, the largest first; none of those that change nothing."""
    middle = overall.middle
    if middle is None:
        return []
    known = overall.weight
    found: list[tuple[float, int, Sensitivity]] = []
    for lever in levers:
        one = lever.input
        weight = persona.weights[one.dimension]
        if not weight:
            continue
        if dimensions[one.dimension].ends is None:
            part = weight / (known + weight)
            to_best, to_worst = part * (lever.up - middle), part * (middle - lever.down)
        else:
            part = weight / known
            to_best, to_worst = part * lever.up, part * lever.down
        found.append((-(to_best + to_worst), one.place, Sensitivity(one, to_best, to_worst, part * lever.per_unit)))
    found.sort()
    return [one for _, _, one in found]


def _leverage(
    one: CompiledInput, value: Known | None, ends: tuple[float, float] | None, dimension: DimensionScore
) -> Leverage:
    weight, middle = one.input.weight, dimension.middle
    if middle is None:
        return Leverage(one, one.best, one.worst, 0.0)
    if ends is None:
        # It would come in beside those that are known.
        part = weight / (dimension.weight + weight)
        return Leverage(one, part * (one.best - middle), part * (middle - one.worst), 0.0)
    share = weight / dimension.weight
    now = (ends[0] + ends[1]) / 2
    slope = 0.0
    if one.curve is not None:
        slope = one.curve.slope(value.middle if isinstance(value, Interval) else value)  # type: ignore[arg-type]
    return Leverage(one, share * (one.best - now), share * (now - one.worst), share * slope)
