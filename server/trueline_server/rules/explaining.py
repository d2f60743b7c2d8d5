"""Maps decisions and their explanations to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from trueline.v1 import rule_service_pb2 as pb
from trueline_rules.expressions.explaining import Explanation, Finding
from trueline_rules.expressions.flips import Flip
from trueline_rules.expressions.showing import show_value

from trueline_server.rules.mapping import SEVERITIES
from trueline_server.rules.service import DecidedRow
from trueline_server.rules.values import map_value_to_proto

DECISIONS: Mapping[str, pb.Decision.ValueType] = {
    "none": pb.DECISION_NONE,
    "warning": pb.DECISION_WARNING,
    "critical": pb.DECISION_CRITICAL,
    "unknown": pb.DECISION_UNKNOWN,
}
_TRUTHS: Mapping[bool | None, pb.Truth.ValueType] = {
    True: pb.TRUTH_TRUE,
    False: pb.TRUTH_FALSE,
    None: pb.TRUTH_UNKNOWN,
}
_KINDS: Mapping[str, pb.FindingKind.ValueType] = {
    "and": pb.FINDING_KIND_AND,
    "or": pb.FINDING_KIND_OR,
    "not": pb.FINDING_KIND_NOT,
    "condition": pb.FINDING_KIND_CONDITION,
}


def map_row_to_proto(row: DecidedRow) -> pb.RuleRow:
    """What a rule decides about one label set, and why."""
    return pb.RuleRow(
        labels=dict(row.labels),
        values={name: map_value_to_proto(value) for name, value in row.values.items()},
        decision=DECISIONS[row.decision],
        conditions=map_explanations(row.explanations),
        decision_id=row.decision_id,
    )


def map_explanations(explanations: Mapping[str, Explanation]) -> list[pb.ConditionExplanation]:
    """Why conditions came out as they did, by severity."""
    return [_map_explanation(severity, explained) for severity, explained in explanations.items()]


def _map_explanation(severity: str, explained: Explanation) -> pb.ConditionExplanation:
    return pb.ConditionExplanation(
        severity=SEVERITIES[severity],
        text=explained.text,
        truth=_TRUTHS[explained.truth],
        sentence=explained.sentence,
        missing=explained.missing,
        finding=_map_finding(explained.finding),
        flip=None if explained.flip is None else _map_flip(explained.flip),
    )


def _map_finding(finding: Finding) -> pb.ConditionFinding:
    return pb.ConditionFinding(
        text=finding.text,
        kind=_KINDS[finding.kind],
        truth=_TRUTHS[finding.truth],
        operands=[
            pb.FindingOperand(text=one.text, value=map_value_to_proto(one.value), shown=show_value(one.value))
            for one in finding.operands
        ],
        missing=finding.missing,
        parts=[_map_finding(part) for part in finding.parts],
    )


def _map_flip(flip: Flip) -> pb.Flip:
    return pb.Flip(
        truth=_TRUTHS[flip.truth],
        changes=[
            pb.FactChange(
                text=change.text,
                now=change.now,
                fact=change.fact,
                value=map_value_to_proto(change.value) if change.fact else None,
            )
            for change in flip.changes
        ],
    )
