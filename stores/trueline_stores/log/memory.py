"""The event log in memory: the same contract as on disk, for as long as the process lives."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from trueline_stores.errors import StoreClosedError, UnknownSourceError
from trueline_stores.log.identities import DIGEST_BYTES, MOST_SOURCES_TOLD
from trueline_stores.log.port import AppendResult, LogEntry
from trueline_stores.log.waiting import Waiting, WaitingAppend, WaitingMark, WaitingQueue

_COMMIT_ROWS = 20_000


@dataclass(slots=True)
class LogMemory:
    """What a log in memory knows. A log that is opened on the memory of a closed one goes on where that ended."""

    entries: list[LogEntry] = field(default_factory=list)
    # (tenant, source, id) -> digest and time of acceptance.
    identities: dict[tuple[str, str, str], tuple[bytes, int]] = field(default_factory=dict)
    # (tenant, source) of every identity that was ever there.
    sources: set[tuple[str, str]] = field(default_factory=set)
    end: int = 0
    accepted_at_us: int = 0


@dataclass(slots=True)
class _Append(WaitingAppend):
    """A batch with its digests as they came; SQLite's claims are not needed."""

    digests: bytes = b""


class InMemoryEventLog:
    """A backend of EventLog that keeps its entries in a list. What it accepts is as durable as its memory.

    Args:
        clock: answers microseconds since 1970 (UTC).
        memory: of a log that was closed; None = an empty one.
        max_waiting_rows: rows that may wait for the committer before appends fail with BackpressureError.

    """

    def __init__(
        self, clock: Callable[[], int], memory: LogMemory | None = None, *, max_waiting_rows: int = 100_000
    ) -> None:
        self._clock = clock
        self._memory = memory if memory is not None else LogMemory()
        self._changed = threading.Condition()
        self._closed = False
        self._queue = WaitingQueue(max_waiting_rows)
        self._committer = threading.Thread(target=self._work, name="event-log-committer", daemon=True)
        self._committer.start()

    def append(self, tenant: str, events: pa.RecordBatch, digests: bytes) -> Future[AppendResult]:
        """See EventLog.append."""
        if len(digests) != events.num_rows * DIGEST_BYTES:
            raise ValueError(f"digests have {len(digests)} bytes for {events.num_rows} rows of {DIGEST_BYTES} bytes")
        waiting = _Append(tenant, events, (), digests=digests)
        self._queue.put(waiting)
        return waiting.future

    def finish(self, tenant: str, source: str) -> Future[int]:
        """See EventLog.finish."""
        waiting = WaitingMark(tenant, source)
        self._queue.put(waiting)
        return waiting.future

    def read(self, after: int, max_events: int) -> list[LogEntry]:
        """See EventLog.read."""
        with self._changed:
            if self._closed:
                raise StoreClosedError("the event log is closed")
            entries = self._memory.entries
            found: list[LogEntry] = []
            rows = 0
            for number in range(bisect_right(entries, after, key=_last_position), len(entries)):
                if rows >= max_events:
                    break
                found.append(entries[number])
                rows += entries[number].last_position - entries[number].first_position + 1
            return found

    def end(self) -> int:
        """See EventLog.end."""
        return self._memory.end

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """See EventLog.wait_beyond."""
        with self._changed:
            self._changed.wait_for(lambda: self._memory.end > position or self._closed, timeout_s)
            return self._memory.end > position

    def start(self) -> int:
        """See EventLog.start."""
        with self._changed:
            entries = self._memory.entries
            return entries[0].first_position if entries else self._memory.end + 1

    def prune(self, *, entries_before_us: int, identities_before_us: int) -> None:
        """See EventLog.prune."""
        with self._changed:
            memory = self._memory
            memory.entries = [entry for entry in memory.entries if entry.accepted_at_us >= entries_before_us]
            memory.identities = {
                identity: known for identity, known in memory.identities.items() if known[1] >= identities_before_us
            }

    def close(self) -> None:
        """See EventLog.close."""
        self._queue.close()
        self._committer.join()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while items := self._queue.take(_COMMIT_ROWS):
            now_us = self._clock()
            with self._changed:
                self._memory.accepted_at_us = max(self._memory.accepted_at_us, now_us)
                answers = [self._commit(item) for item in items]
                self._changed.notify_all()
            # Answered outside the lock: callbacks run here and may read the log.
            for answer in answers:
                answer()

    def _commit(self, item: Waiting) -> Callable[[], None]:
        if isinstance(item, _Append):
            append, result = item, self._accept(item)
            return lambda: append.future.set_result(result)
        assert isinstance(item, WaitingMark)
        if (item.tenant, item.source) not in self._memory.sources:
            known = sorted(source for tenant, source in self._memory.sources if tenant == item.tenant)
            error = UnknownSourceError(item.source, known[:MOST_SOURCES_TOLD])
            return partial(item.future.set_exception, error)
        mark, position = item, self._memory.end + 1
        self._add(LogEntry(position, position, mark.tenant, self._memory.accepted_at_us, None, mark.source))
        return lambda: mark.future.set_result(position)

    def _accept(self, item: _Append) -> AppendResult:
        memory, events = self._memory, item.events
        new: list[int] = []
        duplicates: list[int] = []
        conflicts: list[int] = []
        for row, (one, source) in enumerate(zip(events["id"].to_pylist(), events["source"].to_pylist(), strict=True)):
            digest = item.digests[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES]
            known = memory.identities.get((item.tenant, source, one))
            if known is None:
                memory.identities[item.tenant, source, one] = (digest, memory.accepted_at_us)
                memory.sources.add((item.tenant, source))
                new.append(row)
            else:
                (duplicates if known[0] == digest else conflicts).append(row)
        if new:
            kept = events if len(new) == events.num_rows else events.take(pa.array(new))
            first = memory.end + 1
            self._add(LogEntry(first, memory.end + len(new), item.tenant, memory.accepted_at_us, kept))
        last = memory.end if new else 0
        return AppendResult(len(new), tuple(duplicates), tuple(conflicts), last, memory.accepted_at_us)

    def _add(self, entry: LogEntry) -> None:
        self._memory.entries.append(entry)
        self._memory.end = entry.last_position


def _last_position(entry: LogEntry) -> int:
    return entry.last_position
