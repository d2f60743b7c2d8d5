"""The parts behind alerts, put together as in a server, over a database that is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from trueline_rules.model import RuleSet
from trueline_stores.state.case_tables import CASE_EVENTS, CASES
from trueline_stores.state.database import StateDatabase

from trueline_server.alerts.cases import AlertCases
from trueline_server.alerts.dispatching import Dispatcher
from trueline_server.alerts.escalating import Escalating
from trueline_server.alerts.evaluation import Evaluated, StageEvaluation
from trueline_server.alerts.service import AlertService, Asked
from trueline_server.alerts.silences import AskedSilence, SilenceService, silences_at
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.cases import store
from trueline_server.cases.model import Case, CaseEvent, CaseState, EventKind
from trueline_server.clock import Clock
from trueline_server.simulation.delivering import SimulatedDelivery
from trueline_server.simulation.leaping import Leaps
from trueline_server.simulation.model import GivenSilence, Hand, HandKind
from trueline_server.timers.store import next_due
from trueline_server.timers.wheel import TimerWheel

TENANT = "simulation"
_MOST_TICKS = 1000


class PipelineError(Exception):
    """A part failed, which is a defect of it and not of what is simulated."""


class Pipeline:
    """Cases, groups, silences, inhibitions, escalations, timers and rate limits. One thread."""

    def __init__(self, folder: Path, rules: RuleSet, clock: Clock, end_us: int) -> None:
        self._rules = rules
        self._clock = clock
        self._state = StateDatabase.sqlite(folder / "state.sqlite3", durable=False)
        self._wheel = TimerWheel(self._state, clock)
        suppressing = Suppressing(silences_at)
        escalating = Escalating(self._rules_of, suppressing, self._wheel)
        dispatcher = Dispatcher(self._rules_of, suppressing, escalating, self._wheel)
        self._cases = AlertCases(dispatcher.take, clock)
        self._alerts = AlertService(self._state, dispatcher.take, clock)
        self._silences = SilenceService(self._state, self._rules_of, dispatcher.silences_changed, clock)
        channels: dict[str, Any] = dict(rules.documents.get("NotificationChannel", {}))
        self.delivery = SimulatedDelivery(self._state, channels, clock)
        self._leaps = Leaps(TENANT, rules, suppressing, end_us)
        self._timer_us: int | None = None

    @property
    def next_us(self) -> int | None:
        """When something is due next; None if nothing is."""
        known = [each for each in (self._timer_us, self.delivery.next_us) if each is not None]
        return min(known, default=None)

    def take(self, instant_us: int, evaluation: StageEvaluation) -> None:
        """Take what an evaluation changed, as it is taken within the transaction of a live one."""
        with self._state.writing() as connection:
            self._leaps.back(connection, instant_us)
            self._cases.take(connection, Evaluated(TENANT, self._rules, instant_us, instant_us, evaluation))
            self._timer_us = next_due(connection)

    def act(self, hand: Hand) -> list[Case]:
        """Do what somebody does; answers the alerts that it was done to."""
        with self._state.writing() as connection:
            self._leaps.back(connection, self._clock())
            alerts = [case for case in store.open_alerts(connection, TENANT) if _is_meant(hand, case)]
        for case in alerts:
            asked = Asked(TENANT, case.id, hand.by)
            match hand.kind:
                case HandKind.ACKNOWLEDGE:
                    self._alerts.acknowledge(asked)
                case HandKind.UNACKNOWLEDGE:
                    self._alerts.unacknowledge(asked)
                case HandKind.RESOLVE:
                    self._alerts.resolve(asked)
                case HandKind.NOTE:
                    self._alerts.note(asked, hand.meets)
        self._look()
        return alerts

    def silence(self, given: GivenSilence) -> str:
        """Put a silence in; answers its id."""
        with self._state.writing() as connection:
            self._leaps.back(connection, self._clock())
        asked = AskedSilence(TENANT, given.matchers, given.author, given.reason, given.starts_us, given.ends_us)
        made = self._silences.create(asked)[0].id
        self._look()
        return made

    def settle(self) -> None:
        """Run all that is due by the clock, then send what may be sent.

        Raises:
            PipelineError: a timer failed.

        """
        for _ in range(_MOST_TICKS):
            if self._timer_us is None or self._timer_us > self._clock():
                break
            self._wheel.tick()
            if self._wheel.last_error:
                raise PipelineError(self._wheel.last_error)
            self._look()
        else:
            raise PipelineError("timers go on setting each other for the same instant")
        with self._state.writing() as connection:
            self._leaps.ahead(connection, self._clock())
            self._timer_us = next_due(connection)
        self.delivery.tick()

    def events(self) -> list[CaseEvent]:
        """All that happened to all cases, in order."""
        with self._state.reading() as connection:
            rows = connection.execute(select(CASE_EVENTS).order_by(CASE_EVENTS.c.number))
            return [
                CaseEvent(row.number, row.case_id, row.at_us, EventKind(row.kind), row.actor, row.text, row.details)
                for row in rows
            ]

    def cases(self) -> dict[str, Case]:
        """All cases as they are now, by id."""
        with self._state.reading() as connection:
            ids: Sequence[str] = connection.execute(select(CASES.c.id)).scalars().all()
            return store.find_cases(connection, TENANT, ids)

    def close(self) -> None:
        """Let the database go."""
        self._state.close()

    def _look(self) -> None:
        with self._state.reading() as connection:
            self._timer_us = next_due(connection)

    def _rules_of(self, _tenant: str) -> RuleSet:
        return self._rules


def _is_meant(hand: Hand, case: Case) -> bool:
    if case.rule != hand.rule or any(case.labels.get(name) != value for name, value in hand.labels.items()):
        return False
    # As often as it is taken back, it is taken back once.
    return hand.kind is not HandKind.UNACKNOWLEDGE or case.state is CaseState.ACKNOWLEDGED
