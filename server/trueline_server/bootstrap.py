"""The one place that knows concrete classes: opens the parts of a server in order, closes them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass

from trueline_rules.loader import load_rules
from trueline_rules.model import RuleSet
from trueline_stores.bus import InProcessBus
from trueline_stores.lock import lock_directory
from trueline_stores.log.sqlite import SqliteEventLog
from trueline_stores.warehouse.client import QueryLimits, Warehouse
from trueline_stores.warehouse.confined import Confinement, Limits
from trueline_stores.warehouse.tables import TableSettings
from trueline_streams.backfill import backfill_metrics
from trueline_streams.plans import plan_metrics
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import FlowSettings
from trueline_streams.runner import FlowRunner
from trueline_streams.warehouse_writer import WarehouseWriter

from trueline_server.clock import Clock, now_us
from trueline_server.facts.service import FactService
from trueline_server.facts.servicer import FactServicer
from trueline_server.facts.store import FactStore
from trueline_server.ingest.service import Ingestion, IngestLimits
from trueline_server.ingest.servicer import IngestServicer
from trueline_server.ingest.validate import EventLimits
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.mapping import KpiMapping
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.servicer import KpiServicer
from trueline_server.kpis.store import KpiValues
from trueline_server.kpis.watch import AlignmentWatch
from trueline_server.maintenance import Maintenance
from trueline_server.metrics.hub import MetricHub
from trueline_server.metrics.reader import MetricReader
from trueline_server.metrics.servicer import MetricServicer
from trueline_server.metrics.watch import MetricWatch
from trueline_server.rules.live_facts import LiveFacts
from trueline_server.rules.service import RuleService
from trueline_server.rules.servicer import RuleServicer
from trueline_server.settings import Settings
from trueline_server.system.health import SystemHealth
from trueline_server.system.servicer import SystemServicer
from trueline_server.system.status import StatusReader
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.progress import Progress
from trueline_server.transport.server import SERVICES, listen, make_server
from trueline_server.transport.tokens import Tokens

_log = logging.getLogger(__name__)

SECOND_US = 1_000_000
# Calls in progress when the server is told to stop have so long to end.
DRAIN_S = 10.0
# The dataflow ends with the batch underway; were it to hang, the next start reads on from its last snapshot.
FLOW_END_S = 30.0
HEALTH_INTERVAL_S = 1.0
# Reads that run at once; each of these threads has a client of the warehouse.
READER_THREADS = 8


@dataclass(frozen=True, slots=True)
class Backend:
    """All that runs without gRPC."""

    log: SqliteEventLog
    warehouse: Warehouse
    bus: InProcessBus
    rules: RuleSet
    writer: WarehouseWriter
    flow: FlowRunner
    evaluator: Evaluator
    clocks: Clocks
    materialiser: Materialiser
    tokens: Tokens


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers calls.

    Attributes:
        address: host:port, with the port that was picked.
        settings: what it was started with.
        rules: in force.
        progress: how far the dataflow has come.
        backend: the parts behind it.

    """

    address: str
    settings: Settings
    rules: RuleSet
    progress: Progress
    backend: Backend

    async def caught_up(self) -> None:
        """Wait until everything accepted by now is in the warehouse."""
        await self.progress.wait(await asyncio.to_thread(self.backend.log.end))


@contextlib.asynccontextmanager
async def open_server(settings: Settings, clock: Clock = now_us) -> AsyncIterator[RunningServer]:
    """A server, listening and serving; leaving the context drains and closes it.

    Raises:
        RuleFileError: the rule files do not load.
        DirectoryHeldError: another process holds the data directory.
        StoreError: a store cannot be opened.
        SettingError: the address cannot be bound.

    """
    loop = asyncio.get_running_loop()
    loop.set_default_executor(ThreadPoolExecutor(READER_THREADS, thread_name_prefix="reader"))
    async with AsyncExitStack() as stack:
        # On a thread, so that signals are heard while a large backfill runs.
        parts = open_backend(settings, clock)
        backend = await asyncio.to_thread(parts.__enter__)
        stack.push_async_callback(asyncio.to_thread, parts.__exit__, None, None, None)
        started_at_us = clock()
        position = backend.writer.processed_position
        progress, hub = Progress(position), _hub(settings, backend, clock, position)
        stack.callback(progress.follow(backend.bus, loop))
        stack.callback(hub.follow(backend.bus, loop))
        ingestion = stack.enter_context(closing(_ingestion(settings, backend, clock)))
        reader = _reader(settings, backend, clock)
        kpis = KpiService(backend.materialiser, backend.evaluator, backend.clocks, lambda: backend.rules, clock)
        watch = MetricWatch(reader, hub, backend.log, backend.tokens, clock)
        servicers = {
            "IngestService": IngestServicer(ingestion),
            "MetricService": MetricServicer(reader, watch, progress, backend.tokens),
            "KpiService": _kpi_servicer(settings, backend, kpis, progress, clock),
            "FactService": FactServicer(
                FactService(FactStore(backend.warehouse), lambda: backend.rules, clock), backend.tokens
            ),
            "RuleService": RuleServicer(_rule_service(settings, backend, kpis, reader, clock), backend.tokens),
            "SystemService": SystemServicer(
                StatusReader(backend.warehouse, settings.max_disorder_s * SECOND_US),
                SystemHealth(
                    backend.log.end,
                    lambda: backend.writer.processed_position,
                    backend.flow,
                    lambda: backend.warehouse.query("SELECT 1"),
                ),
                backend.log.end,
                progress,
                rules=lambda: backend.rules,
                started_at_us=started_at_us,
            ),
        }
        health = Health(tuple(SERVICES))
        await health.set(serving=False)
        guard = Guard(Credentials(settings.tokens), FieldRules(), settings.default_deadline_s)
        server = make_server(
            guard, health, {f"trueline.v1.{name}": s for name, s in servicers.items()}, settings.max_bytes_per_call
        )
        address = listen(server, settings.address)
        stack.push_async_callback(_cancelled, asyncio.create_task(hub.run()))
        await server.start()
        stack.push_async_callback(server.stop, DRAIN_S)
        stack.callback(guard.drain)
        stack.push_async_callback(health.shut_down)
        await health.set(serving=backend.flow.healthy)
        stack.push_async_callback(_cancelled, asyncio.create_task(_watch_health(health, backend.flow)))
        yield RunningServer(address, settings, backend.rules, progress, backend)


@contextlib.contextmanager
def open_backend(settings: Settings, clock: Clock) -> Iterator[Backend]:
    """The parts below gRPC, running. Blocks; whatever was opened is closed when a later part cannot be."""
    with ExitStack() as stack:
        # First, because it needs nothing and fails most often.
        rules = load_rules(settings.rules, mapping=settings.mapping or None)
        stack.enter_context(lock_directory(settings.data_dir))
        tokens = Tokens.kept_in(settings.data_dir)
        log = stack.enter_context(closing(SqliteEventLog(settings.data_dir / "log.sqlite3", clock)))
        limits = QueryLimits(timeout_s=settings.query_timeout_s, memory_mb=settings.query_memory_mb)
        warehouse = stack.enter_context(closing(Warehouse.chdb(settings.data_dir / "warehouse", limits)))
        warehouse.migrate(TableSettings(settings.events_ttl_days, settings.points_ttl_days))
        evaluator = Evaluator(_confinement(settings, warehouse), clock)
        clocks = Clocks(warehouse, settings.max_disorder_s * SECOND_US)
        # Before metrics are computed by rules that are then refused.
        evaluator.refuse_problems(rules)
        bus = InProcessBus()
        writer = WarehouseWriter(warehouse, bus)
        flow = _start_flow(settings, clock, rules, log=log, warehouse=warehouse, writer=writer)
        stack.callback(_end_flow, flow)
        materialiser = Materialiser(
            evaluator, KpiValues(warehouse), clocks, lambda: rules, clock, interval_s=settings.kpi_interval_s
        )
        materialiser.start()
        stack.callback(materialiser.stop)
        maintenance = Maintenance(
            log,
            lambda: writer.processed_position,
            clock,
            retention_days=settings.log_retention_days,
            dedup_horizon_days=settings.dedup_horizon_days,
        )
        maintenance.start()
        stack.callback(maintenance.close)
        yield Backend(log, warehouse, bus, rules, writer, flow, evaluator, clocks, materialiser, tokens)


def _start_flow(
    settings: Settings,
    clock: Clock,
    rules: RuleSet,
    *,
    log: SqliteEventLog,
    warehouse: Warehouse,
    writer: WarehouseWriter,
) -> FlowRunner:
    flow_settings = FlowSettings(
        max_disorder_us=settings.max_disorder_s * SECOND_US,
        allowed_lateness_us=settings.allowed_lateness_s * SECOND_US,
        publish_interval_us=settings.publish_interval_ms * 1000,
        poll_interval_us=settings.poll_interval_ms * 1000,
        epoch_interval_us=settings.epoch_interval_s * SECOND_US,
    )
    plans = plan_metrics(rules, flow_settings)
    recompute = PaneRecompute(
        warehouse,
        allowed_lateness_us=flow_settings.allowed_lateness_us,
        max_disorder_us=flow_settings.max_disorder_us,
    )
    directory = settings.data_dir / "flow"
    flow = FlowRunner(log, writer, clock, plans=plans, loader=recompute, settings=flow_settings, directory=directory)
    for done in backfill_metrics(warehouse, writer, plans, flow.resume_position(), recompute):
        if done.points:
            told = "metric %s of tenant %s was computed from the events that were there: %d points"
            _log.info(told, done.metric, done.tenant, done.points)
    flow.start()
    return flow


def _end_flow(flow: FlowRunner) -> None:
    flow.stop()
    if not flow.join(FLOW_END_S):
        _log.error("the dataflow did not end within %.0f s; the next start reads on from its last snapshot", FLOW_END_S)


def _reader(settings: Settings, backend: Backend, clock: Clock) -> MetricReader:
    return MetricReader(
        backend.warehouse,
        lambda: backend.rules,
        clock,
        allowed_lateness_us=settings.allowed_lateness_s * SECOND_US,
        max_disorder_us=settings.max_disorder_s * SECOND_US,
    )


def _hub(settings: Settings, backend: Backend, clock: Clock, position: int) -> MetricHub:
    return MetricHub(_reader(settings, backend, clock), position, settings.publish_interval_ms / 1000)


def _ingestion(settings: Settings, backend: Backend, clock: Clock) -> Ingestion:
    limits = IngestLimits(
        max_events=settings.max_events_per_call,
        max_bytes=settings.max_bytes_per_call,
        max_lag_events=settings.max_lag_events,
        event=EventLimits(settings.max_properties, settings.max_property_bytes, settings.max_future_s),
    )
    return Ingestion(backend.log, lambda: backend.writer.processed_position, limits, clock)


def _kpi_servicer(
    settings: Settings, backend: Backend, service: KpiService, progress: Progress, clock: Clock
) -> KpiServicer:
    mapping = KpiMapping(settings.allowed_lateness_s * SECOND_US)
    watch = AlignmentWatch(
        service, backend.materialiser, mapping=mapping, progress=progress, tokens=backend.tokens, clock=clock
    )
    return KpiServicer(service, watch, mapping, progress, backend.tokens)


def _rule_service(
    settings: Settings, backend: Backend, kpis: KpiService, reader: MetricReader, clock: Clock
) -> RuleService:
    # An evaluator of its own: rule files that are tried out must not push the statements in force out of their cache.
    trial = Evaluator(_confinement(settings, backend.warehouse), clock)
    facts = LiveFacts(kpis, reader, backend.warehouse, FactStore(backend.warehouse))
    return RuleService(lambda: backend.rules, facts, backend.clocks, clock, trial.problems)


def _confinement(settings: Settings, warehouse: Warehouse) -> Confinement:
    limits = Limits(seconds=settings.query_timeout_s, memory_bytes=settings.query_memory_mb << 20)
    return Confinement(warehouse, limits)


async def _watch_health(health: Health, flow: FlowRunner) -> None:
    """Reads would grow stale while the dataflow stands, so probes are told NOT_SERVING until it runs again."""
    while True:
        await asyncio.sleep(HEALTH_INTERVAL_S)
        await health.set(serving=flow.healthy)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
