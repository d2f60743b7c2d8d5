"""The live parts driven step by step: every rule at every instant, timers every ten seconds, the real sender."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select
from trueline_rules.alert_rules import compile_rule
from trueline_rules.alerting.columns import RuleStates, VectorColumn
from trueline_rules.alerting.operands import vector_at
from trueline_rules.routing_model import NotificationChannel
from trueline_server.alerts.cases import AlertCases
from trueline_server.alerts.dispatching import Dispatcher
from trueline_server.alerts.escalating import Escalating
from trueline_server.alerts.evaluation import Evaluated, due_rules, evaluate_stage
from trueline_server.alerts.reading import InstantValues
from trueline_server.alerts.service import AlertService, Asked
from trueline_server.alerts.silences import AskedSilence, SilenceService, silences_at
from trueline_server.alerts.states import StageStates
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.cases import store
from trueline_server.cases.model import CaseState
from trueline_server.clock import ManualClock
from trueline_server.notifications.deadline import Deadline
from trueline_server.notifications.model import Message
from trueline_server.notifications.sender import Sender
from trueline_server.simulation.model import GivenSilence, Hand, HandKind, Scenario
from trueline_server.simulation.pipeline import TENANT
from trueline_server.simulation.values import names_of
from trueline_server.timers.wheel import TimerWheel
from trueline_stores.state.case_tables import CASE_EVENTS, NOTIFICATIONS
from trueline_stores.state.database import StateDatabase

STEP_S = 10


@dataclass
class LiveParts:
    """What happened to whom, as the live parts keep it; instants in seconds since the start."""

    folder: Path
    scenario: Scenario
    sent: list[tuple[int, str, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        rules = self.scenario.rules
        self.clock = ManualClock(self.scenario.start_us)
        self.state = StateDatabase.sqlite(self.folder / "live.sqlite3")
        self.wheel = TimerWheel(self.state, self.clock)
        suppressing = Suppressing(silences_at)
        escalating = Escalating(lambda _: rules, suppressing, self.wheel)
        dispatcher = Dispatcher(lambda _: rules, suppressing, escalating, self.wheel)
        self.cases = AlertCases(dispatcher.take, self.clock)
        self.alerts = AlertService(self.state, dispatcher.take, self.clock)
        self.silences = SilenceService(self.state, lambda _: rules, dispatcher.silences_changed, self.clock)
        channels: Any = rules.documents["NotificationChannel"]
        self._lock = threading.Lock()
        self.sender = Sender(self.state, lambda _: channels, self._carry, self.clock)
        self._compiled = [compile_rule(rules.alert_rules[name], rules.fact_types) for name in self.scenario.names]
        # A server judges a rule that is new at once; a scenario begins where its own interval does.
        begun = {name: RuleStates(name) for name in self.scenario.names}
        self._states = StageStates(evaluated_us=self.scenario.start_us - 1, rules=begun)

    def run(self) -> None:
        """Turn the clock to the end."""
        scenario, clock = self.scenario, self.clock
        acts: list[Hand | GivenSilence] = [*scenario.silences, *scenario.hands]
        while clock() <= scenario.end_us:
            now_us = clock()
            if now_us <= scenario.last_us and (now_us - scenario.start_us) % scenario.every_us == 0:
                self._evaluate(now_us)
            for act in acts:
                if isinstance(act, GivenSilence) and act.starts_us == now_us:
                    self.silences.create(
                        AskedSilence(TENANT, act.matchers, act.author, act.reason, act.starts_us, act.ends_us)
                    )
                elif isinstance(act, Hand) and act.at_us == now_us:
                    self._act(act)
            while self.wheel.tick():
                pass
            while self.sender.tick():
                self.sender.settled()
            clock.turn(STEP_S)
        assert not self.wheel.last_error
        self.sender.stop()

    def events(self) -> list[tuple[int, str, str, str]]:
        """What happened to alerts: when, to which, what, in words."""
        with self.state.reading() as connection:
            rows = connection.execute(select(CASE_EVENTS).order_by(CASE_EVENTS.c.number)).all()
        return [(self._second(row.at_us), row.case_id, row.kind, row.actor) for row in rows]

    def queued(self) -> list[tuple[int, str, str, str, str]]:
        """What was to be told: when, channel, person, why, where it stands."""
        with self.state.reading() as connection:
            rows = connection.execute(select(NOTIFICATIONS)).all()
        return sorted((self._second(row.created_us), row.channel, row.person, row.reason, row.state) for row in rows)

    def close(self) -> None:
        """Let the database go."""
        self.state.close()

    def _evaluate(self, instant_us: int) -> None:
        rules = self.scenario.rules
        due = due_rules(self._compiled, self._states, instant_us)
        values = InstantValues()
        for source in {source for rule in due for source in rule.rule.facts.values()}:
            history = self.scenario.histories[source]
            operand = source.operand
            if history.lookback_us is not None:
                operand = replace(operand, lookback_us=history.lookback_us)
            vector = vector_at(operand, history.series, instant_us, names_of(rules, source))
            values.columns[source] = VectorColumn.of(vector)
        done = evaluate_stage(rules, self._compiled, due, self._states, instant_us=instant_us, values=values)
        self._states = done.states
        with self.state.writing() as connection:
            self.cases.take(connection, Evaluated(TENANT, rules, instant_us, instant_us, done))

    def _act(self, hand: Hand) -> None:
        with self.state.reading() as connection:
            alerts = store.open_alerts(connection, TENANT)
        for case in alerts:
            if case.rule != hand.rule or not hand.labels.items() <= case.labels.items():
                continue
            asked = Asked(TENANT, case.id, hand.by)
            if hand.kind is HandKind.ACKNOWLEDGE:
                self.alerts.acknowledge(asked)
            elif hand.kind is HandKind.RESOLVE:
                self.alerts.resolve(asked)
            elif case.state is CaseState.ACKNOWLEDGED:
                self.alerts.unacknowledge(asked)

    def _carry(self, channel: NotificationChannel, message: Message, _deadline: Deadline) -> str:
        told: Sequence[str] = sorted(part.reason for part in message.parts)
        with self._lock:
            self.sent.append((self._second(self.clock()), channel.metadata.name, tuple(told)))
        return "taken"

    def _second(self, at_us: int) -> int:
        return (at_us - self.scenario.start_us) // 1_000_000
