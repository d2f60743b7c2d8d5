"""Watches which branches of a rule's conditions its tests take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.expressions import Expression, compile_expression
from trueline_rules.expressions.tree import Logic, Node, Not
from trueline_rules.testing.report import ConditionCoverage, RuleCoverage


@dataclass(slots=True)
class _Watched:
    """A single condition, compiled by itself, and the truths it has had."""

    severity: str
    condition: Expression
    seen_true: bool = False
    seen_false: bool = False


class Watching:
    """The conditions of one rule under test."""

    def __init__(self, rule: CompiledRule) -> None:
        self._rule = rule
        self._watched = [
            _Watched(severity, compile_expression(condition.text[node.start : node.end], rule.facts))
            for severity, condition in rule.conditions.items()
            for node in single_conditions(condition.tree)
        ]
        self._fires = self._rests = False

    def see(self, values: Mapping[str, object], now: datetime) -> None:
        """Note what facts make of each condition.

        Raises:
            FactValueError: a value has not the type that its fact declares.

        """
        for watched in self._watched:
            truth = watched.condition.evaluate(values, now)
            watched.seen_true = watched.seen_true or truth is True
            watched.seen_false = watched.seen_false or truth is False

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
            ConditionCoverage(name, watched.severity, watched.condition.text, watched.seen_true, watched.seen_false)
            for watched in self._watched
        )
        return RuleCoverage(name, self._fires, self._rests, conditions)


def single_conditions(node: Node) -> Iterator[Node]:
    """The conditions that `and`, `or` and `not` put together, in the order of the text."""
    match node:
        case Logic():
            for operand in node.operands:
                yield from single_conditions(operand)
        case Not():
            yield from single_conditions(node.operand)
        case _:
            yield node
