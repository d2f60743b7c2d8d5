"""Decisions as they are logged, and their ids."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from trueline_rules.alerting.vectors import Labels, Value, shown
from trueline_rules.expressions.masking import Masked

# A state of an alert changed; somebody asked; the active rules and those in the shadow decided differently.
KINDS = ("transition", "request", "shadow", "correction")
# An evaluation that ends so judged no facts, so there are none to judge again.
NOT_JUDGED = frozenset({"vanished", "no_rows", "failed", "over_limit"})

# An id is 32 hex digits; the first 14 are the instant judged, so that ids are in the order of instants.
ID_DIGITS = 32
_TIME_DIGITS = 14
_LATEST_US = 16**_TIME_DIGITS - 1


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule decided about one label set.

    Attributes:
        id: 32 hex digits; ids are in the order of `at_us`.
        tenant: whose.
        kind: "transition" (a state of an alert changed), "request" (somebody asked), "shadow" (the active rules and
            those in the shadow differ), "correction" (late events changed what was judged).
        rule: its name.
        labels: of the row, without those that the rule adds.
        revision: of the rule set that made `decision` of `facts`; for "shadow" the one in the shadow, or the active one
            if the shadow does not have the rule.
        at_us: the instant judged (µs since 1970, UTC).
        decided_at_us: when it was judged.
        watermark_us: up to where the events behind the facts were complete; None if there are none.
        decision: "critical", "warning", "none" or "unknown".
        before: state of the alert before, for "shadow" what the active rules say, for "correction" its state at that
            instant; "" for requests.
        after: state of the alert from then on, for "shadow" what the rules in the shadow say, for "correction" what is
            decided of the corrected facts; "" for requests.
        reason: what the evaluation said: "true", "false", "unknown", "vanished", "no_rows", "failed" or
            "over_limit".
        message: the error, if it failed.
        facts: by name; None = missing; values of sensitive fact types are `MASKED`, a text "•••" that is a `Masked`.
        facts_digest: 32 hex digits over all facts, those masked with their values, under a key of the data directory:
            two decisions over the same facts have the same one.
        truths: by severity, one character for each single condition in the order of the text: "1" true, "0" false, "?"
            unknown, "." where it is computed anew from `facts`; a severity that reads no masked fact is left out.
        compared: for "shadow" the revision of the active rules; "" else.

    """

    id: str
    tenant: str
    kind: str
    rule: str
    labels: Labels
    revision: str
    at_us: int
    decided_at_us: int
    watermark_us: int | None
    decision: str
    before: str
    after: str
    reason: str
    message: str
    facts: Mapping[str, Value | None]
    facts_digest: str
    truths: Mapping[str, str] = field(default_factory=dict)
    compared: str = ""

    @property
    def masked(self) -> tuple[str, ...]:
        """Names of the facts whose values are not in the log, sorted."""
        return tuple(sorted(name for name, value in self.facts.items() if isinstance(value, Masked)))

    def about(self) -> str:
        """Rule and labels for people: `churn_high{plan="pro"}`."""
        return f"{self.rule}{shown(self.labels) if self.labels else ''}"


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """What a rule of a revision did in an hour (that of `decided_at_us`).

    Attributes:
        rule: its name.
        revision: of the rule set.
        hour_us: when the hour began (µs since 1970, UTC).
        unchanged: label sets that were judged with the result that they had before; they are only counted.
        transitions: decisions of that kind in the log.
        requests: decisions of that kind in the log.
        shadow: decisions of that kind in the log.
        shadowed: label sets that were judged by the rules in the shadow of that revision, too.
        different: those of them about which the two sides said something else.

    """

    rule: str
    revision: str
    hour_us: int
    unchanged: int = 0
    transitions: int = 0
    requests: int = 0
    shadow: int = 0
    shadowed: int = 0
    different: int = 0


def decision_id(tenant: str, kind: str, *, stage: str, rule: str, labels: Labels, at_us: int, revision: str) -> str:
    """The id of a decision: for a request another one each time, for all others the same for the same arguments.

    Args:
        tenant: whose.
        kind: one of KINDS.
        stage: "active" or "shadow".
        rule: its name.
        labels: of the row.
        at_us: the instant judged (µs since 1970, UTC).
        revision: of the rule set.

    """
    time = first_id(at_us)[:_TIME_DIGITS]
    rest = ID_DIGITS - _TIME_DIGITS
    if kind == "request":
        return time + secrets.token_hex(rest // 2)
    digest = hashlib.blake2b(digest_size=rest // 2)
    for part in (tenant, kind, stage, rule, *(text for pair in labels for text in pair), str(at_us), revision):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)
    return time + digest.hexdigest()


def first_id(at_us: int) -> str:
    """The least id of decisions about an instant; instants before 1970 have those of 1970."""
    return f"{min(max(at_us, 0), _LATEST_US):0{_TIME_DIGITS}x}{'0' * (ID_DIGITS - _TIME_DIGITS)}"
