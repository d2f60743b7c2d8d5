"""What waits for the committer of a log: a queue that is bounded by rows and refuses instead of growing."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import pyarrow as pa

from trueline_stores.errors import BackpressureError, StoreClosedError
from trueline_stores.log.identities import Claim
from trueline_stores.log.port import AppendResult


@dataclass(slots=True)
class WaitingAppend:
    """A batch that waits to be committed."""

    tenant: str
    events: pa.RecordBatch
    claims: Sequence[Claim]
    future: Future[AppendResult] = field(default_factory=Future)


@dataclass(slots=True)
class WaitingMark:
    """An end mark that waits to be committed."""

    tenant: str
    source: str
    future: Future[int] = field(default_factory=Future)


@dataclass(slots=True)
class WaitingJob:
    """Upkeep that waits for its own transaction; the future resolves to what it returns."""

    run: Callable[[], object]
    future: Future[object] = field(default_factory=Future)


Waiting = WaitingAppend | WaitingMark | WaitingJob


class WaitingQueue:
    """First in, first out. Refused work has its future failed, so that callers have one place to look."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._rows = 0
        self._items: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, item: Waiting) -> None:
        """Add an item, or fail its future with BackpressureError or StoreClosedError."""
        rows = _rows(item)
        with self._changed:
            if self._closed:
                error: Exception = StoreClosedError("the event log is closed")
            elif rows and self._rows and self._rows + rows > self._max_rows:
                error = BackpressureError(
                    f"{self._rows} events wait to be written to the event log, which is the most that may wait; "
                    "try again in a second",
                    metadata={"waiting_events": str(self._rows)},
                    retry_after_s=1.0,
                )
            else:
                self._items.append(item)
                self._rows += rows
                self._changed.notify()
                return
        item.future.set_exception(error)

    def take(self, max_rows: int) -> list[Waiting]:
        """Wait for work, then what one transaction takes: appends of up to max_rows rows (at least one), and an end
        mark only as the last; or one job. Nothing when the queue is closed and empty. Cancelled work is left out.
        """
        with self._changed:
            taken: list[Waiting] = []
            while not taken:
                self._changed.wait_for(lambda: self._items or self._closed)
                if not self._items:
                    return []
                taken = self._take(max_rows)
            return taken

    def _take(self, max_rows: int) -> list[Waiting]:
        taken: list[Waiting] = []
        rows = 0
        while self._items:
            item = self._items[0]
            if taken and (isinstance(item, WaitingJob) or rows + _rows(item) > max_rows):
                break
            self._items.popleft()
            self._rows -= _rows(item)
            if not item.future.set_running_or_notify_cancel():
                continue
            taken.append(item)
            rows += _rows(item)
            if not isinstance(item, WaitingAppend):
                break
        return taken

    def close(self) -> None:
        """Refuse further work; what waits is still taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _rows(item: Waiting) -> int:
    return item.events.num_rows if isinstance(item, WaitingAppend) else 0
