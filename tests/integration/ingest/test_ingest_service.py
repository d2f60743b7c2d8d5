"""The IngestService over gRPC, with the real log behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from trueline.v1 import error_reason_pb2, ingest_service_pb2, ingest_service_pb2_grpc
from trueline_server.clock import ManualClock
from trueline_server.errors import TruelineError
from trueline_server.ingest.service import LONGEST_PAUSE_S, Ingestion, IngestLimits, pause_for
from trueline_server.ingest.servicer import IngestServicer
from trueline_server.ingest.validate import EventLimits
from trueline_stores.log import SqliteEventLog

from tests.integration.server.serving import info_of, serving, status_of
from tests.unit.ingest.wire import column_events, row_events, text_array

NOW_US = 1_700_000_000_123_456
LIMITS = IngestLimits(
    max_events=100, max_bytes=20_000, max_lag_events=50, event=EventLimits(max_properties=4, max_property_bytes=100)
)
Stub = ingest_service_pb2_grpc.IngestServiceStub
Outcome = ingest_service_pb2.IngestOutcome
Request = ingest_service_pb2.StreamEventsRequest
Reason = error_reason_pb2.ErrorReason


@dataclass
class Intake:
    """A log, and a service before it. `behind` is how many positions the dataflow is behind."""

    log: SqliteEventLog
    ingestion: Ingestion
    clock: ManualClock
    behind: list[int] = field(default_factory=lambda: [0])

    def run(self, test: Callable[[Stub], Coroutine[Any, Any, None]], tokens: Mapping[str, str] | None = None) -> None:
        """Run a test with a stub of the service."""

        async def served() -> None:
            servicers = {"trueline.v1.IngestService": IngestServicer(self.ingestion)}
            async with serving(servicers, tokens=tokens) as channel:
                await test(ingest_service_pb2_grpc.IngestServiceStub(channel))

        asyncio.run(served())


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Intake]:
    """A service on an empty log."""
    clock = ManualClock(NOW_US)
    behind = [0]
    with (
        closing(SqliteEventLog(tmp_path / "log", clock)) as log,
        closing(Ingestion(log, lambda: log.end() - behind[0], LIMITS, clock)) as ingestion,
    ):
        yield Intake(log, ingestion, clock, behind)


def event(number: int, **more: Any) -> dict[str, Any]:
    """An event."""
    return {"id": str(number), "source": "s", "name": "n", "occurred_at_us": NOW_US, **more}


async def send_columns(stub: Stub, events: list[dict[str, Any]]) -> Outcome:
    """Send a columnar batch."""
    request = ingest_service_pb2.IngestColumnsRequest(columns=column_events(events))
    return (await stub.IngestColumns(request)).outcome


async def send_rows(stub: Stub, events: list[dict[str, Any]]) -> Outcome:
    """Send a batch of messages."""
    return (await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(events=row_events(events)))).outcome


SEND = pytest.mark.parametrize("send", [send_columns, send_rows], ids=["columns", "rows"])


@SEND
def test_every_event_is_accounted_for(intake: Intake, send: Callable[..., Any]) -> None:
    """Accepted, duplicate, in conflict and bad: each event of a mixed batch is told as what it is, at its place."""

    async def test(stub: Stub) -> None:
        first = await send(stub, [event(1), event(2)])
        assert (first.accepted, first.duplicates, list(first.rejections), first.position) == (2, 0, [], 2)
        assert first.accepted_at.ToMicroseconds() == NOW_US
        mixed = [event(3, value=float("nan")), event(1), event(2, value=1.0), event(4), event(4), event(5, name="")]
        second = await send(stub, mixed)
        assert (second.accepted, second.duplicates, second.position) == (1, 2, 3)
        assert [(one.index, one.field, one.reason) for one in second.rejections] == [
            (0, "value", Reason.ERROR_REASON_VALUE_OUT_OF_RANGE),
            (2, "id", Reason.ERROR_REASON_EVENT_CONFLICT),
            (5, "name", Reason.ERROR_REASON_MISSING_FIELD),
        ]
        assert all(one.message for one in second.rejections)
        assert intake.log.end() == 3

    intake.run(test)


@SEND
def test_a_batch_of_bad_events(intake: Intake, send: Callable[..., Any]) -> None:
    """When no event is good, each is refused, and nothing is written."""

    async def test(stub: Stub) -> None:
        outcome = await send(stub, [event(1, occurred_at_us=NOW_US + 3_600_000_001), event(2, currency="x" * 9)])
        assert (outcome.accepted, outcome.position, len(outcome.rejections)) == (0, 0, 2)
        assert outcome.rejections[0].reason == Reason.ERROR_REASON_FAR_FUTURE
        assert intake.log.end() == 0

    intake.run(test)


def test_both_forms_are_one_identity(intake: Intake) -> None:
    """The same events sent in the other form are duplicates: both have the same content."""
    events = [event(n, value=n / 7, properties={"a": "é", "b": -0.0, "c": n == 1}) for n in range(3)]

    async def test(stub: Stub) -> None:
        assert (await send_columns(stub, events)).accepted == 3
        assert (await send_rows(stub, events)).duplicates == 3

    intake.run(test)


def test_tenants_are_apart(intake: Intake) -> None:
    """The tenant comes from the token: the same events of two tenants are different ones."""

    async def test(stub: Stub) -> None:
        request = ingest_service_pb2.IngestColumnsRequest(columns=column_events([event(1)]))
        for token in ("one", "two"):
            answer = await stub.IngestColumns(request, metadata=[("authorization", f"Bearer {token}")])
            assert answer.outcome.accepted == 1
        assert [entry.tenant for entry in intake.log.read(0, 10)] == ["a", "b"]

    intake.run(test, tokens={"one": "a", "two": "b"})


def oversized() -> list[tuple[str, list[dict[str, Any]], dict[str, str]]]:
    """Batches over one of the limits, with the metadata that tells it."""
    many = [event(n) for n in range(101)]
    heavy = [event(n, user_id=f"{n:0120d}", account_id=f"{n:0120d}") for n in range(90)]
    return [
        ("events", many, {"events": "101", "limit": "100"}),
        ("bytes", heavy, {"limit": "20000"}),
    ]


@SEND
@pytest.mark.parametrize(("unit", "events", "metadata"), oversized(), ids=["events", "bytes"])
def test_oversized_batch(
    intake: Intake, send: Callable[..., Any], unit: str, events: list[dict[str, Any]], metadata: dict[str, str]
) -> None:
    """A batch with too many events or bytes is refused as a whole, with both numbers."""

    async def test(stub: Stub) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send(stub, events)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        info = info_of(caught.value)
        assert info.reason == "BATCH_TOO_LARGE"
        assert metadata.items() <= dict(info.metadata).items()
        assert unit in info.metadata
        assert intake.log.end() == 0

    intake.run(test)


@SEND
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"user_id": "u" * 21_000}, "user_id"),
        ({"properties": {"note": "x" * 21_000, "k": True}}, "properties[note]"),
        ({"properties": {"k" * 21_000: 1.0}}, f"properties[{'k' * 32}…]"),
    ],
    ids=["text", "property", "key"],
)
def test_one_event_that_is_too_large(
    intake: Intake, send: Callable[..., Any], more: dict[str, Any], field: str
) -> None:
    """It cannot be sent in parts, so the error names the field that makes it so large."""

    async def test(stub: Stub) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send(stub, [event(1, **more)])
        info = info_of(caught.value)
        assert (info.reason, info.metadata["field"], info.metadata["limit"]) == ("BATCH_TOO_LARGE", field, "20000")
        assert f"make its {field} shorter, which has 21000" in caught.value.details()
        assert "in parts" not in caught.value.details()

    intake.run(test)


def test_a_batch_that_would_grow_when_decoded(intake: Intake) -> None:
    """One long text that a dictionary gives to a hundred events counts a hundred times."""
    columns = column_events([event(n) for n in range(100)])
    prop = columns.properties.add(key="blob")
    prop.strings.texts.CopyFrom(text_array(["x" * 5000]))

    async def test(stub: Stub) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.IngestColumns(ingest_service_pb2.IngestColumnsRequest(columns=columns))
        assert info_of(caught.value).reason == "BATCH_TOO_LARGE"
        assert int(info_of(caught.value).metadata["decoded_bytes"]) >= 500_000

    intake.run(test)


def test_malformed_columns(intake: Intake) -> None:
    """Columns that do not fit each other are an invalid argument that names the field."""
    columns = column_events([event(1), event(2)])
    columns.user_id.texts.CopyFrom(text_array(["u"]))
    columns.user_id.indices = np.array([1, 2], dtype="<u4").tobytes()

    async def test(stub: Stub) -> None:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.IngestColumns(ingest_service_pb2.IngestColumnsRequest(columns=columns))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert (info_of(caught.value).reason, dict(info_of(caught.value).metadata)) == (
            "MALFORMED_COLUMNS",
            {"field": "user_id.indices"},
        )

    intake.run(test)


def test_end_mark(intake: Intake) -> None:
    """FinishImport writes a mark behind what the source sent, and tells its position."""

    async def test(stub: Stub) -> None:
        await send_columns(stub, [event(1)])
        answer = await stub.FinishImport(ingest_service_pb2.FinishImportRequest(source="s"))
        assert answer.position == 2
        mark = intake.log.read(1, 1)[0]
        assert (mark.finished_source, mark.tenant) == ("s", "default")

    intake.run(test)


def test_end_mark_of_an_unknown_source(intake: Intake) -> None:
    """A source that never sent anything cannot be finished: the error names the nearest that did, for each tenant."""

    async def test(stub: Stub) -> None:
        await send_columns(stub, [event(1, source="shop")])
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.FinishImport(ingest_service_pb2.FinishImportRequest(source="shpo"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert info_of(caught.value).reason == "UNKNOWN_SOURCE"
        assert dict(info_of(caught.value).metadata) == {"source": "shpo", "nearest": "shop"}
        assert "did you mean 'shop'?" in caught.value.details()
        assert intake.log.end() == 1

    intake.run(test)


@SEND
def test_back_pressure(intake: Intake, send: Callable[..., Any]) -> None:
    """Too far behind, calls are refused with the lag and a delay; once the dataflow has caught up they are taken."""

    async def test(stub: Stub) -> None:
        intake.behind[0] = 51
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send(stub, [event(1)])
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        info = info_of(caught.value)
        assert (info.reason, dict(info.metadata)) == ("BACKPRESSURE", {"lag_events": "51"})
        intake.behind[0] = 0
        assert (await send(stub, [event(1)])).accepted == 1

    intake.run(test)


@SEND
def test_a_full_log(tmp_path: Path, send: Callable[..., Any]) -> None:
    """Where the log finds no space, nothing of a call is accepted, and the caller learns that it may try later; with
    space again, the same call goes in, once."""
    clock = ManualClock(NOW_US)

    async def test(stub: Stub) -> None:
        accepted, batch = 0, [event(0)]

        async def fill() -> None:
            nonlocal accepted, batch
            while accepted < 100_000:
                batch = [event(accepted + row) for row in range(50)]
                accepted += (await send(stub, batch)).accepted

        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await fill()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert info_of(caught.value).reason == "LOG_FULL"
        assert any(each.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for each in status_of(caught.value).details)
        assert log.end() == accepted > 0
        log.prune(entries_before_us=NOW_US + 1, identities_before_us=0)
        assert (await send(stub, batch)).accepted == 50
        assert (await send(stub, batch)).duplicates == 50
        assert log.end() == accepted + 50

    with (
        closing(SqliteEventLog(tmp_path / "log", clock, max_bytes=400_000)) as log,
        closing(Ingestion(log, log.end, LIMITS, clock)) as ingestion,
    ):
        Intake(log, ingestion, clock).run(test)


@pytest.mark.parametrize(
    ("lag", "pause"), [(0, 0.0), (50, 0.0), (75, LONGEST_PAUSE_S / 2), (100, LONGEST_PAUSE_S), (900, LONGEST_PAUSE_S)]
)
def test_calls_slow_down_before_they_are_refused(lag: int, pause: float) -> None:
    """From half of the lag allowed on, a call is held back for longer and longer, up to a bound."""
    assert pause_for(lag, 100) == pytest.approx(pause)


def stream_requests(batches: list[list[dict[str, Any]]]) -> Iterator[Request]:
    """Batches of a stream, every other one as columns; the ids are their numbers."""
    for number, events in enumerate(batches):
        request = Request(batch_id=str(number))
        if number % 2:
            request.columns.CopyFrom(column_events(events))
        else:
            request.events.events.extend(row_events(events))
        yield request


def test_stream_answers_in_order(intake: Intake) -> None:
    """Many batches in flight, of very different size, enter the log and are answered in the order they were sent."""
    sizes = [90, 1, 60, 2, 80, 1, 1, 70] * 5
    batches = [[event(1000 * number + n) for n in range(size)] for number, size in enumerate(sizes)]

    async def test(stub: Stub) -> None:
        answers = [answer async for answer in stub.StreamEvents(stream_requests(batches))]
        assert [answer.batch_id for answer in answers] == [str(number) for number in range(len(sizes))]
        assert [answer.outcome.accepted for answer in answers] == sizes
        assert [answer.outcome.position for answer in answers] == np.cumsum(sizes).tolist()
        ids = [one for entry in intake.log.read(0, 10**6) for one in entry.events.column("id").to_pylist()]
        assert ids == [one["id"] for batch in batches for one in batch]

    intake.run(test)


def test_stream_is_answered_while_it_is_open(intake: Intake) -> None:
    """The client need not end its side to get answers, and ends the stream by ending its side."""

    async def test(stub: Stub) -> None:
        call = stub.StreamEvents()
        for request in stream_requests([[event(n)] for n in range(5)]):
            await call.write(request)
            answer = await call.read()
            assert (answer.batch_id, answer.outcome.accepted) == (request.batch_id, 1)
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF

    intake.run(test)


def broken_requests() -> list[tuple[str, Request]]:
    """Batches that fail as a whole."""
    malformed = Request(columns=column_events([event(9)]))
    malformed.columns.count = 2
    return [
        ("MALFORMED_COLUMNS", malformed),
        ("BATCH_TOO_LARGE", Request(columns=column_events([event(n) for n in range(101)]))),
        ("INVALID_FIELD", Request(batch_id="nothing")),
    ]


BROKEN = pytest.mark.parametrize(("reason", "broken"), broken_requests(), ids=[one[0] for one in broken_requests()])


@BROKEN
def test_stream_ends_with_the_batch_that_fails(intake: Intake, reason: str, broken: Request) -> None:
    """What came before the failing batch is answered and kept; then the stream ends with its error."""

    async def test(stub: Stub) -> None:
        call = stub.StreamEvents([*stream_requests([[event(n)] for n in range(10)]), broken])
        answers = [await call.read() for _ in range(10)]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert info_of(caught.value).reason == reason
        assert [answer.batch_id for answer in answers] == [str(n) for n in range(10)]
        assert intake.log.end() == 10

    intake.run(test)


@BROKEN
def test_nothing_behind_a_failing_batch_is_taken(intake: Intake, reason: str, broken: Request) -> None:
    """Batches that the client had sent behind the failing one are not accepted, for nobody would be told of them."""

    async def requests() -> AsyncIterator[Request]:
        good = list(stream_requests([[event(n)] for n in range(60)]))
        for request in (*good[:10], broken, *good[10:]):
            yield request

    async def test() -> None:
        answers = IngestServicer(intake.ingestion).StreamEvents(requests(), None)
        assert [(await anext(answers)).outcome.accepted for _ in range(10)] == [1] * 10
        with pytest.raises(TruelineError) as caught:
            await anext(answers)
        assert caught.value.reason == reason
        assert intake.log.end() == 10

    asyncio.run(test())


def test_stream_that_the_client_drops(intake: Intake) -> None:
    """A stream that is cancelled midway leaves the service working, and what it had accepted is a duplicate then."""
    batches = [[event(10 * number + n) for n in range(10)] for number in range(30)]

    async def test(stub: Stub) -> None:
        call = stub.StreamEvents(stream_requests(batches))
        assert (await call.read()).outcome.accepted == 10
        call.cancel()
        answers = [answer async for answer in stub.StreamEvents(stream_requests(batches))]
        assert sum(answer.outcome.accepted + answer.outcome.duplicates for answer in answers) == 300
        assert answers[0].outcome.duplicates == 10
        assert intake.log.end() == 300

    intake.run(test)


def test_a_closed_log_is_told(intake: Intake) -> None:
    """While the server stops, calls are UNAVAILABLE with NOT_SERVING, so that clients try again."""

    async def test(stub: Stub) -> None:
        intake.log.close()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await send_columns(stub, [event(1)])
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert info_of(caught.value).reason == "NOT_SERVING"

    intake.run(test)
