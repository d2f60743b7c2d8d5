"""One evaluation of a rule set: its rules, over what was read for the instant, through the alert state machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from trueline_rules.alert_model import AlertRule
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.columns import FactTable, RuleStates, evaluate_columns, join_columns
from trueline_rules.alerting.model import Failure, Instance, Outcome, Reason, State, Transition
from trueline_rules.alerting.states import is_active
from trueline_rules.alerting.vectors import AlertingError
from trueline_rules.expressions.errors import FactValueError
from trueline_rules.model import RuleSet

from trueline_server.alerts.instants import is_due
from trueline_server.alerts.reading import InstantValues
from trueline_server.alerts.states import RuleOutcome, StageStates

GONE = "the rule is not in force any more"
# No rule is asked for by name.
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RuleTransitions:
    """What an evaluation changed of one rule.

    Attributes:
        rule: compiled; None if it is not in force any more.
        name: of the rule.
        transitions: in order of labels; never empty.

    """

    rule: CompiledRule | None
    name: str
    transitions: tuple[Transition, ...]


@dataclass(frozen=True, slots=True)
class StageEvaluation:
    """What an evaluation of a set came to.

    Attributes:
        states: all that is to be kept.
        changed: rules with transitions.
        judged: label sets judged, by rule; 0 for a rule that failed; rules that wait are not among them.
        waiting: rules that had no values yet.

    """

    states: StageStates
    changed: tuple[RuleTransitions, ...]
    judged: Mapping[str, int]
    waiting: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Evaluated:
    """An evaluation of the active rules of a tenant, as it is written.

    Attributes:
        tenant: whose.
        rules: that judged.
        instant_us: what was judged (µs since 1970, UTC).
        watermark_us: up to where the events behind it were complete; None if there are none.
        evaluation: what it came to.

    """

    tenant: str
    rules: RuleSet
    instant_us: int
    watermark_us: int | None
    evaluation: StageEvaluation


def compile_rules(rules: RuleSet) -> tuple[CompiledRule, ...]:
    """All alert rules of a set."""
    return tuple(compile_rule(rule, rules.fact_types) for rule in rules.alert_rules.values())


def due_rules(
    compiled: Sequence[CompiledRule], states: StageStates, instant_us: int, asked: frozenset[str] = NOBODY
) -> list[CompiledRule]:
    """The rules that are to be evaluated at an instant: those that never were, those whose time has come, those asked.

    What is not live is evaluated when it is asked for alone.
    """
    return [rule for rule in compiled if rule.rule.metadata.name in asked or _is_due(rule.rule, states, instant_us)]


def _is_due(rule: AlertRule, states: StageStates, instant_us: int) -> bool:
    if not rule.live:
        return False
    return rule.metadata.name not in states.rules or is_due(instant_us, states.evaluated_us, rule.every_us)


def evaluate_stage(
    rules: RuleSet,
    compiled: Sequence[CompiledRule],
    due: Sequence[CompiledRule],
    states: StageStates,
    *,
    instant_us: int,
    values: InstantValues,
    awake: AbstractSet[str] | None = None,
) -> StageEvaluation:
    """Evaluate the rules of a set that are due; what was kept of rules that are not in force any more ends.

    Args:
        rules: the set.
        compiled: all of its alert rules.
        due: those evaluated now.
        states: what was kept of them.
        instant_us: what is judged (µs since 1970, UTC); not beyond the watermark.
        values: what they read.
        awake: names of those that are looked at; of the others it is known that they come to what they came to last.
            None = of all.

    """
    names = {rule.rule.metadata.name for rule in compiled}
    after = StageStates(rules.revision, instant_us, states.position, dict(states.rules), dict(states.outcomes))
    changed: list[RuleTransitions] = []
    judged: dict[str, int] = {}
    waiting: set[str] = set()
    for name in states.rules.keys() - names:
        ended = _ended(states.rules[name], instant_us)
        del after.rules[name]
        after.outcomes.pop(name, None)
        if ended:
            changed.append(RuleTransitions(None, name, ended))
    for rule in due:
        name = rule.rule.metadata.name
        if awake is not None and name not in awake:
            if states.evaluated_us != instant_us:
                judged[name] = len(after.rules[name].labels)
            continue
        if any(source in values.waiting for source in rule.rule.facts.values()):
            waiting.add(name)
            continue
        known = states.rules.get(name) or RuleStates(name)
        table = _table(rule, values)
        try:
            done = evaluate_columns(rule.spec_at(instant_us), known, instant_us, instant_us, table)
        except FactValueError as error:
            told = Failure(str(error))
            done = evaluate_columns(rule.spec_at(instant_us), known, instant_us, instant_us, told)
        if done.outcome not in {Outcome.DONE, Outcome.FAILED}:
            continue
        after.rules[name] = done.states
        after.outcomes[name] = RuleOutcome(done.outcome.value, done.message)
        judged[name] = len(done.states.labels) if done.outcome is Outcome.DONE else 0
        if done.transitions:
            changed.append(RuleTransitions(rule, name, done.transitions))
    return StageEvaluation(after, tuple(changed), judged, frozenset(waiting))


def _table(rule: CompiledRule, values: InstantValues) -> FactTable | Failure:
    for name, source in rule.rule.facts.items():
        if source in values.failures:
            return Failure(f"fact {name} cannot be read: {values.failures[source]}")
    try:
        columns = {name: values.columns[source] for name, source in rule.rule.facts.items()}
        return join_columns(columns, rule.looked_up)
    except AlertingError as error:
        return Failure(str(error))


def _ended(states: RuleStates, instant_us: int) -> tuple[Transition, ...]:
    """The end of the alerts of a rule that is gone: what fired is resolved, what was pending is nothing."""
    found = []
    for _, instance in sorted(states.instances.items()):
        if is_active(instance) or instance.fired_us is not None:
            over = State.RESOLVED if instance.fired_us is not None else State.INACTIVE
            found.append(Transition(instant_us, instance, _over(instance, over, instant_us)))
    return tuple(found)


def _over(instance: Instance, state: State, instant_us: int) -> Instance:
    return replace(
        instance,
        state=state,
        severity=instance.severity if state is State.RESOLVED else None,
        since_us=instant_us,
        evaluated_us=instant_us,
        active_since_us=None,
        fired_us=None,
        false_since_us=None,
        reason=Reason.VANISHED,
        message=GONE,
    )
