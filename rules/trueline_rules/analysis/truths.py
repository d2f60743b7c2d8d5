"""Where a condition is true, as boxes: facts compared with constants, tests for null, sets; the rest as it is."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce

from trueline_rules.analysis.boxes import EVERYTHING, NOTHING, Boxes, where
from trueline_rules.analysis.monotone import constant_of, true_and_false, unwrapped
from trueline_rules.analysis.ranges import NONE, Number, Ranges, compared
from trueline_rules.analysis.sets import ORDERS, THERE, TRUTHS, Few, Texts, Values, Variable
from trueline_rules.expressions.canonical import MIRRORED, canonical
from trueline_rules.expressions.tree import (
    Comparator,
    Comparison,
    FactValue,
    Literal,
    LiteralSet,
    Logic,
    Match,
    Membership,
    Node,
    Not,
    Presence,
    ValueType,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SORTS: Mapping[ValueType, str | frozenset[Hashable]] = {
    ValueType.NUMBER: "numbers",
    ValueType.DECIMAL: "numbers",
    ValueType.DATETIME: "numbers",
    ValueType.TEXT: "texts",
    ValueType.BOOL: TRUTHS,
    ValueType.TEXTS: THERE,
    ValueType.DURATION: THERE,
}
# Two values of one type, one of which is larger, or they are the same.
_FULFILLING: Mapping[Comparator, frozenset[Hashable]] = {
    Comparator.EQ: frozenset({"="}),
    Comparator.NE: frozenset({"<", ">"}),
    Comparator.LT: frozenset({"<"}),
    Comparator.LE: frozenset({"<", "="}),
    Comparator.GT: frozenset({">"}),
    Comparator.GE: frozenset({">", "="}),
}
_TURNED = {
    Comparator.LT: Comparator.GT,
    Comparator.GT: Comparator.LT,
    Comparator.LE: Comparator.GE,
    Comparator.GE: Comparator.LE,
}


@dataclass(frozen=True, slots=True)
class FactKey:
    """What stands for a fact across rules: where its values come from, and whether it may have none."""

    source: Hashable
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Truths:
    """Where a condition is true, and where it is false."""

    true: Boxes
    false: Boxes


def truths_of(node: Node, facts: Mapping[str, FactKey], *, unknown: bool = False) -> Truths:
    """Where a condition is true and false.

    Args:
        node: the condition.
        facts: those that it reads.
        unknown: whether an unknown condition counts as both.

    Raises:
        TooManyError: it is too large.

    """
    return _Reading(facts, unknown).truths(node)


def variable_of(node: Node, facts: Mapping[str, FactKey]) -> Variable:
    """The variable that stands for the value of a node."""
    nullable = facts[node.name].nullable if isinstance(node, FactValue) else True
    form = canonical(node, {name: key.source for name, key in facts.items()})
    return Variable(("value", form), _SORTS[node.type], nullable)


class _Reading:
    def __init__(self, facts: Mapping[str, FactKey], unknown: bool) -> None:
        self._facts = facts
        self._names = {name: key.source for name, key in facts.items()}
        self._unknown = unknown

    def truths(self, node: Node) -> Truths:  # noqa: PLR0911 - one case for each construct
        """Where a node is true and false."""
        match node:
            case Logic():
                parts = [self.truths(operand) for operand in node.operands]
                met, either = Boxes.__and__, Boxes.__or__
                true = reduce(met if node.every else either, (part.true for part in parts))
                false = reduce(either if node.every else met, (part.false for part in parts))
                return Truths(true, false)
            case Not():
                inner = self.truths(node.operand)
                return Truths(inner.false, inner.true)
            case Literal(value=bool() as value):
                return Truths(EVERYTHING, NOTHING) if value else Truths(NOTHING, EVERYTHING)
            case Comparison():
                return self._comparison(node)
            case Membership(container=LiteralSet() as held):
                return self._among(node.item, held)
            case Presence():
                return self._presence(node)
            case Match():
                found = self._opaque(("match", canonical(node.operand, self._names), node.pattern, node.search))
                return Truths(found.false, found.true) if node.negated else found
            case FactValue():
                return self._truth_of(self._variable(node), Few(TRUTHS, frozenset({True})))
        return self._opaque(canonical(node, self._names))

    def _comparison(self, node: Comparison) -> Truths:
        for subject, other, comparator in (
            (node.left, node.right, node.comparator),
            (node.right, node.left, _TURNED.get(node.comparator, node.comparator)),
        ):
            found = self._with_constant(subject, other, comparator)
            if found is not None:
                return found
        turned = node.comparator in MIRRORED
        left, right = (node.right, node.left) if turned else (node.left, node.right)
        comparator = MIRRORED.get(node.comparator, node.comparator)
        pair = canonical(left, self._names), canonical(right, self._names)
        if repr(pair[1]) < repr(pair[0]):
            pair, comparator = (pair[1], pair[0]), _TURNED.get(comparator, comparator)
        return self._truth_of(Variable(("order", *pair), ORDERS), Few(ORDERS, _FULFILLING[comparator]))

    def _with_constant(self, subject: Node, other: Node, comparator: Comparator) -> Truths | None:
        if isinstance(other, Literal) and isinstance(other.value, str | bool):
            if comparator not in {Comparator.EQ, Comparator.NE} or isinstance(subject, Literal):
                return None
            same = self._equal(self._variable(subject), other.value)
            return same if comparator is Comparator.EQ else Truths(same.false, same.true)
        bound = _bound(other)
        if bound is None:
            return None
        core, steps = unwrapped(subject) if isinstance(bound, float) else (subject, ())
        found = true_and_false(comparator, bound, steps)
        if found is None:
            core, found = subject, (compared(comparator, bound), ~compared(comparator, bound))
        return self._split(self._variable(core), *found)

    def _equal(self, variable: Variable, value: str | bool) -> Truths:
        if isinstance(value, bool):
            return self._truth_of(variable, Few(TRUTHS, frozenset({value})))
        return self._truth_of(variable, Texts(frozenset({value})))

    def _among(self, item: Node, held: LiteralSet) -> Truths:
        variable = self._variable(item)
        if all(isinstance(value, str) for value in held.values):
            return self._truth_of(variable, Texts(frozenset(map(str, held.values))))
        if all(isinstance(value, bool) for value in held.values):
            return self._truth_of(variable, Few(TRUTHS, frozenset(held.values)))
        numbers = [_number(value) for value in held.values]
        known = [number for number in numbers if number is not None]
        if len(known) < len(numbers):
            return self._opaque(("among", canonical(item, self._names), canonical(held)))
        return self._truth_of(variable, reduce(Ranges.__or__, (compared(Comparator.EQ, one) for one in known), NONE))

    def _presence(self, node: Presence) -> Truths:
        variable = self._variable(node.operand)
        there, gone = where(variable, Values(variable.known)), where(variable, Values(variable.none, variable.nullable))
        return Truths(there, gone) if node.present else Truths(gone, there)

    def _variable(self, node: Node) -> Variable:
        return variable_of(node, self._facts)

    def _opaque(self, key: Hashable) -> Truths:
        return self._truth_of(Variable(("condition", key), TRUTHS), Few(TRUTHS, frozenset({True})))

    def _truth_of(self, variable: Variable, known: Ranges | Texts | Few) -> Truths:
        return self._split(variable, known, ~known)

    def _split(self, variable: Variable, true: Ranges | Texts | Few, false: Ranges | Texts | Few) -> Truths:
        """True for some values and false for others; for all that are left it is unknown."""
        first, second = Values(true), Values(false)
        if self._unknown:
            unknown = variable.rest(first | second)
            first, second = first | unknown, second | unknown
        return Truths(where(variable, first), where(variable, second))


def _bound(node: Node) -> Number | None:
    return _number(node.value) if isinstance(node, Literal) else constant_of(node)


def _number(value: object) -> Number | None:
    match value:
        case bool():
            return None
        case float() | int():
            return float(value)
        case Decimal():
            return value
        case datetime():
            # Exact: an instant has microseconds.
            since = value - _EPOCH
            return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return None
