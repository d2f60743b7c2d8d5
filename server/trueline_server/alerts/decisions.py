"""What the decision log gets of evaluations: transitions, differences of the shadow, counts of what did not change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Connection
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.model import Instance, Reason
from trueline_rules.alerting.vectors import Value
from trueline_rules.model import RuleSet

from trueline_server.alerts.differences import CALM, Difference, said_by, state_of
from trueline_server.alerts.evaluation import Evaluated, StageEvaluation
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.model import NOT_JUDGED, Decision
from trueline_server.decisions.recording import DecisionRecorder, Judged

# What a rule decided that judged no facts.
_WITHOUT_FACTS = {Reason.VANISHED: "none"} | dict.fromkeys(
    (Reason.NO_ROWS, Reason.FAILED, Reason.OVER_LIMIT), "unknown"
)


class AlertDecisions:
    """Hands evaluations to the decision log."""

    def __init__(self, log: DecisionLog, recorder: DecisionRecorder) -> None:
        self._log = log
        self._recorder = recorder

    def keep_transitions(self, connection: Connection, evaluated: Evaluated) -> None:
        """Log each transition, in the transaction that keeps its instance."""
        decisions: list[Decision] = []
        for changed in evaluated.evaluation.changed:
            if changed.rule is None:
                # The revision in force does not know the rule, so it decided nothing about it.
                continue
            for each in changed.transitions:
                judged = _judgement(evaluated, evaluated.rules, changed.rule, each.after)
                judged = replace(judged, before=state_of(each.before), after=state_of(each.after))
                decisions.append(self._recorder.record(judged, kind="transition"))
        self._log.keep(connection, decisions)

    def keep_differences(
        self, connection: Connection, evaluated: Evaluated, shadow: RuleSet, found: Iterable[Difference]
    ) -> None:
        """Log where the rules in the shadow say something else than the active ones."""
        decisions: list[Decision] = []
        for each in found:
            # Of what the shadow does not know, the active rules' side is told.
            rules = shadow if each.rule in shadow.alert_rules else evaluated.rules
            if each.rule not in rules.alert_rules:
                continue
            instance = (each.shadow if rules is shadow else each.active) or Instance(each.rule, each.labels)
            rule = compile_rule(rules.alert_rules[each.rule], rules.fact_types)
            judged = _judgement(evaluated, rules, rule, instance)
            judged = replace(judged, before=each.said[0], after=each.said[1], compared=evaluated.rules.revision)
            decisions.append(self._recorder.record(judged, kind="shadow", stage="shadow"))
        self._log.keep(connection, decisions)

    def count_shadow(
        self, tenant: str, shadow: RuleSet, first: StageEvaluation, second: StageEvaluation, found: Iterable[Difference]
    ) -> None:
        """Count the label sets that both sides have judged, or one if the other lacks the rule. Does not block."""
        different = Counter(each.rule for each in found)
        lacking = (rule for rule in first.judged if rule not in shadow.alert_rules)
        for rule in (*second.judged, *lacking):
            sides = [side.states.rules[rule] for side in (first, second) if rule in side.states.rules]
            judged = {labels for side in sides for labels in side.labels}
            judged |= {labels for side in sides for labels, one in side.instances.items() if said_by(one) != CALM}
            evaluations, differ = len(judged), different[rule]
            self._log.count_shadow(tenant, rule, shadow.revision, evaluations=evaluations, different=differ)

    def count(self, tenant: str, revision: str, evaluation: StageEvaluation) -> None:
        """Count label sets that were judged and did not change. Does not block."""
        changed = {each.name: len(each.transitions) for each in evaluation.changed}
        for rule, judged in evaluation.judged.items():
            unchanged = judged - changed.get(rule, 0)
            if unchanged > 0:
                self._log.count(tenant, rule, revision, unchanged)


def _judgement(evaluated: Evaluated, rules: RuleSet, rule: CompiledRule, instance: Instance) -> Judged:
    """What was judged of an instance; the two sides that are compared are added by whoever knows them."""
    without = instance.reason.value in NOT_JUDGED
    facts: Mapping[str, Value | None] = {} if without else dict(instance.values)
    return Judged(
        rules=rules,
        rule=rule,
        tenant=evaluated.tenant,
        at_us=evaluated.instant_us,
        watermark_us=evaluated.watermark_us,
        labels=instance.labels,
        facts=facts,
        decision="" if facts else _WITHOUT_FACTS.get(instance.reason, "none"),
        reason=instance.reason.value,
        message=instance.message,
    )
