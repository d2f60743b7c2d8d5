"""Where a condition is true, as boxes: facts compared with constants, tests for null, sets; the rest as it is."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce

from trueline_rules.analysis.boxes import EVERYTHING, NOTHING, Boxes, where
from trueline_rules.analysis.monotone import constant_of, true_and_false, unwrapped
from trueline_rules.analysis.ranges import NONE, Number, Ranges, compared
from trueline_rules.analysis.sets import ORDERS, THERE, TRUTHS, Few, Texts, Values, Variable
from trueline_rules.expressions.canonical import MIRRORED, canonical
from trueline_rules.expressions.tree import (
    Arithmetic,
    Attribute,
    Choice,
    Comparator,
    Comparison,
    Exact,
    FactValue,
    Fallback,
    Literal,
    LiteralSet,
    Logic,
    Match,
    Membership,
    Minus,
    Node,
    Not,
    Operator,
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
# The equal ones among these are true of a value and itself, the others of no value.
_OF_ITSELF = frozenset({Comparator.EQ, Comparator.LE, Comparator.GE})
_ZEROS = (0, Decimal(0))
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


_ALWAYS, _NEVER = Truths(EVERYTHING, NOTHING), Truths(NOTHING, EVERYTHING)


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


def together(parts: Sequence[Truths], *, every: bool) -> Truths:
    """Where all parts are true (`every`), or one of them is.

    Raises:
        TooManyError: it is too large.

    """
    met, either = Boxes.__and__, Boxes.__or__
    true = reduce(met if every else either, (part.true for part in parts))
    return Truths(true, reduce(either if every else met, (part.false for part in parts)))


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
                return together([self.truths(operand) for operand in node.operands], every=node.every)
            case Not():
                inner = self.truths(node.operand)
                return Truths(inner.false, inner.true)
            case Literal(value=bool() as value):
                return _ALWAYS if value else _NEVER
            case Comparison():
                return self._comparison(node)
            case Membership(container=LiteralSet() as held):
                return self._among(node, held)
            case Presence():
                there = self._presence(node.operand)
                return there if node.present else Truths(there.false, there.true)
            case Choice():
                return self._chosen(node, node.then, node.otherwise)
            case Fallback():
                return self._instead(node, node.value, node.otherwise)
            case Match():
                found = self._opaque(("match", canonical(node.operand, self._names), node.pattern, node.search))
                return Truths(found.false, found.true) if node.negated else found
            case FactValue():
                return self._truth_of(self._variable(node), Few(TRUTHS, frozenset({True})))
        return self._opaque(canonical(node, self._names))

    def _comparison(self, node: Comparison) -> Truths:
        opened = self._opened(node.left, lambda left: replace(node, left=left))
        opened = opened or self._opened(node.right, lambda right: replace(node, right=right))
        if opened is not None:
            return opened
        if _valueless(node.left) or _valueless(node.right):
            return Truths(EVERYTHING, EVERYTHING) if self._unknown else Truths(NOTHING, NOTHING)
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
        if pair[0] == pair[1]:
            variable = self._variable(left)
            true, false = (
                (variable.known, variable.none) if comparator in _OF_ITSELF else (variable.none, variable.known)
            )
            return self._split(variable, true, false)
        if repr(pair[1]) < repr(pair[0]):
            pair, comparator = (pair[1], pair[0]), _TURNED.get(comparator, comparator)
        return self._truth_of(Variable(("order", *pair), ORDERS), Few(ORDERS, _FULFILLING[comparator]))

    def _opened(self, side: Node, said_of: Callable[[Node], Node]) -> Truths | None:
        """What is said of `a ?? b` and `c ? a : b` is said of one of the two; None if the side is neither."""
        match side:
            case Fallback():
                return self._instead(side, said_of(side.value), said_of(side.otherwise))
            case Choice():
                return self._chosen(side, said_of(side.then), said_of(side.otherwise))
        return None

    def _instead(self, node: Fallback, of_value: Node, of_other: Node) -> Truths:
        """What is true of a value where it is there, and of another one where it is not."""
        there, first, second = self._presence(node.value), self.truths(of_value), self.truths(of_other)
        return Truths(
            (there.true & first.true) | (there.false & second.true),
            (there.true & first.false) | (there.false & second.false),
        )

    def _chosen(self, node: Choice, of_then: Node, of_other: Node) -> Truths:
        """What is true of one value where a condition holds, and of another one where it does not."""
        met, first, second = _Reading(self._facts, unknown=False), self.truths(of_then), self.truths(of_other)
        holds = met.truths(node.condition)
        true = (holds.true & first.true) | (holds.false & second.true)
        false = (holds.true & first.false) | (holds.false & second.false)
        if not self._unknown:
            return Truths(true, false)
        either = self.truths(node.condition)
        doubt = either.true & either.false
        return Truths(true | doubt, false | doubt)

    def _with_constant(self, subject: Node, other: Node, comparator: Comparator) -> Truths | None:
        bound = _bound(other)
        constant = None if bound is None else _bound(subject)
        if bound is not None and constant is not None:
            return (
                Truths(EVERYTHING, NOTHING) if constant in compared(comparator, bound) else Truths(NOTHING, EVERYTHING)
            )
        if isinstance(other, Literal) and isinstance(other.value, str | bool):
            if comparator not in {Comparator.EQ, Comparator.NE} or isinstance(subject, Literal):
                return None
            same = self._equal(self._variable(subject), other.value)
            return same if comparator is Comparator.EQ else Truths(same.false, same.true)
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

    def _among(self, node: Membership, held: LiteralSet) -> Truths:
        opened = self._opened(node.item, lambda item: replace(node, item=item))
        if opened is not None:
            return opened
        item = node.item
        if isinstance(item, Literal):
            return _ALWAYS if item.value in held.values else _NEVER
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

    def _presence(self, node: Node) -> Truths:
        """Where a value is there, and where it is missing."""
        match node:
            case Literal():
                return _ALWAYS
            case Fallback():
                first, second = self._presence(node.value), self._presence(node.otherwise)
                return Truths(first.true | second.true, first.false & second.false)
        if _valueless(node):
            return _NEVER
        variable = self._variable(node)
        there, gone = where(variable, Values(variable.known)), where(variable, Values(variable.none, variable.nullable))
        return Truths(there, gone)

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


def _valueless(node: Node) -> bool:
    """Whether it has no value whatever the facts are: something is divided by zero."""
    match node:
        case Arithmetic():
            zero = isinstance(node.right, Literal) and node.right.value in _ZEROS
            divided = node.operator in {Operator.DIV, Operator.MOD} and zero
            return divided or _valueless(node.left) or _valueless(node.right)
        case Minus() | Exact() | Attribute():
            return _valueless(node.operand)
    return False


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
