"""Maps what the RuleService answers from its protobuf messages, and values of facts to theirs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message

from trueline.mapping import enum_names, instant, timestamp
from trueline.rule_results import (
    AlertRule,
    AlertRules,
    CaseOutcome,
    CaseResult,
    ConditionCoverage,
    ConditionExplanation,
    ConditionFinding,
    Decision,
    FactChange,
    FactOrigin,
    FactType,
    FactValue,
    FindingKind,
    FindingOperand,
    Flip,
    RuleCheck,
    RuleCoverage,
    RuleDecision,
    RuleFact,
    RulePlace,
    RuleProblem,
    RuleRow,
    RuleTestReport,
    RuleWarning,
    Severity,
)
from trueline.v1 import decision_pb2, fact_pb2, rule_set_pb2
from trueline.v1 import rule_service_pb2 as pb

DECISIONS = enum_names(Decision, decision_pb2.Decision)
SEVERITIES = enum_names(Severity, decision_pb2.Severity)
ORIGINS = enum_names(FactOrigin, decision_pb2.FactOrigin)
_TYPES = enum_names(FactType, fact_pb2.FactType)
_KINDS = enum_names(FindingKind, decision_pb2.FindingKind)
_OUTCOMES = enum_names(CaseOutcome, rule_set_pb2.TestOutcome)
_WORST_FIRST = (Decision.CRITICAL, Decision.WARNING, Decision.UNKNOWN, Decision.NONE)
_TRUTHS: Mapping[int, bool] = {decision_pb2.TRUTH_TRUE: True, decision_pb2.TRUTH_FALSE: False}


def fact_value_to_proto(value: object) -> fact_pb2.FactValue:
    """A value of a fact; None = missing.

    Raises:
        ValueError: no fact can have such a value.

    """
    made = fact_pb2.FactValue()
    match value:
        case None:
            pass
        case bool():
            made.bool_value = value
        case int() | float():
            made.number_value = float(value)
        case str():
            made.text_value = value
        case Decimal() if value.is_finite():
            made.decimal_value = f"{value:f}"
        case datetime():
            made = fact_pb2.FactValue(timestamp_value=timestamp(value))
        case AbstractSet() | list() | tuple() if all(isinstance(member, str) for member in value):
            made.texts_value.SetInParent()
            made.texts_value.texts.extend(sorted(set(value)))
        case _:
            told = "is no value of a fact; give a number, text, bool, datetime, Decimal or texts"
            raise ValueError(f"{repr(value)[:100]} {told}")
    return made


def fact_value(message: fact_pb2.FactValue) -> FactValue:
    """A value of a fact; one of a newer server's types reads as missing."""
    kind = message.WhichOneof("kind")
    match kind:
        case None:
            return None
        case "texts_value":
            return frozenset(message.texts_value.texts)
        case "timestamp_value":
            return instant(message, "timestamp_value")
        case "duration_value":
            return message.duration_value.ToTimedelta()
        case "decimal_value":
            return Decimal(message.decimal_value)
    plain: float | str | bool = getattr(message, kind)
    return plain


def alert_rules(pages: Sequence[pb.ListAlertRulesResponse]) -> AlertRules:
    """The rules of all pages, with the revision of the last one."""
    return AlertRules(tuple(_rule(rule) for page in pages for rule in page.rules), pages[-1].rule_revision)


def rule_check(message: pb.CheckRulesResponse) -> RuleCheck:
    """What is wrong with rule files."""
    return RuleCheck(
        problems=problems(message.problems),
        warnings=tuple(
            RuleWarning(item.check, item.document, place(item.place), item.message) for item in message.warnings
        ),
        total_warnings=message.total_warnings,
        analysed=message.analysed,
        documents=dict(sorted(message.documents.items())),
        rule_revision=message.rule_revision,
    )


def rule_test_report(message: pb.TestRulesResponse) -> RuleTestReport:
    """What became of tests."""
    return RuleTestReport(
        problems=problems(message.problems),
        passed=message.passed,
        results=tuple(
            CaseResult(
                item.test, item.rule, item.case_name, _OUTCOMES.get(item.outcome, CaseOutcome.UNSPECIFIED), item.message
            )
            for item in message.results
        ),
        coverage=tuple(_coverage(item) for item in message.coverage),
        branch_share=message.branch_share,
        rule_revision=message.rule_revision,
        total_results=message.total_results,
        total_rules=message.total_rules,
    )


def rule_decision(message: pb.EvaluateRuleResponse) -> RuleDecision:
    """What a rule decides."""
    return RuleDecision(
        rule=message.rule,
        decision=DECISIONS.get(message.decision, Decision.UNSPECIFIED),
        rule_revision=message.rule_revision,
        at=instant(message, "at"),
        watermark=instant(message, "watermark"),
        rows=tuple(
            RuleRow(
                labels=dict(sorted(row.labels.items())),
                values={name: fact_value(value) for name, value in sorted(row.values.items())},
                decision=DECISIONS.get(row.decision, Decision.UNSPECIFIED),
                conditions=tuple(explanation(item) for item in row.conditions),
                decision_id=row.decision_id,
            )
            for row in message.rows
        ),
        total_rows=message.total_rows,
        notes=dict(sorted(message.notes.items())),
        decision_id=message.decision_id,
        counts={one: count for one in _WORST_FIRST if (count := getattr(message.counts, one.value))},
        pushed_down=message.pushed_down,
        pushdown_note=message.pushdown_note,
    )


def _rule(message: rule_set_pb2.AlertRule) -> AlertRule:
    return AlertRule(
        name=message.name,
        description=message.description,
        owner=message.owner,
        runbook=message.runbook,
        summary=message.summary,
        facts=tuple(_fact(fact) for fact in message.facts),
        warning=message.warning,
        critical=message.critical,
        for_duration=message.for_duration.ToTimedelta(),
        keep_firing_for=message.keep_firing_for.ToTimedelta(),
        on_missing=message.on_missing,
        on_no_data=message.on_no_data,
        on_error=message.on_error,
        labels=dict(sorted(message.labels.items())),
        limit=message.limit,
        label_facts=dict(sorted(message.label_facts.items())),
    )


def _fact(message: rule_set_pb2.RuleFact) -> RuleFact:
    return RuleFact(
        name=message.name,
        type=_TYPES.get(message.type, FactType.UNSPECIFIED),
        unit=message.unit,
        nullable=message.nullable,
        origin=ORIGINS.get(message.origin, FactOrigin.UNSPECIFIED),
        source=message.source,
        aggregate=message.aggregate,
        over=_span(message, "over"),
        offset=_span(message, "offset"),
        by=tuple(message.by) if message.joined else None,
    )


def _span(message: Message, name: str) -> timedelta | None:
    value: Any = getattr(message, name)
    return value.ToTimedelta() if message.HasField(name) else None


def place(message: rule_set_pb2.RulePlace) -> RulePlace:
    """Where something stands."""
    return RulePlace(message.file, message.line, message.column)


def problems(messages: Iterable[rule_set_pb2.RuleProblem]) -> tuple[RuleProblem, ...]:
    """What is wrong with rule files."""
    return tuple(RuleProblem(place(item.place), item.message) for item in messages)


def _coverage(message: rule_set_pb2.RuleCoverage) -> RuleCoverage:
    conditions = (
        ConditionCoverage(
            SEVERITIES.get(item.severity, Severity.UNSPECIFIED), item.text, item.seen_true, item.seen_false
        )
        for item in message.conditions
    )
    return RuleCoverage(message.rule, message.fires, message.rests, tuple(conditions), tuple(message.gaps))


def explanation(message: decision_pb2.ConditionExplanation) -> ConditionExplanation:
    """Why a condition came out as it did."""
    return ConditionExplanation(
        severity=SEVERITIES.get(message.severity, Severity.UNSPECIFIED),
        text=message.text,
        truth=_TRUTHS.get(message.truth),
        sentence=message.sentence,
        missing=tuple(message.missing),
        finding=_finding(message.finding),
        flip=_flip(message.flip) if message.HasField("flip") else None,
    )


def _finding(message: decision_pb2.ConditionFinding) -> ConditionFinding:
    return ConditionFinding(
        text=message.text,
        kind=_KINDS.get(message.kind, FindingKind.UNSPECIFIED),
        truth=_TRUTHS.get(message.truth),
        operands=tuple(FindingOperand(item.text, fact_value(item.value), item.shown) for item in message.operands),
        missing=tuple(message.missing),
        parts=tuple(_finding(part) for part in message.parts),
    )


def _flip(message: decision_pb2.Flip) -> Flip:
    changes = (FactChange(item.text, item.now, item.fact, fact_value(item.value)) for item in message.changes)
    return Flip(_TRUTHS.get(message.truth), tuple(changes))
