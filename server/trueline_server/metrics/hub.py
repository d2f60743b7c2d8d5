"""Reads what changed once for all watchers, at a bounded rate, and hands each watcher its part."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from trueline.v1 import metric_service_pb2 as pb
from trueline_stores.bus import Bus, Written

from trueline_server.metrics.mapping import map_point_to_proto
from trueline_server.metrics.points import ChangedPoints, MetricPoint, PointKey
from trueline_server.transport.watching import Outbox

_log = logging.getLogger(__name__)

# Metric, window end and labels.
Key = tuple[str, PointKey]
# Points read in one go; what is beyond waits for the next tick, so that no outbox is flooded by a large import.
READ_LIMIT = 10_000
# Twice what one tick brings: a reader that keeps up is never cut.
OUTBOX_LIMIT = 2 * READ_LIMIT + 5_000


class ChangeReader(Protocol):
    """What the hub needs of a MetricReader; called on a thread."""

    def changed_since(
        self,
        tenant: str,
        metrics: Sequence[str],
        revision: int,
        labels: Mapping[str, str] | None = None,
        *,
        limit: int = ...,
    ) -> ChangedPoints:
        """Points that changed after a log position."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """A changed point and its message, which all watchers share."""

    revision: int
    message: pb.MetricPoint


@dataclass(slots=True, eq=False)
class Subscription:
    """One watcher.

    Attributes:
        metrics: names; empty = all.
        labels: only points with these labels.
        since: changes up to this log position are known to the watcher.
        known: revisions beyond `since` that it knows already, by point.

    """

    metrics: frozenset[str]
    labels: Mapping[str, str]
    since: int
    outbox: Outbox[Key, Change]
    known: dict[Key, int] = field(default_factory=dict)

    def offer(self, points: Mapping[Key, tuple[MetricPoint, Change]], mark: int) -> None:
        """Put those points into the outbox that the watcher wants and does not know yet."""
        self.outbox.put(
            {
                key: change
                for key, (point, change) in points.items()
                if (not self.metrics or point.metric in self.metrics)
                and point.revision > self.since
                and self.known.get(key, 0) < point.revision
                and self.labels.items() <= point.labels.items()
            },
            max(mark, self.since),
        )
        if self.known and mark >= max(self.known.values()):
            self.known.clear()


class MetricHub:
    """Feeds watchers. Lives on the event loop's thread; the bus calls from another.

    Attributes:
        position: log position that is wholly in the warehouse, as the bus told last.

    """

    def __init__(self, reader: ChangeReader, position: int, publish_interval_s: float) -> None:
        self.position = position
        self._reader = reader
        self._interval_s = publish_interval_s
        self._watchers: defaultdict[str, set[Subscription]] = defaultdict(set)
        self._dirty: defaultdict[str, set[str]] = defaultdict(set)
        # Up to where the watchers of a tenant were told.
        self._told: dict[str, int] = {}
        self._changed = asyncio.Event()

    def follow(self, bus: Bus, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Hear of every write; the returned function ends it."""

        def heard(message: Written) -> None:
            # A write that ends while the loop closes has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.note, message)

        return bus.subscribe(heard)

    def note(self, message: Written) -> None:
        """Remember what changed, for the next tick."""
        self.position = max(self.position, message.position)
        for tenant, metric in message.metrics:
            if tenant in self._watchers:
                self._dirty[tenant].add(metric)
        if self._watchers:
            self._changed.set()

    @contextlib.contextmanager
    def subscribed(
        self, tenant: str, metrics: frozenset[str], labels: Mapping[str, str], *, since: int = 0
    ) -> Iterator[Subscription]:
        """Feed a watcher everything that changes beyond max(since, position) from now on."""
        subscription = Subscription(metrics, labels, max(since, self.position), Outbox(OUTBOX_LIMIT))
        if tenant not in self._watchers:
            self._told[tenant] = self.position
        self._watchers[tenant].add(subscription)
        try:
            yield subscription
        finally:
            self._watchers[tenant].discard(subscription)
            if not self._watchers[tenant]:
                del self._watchers[tenant], self._told[tenant]
                self._dirty.pop(tenant, None)

    async def run(self) -> None:
        """Tick whenever something changed, at most once an interval, until cancelled."""
        # A thread of its own: slow queries of others must not hold up every watcher.
        pool = ThreadPoolExecutor(1, thread_name_prefix="metric-hub")
        try:
            await self._run(pool)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, pool: Executor) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            for tenant in list(self._watchers):
                try:
                    await self._tick(tenant, pool)
                except Exception:  # noqa: BLE001 whatever a read fails with, watchers stay and the next tick reads anew
                    _log.exception("reading changed metrics failed; the next tick tries again")
                    self._changed.set()
            await asyncio.sleep(self._interval_s)

    async def _tick(self, tenant: str, pool: Executor) -> None:
        position, dirty = self.position, self._dirty.pop(tenant, set())
        watchers = self._watchers[tenant]
        wanted = dirty if any(not w.metrics for w in watchers) else dirty & set().union(*(w.metrics for w in watchers))
        points: Mapping[Key, tuple[MetricPoint, Change]] = {}
        told = position
        if wanted:
            try:
                read = partial(self._reader.changed_since, tenant, sorted(wanted), self._told[tenant], limit=READ_LIMIT)
                changed = await asyncio.get_running_loop().run_in_executor(pool, read)
            except BaseException:
                self._dirty[tenant] |= dirty
                raise
            if tenant not in self._watchers:
                return
            told = min(changed.revision, position) if changed.more else position
            points = {
                # What the writer wrote after `position` may be there in part; the next tick reads it whole.
                (point.metric, point.key): (point, Change(point.revision, map_point_to_proto(point)))
                for point in changed.points
                if point.revision <= told
            }
            if told < position:
                self._dirty[tenant] |= dirty
                self._changed.set()
        self._told[tenant] = told
        for watcher in self._watchers[tenant]:
            watcher.offer(points, told)
