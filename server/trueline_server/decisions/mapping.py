"""Maps logged decisions to protobuf, and the filters of requests from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trueline.v1 import decision_pb2, rule_set_pb2
from trueline.v1 import rule_service_pb2 as pb

from trueline_server.decisions.explaining import Explained
from trueline_server.decisions.model import Decision, DecisionCount
from trueline_server.rules.explaining import DECISIONS, map_explanations
from trueline_server.rules.values import map_value_to_proto
from trueline_server.transport.times import timestamp_if, timestamp_of

KINDS: Mapping[int, str] = {
    decision_pb2.DECISION_KIND_UNSPECIFIED: "",
    decision_pb2.DECISION_KIND_TRANSITION: "transition",
    decision_pb2.DECISION_KIND_REQUEST: "request",
    decision_pb2.DECISION_KIND_SHADOW: "shadow",
    decision_pb2.DECISION_KIND_CORRECTION: "correction",
}
_KIND_NUMBERS = {name: decision_pb2.DecisionKind.ValueType(number) for number, name in KINDS.items()}


def map_decision_to_proto(decision: Decision) -> decision_pb2.LoggedDecision:
    """A decision in the log."""
    return decision_pb2.LoggedDecision(
        id=decision.id,
        kind=_KIND_NUMBERS[decision.kind],
        rule=decision.rule,
        labels=dict(decision.labels),
        rule_revision=decision.revision,
        at=timestamp_of(decision.at_us),
        decided_at=timestamp_of(decision.decided_at_us),
        watermark=timestamp_if(decision.watermark_us),
        decision=DECISIONS[decision.decision],
        before=decision.before,
        after=decision.after,
        reason=decision.reason,
        message=decision.message,
        values={name: map_value_to_proto(value) for name, value in decision.facts.items()},
        facts_digest=decision.facts_digest,
        masked=decision.masked,
        compared_revision=decision.compared,
    )


def map_explained_to_proto(explained: Explained) -> pb.ExplainDecisionResponse:
    """A decision, replayed."""
    return pb.ExplainDecisionResponse(
        decision=map_decision_to_proto(explained.decision),
        same=explained.same,
        replayed=DECISIONS.get(explained.replayed, decision_pb2.DECISION_UNSPECIFIED),
        note=explained.note,
        conditions=map_explanations(explained.explanations),
    )


def map_counts_to_proto(counts: Iterable[DecisionCount], revision: str) -> Sequence[rule_set_pb2.ShadowCount]:
    """By rule: evaluations of the revision in the shadow, and differences from the active one."""
    found: dict[str, rule_set_pb2.ShadowCount] = {}
    for count in counts:
        one = found.setdefault(count.rule, rule_set_pb2.ShadowCount(rule=count.rule))
        # A difference may be that only the active rules have the rule, and is then logged under their revision.
        one.differences += count.shadow
        if count.revision == revision:
            one.evaluations += count.shadowed
            one.different += count.different
    return [found[rule] for rule in sorted(found) if found[rule].evaluations or found[rule].differences]
