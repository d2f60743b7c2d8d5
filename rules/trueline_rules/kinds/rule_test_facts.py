"""What a RuleTest gives, held against the rule that it tests: facts that are there, and values of their types."""

from __future__ import annotations

from trueline_rules.alert_model import AlertRule, Given, GivenSeries, RuleTest, TestCase
from trueline_rules.alert_rules import SEVERITIES, declared, sampled
from trueline_rules.expressions import Fact
from trueline_rules.kinds.kind import Known
from trueline_rules.names import hint, quoted
from trueline_rules.site import Path, Site
from trueline_rules.testing.given import fact_value, in_notation


def check(test: RuleTest, site: Site, known: Known) -> None:
    """Note a rule that does not exist, facts that it does not have, and values that are not of their facts' types."""
    rule = known.alert_rules.get(test.rule)
    if rule is None:
        names = known.names.get("AlertRule", frozenset())
        # A rule that is broken is told already.
        if test.rule not in names:
            site.problem(("spec", "rule"), f"is {quoted(test.rule)}, which is no AlertRule{hint(test.rule, names)}")
        return
    # So is a document that a fact comes from.
    sound = {name for name, source in rule.facts.items() if source.kind != "fact" or source.name in known.fact_types}
    for case in test.cases:
        for name, path in _facts_of(case):
            if name not in rule.facts:
                told = f"is no fact of rule {quoted(test.rule)}{hint(name, rule.facts)}"
                site.problem(path, told, key="given" in path)
        _check_expected(case, rule, site)
        if case.given is not None:
            _check_given(case, rule, sound, site, known)
        for number, series in enumerate(case.series):
            if series.fact in sound:
                kind = sampled(rule.facts[series.fact], known.fact_types)
                _check_series(series, Fact(series.fact, kind), (*case.path, "series", number, "values"), site)


def _facts_of(case: TestCase) -> list[tuple[str, Path]]:
    given: list[tuple[str, Path]] = [(name, (*case.path, "given", name)) for name in case.given or {}]
    return given + [(one.fact, (*case.path, "series", place, "fact")) for place, one in enumerate(case.series)]


def _check_given(case: TestCase, rule: AlertRule, sound: set[str], site: Site, known: Known) -> None:
    for name, value in (case.given or {}).items():
        if name in sound:
            _try(declared(name, rule.facts[name], known.fact_types), value, (*case.path, "given", name), site)


def _check_series(series: GivenSeries, fact: Fact, path: Path, site: Site) -> None:
    if not isinstance(series.values, str):
        for place, value in enumerate(series.values):
            _try(fact, value, (*path, place), site)
    elif not in_notation(fact.type, series.values):
        told = f"are numbers, but the fact {fact.name!r} is a {fact.type}; write its values as a list, null for none"
        site.problem(path, told)


def _try(fact: Fact, value: Given, path: Path, site: Site) -> None:
    try:
        fact_value(fact, value)
    except ValueError as error:
        site.problem(path, f"cannot be: {error}")


def _check_expected(case: TestCase, rule: AlertRule, site: Site) -> None:
    """A severity without a condition never comes."""
    conditions = {"warning": rule.warning, "critical": rule.critical}
    if case.given is not None and case.severity in SEVERITIES and not conditions[case.severity]:
        told = f"is {case.severity}, but rule {quoted(rule.metadata.name)} has no {case.severity} condition"
        site.problem((*case.path, "expect", "severity"), told)
