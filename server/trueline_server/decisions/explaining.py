"""Explains a decision of the log: judges its facts again by the revision that made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from trueline_rules.alert_rules import SEVERITIES, CompiledRule, compile_rule
from trueline_rules.expressions import FactValueError
from trueline_rules.expressions.explaining import Explanation
from trueline_rules.expressions.masking import TruthsError, explain_masked
from trueline_rules.model import RuleSet
from trueline_rules.names import quoted

from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.model import NOT_JUDGED, Decision
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.errors import TruelineError

# The rules of a tenant as they were in a revision; it may block. Raises TruelineError UNKNOWN_REVISION.
RulesAt = Callable[[str, str], RuleSet]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Explained:
    """A decision of the log, judged again.

    Attributes:
        decision: as it is in the log.
        explanations: by severity, critical first; operands of masked facts show "•••"; {} if nothing could be judged.
        replayed: what judging again decides; "" if it could not be.
        same: whether that is what is in the log.
        note: why it is not, or why there was nothing to judge, for people; "" else.

    """

    decision: Decision
    explanations: Mapping[str, Explanation] = field(default_factory=dict)
    replayed: str = ""
    same: bool = False
    note: str = ""


class DecisionExplainer:
    """Explains decisions. Methods block; thread-safe."""

    def __init__(self, log: DecisionLog, rules_at: RulesAt, recorder: DecisionRecorder) -> None:
        self._log = log
        self._rules_at = rules_at
        self._recorder = recorder

    def explain(self, tenant: str, decision_id: str) -> Explained:
        """Explain a decision.

        Raises:
            TruelineError: UNKNOWN_DECISION.
            StoreError: the log cannot be read.

        """
        return self.replay(self._log.get(tenant, decision_id))

    def replay(self, decision: Decision) -> Explained:
        """Judge the facts of a decision again; never raises for what the log or the revision holds."""
        if decision.reason in NOT_JUDGED and not decision.facts:
            why = {"vanished": "its label set was gone", "no_rows": "its facts had no label set"}
            told = f"no facts were judged: {why.get(decision.reason, decision.message or 'the evaluation failed')}"
            return Explained(decision, replayed=decision.decision, same=True, note=told)
        if not decision.masked and self._recorder.digest(decision.facts) != decision.facts_digest:
            return Explained(decision, note="the facts in the log are not those that were judged: their digest differs")
        try:
            return self._judged(decision, self._compiled(decision))
        except (TruelineError, FactValueError, TruthsError) as error:
            return Explained(decision, note=str(error))

    def _compiled(self, decision: Decision) -> CompiledRule:
        rules = self._rules_at(decision.tenant, decision.revision)
        rule = rules.alert_rules.get(decision.rule)
        if rule is None:
            told = f"revision {decision.revision} has no alert rule {quoted(decision.rule)}"
            raise TruelineError("NOT_FOUND", "UNKNOWN_RULE", told, metadata={"rule": decision.rule})
        return compile_rule(rule, rules.fact_types)

    def _judged(self, decision: Decision, rule: CompiledRule) -> Explained:
        now = _EPOCH + timedelta(microseconds=decision.at_us)
        explanations = {
            severity: explain_masked(
                rule.conditions[severity].text,
                rule.conditions[severity].tree,
                decision.facts,
                decision.truths.get(severity, ""),
                now,
            )
            for severity in reversed(SEVERITIES)
            if severity in rule.conditions
        }
        replayed = rule.decide({severity: explained.truth for severity, explained in explanations.items()})
        same = replayed == decision.decision
        note = "" if same else f"judged again the facts come to {replayed}; the log says {decision.decision}"
        return Explained(decision, explanations, replayed, same, note)
