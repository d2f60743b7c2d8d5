"""The alert rules of one tenant between evaluations: states of both stages, and what an evaluation of them writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection
from trueline_rules.alert_rules import CompiledRule
from trueline_rules.model import RuleSet
from trueline_stores.state.database import StateDatabase

from trueline_server.alerts.decisions import AlertDecisions
from trueline_server.alerts.differences import Difference, Differences, differences, known_differences
from trueline_server.alerts.evaluation import (
    NOBODY,
    Evaluated,
    StageEvaluation,
    compile_rules,
    due_rules,
    evaluate_stage,
)
from trueline_server.alerts.reading import InstantReader, InstantValues
from trueline_server.alerts.states import ACTIVE, SHADOW, StageStates, forget, read_states, write_changes
from trueline_server.alerts.waking import Waking, Woken
from trueline_server.decisions.recording import sensitive_facts

# What it writes on the connection is there if and only if the evaluation is.
Inside = Callable[[Connection, Evaluated], None]


@dataclass(frozen=True, slots=True)
class _Ready:
    """A rule set that was made ready."""

    rules: RuleSet
    compiled: tuple[CompiledRule, ...]
    hidden: dict[str, frozenset[str]]
    waking: Waking

    @classmethod
    def of(cls, rules: RuleSet) -> _Ready:
        """Make a rule set ready."""
        compiled = compile_rules(rules)
        hidden = {rule.rule.metadata.name: sensitive_facts(rule, rules) for rule in compiled}
        return cls(rules, compiled, hidden, Waking(compiled))


@dataclass(frozen=True, slots=True)
class _Judged:
    """What a stage came to, what it read, and what it looked at."""

    evaluation: StageEvaluation
    values: InstantValues
    woken: Woken


@dataclass(slots=True)
class _Stage:
    """What is remembered of a stage; `waiting` rules had no values yet at the last instant."""

    states: StageStates
    ready: _Ready | None = None
    waiting: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class _How:
    """What an evaluation is asked for; see TenantAlerts.evaluate."""

    instant_us: int
    watermark_us: int
    position: int
    waits: bool
    stopped: Callable[[], bool]
    asked: frozenset[str]


class TenantAlerts:
    """Evaluates the rules of a tenant. Used by one thread at a time; what it remembers is what is durable."""

    def __init__(
        self,
        tenant: str,
        state: StateDatabase,
        readers: tuple[InstantReader, InstantReader],
        decisions: AlertDecisions,
        inside: Sequence[Inside],
    ) -> None:
        """`readers` read for the active rules, and for those in the shadow."""
        self._tenant = tenant
        self._state = state
        self._readers = dict(zip((ACTIVE, SHADOW), readers, strict=True))
        self._decisions = decisions
        self._inside = inside
        self._stages = {stage: _Stage(read_states(state, tenant, stage)) for stage in (ACTIVE, SHADOW)}
        self._told: Differences = known_differences(self._differences())
        # Rules that evaluations looked at; the others were asleep.
        self.looked_at = 0

    @property
    def evaluated_us(self) -> int | None:
        """The last instant evaluated; None = none was."""
        return self._stages[ACTIVE].states.evaluated_us

    @property
    def waiting(self) -> bool:
        """Whether some rules had no values yet at the last instant."""
        return any(stage.waiting for stage in self._stages.values())

    def states(self, stage: str) -> StageStates:
        """What is kept of a stage. A value that is replaced whole, so any thread may read it."""
        return self._stages[stage].states

    def evaluate(
        self,
        active: RuleSet,
        shadow: RuleSet | None,
        instant_us: int,
        *,
        watermark_us: int,
        position: int,
        waits: bool,
        stopped: Callable[[], bool],
        asked: frozenset[str] = NOBODY,
    ) -> int:
        """Evaluate both stages at an instant, or again at the last what waited or is asked for; how many were judged.

        Args:
            active: the rules in force.
            shadow: those in the shadow.
            instant_us: not before the last instant.
            watermark_us: up to where the tenant's events are complete.
            position: log position of the tenant's last event that is in the warehouse.
            waits: whether rules wait for KPIs of which nothing was kept; else those have no value.
            stopped: asked before each read; once it says yes, the work ends.
            asked: names of rules that are evaluated though they are not due.

        Raises:
            StoreError: a store failed; nothing of the evaluation is kept.
            TruelineError: NOT_SERVING, if it was stopped.

        """
        how = _How(instant_us, watermark_us, position, waits, stopped, asked)
        own = {ACTIVE: self._judge(ACTIVE, active, how)}
        if shadow is not None:
            own[SHADOW] = self._judge(SHADOW, shadow, how)
        first, values = own[ACTIVE].evaluation, own[ACTIVE].values
        second = own[SHADOW].evaluation if SHADOW in own else None
        waiting = {ACTIVE: first.waiting, SHADOW: frozenset() if second is None else second.waiting}
        judged = len(first.judged) + (0 if second is None else len(second.judged))
        if judged or not (waiting[ACTIVE] or waiting[SHADOW]) or first.changed:
            self._write(Evaluated(self._tenant, active, instant_us, values.watermark_us, first), shadow, second)
            for stage, each in own.items():
                ready = self._stages[stage].ready
                assert ready is not None
                ready.waking.keep(each.woken, each.evaluation)
                self.looked_at += len(each.woken.awake & each.evaluation.judged.keys())
        for stage, names in waiting.items():
            self._stages[stage].waiting = names
        return judged

    def _judge(self, stage: str, rules: RuleSet, how: _How) -> _Judged:
        own = self._stages[stage]
        states = own.states
        if own.ready is None or states.revision != rules.revision or own.ready.rules.revision != rules.revision:
            # What rules sleep on are states of their own; another revision's are another matter.
            own.ready = _Ready.of(rules)
        if stage == SHADOW and states.revision != rules.revision:
            states = self._beginning(rules)
        instant_us = how.instant_us
        due = due_rules(own.ready.compiled, states, instant_us, how.asked)
        if states.evaluated_us == instant_us:
            again = own.waiting | how.asked
            due = [rule for rule in own.ready.compiled if rule.rule.metadata.name in again]
        values = self._readers[stage].read(
            self._tenant,
            rules,
            due,
            instant_us,
            watermark_us=how.watermark_us,
            waits=how.waits,
            seen=own.ready.waking.seen,
            stopped=how.stopped,
        )
        woken = own.ready.waking.wake(values)
        judged = evaluate_stage(
            rules, own.ready.compiled, due, states, instant_us=instant_us, values=values, awake=woken.awake
        )
        judged.states.position = how.position
        return _Judged(judged, values, woken)

    def _beginning(self, rules: RuleSet) -> StageStates:
        """A new shadow begins where the active rules stand, so that what differs is what it decides itself."""
        active = self._stages[ACTIVE].states
        known = {name: kept for name, kept in active.rules.items() if name in rules.alert_rules}
        outcomes = {name: kept for name, kept in active.outcomes.items() if name in known}
        return StageStates(rules.revision, active.evaluated_us, active.position, known, outcomes)

    def _write(self, evaluated: Evaluated, shadow: RuleSet | None, second: StageEvaluation | None) -> None:
        active, own = self._stages[ACTIVE], self._stages[SHADOW]
        first = evaluated.evaluation
        assert active.ready is not None
        found = [] if second is None else differences(first.states.rules, second.states.rules)
        with self._state.writing() as connection:
            write_changes(connection, self._tenant, ACTIVE, active.states, first.states, hidden=active.ready.hidden)
            self._decisions.keep_transitions(connection, evaluated)
            for inside in self._inside:
                inside(connection, evaluated)
            if shadow is not None and second is not None:
                assert own.ready is not None
                if own.states.revision != shadow.revision:
                    forget(connection, self._tenant, SHADOW)
                before = own.states if own.states.revision == shadow.revision else StageStates()
                write_changes(connection, self._tenant, SHADOW, before, second.states, hidden=own.ready.hidden)
                new = [each for each in found if self._told.get((each.rule, each.labels)) != each.said]
                self._decisions.keep_differences(connection, evaluated, shadow, new)
            elif own.states.evaluated_us is not None:
                forget(connection, self._tenant, SHADOW)
        # In memory only what is durable.
        active.states = first.states
        own.states = StageStates() if second is None else second.states
        self._told = known_differences(found)
        self._decisions.count(self._tenant, evaluated.rules.revision, first)
        if shadow is not None and second is not None:
            self._decisions.count_shadow(self._tenant, shadow, first, second, found)

    def _differences(self) -> list[Difference]:
        """How the stages differ now; nothing where there is no shadow."""
        shadow = self._stages[SHADOW].states
        return differences(self._stages[ACTIVE].states.rules, shadow.rules) if shadow.revision else []
