"""A server that answers calls: its backend, its services, and the transport around them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass

from trueline_rules.model import RuleSet
from trueline_streams.runner import FlowRunner

from trueline_server.bootstrap.backend import Backend, open_backend
from trueline_server.bootstrap.services import Around, ingestion_of, make_services, metric_hub
from trueline_server.clock import Clock, now_us
from trueline_server.notifications.telemetry import NotificationFamilies
from trueline_server.operations.runner import Operations
from trueline_server.operations.store import OperationStore
from trueline_server.rules.in_force import EVERYBODY
from trueline_server.rules.watch import RulesWatch
from trueline_server.settings import Settings
from trueline_server.telemetry.collector import DecisionNumbers, ServerCollector, Sources, revisions_in
from trueline_server.telemetry.endpoint import MetricsEndpoint
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.progress import Progress
from trueline_server.transport.server import SERVICES, listen, make_server

# Calls in progress when the server is told to stop have so long to end.
DRAIN_S = 10.0
HEALTH_INTERVAL_S = 1.0
# Reads that run at once; each of these threads has a client of the warehouse.
READER_THREADS = 8


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that answers calls.

    Attributes:
        address: host:port, with the port that was picked.
        settings: what it was started with.
        progress: how far the dataflow has come.
        backend: the parts behind it.

    """

    address: str
    settings: Settings
    progress: Progress
    backend: Backend

    @property
    def rules(self) -> RuleSet:
        """In force for whoever has no rules of their own."""
        return self.backend.book.of(EVERYBODY)

    async def caught_up(self) -> None:
        """Wait until everything accepted by now is in the warehouse."""
        await self.progress.wait(await asyncio.to_thread(self.backend.log.end))


@contextlib.asynccontextmanager
async def open_server(settings: Settings, clock: Clock = now_us) -> AsyncIterator[RunningServer]:
    """A server, listening and serving; leaving the context drains and closes it.

    Raises:
        RuleFileError: the rule files do not load, and no others were ever in force here.
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
        around = await _around(settings, backend, clock, stack)
        if settings.metrics_address:
            _serve_metrics(settings, backend, clock, stack)
        services = make_services(around)
        # What an earlier process left is taken up once all kinds of it are known.
        await asyncio.to_thread(around.operations.begin)
        stack.push_async_callback(asyncio.to_thread, around.operations.close)
        services.schedules.start()
        stack.push_async_callback(asyncio.to_thread, services.schedules.stop)
        services.turns.start()
        stack.push_async_callback(asyncio.to_thread, services.turns.stop)
        services.healths.start()
        stack.push_async_callback(asyncio.to_thread, services.healths.stop)
        health = Health(tuple(SERVICES))
        await health.set(serving=False)
        guard = Guard(Credentials(settings.tokens), FieldRules(), settings.default_deadline_s)
        server = make_server(
            guard,
            health,
            {f"trueline.v1.{name}": s for name, s in services.servicers.items()},
            settings.max_bytes_per_call,
        )
        address = listen(server, settings.address)
        stack.push_async_callback(_cancelled, asyncio.create_task(around.hub.run()))
        await server.start()
        stack.push_async_callback(server.stop, DRAIN_S)
        stack.callback(guard.drain)
        stack.push_async_callback(health.shut_down)
        await health.set(serving=backend.flow.healthy)
        stack.push_async_callback(_cancelled, asyncio.create_task(_watch_health(health, backend.flow)))
        yield RunningServer(address, settings, around.progress, backend)


async def _around(settings: Settings, backend: Backend, clock: Clock, stack: AsyncExitStack) -> Around:
    """What services need beside the backend, running until the stack is left."""
    loop = asyncio.get_running_loop()
    position = backend.writer.processed_position
    progress, hub = Progress(position), metric_hub(settings, backend, clock, position)
    stack.callback(progress.follow(backend.bus, loop))
    stack.callback(hub.follow(backend.bus, loop))
    ingestion = stack.enter_context(closing(ingestion_of(settings, backend, clock)))
    rules_watch = await asyncio.to_thread(RulesWatch, backend.book, backend.tokens, clock)
    stack.callback(rules_watch.close)
    operations = Operations(OperationStore(backend.state, clock, keep_days=settings.operation_days), clock)
    return Around(
        settings=settings,
        backend=backend,
        clock=clock,
        progress=progress,
        hub=hub,
        ingestion=ingestion,
        rules_watch=rules_watch,
        operations=operations,
        started_at_us=clock(),
    )


def _serve_metrics(settings: Settings, backend: Backend, clock: Clock, stack: AsyncExitStack) -> None:
    def decisions() -> DecisionNumbers:
        state = backend.decisions.state()
        return DecisionNumbers(state.kinds, state.dropped, state.waiting)

    sources = Sources(
        log_end=backend.log.end,
        processed=lambda: backend.writer.processed_position,
        flow_healthy=lambda: backend.flow.healthy,
        flow_failures=lambda: backend.flow.failures,
        revisions=lambda: revisions_in(backend.book),
        failures=backend.book.failures,
        evaluations=lambda: backend.alerts.live.judged,
        decisions=decisions,
        others=(NotificationFamilies(backend.alerts.notifications, backend.alerts.sender, clock).collect,),
    )
    collector = ServerCollector(sources)
    stack.callback(backend.book.subscribe(collector.note))
    stack.enter_context(closing(MetricsEndpoint(settings.metrics_address, collector)))


async def _watch_health(health: Health, flow: FlowRunner) -> None:
    """Reads would grow stale while the dataflow stands, so probes are told NOT_SERVING until it runs again."""
    while True:
        await asyncio.sleep(HEALTH_INTERVAL_S)
        await health.set(serving=flow.healthy)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
