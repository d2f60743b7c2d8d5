"""Maps alert rules, and what is wrong with rule files, to protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from trueline.v1 import decision_pb2, fact_pb2, rule_set_pb2
from trueline.v1 import rule_service_pb2 as pb
from trueline_rules.alert_model import AlertRule, FactSource
from trueline_rules.alert_rules import declared
from trueline_rules.errors import Problem
from trueline_rules.expressions import FactType
from trueline_rules.model import Place, RuleSet
from trueline_rules.testing.report import CaseResult, Outcome, RuleCoverage

from trueline_server.rules.drafts import Checked, Tested
from trueline_server.transport.times import duration_of

# Clients read messages of up to 4 MiB by default; an answer is cut before that.
ANSWER_BYTES = 3 * 1024 * 1024

_Sent = TypeVar("_Sent", rule_set_pb2.TestResult, rule_set_pb2.RuleCoverage)

SEVERITIES: Mapping[str, decision_pb2.Severity.ValueType] = {
    "warning": decision_pb2.SEVERITY_WARNING,
    "critical": decision_pb2.SEVERITY_CRITICAL,
}
_TYPES: Mapping[FactType, fact_pb2.FactType.ValueType] = {
    FactType.NUMBER: fact_pb2.FACT_TYPE_NUMBER,
    FactType.DECIMAL: fact_pb2.FACT_TYPE_DECIMAL,
    FactType.TEXT: fact_pb2.FACT_TYPE_TEXT,
    FactType.BOOL: fact_pb2.FACT_TYPE_BOOL,
    FactType.DATETIME: fact_pb2.FACT_TYPE_DATETIME,
    FactType.TEXTS: fact_pb2.FACT_TYPE_TEXTS,
}
ORIGINS: Mapping[str, decision_pb2.FactOrigin.ValueType] = {
    "metric": decision_pb2.FACT_ORIGIN_METRIC,
    "kpi": decision_pb2.FACT_ORIGIN_KPI,
    "fact": decision_pb2.FACT_ORIGIN_FACT,
}
_OUTCOMES: Mapping[Outcome, rule_set_pb2.TestOutcome.ValueType] = {
    Outcome.PASS: rule_set_pb2.TEST_OUTCOME_PASS,
    Outcome.FAIL: rule_set_pb2.TEST_OUTCOME_FAIL,
    Outcome.ERROR: rule_set_pb2.TEST_OUTCOME_ERROR,
    Outcome.SKIP: rule_set_pb2.TEST_OUTCOME_SKIP,
}


def map_rule_to_proto(rule: AlertRule, rules: RuleSet) -> rule_set_pb2.AlertRule:
    """An alert rule of a rule set."""
    return rule_set_pb2.AlertRule(
        name=rule.metadata.name,
        description=rule.metadata.description,
        owner=rule.metadata.owner,
        runbook=rule.metadata.runbook,
        summary=rule.summary,
        facts=[_map_fact(name, rule.facts[name], rules) for name in sorted(rule.facts)],
        warning=rule.warning,
        critical=rule.critical,
        for_duration=duration_of(rule.for_us),
        keep_firing_for=duration_of(rule.keep_firing_for_us),
        on_missing=rule.on_missing,
        on_no_data=rule.on_no_data,
        on_error=rule.on_error,
        labels=rule.labels,
        label_facts=rule.label_facts,
        limit=rule.limit,
    )


def map_checked_to_proto(checked: Checked) -> pb.CheckRulesResponse:
    """What is wrong with rule files."""
    return pb.CheckRulesResponse(
        problems=map_problems_to_proto(checked.problems),
        warnings=[
            rule_set_pb2.RuleWarning(
                check=found.check, document=found.document, place=map_place_to_proto(found.place), message=found.message
            )
            for found in checked.warnings
        ],
        total_warnings=checked.total_warnings,
        analysed=checked.analysed,
        documents=checked.documents,
        rule_revision=checked.revision,
    )


def map_tested_to_proto(tested: Tested) -> pb.TestRulesResponse:
    """What tests of rules showed."""
    report = tested.report
    if report is None:
        return pb.TestRulesResponse(problems=map_problems_to_proto(tested.problems))
    results = _fitting([(_map_result(each), each.outcome is Outcome.PASS) for each in report.results], ANSWER_BYTES)
    room = ANSWER_BYTES - sum(result.ByteSize() for result in results)
    return pb.TestRulesResponse(
        passed=report.passed,
        results=results,
        coverage=_fitting([(_map_coverage(rule), not rule.gaps) for rule in report.coverage], room),
        branch_share=report.branch_share,
        rule_revision=tested.revision,
        total_results=len(report.results),
        total_rules=len(report.coverage),
    )


def _fitting(found: Sequence[tuple[_Sent, bool]], room: int) -> list[_Sent]:
    """Messages that fit into some bytes, in their order; those that are less worth telling are left out first."""
    kept: set[int] = set()
    for number, (message, _) in sorted(enumerate(found), key=lambda item: item[1][1]):
        size = message.ByteSize() + 8
        if size <= room:
            room -= size
            kept.add(number)
    return [message for number, (message, _) in enumerate(found) if number in kept]


def _map_result(result: CaseResult) -> rule_set_pb2.TestResult:
    return rule_set_pb2.TestResult(
        test=result.test,
        rule=result.rule,
        case_name=result.case,
        outcome=_OUTCOMES[result.outcome],
        message=result.message,
    )


def _map_fact(name: str, source: FactSource, rules: RuleSet) -> rule_set_pb2.RuleFact:
    fact, operand = declared(name, source, rules.fact_types), source.operand
    return rule_set_pb2.RuleFact(
        name=name,
        type=_TYPES[fact.type],
        unit=fact.unit,
        nullable=fact.nullable,
        origin=ORIGINS[source.kind],
        source=source.name,
        aggregate=str(operand.agg),
        over=duration_of(operand.over_us) if operand.over_us else None,
        offset=duration_of(operand.offset_us) if operand.offset_us else None,
        joined=operand.by is not None,
        by=operand.by or (),
    )


def map_problems_to_proto(problems: Iterable[Problem]) -> list[rule_set_pb2.RuleProblem]:
    """What is wrong with rule files."""
    return [
        rule_set_pb2.RuleProblem(place=map_place_to_proto(problem.place), message=problem.message)
        for problem in problems
    ]


def map_place_to_proto(place: Place) -> rule_set_pb2.RulePlace:
    """Where something stands."""
    return rule_set_pb2.RulePlace(file=place.file, line=place.line, column=place.column)


def _map_coverage(rule: RuleCoverage) -> rule_set_pb2.RuleCoverage:
    return rule_set_pb2.RuleCoverage(
        rule=rule.rule,
        fires=rule.fires,
        rests=rule.rests,
        conditions=[
            rule_set_pb2.ConditionCoverage(
                severity=SEVERITIES[one.severity],
                text=one.text,
                seen_true=one.seen_true,
                seen_false=one.seen_false,
            )
            for one in rule.conditions
        ],
        gaps=rule.gaps,
    )
