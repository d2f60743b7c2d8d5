"""The event log in memory: the same contract as on disk, for as long as the process lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import pyarrow as pa

from trueline_stores.errors import StoreClosedError
from trueline_stores.log.port import AppendResult, LogEntry

_DIGEST_BYTES = 16
_CLOSED = "the event log is closed"
Identity = tuple[str, str, str]
T = TypeVar("T")


class InMemoryEventLog:
    """An EventLog that keeps its entries in a list. What it accepts is as durable as the process."""

    def __init__(self, clock_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._clock_us = clock_us
        self._changed = threading.Condition()
        self._entries: list[LogEntry] = []
        self._identities: dict[Identity, tuple[bytes, int]] = {}
        self._end = 0
        self._accepted_at_us = 0
        self._closed = False

    def append(self, tenant: str, events: pa.RecordBatch, digests: bytes) -> Future[AppendResult]:
        """Append the rows whose (tenant, source, id) is new."""
        with self._changed:
            if self._closed:
                return _refused(Future())
            now_us = self._now_us()
            new: list[int] = []
            duplicates: list[int] = []
            conflicts: list[int] = []
            names = zip(events["source"].to_pylist(), events["id"].to_pylist(), strict=True)
            for row, (source, name) in enumerate(names):
                digest = digests[row * _DIGEST_BYTES : (row + 1) * _DIGEST_BYTES]
                known = self._identities.setdefault((tenant, source, name), (digest, -row - 1))
                if known[1] == -row - 1:
                    self._identities[tenant, source, name] = (digest, now_us)
                    new.append(row)
                elif known[0] == digest:
                    duplicates.append(row)
                else:
                    conflicts.append(row)
            if new:
                kept = events if len(new) == events.num_rows else events.take(pa.array(new))
                self._add(LogEntry(self._end + 1, self._end + len(new), tenant, now_us, kept))
            last = self._end if new else 0
            return _done(AppendResult(len(new), tuple(duplicates), tuple(conflicts), last, now_us))

    def finish(self, tenant: str, source: str) -> Future[int]:
        """Append an end mark for a source; resolves to its position."""
        with self._changed:
            if self._closed:
                return _refused(Future())
            position = self._end + 1
            self._add(LogEntry(position, position, tenant, self._now_us(), None, source))
            return _done(position)

    def read(self, after: int, max_events: int) -> list[LogEntry]:
        """Entries beyond a position, whole, until max_events rows are reached."""
        with self._changed:
            if self._closed:
                raise StoreClosedError(_CLOSED)
            found: list[LogEntry] = []
            rows = 0
            for entry in self._entries[self._first_beyond(after) :]:
                if rows >= max_events:
                    break
                found.append(entry)
                rows += entry.last_position - entry.first_position + 1
            return found

    def end(self) -> int:
        """Last position; 0 for an empty log."""
        return self._end

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Wait until the log ends beyond a position, or is closed; whether it does."""
        with self._changed:
            self._changed.wait_for(lambda: self._end > position or self._closed, timeout_s)
            return self._end > position

    def start(self) -> int:
        """First position still kept; end() + 1 if nothing is."""
        with self._changed:
            return self._entries[0].first_position if self._entries else self._end + 1

    def prune(self, *, entries_before_us: int, identities_before_us: int) -> None:
        """Forget entries and identities accepted before an instant each."""
        with self._changed:
            self._entries = [entry for entry in self._entries if entry.accepted_at_us >= entries_before_us]
            self._identities = {
                identity: known for identity, known in self._identities.items() if known[1] >= identities_before_us
            }

    def close(self) -> None:
        """Refuse further appends and wake who waits. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _add(self, entry: LogEntry) -> None:
        self._entries.append(entry)
        self._end = entry.last_position
        self._changed.notify_all()

    def _now_us(self) -> int:
        self._accepted_at_us = max(self._accepted_at_us, self._clock_us())
        return self._accepted_at_us

    def _first_beyond(self, after: int) -> int:
        low, high = 0, len(self._entries)
        while low < high:
            middle = (low + high) // 2
            if self._entries[middle].last_position <= after:
                low = middle + 1
            else:
                high = middle
        return low


def _done(value: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(value)
    return future


def _refused(waiting: Future[T]) -> Future[T]:
    waiting.set_exception(StoreClosedError(_CLOSED))
    return waiting
