"""What each input could change of the overall score, and how much a unit more of it is worth."""

from __future__ import annotations

from collections.abc import Sequence

from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, CompiledProfile, Ends, Interval, Known
from trueline_server.scoring.scores import DimensionScore, OverallScore, Scores

# What an input could change of the score of its dimension: its place in the profile; what is won if it is as good as
# can be; what is lost if it is as bad as can be; what one unit more of it is worth. In a dimension without a score, the
# second and the third are the score that it would have then. Plain tuples here and below, for there are many.
Leverage = tuple[int, float, float, float]
# What an input could change for a persona, in points of its overall score: less the sum of what is won and lost, so
# that the largest is the least; then as above.
Sensitivity = tuple[float, int, float, float, float]


def leverages(profile: CompiledProfile, values: Sequence[Known | None], scores: Scores) -> list[list[Leverage]]:
    """What each input could change of its dimension, from the middle of its range; by dimension."""
    return [
        _leverages(dimension.inputs, values, scores.inputs, score)
        for dimension, score in zip(profile.dimensions, scores.dimensions, strict=True)
    ]


def sensitivities(
    persona: CompiledPersona,
    overall: OverallScore,
    dimensions: Sequence[DimensionScore],
    levers: Sequence[Sequence[Leverage]],
) -> list[Sensitivity]:
    """What each input could change for a persona, the largest first; none of those in dimensions without weight."""
    if overall.ends is None:
        return []
    known = overall.weight
    found: list[Sensitivity] = []
    for weight, score, own in zip(persona.weights, dimensions, levers, strict=True):
        if not weight:
            continue
        if score.ends is not None:
            part = weight / known
            found += [
                (-part * (up + down), place, part * up, part * down, part * unit) for place, up, down, unit in own
            ]
        else:
            # The dimension would come in beside the others.
            middle = (overall.ends[0] + overall.ends[1]) / 2
            part = weight / (known + weight)
            found += [
                (-part * (best - worst), place, part * (best - middle), part * (middle - worst), 0.0)
                for place, best, worst, _ in own
            ]
    found.sort()
    return found


def _leverages(
    inputs: Sequence[CompiledInput],
    values: Sequence[Known | None],
    scores: Sequence[Ends | None],
    dimension: DimensionScore,
) -> list[Leverage]:
    if dimension.ends is None:
        return [(one.place, one.best, one.worst, 0.0) for one in inputs]
    middle = (dimension.ends[0] + dimension.ends[1]) / 2
    known, found = dimension.weight, []
    for one in inputs:
        place, weight, slope = one.place, one.weight, 0.0
        ends = scores[place]
        if ends is None:
            # It would come in beside those that are known.
            share, now = weight / (known + weight), middle
        else:
            share, now = weight / known, (ends[0] + ends[1]) / 2
            if one.curve is not None:
                value = values[place]
                slope = one.curve.slope(value.middle if type(value) is Interval else value)  # type: ignore[arg-type]
        found.append((place, share * (one.best - now), share * (now - one.worst), share * slope))
    return found
