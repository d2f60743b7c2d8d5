"""The batching sender: many events in order over one stream, without losing any of them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import grpc
import tenacity

from trueline import mapping, retries
from trueline.batch import ColumnBatch, EncodingError
from trueline.client import TruelineClient
from trueline.errors import InvalidRequestError, SendError, TruelineError, decode, unavailable
from trueline.event import Event
from trueline.results import IngestResult, Rejection
from trueline.v1 import ingest_service_pb2
from trueline.watching import SilenceGuard

# What is in flight waits for the server's disk together: the more, the fewer times it is written to.
_IN_FLIGHT_EVENTS = 128_000
# Seconds that a server has to end a stream after its last answer.
_LONGEST_GOODBYE = 2.0


@dataclass(slots=True)
class SenderTotals:
    """What became of the events so far.

    Attributes:
        accepted: new and durable.
        duplicates: there already. A batch that was sent again after a lost answer counts here.
        rejected: refused one by one.
        position: log position of the last event accepted.

    """

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    position: int = 0


@dataclass(slots=True)
class _Pending:
    """A batch on its way; `sequence` orders it among all that were handed in."""

    sequence: int
    batch: ColumnBatch


@dataclass(slots=True)
class _Link:
    """One stream: its call, and whether it was cut."""

    call: Any = None
    cut: bool = False


class BatchingSender:
    """Collects events into columnar batches and sends them in order, several in flight; for any number of threads.

    Order matters: a batch that overtakes others would make their events late. A batch whose answer is lost is sent
    again, which is safe, since identities are fixed before the first try. Use it as a context manager, or call
    `close`; what is neither flushed nor closed may not have been sent.

    Args:
        client: gives channel, credentials and deadlines; stays open.
        batch_events: events a batch, at most what the server takes in a call (5,000).
        batch_bytes: a larger batch is sent in parts.
        linger: seconds after which a batch that is not full is sent.
        in_flight: most batches without an answer; None = as many as have 128,000 events, so that memory does not grow
            with the size of a batch.
        waiting: most batches that wait for their turn; then `send` blocks.
        give_up_after: seconds without any progress after which the sender gives up.
        on_rejection: called for each refused event, on a thread of the sender; it must not block. Without it the first
            `keep_rejections` are kept in `rejections`. The index of a rejection is within its batch; `origin` says
            which event it is.
        keep_rejections: most rejections kept.

    """

    def __init__(
        self,
        client: TruelineClient,
        *,
        batch_events: int = 1_000,
        batch_bytes: int = 3 * 1024 * 1024,
        linger: float = 0.2,
        in_flight: int | None = None,
        waiting: int = 32,
        give_up_after: float = 120.0,
        on_rejection: Callable[[Rejection], None] | None = None,
        keep_rejections: int = 1_000,
    ) -> None:
        self.totals = SenderTotals()
        self.rejections: list[Rejection] = []
        self._client = client
        self._batch_events = batch_events
        self._batch_bytes = batch_bytes
        self._linger = linger
        self._most_in_flight = in_flight or max(_IN_FLIGHT_EVENTS // batch_events, 2)
        self._most_waiting = waiting
        self._on_rejection = on_rejection or self._keep
        self._keep_rejections = keep_rejections

        # Everything below changes under this condition only.
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._oldest = 0.0
        self._sequence = 0
        self._waiting: deque[_Pending] = deque()
        self._in_flight: deque[_Pending] = deque()
        self._closing = False
        self._error: TruelineError | None = None
        self._link: _Link | None = None

        self._stopped = threading.Event()
        self._retrying = tenacity.Retrying(
            **retries.options(client.retry.endless(), give_up_after, when=self._mends, sleep=self._stopped.wait)
        )
        self._thread = threading.Thread(target=self._run, name="trueline-sender", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, Exception):
            self.close()
        else:
            # Ctrl-C: nobody waits for a server that may be gone.
            self.abort()

    def send(self, event: Event) -> None:
        """Hand in an event; blocks while too much waits.

        Raises:
            SendError: the sender has given up; `failed` has everything that was not accepted.

        """
        with self._changed:
            self._check()
            self._events.append(event)
            if len(self._events) == 1:
                self._oldest = time.monotonic()
                self._changed.notify_all()
            if len(self._events) >= self._batch_events:
                self._cut()
                self._wait_for_room()

    def send_columns(self, batch: ColumnBatch) -> None:
        """Hand in events that are in columns already, after those of `send`; blocks and raises as `send`."""
        step = self._batch_events
        parts = [batch] if len(batch) <= step else [batch.rows(i, i + step) for i in range(0, len(batch), step)]
        with self._changed:
            self._cut()
            for part in parts:
                self._check()
                if len(part):
                    self._enqueue(part)
                    self._wait_for_room()

    def flush(self) -> None:
        """Wait until everything handed in so far is answered.

        Raises:
            SendError: the sender has given up; `failed` has everything that was not accepted.

        """
        with self._changed:
            self._cut()
            last = self._sequence
            self._changed.wait_for(lambda: self._error is not None or self._first_unanswered() > last)
            self._check()

    def close(self) -> None:
        """Flush and end the stream. Raises as `flush`; a second call does nothing."""
        try:
            if not self._stopped.is_set():
                self.flush()
        finally:
            self.abort()

    def abort(self) -> None:
        """End at once; what is not answered yet may or may not be accepted."""
        with self._changed:
            self._closing = True
            self._stopped.set()
            if self._in_flight:
                self._cancel()
            self._changed.notify_all()
        if threading.current_thread() is not self._thread:
            # A server that was answered everything ends the stream at once; one that hangs is not waited for.
            self._thread.join(_LONGEST_GOODBYE)
            self._cancel()
            self._thread.join()

    # What callers do, under the condition.

    def _check(self) -> None:
        if self._error is not None:
            events = [ColumnBatch.from_events(self._events)] if self._events else []
            rest = [pending.batch for pending in (*self._in_flight, *self._waiting)]
            raise SendError.of(self._error, rest + events) from self._error
        if self._closing:
            raise ValueError("the sender is closed")

    def _cut(self) -> None:
        if self._events:
            events, self._events = self._events, []
            self._enqueue(ColumnBatch.from_events(events))

    def _enqueue(self, batch: ColumnBatch) -> None:
        self._sequence += 1
        self._waiting.append(_Pending(self._sequence, batch))
        self._changed.notify_all()

    def _wait_for_room(self) -> None:
        self._changed.wait_for(
            lambda: self._error is not None or self._closing or len(self._waiting) < self._most_waiting
        )
        self._check()

    def _first_unanswered(self) -> int:
        first = self._in_flight or self._waiting
        return first[0].sequence if first else self._sequence + 1

    # What the sender's own thread does.

    def _run(self) -> None:
        try:
            while self._work_to_do():
                self._retrying(self._send_until_cut)
        except TruelineError as error:
            self._give_up(error)
        except Exception as error:  # noqa: BLE001  whatever it is, callers that wait must hear of it
            self._give_up(TruelineError("INTERNAL", "", f"the sender failed: {error!r}"))

    def _give_up(self, error: TruelineError) -> None:
        with self._changed:
            if not self._closing:
                self._error = error
            self._changed.notify_all()

    def _work_to_do(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._events or self._waiting or self._in_flight)
            return not self._closing

    def _mends(self, error: BaseException) -> bool:
        return not self._stopped.is_set() and retries.is_interruption(error)

    def _send_until_cut(self) -> None:
        """Send over one stream until it is cut. Returns if it brought any progress, raises if it did not."""
        link = _Link()
        with self._changed:
            if self._closing:
                return
            self._waiting.extendleft(reversed(self._in_flight))
            self._in_flight.clear()
            self._link = link
        link.call = self._client.open_stream(self._requests(link))
        guard = SilenceGuard(self._client.timeout, link.call.cancel, lambda: bool(self._in_flight))
        answers = 0
        try:
            for answer in link.call:
                guard.hear()
                self._answered(answer)
                answers += 1
            failure: TruelineError = unavailable(f"{self._client.address} ended the stream")
        except grpc.RpcError as error:
            failure = decode(error, self._client.address)
        finally:
            guard.end()
            with self._changed:
                link.cut = True
                self._changed.notify_all()
        if guard.fired:
            failure = unavailable(f"{self._client.address} was silent for {self._client.timeout:g} s")
        self._after(failure, progress=answers > 0)

    def _after(self, failure: TruelineError, *, progress: bool) -> None:
        wrong = failure.code == "INVALID_ARGUMENT" or failure.reason == "BATCH_TOO_LARGE"
        with self._changed:
            if self._closing or not (self._in_flight or self._waiting or self._events):
                return
            if wrong and self._in_flight:
                # Answers come in order, so the failure is the oldest batch's. What was sent after it is sent again.
                self._halve(self._in_flight.popleft(), failure, self._in_flight)
                return
        if not (progress and self._mends(failure)):
            raise failure
        if failure.retry_after is not None:
            self._stopped.wait(failure.retry_after)

    def _halve(self, pending: _Pending, failure: TruelineError, queue: deque[_Pending]) -> None:
        """A batch is wrong as a whole: find the events at fault by halves, so that the rest is kept."""
        if len(pending.batch) > 1:
            queue.extendleft(_Pending(pending.sequence, half) for half in reversed(pending.batch.halves()))
        else:
            field = failure.metadata.get("field", "") or next((v.field for v in failure.violations), "")
            origin = pending.batch.origins[0] if pending.batch.origins is not None else None
            rejection = Rejection(0, field, failure.reason or "INVALID_FIELD", failure.message, origin)
            self._count(IngestResult(rejections=(rejection,)))
        self._changed.notify_all()

    def _answered(self, answer: ingest_service_pb2.StreamEventsResponse) -> None:
        with self._changed:
            pending = self._in_flight[0] if self._in_flight else None
            if pending is None or answer.batch_id != str(pending.sequence):
                text = f"{self._client.address} answered batch {answer.batch_id!r} out of order"
                raise TruelineError("INTERNAL", "", text)
            # Counted before it leaves, so that after a flush the totals are whole.
            self._count(mapping.ingest_result(answer.outcome, pending.batch.origins))
            self._in_flight.popleft()
            self._changed.notify_all()

    def _count(self, result: IngestResult) -> None:
        totals = self.totals
        totals.accepted += result.accepted
        totals.duplicates += result.duplicates
        totals.rejected += len(result.rejections)
        totals.position = max(totals.position, result.position)
        for rejection in result.rejections:
            self._on_rejection(rejection)

    def _keep(self, rejection: Rejection) -> None:
        if len(self.rejections) < self._keep_rejections:
            self.rejections.append(rejection)

    # What gRPC's thread does: it asks for requests as fast as the connection takes them.

    def _requests(self, link: _Link) -> Iterator[ingest_service_pb2.StreamEventsRequest]:
        while (pending := self._take(link)) is not None:
            try:
                columns = pending.batch.to_proto()
            except EncodingError as error:
                self._refuse_unsent(link, pending, "INVALID_FIELD", str(error))
                continue
            if len(pending.batch) > 1 and columns.ByteSize() > self._batch_bytes:
                self._refuse_unsent(link, pending, "BATCH_TOO_LARGE", "the batch is too large")
                continue
            yield ingest_service_pb2.StreamEventsRequest(batch_id=str(pending.sequence), columns=columns)

    def _refuse_unsent(self, link: _Link, pending: _Pending, reason: str, message: str) -> None:
        with self._changed:
            # If the stream was cut meanwhile, the next one has the batch already.
            if not link.cut:
                self._in_flight.pop()
                self._halve(pending, InvalidRequestError("INVALID_ARGUMENT", reason, message), self._waiting)

    def _take(self, link: _Link) -> _Pending | None:
        """The next batch to send, in flight from now on; None when the stream is over."""
        with self._changed:
            while not (link.cut or self._closing):
                rest = None
                # Only the last batch may be short; what waits already goes first.
                if self._events and not self._waiting:
                    rest = self._oldest + self._linger - time.monotonic()
                    if rest <= 0:
                        self._cut()
                if self._waiting and len(self._in_flight) < self._most_in_flight:
                    pending = self._waiting.popleft()
                    self._in_flight.append(pending)
                    self._changed.notify_all()
                    return pending
                self._changed.wait(None if rest is None else max(rest, 0.001))
        return None

    def _cancel(self) -> None:
        link = self._link
        if link is not None and link.call is not None:
            link.call.cancel()
