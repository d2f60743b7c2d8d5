"""From what was judged to what is logged: values of sensitive facts are masked, the truths that hang on them kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.vectors import Labels, Value, is_missing
from trueline_rules.expressions.masking import MASKED, Masked, record_truths
from trueline_rules.model import RuleSet

from trueline_server.clock import Clock
from trueline_server.decisions.model import Decision, decision_id
from trueline_server.decisions.values import digest_facts

_NOT_KEPT = "the message is not kept, because it may tell the value of a sensitive fact"
_FORGOTTEN = "the facts are not logged, because a masked value among them is not known any more"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a rule judged, with all values as they are. Fields as of `Decision`.

    Attributes:
        rules: that judged.
        rule: compiled from them.
        tenant: whose facts.
        at_us: the instant judged (µs since 1970, UTC).
        watermark_us: up to where the events behind the facts were complete; None if there are none.
        labels: of the row.
        facts: by name; None = missing; {} if nothing was judged.
        decision: "critical", "warning", "none" or "unknown"; "" = what the conditions say of the facts. If a value is
            `MASKED`, because only that is left of it, all facts count as missing, and this is not heeded.
        before: see `Decision`.
        after: see `Decision`.
        reason: see `Decision`.
        message: see `Decision`.
        compared: see `Decision`.

    """

    rules: RuleSet
    rule: CompiledRule
    tenant: str
    at_us: int
    watermark_us: int | None
    labels: Labels
    facts: Mapping[str, Value | None]
    decision: str = ""
    before: str = ""
    after: str = ""
    reason: str = ""
    message: str = ""
    compared: str = ""


class DecisionRecorder:
    """Makes decisions to log. Does not block; thread-safe."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        """`key` is for digests; it stays with the data directory."""
        self._key = key
        self._clock = clock

    def record(self, judged: Judged, *, kind: str, stage: str = "active") -> Decision:
        """The decision to log, of which no value of a sensitive fact type can be read.

        Args:
            judged: what was judged.
            kind: one of `model.KINDS`.
            stage: "active" or "shadow"; part of the id.

        """
        name, now = judged.rule.rule.metadata.name, _EPOCH + timedelta(microseconds=judged.at_us)
        hidden = sensitive_facts(judged.rule, judged.rules)
        facts, decision, message = _known(judged)
        recorded = {
            severity: record_truths(condition.tree, facts, now, hidden if facts else ())
            for severity, condition in judged.rule.conditions.items()
        }
        labels, revision = judged.labels, judged.rules.revision
        return Decision(
            id=decision_id(
                judged.tenant, kind, stage=stage, rule=name, labels=labels, at_us=judged.at_us, revision=revision
            ),
            tenant=judged.tenant,
            kind=kind,
            rule=name,
            labels=labels,
            revision=revision,
            at_us=judged.at_us,
            decided_at_us=self._clock(),
            watermark_us=judged.watermark_us,
            decision=decision or judged.rule.severity(facts, now),
            before=judged.before,
            after=judged.after,
            reason=judged.reason,
            # An error may quote the value that it could not take.
            message=_NOT_KEPT if hidden and judged.message else message,
            facts=mask(facts, hidden),
            facts_digest=self.digest(facts),
            truths={severity: written for severity, written in recorded.items() if written},
            compared=judged.compared,
        )

    def digest(self, facts: Mapping[str, Value | None]) -> str:
        """32 hex digits over facts, keyed; see `Decision.facts_digest`."""
        return digest_facts(self._key, facts)


def _known(judged: Judged) -> tuple[dict[str, Value | None], str, str]:
    """The facts, the decision and the message to log; what is known only masked is not known."""
    facts = {name: None if is_missing(value) else value for name, value in judged.facts.items()}
    if any(isinstance(value, Masked) for value in facts.values()):
        return dict.fromkeys(facts), "", _FORGOTTEN
    return facts, judged.decision, judged.message


def sensitive_facts(rule: CompiledRule, rules: RuleSet) -> frozenset[str]:
    """Names of the facts of a rule that come of sensitive fact types, whatever is taken of their values."""
    return frozenset(
        name
        for name, source in rule.rule.facts.items()
        if source.kind == "fact" and rules.fact_types[source.name].sensitive
    )


def mask(facts: Mapping[str, Value | None], hidden: frozenset[str]) -> dict[str, Value | None]:
    """Facts with MASKED instead of the values of the hidden ones; what is missing stays missing."""
    return {name: MASKED if name in hidden and value is not None else value for name, value in facts.items()}
