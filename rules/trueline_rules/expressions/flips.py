"""The nearest change of facts that turns the result of a condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf, nextafter

from trueline_rules.expressions.closure import compile_value
from trueline_rules.expressions.probing import can_turn
from trueline_rules.expressions.showing import show_value
from trueline_rules.expressions.tree import (
    Choice,
    Comparator,
    Comparison,
    FactValue,
    Fallback,
    Literal,
    LiteralSet,
    Logic,
    Match,
    Membership,
    Node,
    Not,
    Presence,
)
from trueline_rules.expressions.values import DECIMALS
from trueline_rules.names import nearest

_MOST_CANDIDATES = 16
_FAR = 1.0
_MIRRORED = {
    Comparator.EQ: Comparator.EQ,
    Comparator.NE: Comparator.NE,
    Comparator.LT: Comparator.GT,
    Comparator.LE: Comparator.GE,
    Comparator.GT: Comparator.LT,
    Comparator.GE: Comparator.LE,
}
_OPPOSITE = {
    Comparator.EQ: Comparator.NE,
    Comparator.NE: Comparator.EQ,
    Comparator.LT: Comparator.GE,
    Comparator.GE: Comparator.LT,
    Comparator.GT: Comparator.LE,
    Comparator.LE: Comparator.GT,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What would have to be: a condition, and what its operand is now.

    `fact` and `value` name a value that would do, where one can be named (`fact` is "" else). `distance` is relative
    for numbers, 1 for what has no measure.
    """

    text: str
    now: str
    distance: float
    fact: str = ""
    value: object = None


@dataclass(frozen=True, slots=True)
class Flip:
    """Changes which together turn the result into `truth`."""

    truth: bool
    changes: tuple[Change, ...]


def nearest_flip(text: str, tree: Node, values: Mapping[str, object], now: datetime | None) -> Flip | None:
    """The fewest and nearest changes that turn the result (an unknown one into true); None if none is known.

    Changes that name values have been tried: with them the condition does turn.
    """
    turning = _Turning(text, values, now)
    wanted = turning.value(tree) is not True
    whole = compile_value(tree)
    for changes in turning.candidates(tree, wanted):
        if not changes:
            continue
        if all(change.fact for change in changes):
            changed = {**values, **{change.fact: change.value for change in changes}}
            if whole(changed, now) is not wanted:
                continue
        return Flip(wanted, changes)
    return None


class _Turning:
    """Looks for changes within one set of values."""

    def __init__(self, text: str, values: Mapping[str, object], now: datetime | None) -> None:
        self._text = text
        self._values = values
        self._now = now

    def value(self, node: Node) -> object:
        """What the node is now."""
        return compile_value(node)(self._values, self._now)

    def candidates(self, node: Node, wanted: bool) -> list[tuple[Change, ...]]:
        """Sets of changes that make a node true or false, the nearest first; an empty set where it is so already."""
        if self.value(node) is wanted:
            return [()]
        if isinstance(node, Not):
            return self.candidates(node.operand, not wanted)
        if not isinstance(node, Logic):
            change = self._change(node, wanted)
            return [] if change is None else [(change,)]
        found = [self.candidates(operand, wanted) for operand in node.operands]
        if node.every is not wanted:
            sets = [changes for candidates in found for changes in candidates]
        elif all(found):
            sets = [tuple(change for candidates in found for change in candidates[0])]
        else:
            sets = []
        return sorted(sets, key=_cost)[:_MOST_CANDIDATES]

    def _change(self, node: Node, wanted: bool) -> Change | None:  # noqa: PLR0911 - one case for each kind of node
        match node:
            case Comparison():
                return self._comparison(node, wanted)
            case Membership():
                return self._membership(node, wanted)
            case Presence():
                sign = "!=" if node.present is wanted else "=="
                now = self._shown(node.operand)
                fact = node.operand.name if sign == "==" and isinstance(node.operand, FactValue) else ""
                return Change(f"{self._cut(node.operand)} {sign} null", now, _FAR, fact)
            case Match():
                sign = ("!" if node.negated is wanted else "=") + ("~~" if node.search else "~")
                pattern = self._text[: node.end].rstrip()
                shown = pattern[node.operand.end :].lstrip(" \t\n)").removeprefix("=~~").removeprefix("!~~")
                shown = shown.removeprefix("=~").removeprefix("!~").strip()
                return Change(f"{self._cut(node.operand)} {sign} {shown}", self._shown(node.operand), _FAR)
            case FactValue():
                return Change(f"{node.name} == {show_value(wanted)}", self._shown(node), _FAR, node.name, wanted)
            case Literal():
                return None
            case _:
                return Change(f"{self._cut(node)} is {show_value(wanted)}", self._shown(node), _FAR)

    def _comparison(self, node: Comparison, wanted: bool) -> Change | None:
        comparator = node.comparator if wanted else _OPPOSITE[node.comparator]
        subject, other = node.left, node.right
        if isinstance(subject, Literal) or (isinstance(other, FactValue) and not isinstance(subject, FactValue)):
            subject, other, comparator = other, subject, _MIRRORED[comparator]
        if isinstance(subject, Literal):
            return None
        bound, now = self.value(other), self.value(subject)
        if bound is None:
            # No value of the one side helps while the other one is missing.
            return None
        text = f"{self._operand(subject)} {comparator} {self._operand(other)}"
        if not isinstance(other, Literal):
            text += f" ({show_value(bound)})"
        change = Change(text, show_value(now), _distance(now, bound))
        suggested = _beyond(comparator, bound)
        if not isinstance(subject, FactValue):
            # What is computed may never get there, whatever the facts are: a - a > 1.
            return change if can_turn(node, wanted, self._values, self._now) else None
        if suggested is None:
            return change
        return Change(change.text, change.now, change.distance, subject.name, suggested)

    def _membership(self, node: Membership, wanted: bool) -> Change:
        now = self.value(node.item)
        text = f"{self._cut(node.item)} {'in' if wanted else 'not in'} {self._cut(node.container)}"
        if isinstance(node.container, FactValue):
            held = self.value(node.container)
            change = Change(text, show_value(held), _FAR)
            if now is None or not isinstance(held, (frozenset, type(None))):
                return change
            members = (held or frozenset()) | {now} if wanted else (held or frozenset()) - {now}
            return Change(text, change.now, _FAR, node.container.name, members)
        if not (wanted and isinstance(node.item, FactValue) and isinstance(node.container, LiteralSet)):
            return Change(text, show_value(now), _FAR)
        members_list = list(node.container.values)
        best = min(members_list, key=lambda member: _distance(now, member))
        if isinstance(now, str):
            best = nearest(now, [str(member) for member in members_list]) or best
        return Change(text, show_value(now), _distance(now, best), node.item.name, best)

    def _operand(self, node: Node) -> str:
        """A side of a comparison; its brackets are no part of a node, so they are put back."""
        loose = isinstance(node, (Fallback, Choice, Comparison, Membership, Presence, Match, Logic))
        return f"({self._cut(node)})" if loose else self._cut(node)

    def _cut(self, node: Node) -> str:
        return self._text[node.start : node.end]

    def _shown(self, node: Node) -> str:
        return show_value(self.value(node))


def _cost(changes: tuple[Change, ...]) -> tuple[int, float]:
    return len(changes), sum(change.distance for change in changes)


def _distance(now: object, bound: object) -> float:
    if (
        isinstance(now, bool)
        or not isinstance(now, (int, float, Decimal))
        or not isinstance(bound, (int, float, Decimal))
    ):
        return _FAR
    from_now, to_bound = float(now), float(bound)
    largest = max(abs(from_now), abs(to_bound))
    return abs(from_now - to_bound) / largest if largest else 0.0


def _beyond(comparator: Comparator, bound: object) -> object:
    """A value that compares so with a bound, as near to it as can be; None where none can be named."""
    if bound is None or comparator in (Comparator.EQ, Comparator.LE, Comparator.GE):
        return bound
    below = comparator is Comparator.LT
    match bound:
        case bool():
            return not bound
        case float():
            return nextafter(bound, -inf if below else inf)
        case Decimal():
            return DECIMALS.next_minus(bound) if below else DECIMALS.next_plus(bound)
        case datetime():
            return bound + timedelta(microseconds=-1 if below else 1)
        case _:
            return None
