"""Conditions that the warehouse cannot judge by itself, although their rule is one over many subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from trueline_rules.alert_model import FactSource, FactType
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.analysis.finding import Finding, find_in
from trueline_rules.model import RuleSet

# There is one of it: its facts are a single row.
_SINGLE = "tenant"


def not_in_sql(rules: RuleSet) -> list[Finding]:
    """All such conditions of a rule set."""
    compiled = (compile_rule(rule, rules.fact_types) for rule in rules.alert_rules.values())
    return list(not_pushed(compiled, rules.fact_types))


def not_pushed(compiled: Iterable[CompiledRule], fact_types: Mapping[str, FactType]) -> Iterator[Finding]:
    """A finding at the part without SQL of each condition of rules that read facts of accounts, users, patterns, …

    Rules over metrics, KPIs, facts of the tenant and what is aggregated see a few rows, and lose nothing.
    """
    for one in compiled:
        if not any(_of_each(source, fact_types) for source in one.rule.facts.values()):
            continue
        for severity, condition in one.conditions.items():
            if condition.pushdown_problem:
                start, end = condition.pushdown_place
                part = condition.text[start:end] if end - start <= 40 else f"{condition.text[start : start + 37]}..."
                message = f"{severity}: '{part}' has no SQL, so the warehouse cannot judge all subjects at once"
                told = f"{message}; {condition.pushdown_problem}"
                yield find_in(one.rule, severity, "not in SQL", told, start)


def _of_each(source: FactSource, fact_types: Mapping[str, FactType]) -> bool:
    """Whether a fact is, of each of many subjects, the last value that was put in."""
    operand = source.operand
    last = operand.agg is Agg.LAST and not operand.over_us and operand.by is None
    return source.kind == "fact" and last and fact_types[source.name].subject != _SINGLE
