"""Sends generated events to a server over one stream, in order, with several batches under way.

The SDK's BatchingSender is not used: the backend builds on the contract (trueline.v1) alone, never on a client of it.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from trueline.v1.event_pb2 import EventColumns
from trueline.v1.ingest_service_pb2 import FinishImportRequest, StreamEventsRequest, StreamEventsResponse
from trueline.v1.ingest_service_pb2_grpc import IngestServiceStub

# Enough under way that the server never waits for the next batch.
WINDOW = 8
# Retries in a row without one answer between them; with the waits below about five minutes.
MOST_RETRIES = 20
_LONGEST_WAIT_S = 20.0
# A server that stops may end its streams with CANCELLED.
_WORTH_RETRYING = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
)
_CHANNEL_OPTIONS = (
    # Finds a dead connection within half a minute, and a server that comes back within two seconds.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


class StreamEndedError(Exception):
    """The server ended the stream before it had answered everything."""


@dataclass(slots=True)
class Sent:
    """What became of the events sent so far; position is the last one accepted."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    position: int = 0
    first_rejection: str = ""


@dataclass(slots=True)
class _Open:
    """One open stream: what is put into `outbox` is sent."""

    outbox: queue.SimpleQueue[StreamEventsRequest | None]
    answers: Iterator[StreamEventsResponse]


@dataclass(slots=True)
class OrderedSender:
    """Sends batches in order: a stream that breaks is opened again with what was not answered.

    Calls side by side would arrive in any order, and an event that overtakes others by days makes them late.

    Attributes:
        channel: to the server.
        token: credential; "" = none.
        sent: what became of the events so far.

    """

    channel: grpc.Channel
    token: str = ""
    sent: Sent = field(default_factory=Sent)
    _waiting: deque[StreamEventsRequest] = field(default_factory=deque)
    _stream: _Open | None = None
    _batches: int = 0

    def send(self, batches: Iterable[EventColumns]) -> Iterator[int]:
        """Send all batches; yields the number of events of each as it is answered.

        Raises:
            grpc.RpcError: the server refused a batch as a whole, or stayed away for too long.
            StreamEndedError: the server ended every stream at once.

        """
        source = iter(batches)
        try:
            while self._fill(source):
                response = _retrying()(self._next_answer)
                yield self._settle(response)
        finally:
            self._close()

    def finish(self, source: str) -> int:
        """Write the end mark of a source; its log position."""
        stub = IngestServiceStub(self.channel)
        request = FinishImportRequest(source=source)
        response = _retrying()(stub.FinishImport, request, metadata=self._metadata(), timeout=_LONGEST_WAIT_S)
        return int(response.position)

    def _fill(self, source: Iterator[EventColumns]) -> bool:
        """Bring as many batches under way as the window takes; False if nothing is."""
        while len(self._waiting) < WINDOW and (columns := next(source, None)) is not None:
            self._batches += 1
            request = StreamEventsRequest(batch_id=str(self._batches), columns=columns)
            self._waiting.append(request)
            if self._stream is not None:
                self._stream.outbox.put(request)
        return bool(self._waiting)

    def _next_answer(self) -> StreamEventsResponse:
        """The answer to the oldest batch under way, over a new stream if the last one broke."""
        stream = self._stream or self._open()
        try:
            response = next(stream.answers, None)
        except grpc.RpcError:
            self._close()
            raise
        if response is None:
            self._close()
            raise StreamEndedError("the server ended the stream")
        return response

    def _open(self) -> _Open:
        outbox: queue.SimpleQueue[StreamEventsRequest | None] = queue.SimpleQueue()
        for request in self._waiting:
            outbox.put(request)
        stub = IngestServiceStub(self.channel)
        self._stream = _Open(outbox, iter(stub.StreamEvents(iter(outbox.get, None), metadata=self._metadata())))
        return self._stream

    def _close(self) -> None:
        """End the requests of the stream, so that gRPC's thread does not wait for more."""
        if self._stream is not None:
            self._stream.outbox.put(None)
            self._stream = None

    def _settle(self, response: StreamEventsResponse) -> int:
        request = self._waiting.popleft()
        outcome = response.outcome
        self.sent.accepted += outcome.accepted
        self.sent.duplicates += outcome.duplicates
        self.sent.rejected += len(outcome.rejections)
        self.sent.position = max(self.sent.position, outcome.position)
        if outcome.rejections and not self.sent.first_rejection:
            self.sent.first_rejection = outcome.rejections[0].message
        return int(request.columns.count)

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


def open_channel(address: str) -> grpc.Channel:
    """A channel that notices when the server goes and comes back."""
    return grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)


def pace(batches: Iterable[EventColumns], events_per_s: float) -> Iterator[EventColumns]:
    """The same batches, held back so that no more than this many events a second come."""
    start = time.monotonic()
    due = 0.0
    for batch in batches:
        time.sleep(max(start + due - time.monotonic(), 0.0))
        due += batch.count / events_per_s
        yield batch


def _retrying() -> Retrying:
    return Retrying(
        retry=retry_if_exception(_is_worth_retrying), wait=_wait, stop=stop_after_attempt(MOST_RETRIES), reraise=True
    )


def _wait(state: RetryCallState) -> float:
    """As long as the server asks for; else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = _asked_delay(error) if isinstance(error, grpc.RpcError) else 0.0
    return asked or min(0.1 * 2.0**state.attempt_number, _LONGEST_WAIT_S)


def _is_worth_retrying(error: BaseException) -> bool:
    return isinstance(error, StreamEndedError) or (isinstance(error, grpc.RpcError) and error.code() in _WORTH_RETRYING)


def _asked_delay(error: grpc.RpcError) -> float:
    """Seconds of the RetryInfo in the error's details; 0 without one."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return 0.0
