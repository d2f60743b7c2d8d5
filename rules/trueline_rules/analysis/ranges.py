"""Sets of numbers as unions of intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import TypeAlias

from trueline_rules.expressions.tree import Comparator

# Decimals compare exactly with floats, and instants are microseconds.
Number: TypeAlias = float | int | Decimal
# A border between numbers: (number, False) lies just before it, (number, True) just behind it.
Border: TypeAlias = tuple[Number, bool]
# From here on a number stands for what lies beyond all that is measured.
_FAR = 1e300
LEAST: Border = (-math.inf, False)
MOST: Border = (math.inf, True)


@dataclass(frozen=True, slots=True)
class Ranges:
    """A set of numbers: intervals between borders, ascending, apart from each other."""

    intervals: tuple[tuple[Border, Border], ...]

    def __bool__(self) -> bool:
        return bool(self.intervals)

    def __or__(self, other: Ranges) -> Ranges:
        merged: list[tuple[Border, Border]] = []
        for low, high in sorted((*self.intervals, *other.intervals)):
            if merged and low <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
            else:
                merged.append((low, high))
        return Ranges(tuple(merged))

    def __invert__(self) -> Ranges:
        borders = [LEAST, *(border for interval in self.intervals for border in interval), MOST]
        pairs = zip(borders[::2], borders[1::2], strict=True)
        return Ranges(tuple((low, high) for low, high in pairs if low < high))

    def __and__(self, other: Ranges) -> Ranges:
        return ~(~self | ~other)

    def __contains__(self, number: Number) -> bool:
        return any(low <= (number, False) and (number, True) <= high for low, high in self.intervals)

    def __le__(self, other: Ranges) -> bool:
        """Whether it is a subset."""
        return not self & ~other

    @property
    def open_above(self) -> bool:
        """Whether it has all numbers from some number on."""
        return bool(self.intervals) and self.intervals[-1][1][0] >= _FAR

    @property
    def open_below(self) -> bool:
        """Whether it has all numbers up to some number."""
        return bool(self.intervals) and self.intervals[0][0][0] <= -_FAR

    @property
    def holes(self) -> Ranges:
        """What lies between its intervals."""
        pairs = zip(self.intervals, self.intervals[1:], strict=False)
        return Ranges(tuple((before[1], after[0]) for before, after in pairs))

    def __str__(self) -> str:
        return " or ".join(_shown(low, high) for low, high in self.intervals) or "nothing"


ALL = Ranges(((LEAST, MOST),))
NONE = Ranges(())


def compared(comparator: Comparator, number: Number) -> Ranges:
    """The numbers that compare so with one."""
    before, behind = (number, False), (number, True)
    return {
        Comparator.LT: Ranges(((LEAST, before),)),
        Comparator.LE: Ranges(((LEAST, behind),)),
        Comparator.GT: Ranges(((behind, MOST),)),
        Comparator.GE: Ranges(((before, MOST),)),
        Comparator.EQ: Ranges(((before, behind),)),
        Comparator.NE: ~Ranges(((before, behind),)),
    }[comparator]


def _shown(low: Border, high: Border) -> str:
    if low[0] == high[0]:
        return f"{low[0]:g}"
    least, most = float(f"{low[0]:g}"), float(f"{high[0]:g}")
    # A border that is rounded for people lies outside of what it bounds.
    above = "" if low[0] <= -_FAR else f"{'above' if low[1] or least < low[0] else 'from'} {least:g}"
    below = "" if high[0] >= _FAR else f"{'up to' if high[1] and most <= high[0] else 'below'} {most:g}"
    return f"{above} {below}".strip() or "any number"


def joined(ranges: Iterable[Ranges]) -> Ranges:
    """All numbers of several sets."""
    return reduce(Ranges.__or__, ranges, NONE)
