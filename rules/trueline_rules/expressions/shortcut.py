"""The usual case in one Python expression: when a condition is certainly true, and when it is certainly false.

Two plain tests stand for Kleene's three values; where neither holds, something is missing or out of the ordinary, and
the statements of `source` decide. What has no shortcut raises NoShortcutError.
"""

from __future__ import annotations

from trueline_rules.expressions.source import Names
from trueline_rules.expressions.tree import (
    Arithmetic,
    Comparator,
    Comparison,
    FactValue,
    Literal,
    LiteralSet,
    Logic,
    Membership,
    Node,
    Not,
    Operator,
    Presence,
    ValueType,
)

# Within it every int is a float64, so ints and floats compare alike; NaN and infinities are without.
_BOUND = 2.0**53
_OPPOSITE = {
    Comparator.EQ: Comparator.NE,
    Comparator.NE: Comparator.EQ,
    Comparator.LT: Comparator.GE,
    Comparator.GE: Comparator.LT,
    Comparator.GT: Comparator.LE,
    Comparator.LE: Comparator.GT,
}
_MOST_LEAVES = 64
_MOST_NESTED = 16


class NoShortcutError(Exception):
    """The condition has a part that only the statements compute."""


class ShortcutWriter:
    """Writes the tests of a tree as statements that return, or run out where the shortcut does not do."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._added: dict[object, str] = {}
        self._guards: list[str] = []
        self._leaves = 0
        self._first = ""
        self._closing: list[str] = []

    def write(self, node: Node) -> list[str]:
        """The lines of the shortcut, without indent."""
        if isinstance(node, Logic) and len(node.operands) <= _MOST_NESTED:
            return self._chain(node.operands, every=node.every)
        return self._chain((node,), every=True)

    def _chain(self, operands: tuple[Node, ...], *, every: bool) -> list[str]:
        """One operand within the other: each is looked at only as far as those before leave the result open."""
        lines: list[str] = []
        for level, operand in enumerate(operands):
            indent, last = " " * level, level == len(operands) - 1
            # The first fact that a test reads is kept for the second test of the same operand.
            self._first = ""
            true = self._test(operand, wanted=True)
            kept, self._first = self._first, ""
            false = self._refuted(operand) or self._test(operand, wanted=False)
            if kept:
                local = f"v{level}"
                true, false = true.replace(kept, f"({local} := {kept})", 1), false.replace(kept, local)
            if every:
                lines.append(f"{indent}if {true}:")
                if last:
                    lines.append(f"{indent} return True")
                self._closing.append(f"{indent}elif {false}: return False")
            else:
                lines += [f"{indent}if {true}: return True", f"{indent}if {false}:"]
                if last:
                    lines.append(f"{indent} return False")
        lines += reversed(self._closing)
        self._closing = []
        return lines

    def _refuted(self, node: Node) -> str:
        """What is left to ask when the test for true has failed; empty if all of the test for false."""
        match node:
            case Comparison(comparator=Comparator.EQ, left=FactValue() as fact, right=Literal(type=ValueType.TEXT)):
                return f"{self._fact(fact)}.__class__ is {self._name(str)}"
            case Membership(item=FactValue() as fact, container=LiteralSet(type=ValueType.TEXT)):
                return f"{self._fact(fact)}.__class__ is {self._name(str)}"
            case _:
                return ""

    def _test(self, node: Node, *, wanted: bool) -> str:
        match node:
            case Not():
                return self._test(node.operand, wanted=not wanted)
            case Logic():
                tests = [self._test(operand, wanted=wanted) for operand in node.operands]
                return f"({(' and ' if node.every is wanted else ' or ').join(tests)})"
        self._leaves += 1
        if self._leaves > _MOST_LEAVES:
            raise NoShortcutError
        match node:
            case Comparison():
                return self._comparison(node, node.comparator if wanted else _OPPOSITE[node.comparator])
            case Membership():
                return self._membership(node, wanted=wanted)
            case Presence(operand=FactValue() as fact):
                return self._presence(fact, present=node.present is wanted)
            case FactValue():
                return f"{self._fact(node)} is {wanted}"
            case _:
                raise NoShortcutError

    def _comparison(self, node: Comparison, comparator: Comparator) -> str:
        kind = node.left.type
        sign = comparator.value
        if kind is ValueType.NUMBER:
            return self._numbers(node, comparator)
        if kind is ValueType.TEXT:
            left, right = self._operand(node.left), self._operand(node.right)
            if comparator is Comparator.EQ:
                # A constant text equals texts only.
                facts = [] if isinstance(node.left, Literal) or isinstance(node.right, Literal) else [left]
            elif comparator is Comparator.NE:
                facts = [
                    name for side, name in ((node.left, left), (node.right, right)) if not isinstance(side, Literal)
                ]
            else:
                facts = []
            checks = [f"{name}.__class__ is {self._name(str)}" for name in facts]
            return f"({' and '.join([f'{left} {sign} {right}', *checks])})"
        if kind is ValueType.DATETIME and comparator not in (Comparator.EQ, Comparator.NE):
            if not isinstance(node.left, Literal) and not isinstance(node.right, Literal):
                raise NoShortcutError  # two instants without a zone would compare
            return f"{self._operand(node.left)} {sign} {self._operand(node.right)}"
        raise NoShortcutError

    def _numbers(self, node: Comparison, comparator: Comparator) -> str:
        self._guards = []
        left, right = self._number(node.left), self._number(node.right)
        low, high = self._name(-_BOUND), self._name(_BOUND)
        sides = ((left, node.left), (right, node.right))
        tests = self._guards
        if comparator is Comparator.NE:
            tests = [*(f"{low} < {side} < {high}" for side, found in sides if not isinstance(found, Literal)), *tests]
        if comparator in (Comparator.NE, Comparator.EQ) and any(isinstance(found, Literal) for _, found in sides):
            return f"({' and '.join([f'{left} {comparator.value} {right}', *tests])})"
        first, last, sign = (high, low, ">") if comparator in (Comparator.GT, Comparator.GE) else (low, high, "<")
        before = "" if isinstance(node.left, Literal) else f"{first} {sign} "
        after = "" if isinstance(node.right, Literal) else f" {sign} {last}"
        # The comparison stands first, since the first fact that is read must be read whatever the other tests say.
        return f"({' and '.join([f'{before}{left} {comparator.value} {right}{after}', *tests])})"

    def _membership(self, node: Membership, *, wanted: bool) -> str:
        item, sign = self._operand(node.item), "in" if wanted else "not in"
        if not isinstance(node.container, LiteralSet):
            if not isinstance(node.item, Literal) or not isinstance(node.container, FactValue):
                raise NoShortcutError
            texts = self._fact(node.container)
            return f"({item} {sign} {texts} and {texts}.__class__ is {self._name(frozenset)})"
        values = self._name(frozenset(node.container.values))
        if node.container.type is ValueType.TEXT:
            check = "" if wanted else f" and {item}.__class__ is {self._name(str)}"
            return f"({item} {sign} {values}{check})"
        if node.container.type is ValueType.NUMBER:
            if any(not -_BOUND < float(value) < _BOUND for value in node.container.values):  # type: ignore[arg-type]
                raise NoShortcutError
            return f"({self._name(-_BOUND)} < {item} < {self._name(_BOUND)} and {item} {sign} {values})"
        raise NoShortcutError

    def _presence(self, fact: FactValue, *, present: bool) -> str:
        name = self._fact(fact)
        if not present:
            return f"{name} is None"
        if fact.type is ValueType.NUMBER:
            return f"{self._name(-_BOUND)} < {name} < {self._name(_BOUND)}"
        if fact.type is ValueType.TEXT:
            return f"{name}.__class__ is {self._name(str)}"
        raise NoShortcutError

    def _operand(self, node: Node) -> str:
        if isinstance(node, FactValue):
            return self._fact(node)
        if isinstance(node, Literal):
            return self._name(node.value)
        raise NoShortcutError

    def _number(self, node: Node) -> str:
        if isinstance(node, Literal) and not -_BOUND < float(node.value) < _BOUND:  # type: ignore[arg-type]
            raise NoShortcutError
        if not isinstance(node, Arithmetic):
            return self._operand(node)
        if node.operator is Operator.MOD:
            raise NoShortcutError
        left, right = self._term(node.left), self._term(node.right)
        if node.operator is Operator.DIV:
            # An infinite sum or product shows in the end; divided by, it would not.
            if isinstance(node.right, FactValue):
                self._guards.append(f"{self._name(-_BOUND)} < {right} < {self._name(_BOUND)}")
            elif not isinstance(node.right, Literal):
                raise NoShortcutError
        return f"({left} {node.operator.value} {right})"

    def _term(self, node: Node) -> str:
        # 0.0 is added so that ints compute as float64.
        return f"({self._fact(node)} + {self._name(0.0)})" if isinstance(node, FactValue) else self._number(node)

    def _fact(self, fact: FactValue) -> str:
        name = f"facts[{self._name(fact.name)}]"
        self._first = self._first or name
        return name

    def _name(self, value: object) -> str:
        known = (type(value), value)
        if known not in self._added:
            self._added[known] = self._names.add(value)
        return self._added[known]
