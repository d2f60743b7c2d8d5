"""Maps decisions and their explanations to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from trueline.v1 import decision_pb2
from trueline_rules.expressions.explaining import Explanation, Finding
from trueline_rules.expressions.flips import Flip
from trueline_rules.expressions.showing import show_value

from trueline_server.rules.mapping import SEVERITIES
from trueline_server.rules.service import DecidedRow
from trueline_server.rules.values import map_value_to_proto

DECISIONS: Mapping[str, decision_pb2.Decision.ValueType] = {
    "none": decision_pb2.DECISION_NONE,
    "warning": decision_pb2.DECISION_WARNING,
    "critical": decision_pb2.DECISION_CRITICAL,
    "unknown": decision_pb2.DECISION_UNKNOWN,
}
_TRUTHS: Mapping[bool | None, decision_pb2.Truth.ValueType] = {
    True: decision_pb2.TRUTH_TRUE,
    False: decision_pb2.TRUTH_FALSE,
    None: decision_pb2.TRUTH_UNKNOWN,
}
_KINDS: Mapping[str, decision_pb2.FindingKind.ValueType] = {
    "and": decision_pb2.FINDING_KIND_AND,
    "or": decision_pb2.FINDING_KIND_OR,
    "not": decision_pb2.FINDING_KIND_NOT,
    "condition": decision_pb2.FINDING_KIND_CONDITION,
}


def map_row_to_proto(row: DecidedRow) -> decision_pb2.RuleRow:
    """What a rule decides about one label set, and why."""
    return decision_pb2.RuleRow(
        labels=dict(row.labels),
        values={name: map_value_to_proto(value) for name, value in row.values.items()},
        decision=DECISIONS[row.decision],
        conditions=map_explanations(row.explanations),
        decision_id=row.decision_id,
    )


def map_explanations(explanations: Mapping[str, Explanation]) -> list[decision_pb2.ConditionExplanation]:
    """Why conditions came out as they did, by severity."""
    return [_map_explanation(severity, explained) for severity, explained in explanations.items()]


def _map_explanation(severity: str, explained: Explanation) -> decision_pb2.ConditionExplanation:
    return decision_pb2.ConditionExplanation(
        severity=SEVERITIES[severity],
        text=explained.text,
        truth=_TRUTHS[explained.truth],
        sentence=explained.sentence,
        missing=explained.missing,
        finding=_map_finding(explained.finding),
        flip=None if explained.flip is None else _map_flip(explained.flip),
    )


def _map_finding(finding: Finding) -> decision_pb2.ConditionFinding:
    return decision_pb2.ConditionFinding(
        text=finding.text,
        kind=_KINDS[finding.kind],
        truth=_TRUTHS[finding.truth],
        operands=[
            decision_pb2.FindingOperand(text=one.text, value=map_value_to_proto(one.value), shown=show_value(one.value))
            for one in finding.operands
        ],
        missing=finding.missing,
        parts=[_map_finding(part) for part in finding.parts],
    )


def _map_flip(flip: Flip) -> decision_pb2.Flip:
    return decision_pb2.Flip(
        truth=_TRUTHS[flip.truth],
        changes=[
            decision_pb2.FactChange(
                text=change.text,
                now=change.now,
                fact=change.fact,
                value=map_value_to_proto(change.value) if change.fact else None,
            )
            for change in flip.changes
        ],
    )
