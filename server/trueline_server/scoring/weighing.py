"""What inputs and dimensions weigh where just these inputs are known. It depends on no value, so it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile

# Small; features and accounts of one kind mostly have the same inputs known.
_MOST_KEPT = 1024


@dataclass(frozen=True, slots=True)
class Weighed:
    """A mean that only those weigh in that have a score.

    Attributes:
        parts: places of those, each with its weight above 0, in the order of the profile.
        weight: their sum; 0 = there is no mean.
        coverage: weight of what is known in all, 0 to 1.

    """

    parts: tuple[tuple[int, float], ...]
    weight: float
    coverage: float


# Told apart by what they are, so that what is made of one can be kept beside it.
@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """The weights of a score.

    Attributes:
        profile: by which is scored.
        personas: for whom.
        known: which inputs are, in the order of the profile.
        dimensions: means over inputs.
        overall: means over dimensions, by persona.

    """

    profile: CompiledProfile
    personas: tuple[CompiledPersona, ...]
    known: tuple[bool, ...]
    dimensions: tuple[Weighed, ...]
    overall: tuple[Weighed, ...]

    @property
    def coverage(self) -> float:
        """Mean over the personas."""
        return sum(one.coverage for one in self.overall) / len(self.overall)


@lru_cache(maxsize=_MOST_KEPT)
def weigh(profile: CompiledProfile, personas: tuple[CompiledPersona, ...], known: tuple[bool, ...]) -> Weighing:
    """The weights where these inputs are known; sums are taken in the order of the profile."""
    dimensions = []
    for dimension in profile.dimensions:
        parts = tuple((place, weight) for place, weight in dimension.weights if known[place])
        weight = _sum(weight for _, weight in parts)
        dimensions.append(Weighed(parts, weight, min(weight / dimension.weight, 1.0)))
    overall = []
    for persona in personas:
        pairs = list(zip(persona.weights, dimensions, strict=True))
        parts = tuple((place, weight) for place, (weight, one) in enumerate(pairs) if weight and one.weight)
        coverage = _sum(weight * one.coverage for weight, one in pairs)
        overall.append(Weighed(parts, _sum(weight for _, weight in parts), min(coverage, 1.0)))
    return Weighing(profile, personas, known, tuple(dimensions), tuple(overall))


def _sum(numbers: Iterable[float]) -> float:
    """One after the other from 0.0, as the database does; `sum` is more exact from Python 3.12 on."""
    total = 0.0
    for number in numbers:
        total += number
    return total
