"""Sets of numbers as unions of intervals: where a condition over one number is true."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

from trueline_rules.expressions.tree import Comparator, Comparison, FactValue, Literal, Logic, Minus, Node, Not

# A border between numbers: (number, False) lies just before it, (number, True) just behind it.
Border = tuple[float, bool]
_LEAST: Border = (-math.inf, False)
_MOST: Border = (math.inf, True)
_TURNED = {
    Comparator.LT: Comparator.GT,
    Comparator.GT: Comparator.LT,
    Comparator.LE: Comparator.GE,
    Comparator.GE: Comparator.LE,
}


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
        borders = [_LEAST, *(border for interval in self.intervals for border in interval), _MOST]
        pairs = zip(borders[::2], borders[1::2], strict=True)
        return Ranges(tuple((low, high) for low, high in pairs if low < high))

    def __and__(self, other: Ranges) -> Ranges:
        return ~(~self | ~other)

    def __contains__(self, number: float) -> bool:
        return any(low <= (number, False) and (number, True) <= high for low, high in self.intervals)

    def __le__(self, other: Ranges) -> bool:
        """Whether it is a subset."""
        return not self & ~other

    @property
    def open_above(self) -> bool:
        """Whether it has all numbers from some number on."""
        return bool(self.intervals) and self.intervals[-1][1] == _MOST

    @property
    def open_below(self) -> bool:
        """Whether it has all numbers up to some number."""
        return bool(self.intervals) and self.intervals[0][0] == _LEAST

    @property
    def holes(self) -> Ranges:
        """What lies between its intervals."""
        pairs = zip(self.intervals, self.intervals[1:], strict=False)
        return Ranges(tuple((before[1], after[0]) for before, after in pairs))

    def __str__(self) -> str:
        return " or ".join(_shown(low, high) for low, high in self.intervals) or "nothing"


ALL = Ranges(((_LEAST, _MOST),))
NONE = Ranges(())


def true_where(node: Node, fact: str) -> Ranges | None:
    """The values of a fact for which a condition is true; None if it says anything about something else.

    Only comparisons of the fact with numbers are read, joined by and, or and not.
    """
    match node:
        case Logic():
            parts = [true_where(operand, fact) for operand in node.operands]
            known = [part for part in parts if part is not None]
            if len(known) < len(parts):
                return None
            return reduce(Ranges.__and__ if node.every else Ranges.__or__, known)
        case Not():
            inner = true_where(node.operand, fact)
            return None if inner is None else ~inner
        case Comparison(left=FactValue(name=name)) if name == fact:
            return _compared(node.comparator, _number(node.right))
        case Comparison(right=FactValue(name=name)) if name == fact:
            return _compared(_TURNED.get(node.comparator, node.comparator), _number(node.left))
    return None


def _compared(comparator: Comparator, number: float | None) -> Ranges | None:
    if number is None:
        return None
    before, behind = (number, False), (number, True)
    return {
        Comparator.LT: Ranges(((_LEAST, before),)),
        Comparator.LE: Ranges(((_LEAST, behind),)),
        Comparator.GT: Ranges(((behind, _MOST),)),
        Comparator.GE: Ranges(((before, _MOST),)),
        Comparator.EQ: Ranges(((before, behind),)),
        Comparator.NE: ~Ranges(((before, behind),)),
    }[comparator]


def _number(node: Node) -> float | None:
    match node:
        case Literal(value=bool()):
            return None
        case Literal(value=float() | int() as number):
            return float(number)
        case Minus():
            inner = _number(node.operand)
            return None if inner is None else -inner
    return None


def _shown(low: Border, high: Border) -> str:
    if (low[0], not low[1]) == (high[0], not high[1]) or low[0] == high[0]:
        return f"{low[0]:g}"
    above = "" if low == _LEAST else f"{'above' if low[1] else 'from'} {low[0]:g}"
    below = "" if high == _MOST else f"{'up to' if high[1] else 'below'} {high[0]:g}"
    return f"{above} {below}".strip() or "any number"


def joined(ranges: Iterable[Ranges]) -> Ranges:
    """All numbers of several sets."""
    return reduce(Ranges.__or__, ranges, NONE)
