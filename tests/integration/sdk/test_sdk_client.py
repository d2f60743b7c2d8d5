"""The sync and the async client against a real server: results, deadlines, retries, errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from trueline import (
    AsyncTruelineClient,
    BackpressureError,
    ColumnBatch,
    DeadlineExceededError,
    Event,
    InvalidRequestError,
    NotFoundError,
    RetryPolicy,
    TruelineClient,
    UnauthenticatedError,
    UnavailableError,
    Violation,
)
from trueline.v1 import kpi_service_pb2, metric_service_pb2

from tests.integration.sdk.recording import Failure, Recorder, Running

AT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


def events(count: int) -> list[Event]:
    """Events of one shop."""
    return [Event(id=f"e{i}", source="shop", name="sale", occurred_at=AT, value=float(i)) for i in range(count)]


def test_ingest_tells_what_became_of_each_event(client: TruelineClient, recorder: Recorder) -> None:
    """Accepted, duplicates and rejections are counted over all calls, and a rejection says which event it is."""
    recorder.refuse = lambda event: "VALUE_OUT_OF_RANGE" if event["value"] == 1500.0 else ""
    sent = events(2100)
    result = client.ingest([*sent, sent[0]])
    assert (result.accepted, result.duplicates, len(result.rejections)) == (2099, 1, 1)
    assert (result.rejections[0].index, result.rejections[0].reason) == (1500, "VALUE_OUT_OF_RANGE")
    assert result.rejections[0].origin is sent[1500]
    assert [name for name, _, _ in recorder.calls] == ["IngestEvents"] * 3
    assert recorder.events["shop", "e7"]["occurred_at_us"] == 1714979289123456
    assert result.position == 2099
    assert result.accepted_at is not None
    assert result.accepted_at.tzinfo is UTC


def test_columns_mean_the_same_events(client: TruelineClient, recorder: Recorder) -> None:
    """IngestColumns of the same events finds every one of them there already."""
    sent = events(1200)
    client.ingest(sent)
    result = client.ingest_columns(ColumnBatch.from_events(sent))
    assert (result.accepted, result.duplicates) == (0, 1200)


def test_no_answer_is_tried_again_with_the_same_identities(client: TruelineClient, recorder: Recorder) -> None:
    """UNAVAILABLE is tried again, with identities that were fixed before the first try."""
    recorder.failures.extend([Failure("UNAVAILABLE", "NOT_SERVING"), Failure("UNAVAILABLE")])
    result = client.ingest([Event(source="shop", name="sale")])
    assert result.accepted == 1
    assert len({request.events[0].id for _, request, _ in recorder.calls}) == 1
    assert len(recorder.calls) == 3


def test_the_delay_that_the_server_asks_for_is_kept(client: TruelineClient, recorder: Recorder) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo is tried again, not earlier than it says."""
    recorder.failures.append(Failure("RESOURCE_EXHAUSTED", "BACKPRESSURE", retry_after=0.3))
    client.status()
    (_, _, first), (_, _, second) = recorder.calls
    assert second - first >= 0.3


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (Failure("RESOURCE_EXHAUSTED", "LOG_FULL"), BackpressureError),
        (Failure("INVALID_ARGUMENT", "INVALID_FIELD", violations=(("page_size", "is negative"),)), InvalidRequestError),
        (Failure("NOT_FOUND", "UNKNOWN_METRIC", metadata={"nearest": "dau"}), NotFoundError),
        (Failure("UNAUTHENTICATED", "UNAUTHENTICATED"), UnauthenticatedError),
    ],
    ids=lambda value: value.reason if isinstance(value, Failure) else "",
)
def test_other_failures_are_told_at_once(
    client: TruelineClient, recorder: Recorder, failure: Failure, kind: type[Exception]
) -> None:
    """What would fail again is not tried again; the error has code, reason, metadata and violations."""
    recorder.failures.append(failure)
    with pytest.raises(kind) as caught:
        client.list_metrics()
    error = caught.value
    assert (error.code, error.reason, error.message) == (failure.code, failure.reason, "as told")
    assert error.metadata == failure.metadata
    assert error.violations == tuple(Violation(*pair) for pair in failure.violations)
    assert len(recorder.calls) == 1


def test_tries_are_bounded(running: Running, recorder: Recorder) -> None:
    """After the policy's number of tries the last failure is raised."""
    recorder.failures.extend([Failure("UNAVAILABLE")] * 5)
    retry = RetryPolicy(attempts=3, first=0.01)
    with TruelineClient(running.address, retry=retry) as client, pytest.raises(UnavailableError):
        client.status()
    assert len(recorder.calls) == 3


def test_a_call_has_a_deadline_with_all_its_tries(client: TruelineClient, recorder: Recorder) -> None:
    """A server that does not answer in time is DEADLINE_EXCEEDED."""
    recorder.gate.clear()
    with pytest.raises(DeadlineExceededError) as caught:
        client.ingest(events(1), timeout=0.2)
    assert caught.value.reason == "DEADLINE_EXCEEDED"


def test_without_a_server_the_address_is_named(running: Running) -> None:
    """The message for people names the address that did not answer."""
    running.stop()
    client = TruelineClient(running.address, retry=RetryPolicy(attempts=2, first=0.01))
    with client, pytest.raises(UnavailableError, match=f"no server answers at {running.address}"):
        client.status()


def test_the_token_goes_as_metadata(running: Running, recorder: Recorder) -> None:
    """A token is sent as `authorization: Bearer`; without one nothing is."""
    with TruelineClient(running.address, token="s3cret") as client:
        client.status()
    with TruelineClient(running.address) as client:
        client.status()
    assert [found.get("authorization") for found in recorder.metadata] == ["Bearer s3cret", None]


def test_lists_are_paged_by_the_client(client: TruelineClient, recorder: Recorder) -> None:
    """All pages are fetched: metrics, points and KPIs."""
    recorder.metrics = [metric_service_pb2.Metric(name=f"m{i}", aggregation=6) for i in range(5)]
    recorder.points = [metric_service_pb2.MetricPoint(metric="m0", events=i, completeness=4) for i in range(4)]
    recorder.kpis = [kpi_service_pb2.KpiValue(name=f"k{i}") for i in range(3)]
    assert [metric.name for metric in client.list_metrics()] == ["m0", "m1", "m2", "m3", "m4"]
    assert client.list_metrics()[0].aggregation == "count_distinct"
    series = client.query_metric("m0", start=AT, labels={"plan": "pro"})
    assert [point.events for point in series] == [0, 1, 2, 3]
    assert (series.position, series.points[0].completeness, series.points[0].value) == (7, "corrected", None)
    assert [kpi.name for kpi in client.kpis(at=AT)] == ["k0", "k1", "k2"]
    queries = [request for name, request, _ in recorder.calls if name == "QueryMetric"]
    assert [request.page_token for request in queries] == ["", "2"]
    assert {request.labels["plan"] for request in queries} == {"pro"}
    assert queries[1].start_time.ToDatetime(tzinfo=UTC) == AT


def test_a_score_keeps_what_is_absent_apart_from_zero(client: TruelineClient, recorder: Recorder) -> None:
    """A KPI without a value has None and says why; one with 0.0 has 0.0."""
    recorder.score.score = 0.0
    recorder.score.items.add(weight=1).kpi.missing = "no event plays the role 'spend'"
    recorder.score.items.add(weight=2, contribution=3).kpi.value = 0.0
    score = client.alignment_score(min_position=9)
    assert score.score == 0.0
    assert [(item.kpi.value, item.kpi.missing) for item in score.items] == [
        (None, "no event plays the role 'spend'"),
        (0.0, ""),
    ]
    assert recorder.calls[-1][1].min_position == 9


def test_stream_answers_batches_in_order(client: TruelineClient, recorder: Recorder) -> None:
    """Batches over one connection are answered in order; lists of events and columns may be mixed."""
    sent = events(5)
    results = list(client.stream([sent[:2], ColumnBatch.from_events(sent[2:]), sent[:1]]))
    assert [(result.accepted, result.duplicates) for result in results] == [(2, 0), (3, 0), (0, 1)]
    assert [name for name, _, _ in recorder.calls] == ["StreamEvents"]


def test_a_stream_that_fails_has_told_what_was_answered(client: TruelineClient, recorder: Recorder) -> None:
    """The results before the failure are there, then its error."""
    recorder.cut_after.append(1)
    results = client.stream([events(1), events(2)])
    assert next(results).accepted == 1
    with pytest.raises(UnavailableError, match="no server answers"):
        next(results)


def test_a_naive_time_is_refused_before_it_is_sent(client: TruelineClient, recorder: Recorder) -> None:
    """Times without a zone mean different instants on different machines."""
    naive = datetime(2024, 1, 1)  # noqa: DTZ001
    with pytest.raises(InvalidRequestError, match="no time zone"):
        client.kpis(at=naive)
    with pytest.raises(ValueError, match="no time zone"):
        Event(source="s", name="n", occurred_at=naive)
    assert recorder.calls == []


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.priority_actions(limit=99_999_999_999),
        lambda client: client.status(min_position=-1),
        lambda client: client.list_metrics(page_size=2**31),
        lambda client: client.finish_import("\ud800"),
        lambda client: client.resolve_mapping(),
        lambda client: next(client.watch_alignment(heartbeat=float("nan"))),
        lambda client: next(client.watch_metrics(heartbeat=float("inf"))),
    ],
    ids=["limit", "position", "page", "text", "mapping", "nan", "infinite"],
)
def test_a_value_that_the_contract_cannot_carry(
    client: TruelineClient, recorder: Recorder, call: Callable[[TruelineClient], object]
) -> None:
    """It is an error of the request as the server's are, not one of protobuf; nothing is sent."""
    with pytest.raises(InvalidRequestError, match="cannot be built") as refused:
        call(client)
    assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert recorder.calls == []


def test_the_async_client_does_the_same(running: Running, recorder: Recorder) -> None:
    """Ingest, retries, pages, streams and errors behave as in the sync client."""
    recorder.failures.append(Failure("UNAVAILABLE"))
    recorder.metrics = [metric_service_pb2.Metric(name=f"m{i}") for i in range(3)]

    async def run() -> None:
        async with AsyncTruelineClient(running.address, retry=RetryPolicy(first=0.01)) as client:
            assert (await client.ingest(events(3))).accepted == 3
            assert [metric.name for metric in await client.list_metrics()] == ["m0", "m1", "m2"]
            streamed = [result async for result in client.stream([events(4), events(5)])]
            assert [(r.accepted, r.duplicates) for r in streamed] == [(1, 3), (1, 4)]
            recorder.failures.append(Failure("NOT_FOUND", "UNKNOWN_METRIC", metadata={"nearest": "dau"}))
            with pytest.raises(NotFoundError) as caught:
                await client.query_metric("dua")
            assert caught.value.metadata["nearest"] == "dau"
            recorder.gate.clear()
            with pytest.raises(DeadlineExceededError):
                await client.ingest(events(1), timeout=0.2)

    asyncio.run(run())
