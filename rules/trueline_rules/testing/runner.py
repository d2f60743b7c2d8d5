"""Runs the cases of rule tests through the same compiled conditions and the same state machine that run live."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from trueline_rules.alert_model import Expectation, RuleTest, TestCase
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.machine import evaluate
from trueline_rules.alerting.model import ACTIVE, Instance, State
from trueline_rules.alerting.operands import vector_at
from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import AlertingError, Row, labels_of, shown
from trueline_rules.expressions import Fact, FactValueError
from trueline_rules.model import RuleSet
from trueline_rules.spans import format_span
from trueline_rules.stopping import Stopped, never, while_wanted
from trueline_rules.testing.coverage import Watching
from trueline_rules.testing.given import fact_value, samples_of
from trueline_rules.testing.report import CaseResult, Outcome, RuleCoverage, TestReport

# What `$now` is to facts that a test gives, and at the first sample of its series.
NOW = datetime(2025, 1, 1, tzinfo=UTC)
_NOW_US = int(NOW.timestamp()) * 1_000_000
_TOLD = frozenset({*ACTIVE, State.NO_DATA, State.ERROR})


def run_tests(rules: RuleSet, select: str = "", *, stopped: Stopped = never) -> TestReport:
    """Run all tests of a rule set.

    Args:
        rules: whose tests, and whose rules.
        select: a regular expression; only cases are run in whose "test: case" it is found. "" = all.
        stopped: asked before each test.

    Raises:
        re.error: `select` is no regular expression.
        StoppedError: it was stopped.

    """
    wanted = re.compile(select)
    runner = CaseRunner(rules)
    results = [
        runner.run(test, case)
        for test in while_wanted(rules.rule_tests.values(), stopped)
        for case in test.cases
        if wanted.search(f"{test.metadata.name}: {case.name}")
    ]
    # A selection says nothing about the rules that it leaves out.
    told = {result.rule for result in results} if select else rules.alert_rules.keys()
    return TestReport(tuple(results), tuple(runner.coverage(name) for name in rules.alert_rules if name in told))


class CaseRunner:
    """Runs cases of the tests of a rule set one by one, and remembers which branches they took."""

    def __init__(self, rules: RuleSet) -> None:
        self._rules = rules
        self._watched: dict[str, tuple[CompiledRule, Watching]] = {}

    def run(self, test: RuleTest, case: TestCase) -> CaseResult:
        """Run a case of a test of the rule set."""
        return _run(test, case, *self._rule(test.rule))

    def coverage(self, rule: str) -> RuleCoverage:
        """What the cases run so far showed of a rule."""
        return self._rule(rule)[1].coverage()

    def _rule(self, name: str) -> tuple[CompiledRule, Watching]:
        if name not in self._watched:
            compiled = compile_rule(self._rules.alert_rules[name], self._rules.fact_types)
            self._watched[name] = compiled, Watching(compiled)
        return self._watched[name]


def _run(test: RuleTest, case: TestCase, rule: CompiledRule, watch: Watching) -> CaseResult:
    def result(outcome: Outcome, message: str = "") -> CaseResult:
        return CaseResult(test.metadata.name, test.rule, case.name, outcome, message, case.place)

    if case.skip:
        return result(Outcome.SKIP, case.skip)
    try:
        wrong = _decide(case, rule, watch) if case.given is not None else _play(case, rule, watch, test.interval_us)
    except (AlertingError, FactValueError, ValueError) as error:
        return result(Outcome.ERROR, str(error))
    return result(Outcome.FAIL, wrong) if wrong else result(Outcome.PASS)


def _decide(case: TestCase, rule: CompiledRule, watch: Watching) -> str:
    """Judge facts at one instant; what is wrong with the decision, "" if nothing is."""
    given = case.given or {}
    values = {name: fact_value(rule.facts[name], value) for name, value in given.items()}
    watch.see(values, NOW)
    decided = rule.severity(values, NOW)
    watch.decided(fires=decided in rule.conditions)
    if decided == case.severity:
        return ""
    return f"expected {case.severity}, decided {decided}\n{watch.explain(values, NOW)}"


def _play(case: TestCase, rule: CompiledRule, watch: Watching, interval_us: int) -> str:
    """Evaluate series step by step; what differs at the first expectation that is not met, "" if nothing does."""
    series: dict[str, list[Series]] = {name: [] for name in rule.facts}
    for given in case.series:
        fact = Fact(given.fact, rule.sampled[given.fact])
        samples = samples_of(fact, given.values)
        series[given.fact].append(Series.regular(labels_of(given.labels), samples, interval_us))
    due = {expectation.at_us: expectation for expectation in case.expectations}
    instances: Sequence[Instance] = ()
    for instant_us in range(0, max(due) + 1, interval_us):
        rows = _rows(rule, series, instant_us)
        # A series begins at NOW, which is what `$now` counts from.
        spec = rule.spec_at(instant_us + _NOW_US)
        for row in rows:
            watch.see(row.values, NOW + timedelta(microseconds=instant_us))
        instances = evaluate(spec, instances, instant_us, instant_us, rows).instances
        fires = any(instance.state in {State.FIRING, State.RECOVERING} for instance in instances)
        watch.decided(fires=fires)
        if instant_us in due:
            wrong = _difference(due[instant_us], instances, rule)
            if wrong:
                return wrong
    return ""


def _rows(rule: CompiledRule, series: Mapping[str, Sequence[Series]], instant_us: int) -> tuple[Row, ...]:
    vectors = {name: vector_at(source.operand, series[name], instant_us) for name, source in rule.rule.facts.items()}
    return join_facts(vectors, rule.looked_up)


def _difference(expected: Expectation, instances: Sequence[Instance], rule: CompiledRule) -> str:
    # The rule's own labels need not be written, but are compared where they are.
    wanted = {
        shown(labels_of({**rule.rule.labels, **alert.labels})): (alert.state, alert.severity)
        for alert in expected.alerts
    }
    found: dict[str, list[tuple[str, str]]] = {}
    for instance in instances:
        if instance.state in _TOLD:
            labels = shown(labels_of({**dict(instance.labels), **rule.rule.labels}))
            found.setdefault(labels, []).append((str(instance.state), str(instance.severity or "")))
    lines = []
    for labels in sorted(wanted.keys() | found.keys()):
        one, others = wanted.get(labels), found.get(labels, [])
        same = one is not None and len(others) == 1 and one[0] == others[0][0] and one[1] in {"", others[0][1]}
        if not same:
            told = " and ".join(map(_told, others)) or _told(None)
            lines.append(f"{labels}: expected {_told(one)}, found {told}")
    return f"at {format_span(expected.at_us)}: " + "; ".join(lines) if lines else ""


def _told(alert: tuple[str, str] | None) -> str:
    return " ".join(part for part in alert if part) if alert is not None else "no alert"
