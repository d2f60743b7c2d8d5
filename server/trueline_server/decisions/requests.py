"""Logs what was decided on request: one decision for each label set that was answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.vectors import Labels, Value
from trueline_rules.model import RuleSet

from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.recording import DecisionRecorder, Judged

_REASONS = {"critical": "true", "warning": "true", "none": "false", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked.

    Attributes:
        tenant: who.
        rules: that decided.
        rule: compiled from them.
        at_us: the instant judged (µs since 1970, UTC).
        watermark_us: up to where the events behind live facts were complete; None if there are none.

    """

    tenant: str
    rules: RuleSet
    rule: CompiledRule
    at_us: int
    watermark_us: int | None


class RequestLog:
    """Notes decisions on requests. Does not block; thread-safe."""

    def __init__(self, log: DecisionLog, recorder: DecisionRecorder) -> None:
        self._log = log
        self._recorder = recorder

    def note(self, request: Request, rows: Sequence[tuple[Labels, Mapping[str, Value | None], str]]) -> list[str]:
        """Note what was decided about each label set, as (labels, facts, decision); answers the ids in this order.

        If there is no label set, the one id is that of the decision that nothing is known.
        """
        decisions = [
            self._recorder.record(self._judged(request, labels, facts, decision, _REASONS[decision]), kind="request")
            for labels, facts, decision in rows
        ]
        if not decisions:
            decisions = [self._recorder.record(self._judged(request, (), {}, "unknown", "no_rows"), kind="request")]
        self._log.note(decisions)
        return [decision.id for decision in decisions]

    @staticmethod
    def _judged(
        request: Request, labels: Labels, facts: Mapping[str, Value | None], decision: str, reason: str
    ) -> Judged:
        return Judged(
            rules=request.rules,
            rule=request.rule,
            tenant=request.tenant,
            at_us=request.at_us,
            watermark_us=request.watermark_us,
            labels=labels,
            facts=facts,
            decision=decision,
            reason=reason,
        )
