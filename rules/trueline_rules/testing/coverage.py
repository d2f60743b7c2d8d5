"""Watches which branches of a rule's conditions its tests take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.expressions.closure import Evaluate, compile_condition
from trueline_rules.expressions.tree import Choice, Fallback, Literal, Logic, Node, Not, Presence, ValueType, children
from trueline_rules.testing.report import ConditionCoverage, Fork, RuleCoverage

# What must be so for a part to be looked at: conditions, and the truth that each must have.
_Guards = tuple[tuple[Evaluate, bool], ...]


@dataclass(slots=True)
class _Watched:
    """A place where an expression goes one of two ways, what decides it, and the ways that were gone."""

    severity: str
    kind: Fork
    text: str
    decides: Evaluate
    guards: _Guards
    seen_true: bool = False
    seen_false: bool = False

    def see(self, values: Mapping[str, object], now: datetime) -> None:
        if all(guard(values, now) is wanted for guard, wanted in self.guards):
            truth = self.decides(values, now)
            self.seen_true = self.seen_true or truth is True
            self.seen_false = self.seen_false or truth is False


class Watching:
    """The conditions of one rule under test."""

    def __init__(self, rule: CompiledRule) -> None:
        self._rule = rule
        self._watched = [
            _Watched(severity, kind, condition.text[node.start : node.end], decides, guards)
            for severity, condition in rule.conditions.items()
            for kind, node, decides, guards in _forks(condition.tree, ())
        ]
        self._fires = self._rests = False

    def see(self, values: Mapping[str, object], now: datetime) -> None:
        """Note which ways facts go.

        Raises:
            FactValueError: a value has not the type that its fact declares.

        """
        for watched in self._watched:
            watched.see(values, now)

    def decided(self, *, fires: bool) -> None:
        """Note whether the rule fired in a case."""
        self._fires = self._fires or fires
        self._rests = self._rests or not fires

    def explain(self, values: Mapping[str, object], now: datetime) -> str:
        """A line for each severity: what its condition saw."""
        return "\n".join(
            f"{severity}: {condition.explain(values, now).sentence}"
            for severity, condition in self._rule.conditions.items()
        )

    def coverage(self) -> RuleCoverage:
        """What was seen so far."""
        name = self._rule.rule.metadata.name
        conditions = tuple(
            ConditionCoverage(name, one.severity, one.text, one.seen_true, one.seen_false, one.kind)
            for one in self._watched
        )
        return RuleCoverage(name, self._fires, self._rests, conditions)


def _forks(node: Node, guards: _Guards) -> Iterator[tuple[Fork, Node, Evaluate, _Guards]]:
    """Where an expression forks, in the order of the text: kind, part, what decides, and when it comes to that.

    These are the conditions that `and`, `or` and `not` put together, and each `? :` and `??`, wherever it stands. The
    arms of these count only where they are taken; a constant goes no two ways.
    """
    match node:
        case Logic() | Not():
            for operand in children(node):
                yield from _forks(operand, guards)
        case Choice():
            yield from _forks(node.condition, guards)
            decides = compile_condition(node.condition)
            yield Fork.CHOICE, node, decides, guards
            yield from _forks(node.then, (*guards, (decides, True)))
            yield from _forks(node.otherwise, (*guards, (decides, False)))
        case Fallback():
            there = Presence(type=ValueType.BOOL, start=node.start, end=node.end, operand=node.value, present=True)
            decides = compile_condition(there)
            yield Fork.FALLBACK, node, decides, guards
            yield from _forks(node.value, guards)
            yield from _forks(node.otherwise, (*guards, (decides, False)))
        case _:
            if node.type is ValueType.BOOL and not isinstance(node, Literal):
                yield Fork.CONDITION, node, compile_condition(node), guards
            for child in children(node):
                yield from _forks_within(child, guards)


def _forks_within(node: Node, guards: _Guards) -> Iterator[tuple[Fork, Node, Evaluate, _Guards]]:
    """The forks of the `? :` and `??` in what a single condition compares, which is no condition by itself."""
    if isinstance(node, Choice | Fallback):
        yield from _forks(node, guards)
        return
    for child in children(node):
        yield from _forks_within(child, guards)
