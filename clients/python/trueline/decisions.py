"""Decisions that are logged, why they were made, and where a shadow decides otherwise; and their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trueline import rule_mapping
from trueline.mapping import enum_names, instant
from trueline.rule_results import ConditionExplanation, Decision, FactValue
from trueline.rule_sets import StagedRules, staged
from trueline.v1 import decision_pb2
from trueline.v1 import rule_service_pb2 as pb


class DecisionKind(StrEnum):
    """Why a decision is logged: an alert's state changed, somebody asked, a shadow or late events say otherwise."""

    UNSPECIFIED = "unspecified"
    TRANSITION = "transition"
    REQUEST = "request"
    SHADOW = "shadow"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision in the log.

    Attributes:
        rule_revision: of the rule set that decided; of a shadow difference, that in the shadow.
        at: the instant judged, `$now` to the conditions.
        watermark: up to where the events behind the facts were complete; None if none were read.
        before: state of the alert before, or what the active rule set says of a shadow difference.
        after: state of the alert after, or what the shadow says.
        reason: what the evaluation came to: "true", "false", "unknown", "vanished", "no_rows", "failed" or
            "over_limit" (more alerts than the rule's limit).
        message: the error of an evaluation that failed.
        values: fact -> value, None = missing; a sensitive fact's is the text "•••".
        facts_digest: over all values, sensitive ones too: the same digest, the same facts.
        masked: names of the sensitive facts.
        compared_revision: of a shadow difference, the active rule set's.

    """

    id: str
    kind: DecisionKind
    rule: str
    labels: Mapping[str, str]
    rule_revision: str
    at: datetime | None
    decided_at: datetime | None
    watermark: datetime | None
    decision: Decision
    before: str
    after: str
    reason: str
    message: str
    values: Mapping[str, FactValue]
    facts_digest: str
    masked: tuple[str, ...]
    compared_revision: str


@dataclass(frozen=True, slots=True)
class DecisionExplanation:
    """A logged decision, replayed.

    Attributes:
        replayed: what the replay came to; UNSPECIFIED if it was not possible.
        same: whether that is what is in the log.
        note: why it is not, or why there was nothing to judge; "" else.
        conditions: the reasons, critical first.

    """

    decision: LoggedDecision
    replayed: Decision
    same: bool
    note: str
    conditions: tuple[ConditionExplanation, ...]


@dataclass(frozen=True, slots=True)
class ShadowCount:
    """How often a rule in the shadow was evaluated, and decided otherwise than the active one.

    Attributes:
        rule: its name.
        evaluations: one for each label set and instant.
        differences: those that are logged: one when it begins, one when it changes or ends.
        different: evaluations that came out otherwise.

    """

    rule: str
    evaluations: int
    differences: int
    different: int = 0

    @property
    def equal(self) -> int:
        """Evaluations that came out as the active rule's."""
        return self.evaluations - self.different


@dataclass(frozen=True, slots=True)
class ShadowDifferences:
    """Where the shadow decides otherwise, the newest first, with counts by rule; `shadow` None = nothing is in it."""

    differences: tuple[LoggedDecision, ...]
    counts: tuple[ShadowCount, ...]
    shadow: StagedRules | None


_KINDS = enum_names(DecisionKind, decision_pb2.DecisionKind)


def kind_to_proto(kind: DecisionKind | str) -> decision_pb2.DecisionKind.ValueType:
    """The kind of a request; "" = any.

    Raises:
        ValueError: there is no such kind.

    """
    return decision_pb2.DecisionKind.Value(f"DECISION_KIND_{DecisionKind(kind or DecisionKind.UNSPECIFIED).upper()}")


def logged_decision(message: decision_pb2.LoggedDecision) -> LoggedDecision:
    """A decision in the log."""
    return LoggedDecision(
        id=message.id,
        kind=_KINDS.get(message.kind, DecisionKind.UNSPECIFIED),
        rule=message.rule,
        labels=dict(sorted(message.labels.items())),
        rule_revision=message.rule_revision,
        at=instant(message, "at"),
        decided_at=instant(message, "decided_at"),
        watermark=instant(message, "watermark"),
        decision=rule_mapping.DECISIONS.get(message.decision, Decision.UNSPECIFIED),
        before=message.before,
        after=message.after,
        reason=message.reason,
        message=message.message,
        values={name: rule_mapping.fact_value(value) for name, value in sorted(message.values.items())},
        facts_digest=message.facts_digest,
        masked=tuple(message.masked),
        compared_revision=message.compared_revision,
    )


def decisions(pages: Sequence[pb.ListDecisionsResponse]) -> tuple[LoggedDecision, ...]:
    """The decisions of all pages."""
    return tuple(logged_decision(one) for page in pages for one in page.decisions)


def shadow_differences(pages: Sequence[pb.ListShadowDifferencesResponse]) -> ShadowDifferences:
    """The differences of all pages, with the counts of the first one."""
    found = tuple(logged_decision(one) for page in pages for one in page.differences)
    counts = tuple(ShadowCount(one.rule, one.evaluations, one.differences, one.different) for one in pages[0].counts)
    return ShadowDifferences(found, counts, staged(pages[0], "shadow"))


def decision_explanation(message: pb.ExplainDecisionResponse) -> DecisionExplanation:
    """A decision, replayed."""
    conditions = tuple(rule_mapping.explanation(one) for one in message.conditions)
    replayed = rule_mapping.DECISIONS.get(message.replayed, Decision.UNSPECIFIED)
    return DecisionExplanation(logged_decision(message.decision), replayed, message.same, message.note, conditions)
