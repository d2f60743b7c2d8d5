"""Reads, checks and digests batches on one worker thread: all that wait at once are one piece of work."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from trueline.v1 import event_pb2

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError
from trueline_server.ingest.arrow import arrow_of
from trueline_server.ingest.batch import EventBatch, Ints, Kind, Rejection, text_lengths
from trueline_server.ingest.digest import DIGEST_BYTES, digests_of
from trueline_server.ingest.gathering import UnfitError, gather
from trueline_server.ingest.joining import join_batches, moved
from trueline_server.ingest.validate import EventLimits, find_rejections

# A columnar batch may say with one text what costs that text for every event once it is decoded.
MAX_EXPANSION = 4
# So many events are prepared in one go; more would only keep the first of them waiting.
MOST_AT_ONCE = 32_000
# Characters of a property's key that an error shows.
_SHOWN_KEY = 32


@dataclass(frozen=True, slots=True)
class SizedBatch:
    """A batch that is not read yet.

    Attributes:
        events: how many it says it has.
        bytes: its size on the wire.
        read: makes columns of it; called on a worker thread.
        columns: the batch, if it came by columns.

    """

    events: int
    bytes: int
    read: Callable[[], EventBatch]
    columns: event_pb2.EventColumns | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch that is ready for the log.

    Attributes:
        events: the good events (EVENT_SCHEMA).
        digests: 16 bytes each.
        places: their places in the caller's batch; None = all of it.
        rejections: the bad events, by place.

    """

    events: pa.RecordBatch
    digests: bytes
    places: Ints | None
    rejections: list[Rejection]


_Waiting: TypeAlias = tuple[SizedBatch, "Future[Prepared]"]


@dataclass(frozen=True, slots=True)
class _Run:
    """Batches one after the other: the events of all, how many each has, and who waits for each."""

    events: EventBatch
    counts: Sequence[int]
    waiting: Sequence[Future[Prepared]]


class Preparer:
    """One thread, because more would contend for the interpreter: most of the work is many small steps."""

    def __init__(self, limits: EventLimits, max_bytes: int, clock: Clock) -> None:
        self._limits = limits
        self._max_bytes = max_bytes
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ingest")

    async def prepare(self, batch: SizedBatch) -> Prepared:
        """Prepare a batch, together with whatever else waits.

        Raises:
            TruelineError: MALFORMED_COLUMNS or BATCH_TOO_LARGE; other batches are not affected.

        """
        prepared: Future[Prepared] = Future()
        self._waiting.append((batch, prepared))
        self._thread.submit(self._work)
        return await asyncio.wrap_future(prepared)

    def close(self) -> None:
        """Finish what waits and stop the thread."""
        self._thread.shutdown()

    def _work(self) -> None:
        """Prepare what waits, up to MOST_AT_ONCE events. There is one call for each batch, so some find nothing."""
        taken: list[_Waiting] = []
        events = 0
        while self._waiting and events < MOST_AT_ONCE:
            sized, prepared = self._waiting.popleft()
            if prepared.set_running_or_notify_cancel():
                taken.append((sized, prepared))
                events += sized.events
        try:
            run = self._gathered(taken) or self._joined(taken)
            results = [] if run is None else self._prepared(run)
        except Exception as error:  # noqa: BLE001  raised again where the batches are awaited
            for _, prepared in taken:
                if not prepared.done():
                    prepared.set_exception(error)
            return
        for prepared, result in zip([] if run is None else run.waiting, results, strict=True):
            prepared.set_result(result)

    def _gathered(self, taken: Sequence[_Waiting]) -> _Run | None:
        """The batches read as one; None if they did not all come by columns, or one of them does not fit together."""
        columns = [sized.columns for sized, _ in taken if sized.columns is not None]
        if len(columns) < max(2, len(taken)):
            return None
        try:
            events = gather(columns, MAX_EXPANSION * self._max_bytes)
        except UnfitError:
            return None
        return _Run(events, [each.count for each in columns], [prepared for _, prepared in taken])

    def _joined(self, taken: Sequence[_Waiting]) -> _Run | None:
        """The batches read one by one, so that what does not fit together fails alone; None if none is left."""
        batches: list[EventBatch] = []
        waiting = []
        for sized, prepared in taken:
            try:
                batches.append(self._read(sized))
            except Exception as error:  # noqa: BLE001  raised again where the batch is awaited
                prepared.set_exception(error)
            else:
                waiting.append(prepared)
        return _Run(join_batches(batches), [batch.count for batch in batches], waiting) if batches else None

    def _read(self, sized: SizedBatch) -> EventBatch:
        batch = sized.read()
        most = MAX_EXPANSION * self._max_bytes
        if batch.most_text_bytes() > most and (size := batch.text_bytes()) > most:
            raise too_large("decoded_bytes", size, most)
        return batch

    def _prepared(self, run: _Run) -> list[Prepared]:
        rejections = find_rejections(run.events, self._limits, self._clock())
        events, digests = arrow_of(run.events), digests_of(run.events)
        results, start = [], 0
        for count in run.counts:
            end = start + count
            own = [moved(rejection, -start) for rejection in rejections if start <= rejection.index < end]
            part = events.slice(start, count)
            results.append(_without(own, part, digests[start * DIGEST_BYTES : end * DIGEST_BYTES]))
            start = end
        return results


def _without(rejections: list[Rejection], events: pa.RecordBatch, digests: bytes) -> Prepared:
    """The events that are not refused."""
    if not rejections:
        return Prepared(events, digests, None, rejections)
    good = np.ones(events.num_rows, dtype=bool)
    good[[rejection.index for rejection in rejections]] = False
    kept = np.frombuffer(digests, dtype=f"V{DIGEST_BYTES}")[good].tobytes()
    return Prepared(events.filter(pa.array(good)), kept, np.flatnonzero(good), rejections)


def event_too_large(batch: EventBatch, size: int, limit: int) -> TruelineError:
    """The error for a batch of one event that is beyond what one call carries by itself: it names the largest field."""
    lengths = {"id": int(text_lengths(batch.ids).max(initial=0))}
    lengths |= {field: int(column.lengths().max(initial=0)) for field, column in batch.texts.items()}
    for column in batch.properties:
        own = int(column.lengths().max(initial=0)) if column.kind is Kind.STRING else 0
        key = column.key if len(column.key) <= _SHOWN_KEY else f"{column.key[:_SHOWN_KEY]}…"
        lengths[f"properties[{key}]"] = max(own, len(column.key.encode()))
    field = max(lengths, key=lambda name: lengths[name])
    return TruelineError(
        "INVALID_ARGUMENT",
        "BATCH_TOO_LARGE",
        f"the event has {size} bytes, one call carries at most {limit}: "
        f"make its {field} shorter, which has {lengths[field]}",
        metadata={"bytes": str(size), "limit": str(limit), "field": field},
    )


def too_large(unit: str, size: int, limit: int) -> TruelineError:
    """The error for a batch beyond what one call carries."""
    return TruelineError(
        "INVALID_ARGUMENT",
        "BATCH_TOO_LARGE",
        f"the batch has {size} {unit.replace('_', ' ')}, one call carries at most {limit}: send it in parts",
        metadata={unit: str(size), "limit": str(limit)},
    )
