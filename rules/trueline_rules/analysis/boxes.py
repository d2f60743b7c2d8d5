"""Where a condition over several variables is true: a union of boxes, each a set of values for some variables.

A part of a condition that is not looked into is a variable of its own, independent of all others. So more seems
possible than is, and what holds of all boxes (nothing is in them, they cover others) holds of all facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trueline_rules.analysis.sets import Values, Variable

# Beyond these a condition is not judged: what is found in a large one is not worth the time.
MOST_BOXES = 64
MOST_CUTS = 2_000

# Variables that are left out may be anything.
Box = Mapping[Variable, Values]


class TooManyError(Exception):
    """A condition has more boxes than are looked at."""


@dataclass(frozen=True, slots=True)
class Boxes:
    """A union of boxes, none of which is empty."""

    boxes: tuple[Box, ...]

    def __bool__(self) -> bool:
        return bool(self.boxes)

    def __or__(self, other: Boxes) -> Boxes:
        return _joined((*self.boxes, *other.boxes))

    def __and__(self, other: Boxes) -> Boxes:
        return _joined(met for one in self.boxes for two in other.boxes if (met := _met(one, two)) is not None)

    def __le__(self, other: Boxes) -> bool:
        """Whether it is a subset; False too where that takes too long to tell."""
        left = [MOST_CUTS]
        return all(_covered(box, other.boxes, left) for box in self.boxes)

    @property
    def variables(self) -> frozenset[Variable]:
        """All that some box says something about."""
        return frozenset(variable for box in self.boxes for variable in box)

    def along(self, variable: Variable) -> Values | None:
        """The values of the only variable that it says anything about; None if it speaks of others."""
        if self.variables - {variable}:
            return None
        found = Values(variable.none)
        for box in self.boxes:
            found = found | box.get(variable, variable.all)
        return found

    @property
    def key(self) -> frozenset[frozenset[tuple[Variable, Values]]]:
        """Equal for the same boxes."""
        return frozenset(frozenset(box.items()) for box in self.boxes)


EVERYTHING = Boxes(({},))
NOTHING = Boxes(())


def where(variable: Variable, values: Values) -> Boxes:
    """One variable has one of some values."""
    if not values:
        return NOTHING
    return Boxes(({variable: values},)) if variable.rest(values) else EVERYTHING


def known_throughout(variables: Iterable[Variable]) -> Boxes:
    """All variables have a value, whichever."""
    return Boxes(({variable: Values(variable.known) for variable in variables},))


def _met(one: Box, two: Box) -> Box | None:
    met = dict(one)
    for variable, values in two.items():
        both = values & met[variable] if variable in met else values
        if not both:
            return None
        met[variable] = both
    return met


def _joined(boxes: Iterable[Box]) -> Boxes:
    """Boxes without repetitions; those along one variable become one."""
    single: dict[Variable, Values] = {}
    others: dict[frozenset[tuple[Variable, Values]], Box] = {}
    for box in boxes:
        if not box:
            return EVERYTHING
        if len(box) == 1:
            ((variable, values),) = box.items()
            single[variable] = single[variable] | values if variable in single else values
        else:
            others[frozenset(box.items())] = box
    if len(single) + len(others) > MOST_BOXES:
        raise TooManyError
    if any(not variable.rest(values) for variable, values in single.items()):
        return EVERYTHING
    return Boxes((*({variable: values} for variable, values in single.items()), *others.values()))


def _covered(box: Box, by: tuple[Box, ...], left: list[int]) -> bool:
    """Whether others cover a box: what the first of them leaves of it, the rest must."""
    left[0] -= 1
    if not by or left[0] < 0:
        return False
    first, rest = by[0], by[1:]
    inside = dict(box)
    for variable, values in first.items():
        here = inside.get(variable, variable.all)
        outside = here & variable.rest(values)
        if outside and not _covered({**inside, variable: outside}, rest, left):
            return False
        both = here & values
        if not both:
            # Nothing of the box is in the first; all of it went to the rest.
            return True
        inside[variable] = both
    return True
