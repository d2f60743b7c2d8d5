"""Values of different units that a condition compares, adds or chooses between: a ratio and an amount of money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trueline_rules.alert_model import FactSource
from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.analysis.finding import Finding, find_in
from trueline_rules.expressions.tree import (
    Arithmetic,
    Choice,
    Comparison,
    Exact,
    FactValue,
    Fallback,
    Minus,
    Node,
    Operator,
    children,
)
from trueline_rules.model import RuleSet

# What these make of a number has its unit no more.
_OTHER_UNIT = frozenset({Agg.COUNT, Agg.RATE, Agg.ABSENT})
_SAME = {"%": "percent"}


def mixed_units(rule: CompiledRule, rules: RuleSet) -> Iterator[Finding]:
    """A finding at each place where two numbers meet whose units are known and differ."""
    units = {name: _unit_of(source, rules) for name, source in rule.rule.facts.items()}
    for severity, condition in rule.conditions.items():
        for node, one, other in _Reading(units).clashes(condition.tree):
            told = f"{severity}: '{condition.text[node.start : node.end]}' joins '{one}' and '{other}'"
            message = f"{told}; bring them to one unit, or if both are the same write it alike where they are defined"
            yield find_in(rule.rule, severity, "units", message, node.start)


def _unit_of(source: FactSource, rules: RuleSet) -> str:
    if source.operand.agg in _OTHER_UNIT:
        return ""
    match source.kind:
        case "metric":
            unit = rules.metrics[source.name].unit
        case "kpi":
            unit = rules.kpis[source.name].unit
        case _:
            unit = rules.fact_types[source.name].unit
    return _SAME.get(unit.strip(), unit.strip())


class _Reading:
    """Finds the unit of each part of one condition from those of its facts; "" = unknown, or none."""

    def __init__(self, units: Mapping[str, str]) -> None:
        self._units = units

    def clashes(self, node: Node) -> Iterator[tuple[Node, str, str]]:
        """The parts that join two units, and these, in the order of the text."""
        for child in children(node):
            yield from self.clashes(child)
        sides = _sides(node)
        if sides is not None:
            one, other = map(self._unit, sides)
            if one and other and one.lower() != other.lower():
                yield node, one, other

    def _unit(self, node: Node) -> str:
        match node:
            case FactValue():
                return self._units.get(node.name, "")
            case Minus() | Exact():
                return self._unit(node.operand)
        sides = _sides(node)
        if sides is None or isinstance(node, Comparison):
            # A product or quotient is how units are brought together.
            return ""
        one, other = map(self._unit, sides)
        return one or other


def _sides(node: Node) -> tuple[Node, Node] | None:
    """The two values that must have one unit."""
    match node:
        case Comparison() | Arithmetic(operator=Operator.ADD | Operator.SUB | Operator.MOD):
            return node.left, node.right
        case Choice():
            return node.then, node.otherwise
        case Fallback():
            return node.value, node.otherwise
    return None
