"""Conditions that the warehouse cannot judge by itself, although there is one of their facts for each of many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from trueline_rules.alert_model import FactType
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.analysis.finding import Finding, find_in
from trueline_rules.model import RuleSet

# There is one of it: its facts are a single row.
_SINGLE = "tenant"


def not_in_sql(rules: RuleSet) -> list[Finding]:
    """All such conditions of a rule set."""
    compiled = (compile_rule(rule, rules.fact_types) for rule in rules.alert_rules.values())
    return list(not_pushed(compiled, rules.fact_types))


def not_pushed(compiled: Iterable[CompiledRule], fact_types: Mapping[str, FactType]) -> Iterator[Finding]:
    """A finding at the part without SQL of each condition that reads facts of accounts, users, patterns, …

    Conditions over metrics, KPIs and facts of the tenant alone see a few rows, and lose nothing.
    """
    for one in compiled:
        of_many = {
            name
            for name, source in one.rule.facts.items()
            if source.kind == "fact" and fact_types[source.name].subject != _SINGLE
        }
        for severity, condition in one.conditions.items():
            if condition.pushdown_problem and not of_many.isdisjoint(condition.facts):
                start, end = condition.pushdown_place
                part = condition.text[start:end] if end - start <= 40 else f"{condition.text[start : start + 37]}..."
                message = f"{severity}: '{part}' has no SQL, so the warehouse cannot judge all subjects at once"
                told = f"{message}; {condition.pushdown_problem}"
                yield find_in(one.rule, severity, "not in SQL", told, start)
