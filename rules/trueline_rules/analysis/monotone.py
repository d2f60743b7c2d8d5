"""Arithmetic of one operand with constants: which operands make `operand * 100 - 3 < 5` true, exactly as float64."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from trueline_rules.analysis.ranges import ALL, LEAST, MOST, NONE, Border, Number, Ranges, compared
from trueline_rules.expressions.tree import Arithmetic, Comparator, Literal, Minus, Node, Operator, ValueType

_LARGEST = 1.7976931348623157e308
_COMPUTED: dict[Operator, Callable[[float, float], float]] = {
    Operator.ADD: lambda one, other: one + other,
    Operator.SUB: lambda one, other: one - other,
    Operator.MUL: lambda one, other: one * other,
    Operator.DIV: lambda one, other: one / other,
}


@dataclass(frozen=True, slots=True)
class Step:
    """What is done with an operand: a constant stands to its right, or to its left."""

    operator: Operator
    constant: float
    operand_first: bool

    def apply(self, operand: float) -> float:
        """The step's value; infinite where it is beyond float64."""
        sides = (operand, self.constant) if self.operand_first else (self.constant, operand)
        return _COMPUTED[self.operator](*sides)

    @property
    def turns(self) -> bool:
        """Whether the value falls where the operand grows."""
        if self.operator in {Operator.MUL, Operator.DIV}:
            return self.constant < 0
        return self.operator is Operator.SUB and not self.operand_first


def constant_of(node: Node) -> float | None:
    """The number that a node without facts comes to; None if it is none."""
    match node:
        case Literal(type=ValueType.NUMBER, value=float() | int() as number):
            return float(number)
        case Minus(type=ValueType.NUMBER):
            inner = constant_of(node.operand)
            return None if inner is None else -inner
        case Arithmetic(type=ValueType.NUMBER) if node.operator in _COMPUTED:
            left, right = constant_of(node.left), constant_of(node.right)
            if left is None or right is None or (node.operator is Operator.DIV and right == 0):
                return None
            computed = _COMPUTED[node.operator](left, right)
            return computed if math.isfinite(computed) else None
    return None


def unwrapped(node: Node) -> tuple[Node, tuple[Step, ...]]:
    """The operand within arithmetic with constants, and the steps from it to the node's value."""
    if isinstance(node, Minus) and node.type is ValueType.NUMBER:
        core, steps = unwrapped(node.operand)
        return core, (*steps, Step(Operator.MUL, -1.0, operand_first=True))
    if not isinstance(node, Arithmetic) or node.type is not ValueType.NUMBER or node.operator not in _COMPUTED:
        return node, ()
    left, right = constant_of(node.left), constant_of(node.right)
    if left is not None and node.operator is not Operator.DIV:
        step, inner = Step(node.operator, left, operand_first=False), node.right
    elif right is not None:
        step, inner = Step(node.operator, right, operand_first=True), node.left
    else:
        return node, ()
    if step.operator in {Operator.MUL, Operator.DIV} and step.constant == 0:
        return node, ()
    core, steps = unwrapped(inner)
    return core, (*steps, step)


@lru_cache(maxsize=4096)
def true_and_false(comparator: Comparator, bound: Number, steps: tuple[Step, ...]) -> tuple[Ranges, Ranges] | None:
    """The operands for which the value compares so with a bound, and those for which it does not.

    Those in neither have no value: it is beyond float64. None if it is so for 0 already.
    """
    if not steps:
        true = compared(comparator, bound)
        return true, ~true
    defined = _defined(steps)
    if not defined:
        return None
    below = _where(steps, lambda value: value < bound, defined) & defined
    up_to = _where(steps, lambda value: value <= bound, defined) & defined
    true = {
        Comparator.LT: below,
        Comparator.LE: up_to,
        Comparator.GT: defined & ~up_to,
        Comparator.GE: defined & ~below,
        Comparator.EQ: up_to & ~below,
        Comparator.NE: (defined & ~up_to) | below,
    }[comparator]
    return true, defined & ~true


def _value(steps: tuple[Step, ...], operand: float) -> float:
    value = operand
    for step in steps:
        value = step.apply(value)
        if not math.isfinite(value):
            return math.inf
    return value


def _defined(steps: tuple[Step, ...]) -> Ranges:
    """The operands whose value is within float64: an interval around 0, since every step is monotone."""
    above = _last(lambda operand: math.isfinite(_value(steps, operand)), _place(0.0), _place(_LARGEST))
    below = _last(lambda operand: math.isfinite(_value(steps, -operand)), _place(0.0), _place(_LARGEST))
    if above is None or below is None:
        return NONE
    low: Border = LEAST if below == _LARGEST else (-below, False)
    high: Border = MOST if above == _LARGEST else (above, True)
    return Ranges(((low, high),))


def _where(steps: tuple[Step, ...], holds: Callable[[float], bool], defined: Ranges) -> Ranges:
    """The operands for which something holds of the value that holds of small ones only."""
    low, high = defined.intervals[0]
    first = _place(-_LARGEST if low == LEAST else float(low[0]))
    last = _place(_LARGEST if high == MOST else float(high[0]))
    if sum(step.turns for step in steps) % 2:
        found = _last(lambda operand: not holds(_value(steps, operand)), first, last)
        if found is None:
            return ALL
        return NONE if found == _number(last) else Ranges(((_shortest(found), MOST),))
    found = _last(lambda operand: holds(_value(steps, operand)), first, last)
    if found is None:
        return NONE
    return ALL if found == _number(last) else Ranges(((LEAST, _shortest(found)),))


def _last(holds: Callable[[float], bool], first: int, last: int) -> float | None:
    """The largest float up to which something holds; None if it holds nowhere."""
    if not holds(_number(first)):
        return None
    while first < last:
        middle = (first + last + 1) // 2
        if holds(_number(middle)):
            first = middle
        else:
            last = middle - 1
    return _number(first)


def _shortest(number: float) -> Border:
    """The border behind a float, as people write it: just before the next one, if that is the shorter number."""
    following = math.nextafter(number, math.inf)
    return (following, False) if len(repr(following)) < len(repr(number)) else (number, True)


def _place(number: float) -> int:
    """The place of a float in the order of all floats."""
    bits: int = struct.unpack("<q", struct.pack("<d", number))[0]
    return bits if bits >= 0 else -(bits & 0x7FFF_FFFF_FFFF_FFFF)


def _number(place: int) -> float:
    number: float = struct.unpack("<d", struct.pack("<q", abs(place)))[0]
    return number if place >= 0 else -number
