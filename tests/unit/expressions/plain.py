"""The meaning of an expression a second time: a slow interpreter that follows docs/expressions.md word by word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import re2
from trueline_rules.expressions import tree as t

EXACT = Context(prec=76, Emin=-999_999, Emax=999_999, traps=[])


def meaning(node: t.Node, facts: Mapping[str, object], now: datetime | None = None) -> Any:  # noqa: PLR0911
    """The value of a node; None is missing or unknown."""
    match node:
        case t.Logic():
            found = [meaning(operand, facts, now) for operand in node.operands]
            decides = not node.every
            return decides if decides in found else None if None in found else node.every
        case t.Not():
            return negated(meaning(node.operand, facts, now))
        case t.Presence():
            return (meaning(node.operand, facts, now) is not None) is node.present
        case t.Choice():
            condition = meaning(node.condition, facts, now)
            return None if condition is None else meaning(node.then if condition else node.otherwise, facts, now)
        case t.Fallback():
            value = meaning(node.value, facts, now)
            return meaning(node.otherwise, facts, now) if value is None else value
        case t.Literal():
            return node.value
        case t.LiteralSet():
            return frozenset(node.values)
        case t.FactValue():
            return present(facts.get(node.name), node.type)
        case t.Now():
            return now
    operands = [meaning(child, facts, now) for child in t.children(node)]
    return None if None in operands else finite(computed(node, operands))


def computed(node: t.Node, operands: list[Any]) -> Any:  # noqa: PLR0911
    """What a node makes of operands that are all there."""
    match node:
        case t.Comparison():
            left, right = operands
            if node.comparator in ("==", "!="):
                return (left == right) is (node.comparator == "==")
            return ordered(node.comparator, left, right)
        case t.Membership():
            return operands[0] in operands[1]
        case t.Match():
            found = re2.search(node.pattern, operands[0]) if node.search else re2.match(node.pattern, operands[0])
            return (found is None) is node.negated
        case t.Exact():
            return Decimal(operands[0])
        case t.Minus():
            return operands[0].copy_negate() if isinstance(operands[0], Decimal) else -operands[0]
        case t.Attribute():
            text = operands[0]
            if node.attribute == "length":
                return float(len(text))
            return text.lower() if node.attribute == "as_lower" else text.upper()
        case t.Arithmetic():
            return arithmetic(node.operator.value, *operands)
    raise AssertionError(node)


def ordered(comparator: str, left: Any, right: Any) -> bool:
    """Two values in their order."""
    if isinstance(left, str):
        left, right = left.encode(), right.encode()
    return bool({"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[comparator])


def arithmetic(operator: str, left: Any, right: Any) -> Any:
    """Two values computed; None where there is no result."""
    if isinstance(left, (datetime, timedelta)):
        try:
            return left + right if operator == "+" else left - right
        except OverflowError:
            return None
    if isinstance(left, Decimal):
        return {
            "+": EXACT.add,
            "-": EXACT.subtract,
            "*": EXACT.multiply,
            "/": EXACT.divide,
            "%": EXACT.remainder,
        }[operator](left, right)
    if operator in "/%" and right == 0:
        return None
    if operator == "%":
        quotient = left / right
        return None if math.isinf(quotient) else left - math.trunc(quotient) * right
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / right if right else None}[operator]


def finite(value: Any) -> Any:
    """None for numbers that are none."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return None if isinstance(value, float) and not math.isfinite(value) else value


def present(value: Any, kind: t.ValueType) -> Any:
    """The value of a fact."""
    if value is None:
        return None
    if kind is t.ValueType.NUMBER:
        return finite(float(value))
    return finite(Decimal(value)) if kind is t.ValueType.DECIMAL else value


def negated(truth: bool | None) -> bool | None:
    """Kleene's not."""
    return None if truth is None else not truth
