"""Replays an alert rule over series through the same state machine that runs live: what would have fired, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from trueline_rules.alert_rules import SEVERITIES, CompiledRule
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.machine import evaluate
from trueline_rules.alerting.model import Failure, Instance, Outcome, Transition
from trueline_rules.alerting.operands import vector_at
from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import AlertingError, Labels, Row, labels_of


@dataclass(frozen=True, slots=True)
class History:
    """What is known of one fact.

    Attributes:
        series: one per label set.
        lookback_us: the age up to which its last value counts; None = as the operand says.

    """

    series: Sequence[Series] = ()
    lookback_us: int | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert from the evaluation at which it began to fire to the one at which it was over.

    As in the state machine, evaluations without data or with an error in between do not end it, nor does recovering.

    Attributes:
        rule: its rule.
        labels: of the alert, the rule's among them.
        severity: the worst while it fired.
        since_us: first evaluation at which it fired (µs since 1970, UTC).
        until_us: first evaluation at which it did not any more; None = it still fired at the end.

    """

    rule: str
    labels: Labels
    severity: str
    since_us: int
    until_us: int | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """A rule's history.

    Attributes:
        firings: what fired, by its beginning.
        evaluations: how often it was evaluated.
        failed: how often that failed.
        failure: why it failed the last time; "" if it never did.
        without_data: how often a fact that its conditions read was missing in some row, or there was no row.

    """

    firings: tuple[Firing, ...]
    evaluations: int
    failed: int
    failure: str
    without_data: int


def replay(rule: CompiledRule, history: Mapping[str, History], *, start_us: int, end_us: int, every_us: int) -> Replay:
    """Evaluate a rule at every step from `start_us` to `end_us`, both included.

    Args:
        rule: what to evaluate.
        history: by fact of the rule; a fact that is left out is missing throughout.
        start_us: µs since 1970 (UTC).
        end_us: not before `start_us`.
        every_us: distance of evaluations, positive.

    """
    instances: Sequence[Instance] = ()
    tracker = _Tracker(rule)
    evaluations = failed = without_data = 0
    failure = ""
    read = {name for condition in rule.conditions.values() for name in condition.facts}
    for instant_us in range(start_us, end_us + 1, every_us):
        rows: tuple[Row, ...] | Failure
        try:
            rows = _rows(rule, history, instant_us)
        except AlertingError as error:
            rows = Failure(str(error))
        evaluation = evaluate(rule.spec_at(instant_us), instances, instant_us, instant_us, rows)
        instances = evaluation.instances
        for transition in evaluation.transitions:
            tracker.take(transition)
        evaluations += 1
        if evaluation.outcome is Outcome.FAILED:
            failed, failure = failed + 1, evaluation.message
        elif not isinstance(rows, Failure):
            without_data += not rows or any(row.values[name] is None for row in rows for name in read)
    return Replay(tracker.firings(), evaluations, failed, failure, without_data)


def _rows(rule: CompiledRule, history: Mapping[str, History], instant_us: int) -> tuple[Row, ...]:
    vectors = {}
    for name, source in rule.rule.facts.items():
        known = history.get(name, History())
        operand = source.operand
        if known.lookback_us is not None:
            operand = replace(operand, lookback_us=known.lookback_us)
        vectors[name] = vector_at(operand, known.series, instant_us)
    return join_facts(vectors, rule.looked_up)


class _Tracker:
    """Puts transitions together to firings."""

    def __init__(self, rule: CompiledRule) -> None:
        self._rule = rule
        self._open: dict[Labels, Firing] = {}
        self._over: list[Firing] = []

    def take(self, transition: Transition) -> None:
        after = transition.after
        key = after.labels
        # Where nobody knows, it has not ended: an alert that fired keeps since when through NO_DATA and ERROR.
        if after.fired_us is not None and after.severity is not None:
            severity = str(after.severity)
            firing = self._open.get(key)
            if firing is None:
                labels = labels_of({**dict(key), **self._rule.rule.labels})
                firing = Firing(self._rule.rule.metadata.name, labels, severity, transition.at_us)
            worst = max(firing.severity, severity, key=SEVERITIES.index)
            self._open[key] = replace(firing, severity=worst)
        elif key in self._open:
            self._over.append(replace(self._open.pop(key), until_us=transition.at_us))

    def firings(self) -> tuple[Firing, ...]:
        return tuple(sorted((*self._over, *self._open.values()), key=lambda one: (one.since_us, one.labels)))
