"""Alerts of a server: what evaluates rules, opens cases, tells people."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from trueline_rules.model import RuleSet
from trueline_rules.routing_model import NotificationChannel
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

from trueline_server.alerts.cases import AlertCases
from trueline_server.alerts.corrected_kpis import CorrectedKpis
from trueline_server.alerts.corrections import Corrections
from trueline_server.alerts.decisions import AlertDecisions
from trueline_server.alerts.dispatching import Dispatcher
from trueline_server.alerts.escalating import Escalating
from trueline_server.alerts.kpi_values import KeptKpis
from trueline_server.alerts.latest_points import LatestPoints
from trueline_server.alerts.live import LiveEvaluation
from trueline_server.alerts.reading import InstantReader
from trueline_server.alerts.shadow_kpis import ShadowKpis
from trueline_server.alerts.silences import silences_at
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.bootstrap.reading import SECOND_US, confinement, metric_reader
from trueline_server.clock import Clock
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.errors import TruelineError
from trueline_server.facts.store import FactStore
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.store import KpiValues
from trueline_server.notifications.reach import Reach, parse_reach
from trueline_server.notifications.secrets import SecretReader
from trueline_server.notifications.sender import Sender
from trueline_server.notifications.settings import SendingSettings
from trueline_server.notifications.store import NotificationStore
from trueline_server.notifications.transports import Carrier, reach_of
from trueline_server.rules.book import RuleBook
from trueline_server.rules.live_facts import LiveFacts
from trueline_server.settings import Settings
from trueline_server.timers.wheel import TimerWheel


@dataclass(frozen=True, slots=True)
class AlertParts:
    """What evaluates rules, opens cases and tells people.

    Attributes:
        live: evaluates alert rules as watermarks move on.
        dispatcher: groups alerts; its groups and escalations run on the wheel's timers.
        wheel: runs timers.
        sender: delivers notifications.
        notifications: what was said, and what could not be.

    """

    live: LiveEvaluation
    dispatcher: Dispatcher
    wheel: TimerWheel
    sender: Sender
    notifications: NotificationStore


@contextlib.contextmanager
def open_alerts(
    settings: Settings,
    warehouse: Warehouse,
    state: StateDatabase,
    book: RuleBook,
    *,
    log: DecisionLog,
    recorder: DecisionRecorder,
    clock: Clock,
) -> Iterator[AlertParts]:
    """The parts of alerts, running."""
    with ExitStack() as stack:

        def channels(tenant: str) -> Mapping[str, NotificationChannel]:
            found: dict[str, Any] = dict(book.of(tenant).documents.get("NotificationChannel", {}))
            return found

        tenants = parse_reach(settings.notification_internal)

        def reaches(tenant: str, channel: NotificationChannel) -> Reach:
            return reach_of(book.of(tenant), channel, tenants)

        secrets = SecretReader(os.environ, settings.secrets_dir)
        patience = SendingSettings(give_up_after_us=settings.notification_give_up_s * SECOND_US)
        sender = Sender(state, channels, Carrier(secrets, clock, reaches).carry, clock, patience)
        wheel = TimerWheel(state, clock, sender.wake)
        suppressing = Suppressing(silences_at)
        dispatcher = Dispatcher(book.of, suppressing, Escalating(book.of, suppressing, wheel), wheel)
        live = _live_evaluation(settings, warehouse, state, book, log=log, recorder=recorder, clock=clock)
        live.add_inside(AlertCases(dispatcher.take, clock).take)
        sender.start()
        stack.callback(sender.stop)
        wheel.start()
        stack.callback(wheel.stop)
        live.start()
        stack.callback(live.stop)
        yield AlertParts(live, dispatcher, wheel, sender, NotificationStore(state, clock))


def _live_evaluation(
    settings: Settings,
    warehouse: Warehouse,
    state: StateDatabase,
    book: RuleBook,
    *,
    log: DecisionLog,
    recorder: DecisionRecorder,
    clock: Clock,
) -> LiveEvaluation:
    """Everything that alerts read is their own: a slow caller of the API does not hold them up."""

    def rules_at(tenant: str, revision: str) -> RuleSet | None:
        try:
            return book.rules_at(tenant, revision)
        except TruelineError:
            return None

    evaluator = Evaluator(confinement(settings, warehouse), clock)
    clocks = Clocks(warehouse, settings.max_disorder_s * SECOND_US)
    points = metric_reader(settings, warehouse, book.of, clock)
    materialiser = Materialiser(evaluator, KpiValues(warehouse), clocks, book.of, clock)
    kpis = KpiService(materialiser, evaluator, clocks, book.of, clock)
    facts = FactStore(warehouse)
    kept = KeptKpis(warehouse, rules_at, book.of)
    active = InstantReader(LiveFacts(kpis, points, warehouse, facts), kept.read, LatestPoints(warehouse))
    corrected = CorrectedKpis(kept, evaluator)
    anew = InstantReader(LiveFacts(kpis, points, warehouse, facts), corrected.read, LatestPoints(warehouse))
    # The metrics of the shadow are those that it defines.
    shadow_points = metric_reader(settings, warehouse, lambda tenant: book.shadow_of(tenant) or book.of(tenant), clock)
    shadow_facts = LiveFacts(kpis, shadow_points, warehouse, facts)
    shadow = InstantReader(shadow_facts, ShadowKpis(kept, evaluator).read, LatestPoints(warehouse))
    return LiveEvaluation(
        book,
        clocks,
        (active, shadow),
        state,
        AlertDecisions(log, recorder),
        clock=clock,
        corrections=Corrections(warehouse, active, state, log, recorder, clock=clock, kpis=(corrected, anew)),
        interval_us=settings.alert_interval_s * SECOND_US,
    )
