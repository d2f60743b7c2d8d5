"""The parts of a server below gRPC: opened in order, closed in reverse."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from trueline_rules.loader import load_rules
from trueline_stores.bus import InProcessBus
from trueline_stores.lock import lock_directory
from trueline_stores.log.sqlite import SqliteEventLog
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import QueryLimits, Warehouse
from trueline_stores.warehouse.tables import TableSettings
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import FlowSettings
from trueline_streams.runner import FlowRunner
from trueline_streams.warehouse_writer import WarehouseWriter

from trueline_server.attribution.asking import Asking
from trueline_server.bootstrap.alerting import AlertParts, open_alerts
from trueline_server.bootstrap.reading import SECOND_US, confinement
from trueline_server.cases.retention import CaseRetention
from trueline_server.clock import Clock
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.store import KpiValues
from trueline_server.maintenance import Maintenance
from trueline_server.rules.activation import Activation
from trueline_server.rules.book import RuleBook, Sets
from trueline_server.rules.metric_plans import MetricPlans
from trueline_server.rules.operator_files import OperatorFiles
from trueline_server.rules.store import read_metrics
from trueline_server.rules.watching_files import RuleFileWatch
from trueline_server.settings import Settings
from trueline_server.transport.tokens import Tokens

_log = logging.getLogger(__name__)

STATE_FILE = "state.sqlite3"
# The dataflow ends with the batch underway; were it to hang, the next start reads on from its last snapshot.
FLOW_END_S = 30.0


@dataclass(frozen=True, slots=True)
class Backend:
    """All that runs without gRPC."""

    log: SqliteEventLog
    warehouse: Warehouse
    state: StateDatabase
    bus: InProcessBus
    book: RuleBook
    activation: Activation
    writer: WarehouseWriter
    flow: FlowRunner
    evaluator: Evaluator
    clocks: Clocks
    materialiser: Materialiser
    tokens: Tokens
    decisions: DecisionLog
    recorder: DecisionRecorder
    alerts: AlertParts
    cases: CaseRetention
    attribution: Asking


@contextlib.contextmanager
def open_backend(settings: Settings, clock: Clock) -> Iterator[Backend]:
    """The parts below gRPC, running. Blocks; whatever was opened is closed when a later part cannot be."""
    with ExitStack() as stack:
        if not (settings.data_dir / STATE_FILE).exists():
            # First, because it needs nothing and fails most often; later starts fall back on the last good rules.
            load_rules(settings.rules, mapping=settings.mapping or None)
        stack.enter_context(lock_directory(settings.data_dir))
        tokens = Tokens.kept_in(settings.data_dir)
        log, state, warehouse = _open_stores(settings, clock, stack)
        decisions = stack.enter_context(closing(DecisionLog(state, warehouse, clock)))
        decisions.start()
        recorder = DecisionRecorder(tokens.key_for("facts of decisions"), clock)
        evaluator = Evaluator(confinement(settings, warehouse), clock)
        clocks = Clocks(warehouse, settings.max_disorder_s * SECOND_US)
        bus = InProcessBus()
        writer = WarehouseWriter(warehouse, bus)
        recompute = _recompute(settings, warehouse)
        flow = _flow(settings, log, writer, recompute, clock)
        with state.reading() as connection:
            taken = read_metrics(connection)
        plans = MetricPlans(flow, warehouse, writer, recompute, settings=_flow_settings(settings), taken=taken)
        book = RuleBook(state, Sets({}))
        activation = _activation(settings, state, book, plans, evaluator=evaluator, clock=clock)
        flow.start()
        stack.callback(_end_flow, flow)
        _watch_files(settings, activation, stack)
        # Before the threads that wait for histories are waited for.
        stack.callback(plans.stop)
        materialiser = Materialiser(
            evaluator, KpiValues(warehouse), clocks, book.of, clock, interval_s=settings.kpi_interval_s
        )
        stack.callback(book.subscribe(lambda _: materialiser.hurry()))
        materialiser.start()
        stack.callback(materialiser.stop)
        alerts = stack.enter_context(
            open_alerts(settings, warehouse, state, book, log=decisions, recorder=recorder, clock=clock)
        )
        cases = CaseRetention(state, clock, settings.case_days)
        stack.enter_context(_maintained(settings, log, writer, cases, clock))
        attribution = stack.enter_context(closing(Asking(warehouse, book.of, book.rules_at)))
        yield Backend(
            log=log,
            warehouse=warehouse,
            state=state,
            bus=bus,
            book=book,
            activation=activation,
            writer=writer,
            flow=flow,
            evaluator=evaluator,
            clocks=clocks,
            materialiser=materialiser,
            tokens=tokens,
            decisions=decisions,
            recorder=recorder,
            alerts=alerts,
            cases=cases,
            attribution=attribution,
        )


def _open_stores(settings: Settings, clock: Clock, stack: ExitStack) -> tuple[SqliteEventLog, StateDatabase, Warehouse]:
    """What the server keeps, with its newest schema, until the stack is left."""
    log = stack.enter_context(closing(SqliteEventLog(settings.data_dir / "log.sqlite3", clock)))
    state = stack.enter_context(closing(StateDatabase.sqlite(settings.data_dir / STATE_FILE)))
    limits = QueryLimits(timeout_s=settings.query_timeout_s, memory_mb=settings.query_memory_mb)
    warehouse = stack.enter_context(closing(Warehouse.chdb(settings.data_dir / "warehouse", limits)))
    warehouse.migrate(_table_settings(settings))
    return log, state, warehouse


def _flow(
    settings: Settings, log: SqliteEventLog, writer: WarehouseWriter, recompute: PaneRecompute, clock: Clock
) -> FlowRunner:
    directory = settings.data_dir / "flow"
    return FlowRunner(log, writer, clock, loader=recompute, settings=_flow_settings(settings), directory=directory)


def _activation(
    settings: Settings,
    state: StateDatabase,
    book: RuleBook,
    plans: MetricPlans,
    *,
    evaluator: Evaluator,
    clock: Clock,
) -> Activation:
    """What changes the rules, with those in force that were there or that the operator's files have."""
    files = OperatorFiles(settings.rules)
    activation = Activation(state, book, plans, evaluator.problems, files=files, clock=clock, mapping=settings.mapping)
    activation.open()
    return activation


def _watch_files(settings: Settings, activation: Activation, stack: ExitStack) -> None:
    """Take up changes of the operator's files until the stack is left."""
    watch = RuleFileWatch(activation.scan, settings.rules_scan_interval_s)
    watch.start()
    stack.callback(watch.stop)


@contextlib.contextmanager
def _maintained(
    settings: Settings, log: SqliteEventLog, writer: WarehouseWriter, cases: CaseRetention, clock: Clock
) -> Iterator[Maintenance]:
    maintenance = Maintenance(
        log,
        lambda: writer.processed_position,
        clock,
        retention_days=settings.log_retention_days,
        dedup_horizon_days=settings.dedup_horizon_days,
        others=[cases.prune] if settings.case_days else [],
    )
    maintenance.start()
    with closing(maintenance):
        yield maintenance


def _flow_settings(settings: Settings) -> FlowSettings:
    return FlowSettings(
        max_disorder_us=settings.max_disorder_s * SECOND_US,
        allowed_lateness_us=settings.allowed_lateness_s * SECOND_US,
        publish_interval_us=settings.publish_interval_ms * 1000,
        poll_interval_us=settings.poll_interval_ms * 1000,
        epoch_interval_us=settings.epoch_interval_s * SECOND_US,
    )


def _recompute(settings: Settings, warehouse: Warehouse) -> PaneRecompute:
    return PaneRecompute(
        warehouse,
        allowed_lateness_us=settings.allowed_lateness_s * SECOND_US,
        max_disorder_us=settings.max_disorder_s * SECOND_US,
    )


def _end_flow(flow: FlowRunner) -> None:
    flow.stop()
    if not flow.join(FLOW_END_S):
        _log.error("the dataflow did not end within %.0f s; the next start reads on from its last snapshot", FLOW_END_S)


def _table_settings(settings: Settings) -> TableSettings:
    return TableSettings(settings.events_ttl_days, settings.points_ttl_days, settings.decisions_ttl_days)
