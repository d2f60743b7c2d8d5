"""What each input could change of the overall score, and how much a unit more of it is worth.

An input moves its dimension by its share in it, and the dimension the overall score by the part that it has there. From
the worst that an input can be to the best is always as far, so which ones could change most follows from what is known,
whatever it is. So the order is found once for each set of known inputs, and the numbers of all personas come at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trueline_server.scoring.curves import Curve
from trueline_server.scoring.profiles import CompiledInput, CompiledPersona, Interval, Known
from trueline_server.scoring.scores import Scores
from trueline_server.scoring.weighing import Weighed, Weighing

Numbers = npt.NDArray[np.float64]


class _Lever(NamedTuple):
    """An input of a dimension with a score: what moves the dimension as the input moves by one."""

    place: int
    share: float
    best: float
    worst: float
    curve: Curve | None


@dataclass(frozen=True, slots=True, eq=False)
class SensitivityPlan:
    """Which inputs could change the score for which persona, and where their numbers come from.

    Attributes:
        places: of inputs in the profile, by persona; what could change most comes first. None of those in dimensions
            without weight, none where there is no score.

    """

    places: tuple[tuple[int, ...], ...]
    _levers: tuple[tuple[int, tuple[_Lever, ...]], ...]
    _joining: tuple[tuple[int, tuple[CompiledInput, ...]], ...]
    _taken: npt.NDArray[np.intp]
    _factors: Numbers

    def numbers(self, values: Sequence[Known | None], scores: Scores) -> Numbers:
        """Points that are won if an input is as good as can be, lost if it is as bad as can be, won by one unit more.

        Answers (n,), these three for each of `places` of one persona after the other; of ranges the middle counts.
        """
        moved: list[float] = []
        for dimension, levers in self._levers:
            middle = scores.dimensions[dimension].middle
            for place, share, best, worst, curve in levers:
                ends, slope = scores.inputs[place], 0.0
                # One that is dropped would come in beside those that are known.
                now: float = middle if ends is None else (ends[0] + ends[1]) / 2  # type: ignore[assignment]
                if ends is not None and curve is not None:
                    value = values[place]
                    slope = curve.slope(value.middle if type(value) is Interval else value)  # type: ignore[arg-type]
                moved += (share * (best - now), share * (now - worst), share * slope)
        for persona, others in self._joining:
            # Their dimension would come in beside the others.
            middle = scores.personas[persona].middle
            for one in others:
                moved += (one.best - middle, middle - one.worst, 0.0)  # type: ignore[operator]
        return np.array(moved).take(self._taken) * self._factors


def plan_sensitivities(weighing: Weighing) -> SensitivityPlan:
    """The plan where just these inputs are known."""
    levers = [
        (place, tuple(_lever(one, own, weighing.known[one.place]) for one in dimension.inputs))
        for place, (dimension, own) in enumerate(zip(weighing.profile.dimensions, weighing.dimensions, strict=True))
        if own.weight
    ]
    moved = {one.place: (number, one) for number, one in enumerate(one for _, own in levers for one in own)}
    count = len(moved)
    places, joining, taken, factors = [], [], [], []
    for number, (persona, overall) in enumerate(zip(weighing.personas, weighing.overall, strict=True)):
        found: list[tuple[float, int, int, float]] = []
        others: list[CompiledInput] = []
        if overall.weight:
            for one, part in _parts(weighing, persona, overall):
                if one.place in moved:
                    row, lever = moved[one.place]
                    found.append((-part * lever.share * (one.best - one.worst), one.place, row, part))
                else:
                    found.append((-part * (one.best - one.worst), one.place, count + len(others), part))
                    others.append(one)
        count += len(others)
        joining.append((number, tuple(others)))
        found.sort()
        places.append(tuple(place for _, place, _, _ in found))
        taken += [3 * row + column for _, _, row, _ in found for column in range(3)]
        factors += [part for _, _, _, part in found for _ in range(3)]
    return SensitivityPlan(
        tuple(places),
        tuple(levers),
        tuple(one for one in joining if one[1]),
        np.array(taken, np.intp),
        np.array(factors, np.float64),
    )


def _lever(one: CompiledInput, dimension: Weighed, known: bool) -> _Lever:
    share = one.weight / (dimension.weight if known else dimension.weight + one.weight)
    return _Lever(one.place, share, one.best, one.worst, one.curve)


def _parts(weighing: Weighing, persona: CompiledPersona, overall: Weighed) -> list[tuple[CompiledInput, float]]:
    """Inputs of dimensions that weigh something, and the part of their dimension in the overall score."""
    found = []
    for dimension, own, weight in zip(weighing.profile.dimensions, weighing.dimensions, persona.weights, strict=True):
        if weight:
            part = weight / (overall.weight if own.weight else overall.weight + weight)
            found += [(one, part) for one in dimension.inputs]
    return found
