"""Conditions over facts whose values must not be kept: their truth is recorded, and stands for them in a replay."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from trueline_rules.expressions.closure import compile_value
from trueline_rules.expressions.explaining import Explanation, Finding, Operand, explain, sentence_of
from trueline_rules.expressions.tree import (
    Comparator,
    Comparison,
    FactValue,
    Literal,
    Logic,
    Node,
    Not,
    ValueType,
    children,
    facts_read,
    walk,
)


class Masked(str):
    """A value that is not kept; what is shown instead."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


MASKED = Masked("•••")

# One character for each single condition: its truth, or that it reads nothing masked and is computed anew.
_WRITTEN: Mapping[bool | None, str] = {True: "1", False: "0", None: "?"}
_READ: Mapping[str, bool | None] = {character: truth for truth, character in _WRITTEN.items()}
_ANEW = "."
# No fact can be called so: it is never given, so what reads it is unknown.
_NEVER_GIVEN = "•"


class TruthsError(Exception):
    """Recorded truths are not those of this condition."""


def single_conditions(tree: Node) -> Iterator[Node]:
    """The conditions between `and`, `or` and `not`, in the order of the text."""
    if isinstance(tree, (Logic, Not)):
        for part in children(tree):
            yield from single_conditions(part)
    else:
        yield tree


def record_truths(tree: Node, values: Mapping[str, object], now: datetime | None, masked: Collection[str]) -> str:
    """The truths of the single conditions that read a masked fact: "1", "0" or "?", and "." for each of the others.

    "" if none reads one.

    Raises:
        FactValueError: a value has not the type that its fact declares.

    """
    hidden = frozenset(masked)
    written = ""
    for single in single_conditions(tree):
        written += _ANEW if hidden.isdisjoint(facts_read(single)) else _WRITTEN[compile_value(single)(values, now)]
    return written if written.strip(_ANEW) else ""


def fold(tree: Node, truths: str) -> Node:
    """The condition with recorded truths instead of the single conditions that they were recorded of; "" = none.

    Raises:
        TruthsError: they were not recorded of this condition.

    """
    if not truths:
        return tree
    if len(truths) != sum(1 for _ in single_conditions(tree)) or not set(truths) <= {*_READ, _ANEW}:
        raise TruthsError(f"the truths {truths!r} were recorded of another condition")
    return _folded(tree, iter(truths))


def _folded(node: Node, truths: Iterator[str]) -> Node:
    match node:
        case Logic():
            return replace(node, operands=tuple(_folded(operand, truths) for operand in node.operands))
        case Not():
            return replace(node, operand=_folded(node.operand, truths))
    character = next(truths)
    return node if character == _ANEW else _constant(node, _READ[character])


def _constant(node: Node, truth: bool | None) -> Node:
    """A condition of this truth that no change of facts turns."""
    kind, start, end = ValueType.BOOL, node.start, node.end
    if truth is not None:
        return Literal(type=kind, start=start, end=end, value=truth)
    unknown = FactValue(type=kind, start=start, end=end, name=_NEVER_GIVEN)
    return Comparison(type=kind, start=start, end=end, comparator=Comparator.EQ, left=unknown, right=unknown)


def explain_masked(
    text: str, tree: Node, values: Mapping[str, object], truths: str, now: datetime | None = None
) -> Explanation:
    """Explain a condition over values of which some are MASKED, by the truths that were recorded of it.

    Raises:
        FactValueError: a value has not the type that its fact declares.
        TruthsError: the truths were not recorded of this condition.

    """
    folded = fold(tree, truths)
    explained = explain(
        text, folded, {name: value for name, value in values.items() if not isinstance(value, Masked)}, now
    )
    finding = _unfolded(tree, explained.finding, iter(truths or _ANEW * len(text)), values)
    return replace(explained, finding=finding, missing=finding.missing, sentence=sentence_of(finding, explained.flip))


def _unfolded(node: Node, finding: Finding, truths: Iterator[str], values: Mapping[str, object]) -> Finding:
    """What was found, with the facts that the recorded conditions read."""
    if isinstance(node, (Logic, Not)):
        pairs = zip(children(node), finding.parts, strict=True)
        parts = tuple(_unfolded(child, part, truths, values) for child, part in pairs)
        missing = {name for part in parts for name in part.missing}
        return replace(finding, parts=parts, missing=tuple(sorted(missing)))
    if next(truths) == _ANEW:
        return finding
    read = {found.name: found for found in walk(node) if isinstance(found, FactValue)}
    seen = {name: _seen(found, values) for name, found in sorted(read.items())}
    return replace(
        finding,
        operands=tuple(Operand(name, value) for name, value in seen.items()),
        missing=tuple(name for name, value in seen.items() if value is None),
    )


def _seen(fact: FactValue, values: Mapping[str, object]) -> object:
    value = values.get(fact.name)
    return value if isinstance(value, Masked) else compile_value(fact)(values, None)
