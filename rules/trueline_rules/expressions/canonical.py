"""One form for conditions that mean the same although they are written otherwise: blanks, brackets, sides exchanged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import fields

from trueline_rules.expressions.tree import (
    Comparator,
    Comparison,
    FactValue,
    Literal,
    LiteralSet,
    Node,
    Now,
)

# An ordered comparison turned round, and which of the two is kept.
MIRRORED = {Comparator.GT: Comparator.LT, Comparator.GE: Comparator.LE}
_PLACE = frozenset({"start", "end"})


def canonical(node: Node, names: Mapping[str, Hashable] | None = None) -> Hashable:
    """The node without its place in a text; two of the same form mean the same.

    Args:
        node: any.
        names: what stands for a fact; left out, its name does.

    """
    match node:
        case FactValue():
            return ("fact", (names or {}).get(node.name, node.name), node.type)
        case Literal():
            return ("literal", node.type, node.value)
        case LiteralSet():
            return ("set", node.type, frozenset(node.values))
        case Now():
            return ("now",)
        case Comparison():
            return _comparison(node, names)
    parts = (_part(getattr(node, field.name), names) for field in fields(node) if field.name not in _PLACE)
    return (type(node).__name__, *parts)


def _comparison(node: Comparison, names: Mapping[str, Hashable] | None) -> Hashable:
    left, right = canonical(node.left, names), canonical(node.right, names)
    comparator = node.comparator
    unordered = comparator in {Comparator.EQ, Comparator.NE}
    if comparator in MIRRORED or (unordered and repr(right) < repr(left)):
        left, right, comparator = right, left, MIRRORED.get(comparator, comparator)
    return ("comparison", comparator, left, right)


def _part(value: object, names: Mapping[str, Hashable] | None) -> Hashable:
    if isinstance(value, Node):
        return canonical(value, names)
    if isinstance(value, tuple):
        return tuple(_part(one, names) for one in value)
    assert isinstance(value, Hashable)
    return value
