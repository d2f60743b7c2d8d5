"""The use case of intake: limits, checks, digests, then the log. Knows no protobuf and no transport."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from trueline_rules.names import hint, nearest, quoted
from trueline_stores.errors import BackpressureError, UnknownSourceError
from trueline_stores.log.port import AppendResult, EventLog

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.ingest.batch import Rejection
from trueline_server.ingest.preparing import Prepared, Preparer, SizedBatch, event_too_large, too_large
from trueline_server.ingest.validate import EventLimits

# Beyond this share of the lag allowed, calls are slowed before they are refused.
SLOW_FROM_SHARE = 0.5
LONGEST_PAUSE_S = 0.2


@dataclass(frozen=True, slots=True)
class IngestLimits:
    """What one call may carry, and how far the dataflow may be behind.

    Attributes:
        max_events: events of a call.
        max_bytes: bytes of a call.
        max_lag_events: positions that the log may be ahead of the warehouse.
        event: what one event may be.

    """

    max_events: int = 5000
    max_bytes: int = 4 * 1024 * 1024
    max_lag_events: int = 1_000_000
    event: EventLimits = field(default_factory=EventLimits)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a batch; accepted + duplicates + len(rejections) = events sent.

    Attributes:
        accepted: events that are new and durable.
        duplicates: events that were there already.
        rejections: events that were refused, by place in the batch.
        position: log position of the last event accepted; 0 if none was.
        accepted_at_us: microseconds since 1970 (UTC).

    """

    accepted: int
    duplicates: int
    rejections: list[Rejection]
    position: int
    accepted_at_us: int


class Ingestion:
    """Takes batches in.

    Args:
        log: where they are kept.
        processed: the last log position that is wholly in the warehouse.
        limits: what a call may carry.
        clock: answers microseconds since 1970 (UTC).

    """

    def __init__(
        self,
        log: EventLog,
        processed: Callable[[], int],
        limits: IngestLimits,
        clock: Clock,
    ) -> None:
        self._log = log
        self._processed = processed
        self._limits = limits
        self._clock = clock
        self._preparer = Preparer(limits.event, limits.max_bytes, clock)

    async def ingest(self, tenant: str, batch: SizedBatch) -> Outcome:
        """Take a batch in; returns when it is durable.

        Raises:
            TruelineError: BATCH_TOO_LARGE or MALFORMED_COLUMNS; nothing was accepted.
            StoreError: of the log (BACKPRESSURE, LOG_FULL, NOT_SERVING), or BACKPRESSURE since the dataflow is behind.

        """
        await self.admit()
        prepared = await self.prepare(batch)
        return await self.settle(prepared, self.append(tenant, prepared))

    async def admit(self) -> None:
        """Wait a little when the dataflow is far behind, and refuse when it is too far.

        Raises:
            BackpressureError: try again after retry_after_s.

        """
        pause_s = pause_for(self._lag(), self._limits.max_lag_events)
        if pause_s:
            await asyncio.sleep(pause_s)
        lag = self._lag()
        if lag > self._limits.max_lag_events:
            raise BackpressureError(
                f"the dataflow is {lag} events behind, more than {self._limits.max_lag_events}; try again in a second",
                metadata={"lag_events": str(lag)},
                retry_after_s=1.0,
            )

    async def prepare(self, batch: SizedBatch) -> Prepared:
        """Read, check and digest a batch on a worker thread."""
        self._check_size(batch)
        return await self._preparer.prepare(batch)

    def append(self, tenant: str, prepared: Prepared) -> Future[AppendResult] | None:
        """Hand a batch to the log; None if nothing of it is good. Batches enter the log in the order of these calls."""
        if not prepared.events.num_rows:
            return None
        return self._log.append(tenant, prepared.events, prepared.digests)

    async def settle(self, prepared: Prepared, appended: Future[AppendResult] | None) -> Outcome:
        """Wait for the log's answer and tell it in the caller's terms."""
        if appended is None:
            return Outcome(0, 0, prepared.rejections, 0, self._clock())
        result = await asyncio.wrap_future(appended)
        rejections = prepared.rejections
        if result.conflicts:
            places = prepared.places
            conflicts = (row if places is None else int(places[row]) for row in result.conflicts)
            rejections = sorted([*rejections, *map(_conflict, conflicts)], key=lambda rejection: rejection.index)
        return Outcome(result.accepted, len(result.duplicates), rejections, result.last_position, result.accepted_at_us)

    async def finish(self, tenant: str, source: str) -> int:
        """Write an end mark for a source; its log position.

        Raises:
            TruelineError: UNKNOWN_SOURCE, if no event of the source was ever accepted.
            StoreError: of the log.

        """
        try:
            return await asyncio.wrap_future(self._log.finish(tenant, source))
        except UnknownSourceError as error:
            metadata = {"source": source, "nearest": nearest(source, error.known) or ""}
            told = f"no event of source {quoted(source)} was ever accepted{hint(source, error.known)}"
            raise TruelineError(error.code, error.reason, told, metadata=metadata) from None

    def close(self) -> None:
        """Stop the worker threads; the log is closed by whoever opened it."""
        self._preparer.close()

    def _lag(self) -> int:
        return self._log.end() - self._processed()

    def _check_size(self, batch: SizedBatch) -> None:
        limits = self._limits
        if not batch.events:
            raise invalid_field("events", "is empty: send at least one event")
        for unit, size, limit in (
            ("events", batch.events, limits.max_events),
            ("bytes", batch.bytes, limits.max_bytes),
        ):
            if size > limit:
                raise event_too_large(batch.read(), size, limit) if batch.events == 1 else too_large(unit, size, limit)


def pause_for(lag: int, max_lag: int) -> float:
    """Seconds to hold a call back: none up to half of the lag allowed, then more, up to LONGEST_PAUSE_S."""
    over = (lag / max_lag - SLOW_FROM_SHARE) / (1 - SLOW_FROM_SHARE)
    return LONGEST_PAUSE_S * min(max(over, 0.0), 1.0)


def _conflict(index: int) -> Rejection:
    return Rejection(
        index,
        "id",
        "EVENT_CONFLICT",
        "id is taken by an event of this source with other content, which is kept: give a new event a new id",
    )
