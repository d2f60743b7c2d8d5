"""Requests that no well-behaved client sends: each ends in a status that tells the caller what to do, never in INTERNAL
or UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from trueline.v1 import event_pb2, ingest_service_pb2, ingest_service_pb2_grpc, metric_service_pb2
from trueline.v1 import metric_service_pb2_grpc as metrics_grpc

from benchmarks.server_process import ServerFailedError, ServerProcess

TIMEOUT_S = 20.0


@pytest.fixture
def channel(shared_server: ServerProcess) -> Iterator[grpc.Channel]:
    """A connection to a server."""
    with grpc.insecure_channel(shared_server.address) as opened:
        yield opened


def reason_of(error: grpc.RpcError) -> tuple[grpc.StatusCode, str]:
    """Code of a failed call and the reason in its details."""
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error}"
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return error.code(), info.reason


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x03\xff\xfe\xfd"], ids=["cut", "not UTF-8"])
@pytest.mark.parametrize("method", ["MetricService/QueryMetric", "IngestService/IngestEvents"])
def test_bytes_that_are_no_message(channel: grpc.Channel, method: str, body: bytes) -> None:
    """Bytes that cannot be read as the request are an invalid request."""
    call = channel.unary_unary(f"/trueline.v1.{method}")

    with pytest.raises(grpc.RpcError) as told:
        call(body, timeout=TIMEOUT_S)

    assert reason_of(told.value) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


def test_bytes_that_are_no_message_in_a_stream(channel: grpc.Channel) -> None:
    """The same holds for a message of a stream."""
    call = channel.stream_stream("/trueline.v1.IngestService/StreamEvents")

    with pytest.raises(grpc.RpcError) as told:
        list(call(iter([b"\xff\xff\xff"]), timeout=TIMEOUT_S))

    assert reason_of(told.value) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


def test_batches_without_events(channel: grpc.Channel) -> None:
    """An empty batch is refused as one, in every form."""
    stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
    empty = event_pb2.EventColumns()
    streamed = ingest_service_pb2.StreamEventsRequest
    calls = [
        lambda: stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(), timeout=TIMEOUT_S),
        lambda: stub.IngestColumns(ingest_service_pb2.IngestColumnsRequest(columns=empty), timeout=TIMEOUT_S),
        lambda: list(stub.StreamEvents(iter([streamed(columns=empty)]), timeout=TIMEOUT_S)),
        lambda: list(stub.StreamEvents(iter([streamed(events=ingest_service_pb2.EventList())]), timeout=TIMEOUT_S)),
    ]
    for call in calls:
        with pytest.raises(grpc.RpcError) as told:
            call()

        assert reason_of(told.value) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


def test_a_range_turned_round(channel: grpc.Channel) -> None:
    """An end before the start is refused, not answered with nothing."""
    stub = metrics_grpc.MetricServiceStub(channel)
    request = metric_service_pb2.QueryMetricRequest(metric="daily_active_users")
    request.start_time.FromJsonString("2026-03-02T00:00:00Z")
    request.end_time.FromJsonString("2026-03-01T00:00:00Z")

    with pytest.raises(grpc.RpcError) as told:
        stub.QueryMetric(request, timeout=TIMEOUT_S)

    assert reason_of(told.value) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


def test_a_watch_of_labels_that_no_metric_has(channel: grpc.Channel) -> None:
    """A watch that could never say anything is refused."""
    stub = metrics_grpc.MetricServiceStub(channel)
    request = metric_service_pb2.WatchMetricsRequest(metrics=["events_by_name"], labels={"planet": "mars"})

    with pytest.raises(grpc.RpcError) as told:
        next(stub.WatchMetrics(request, timeout=TIMEOUT_S))

    assert reason_of(told.value) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


def test_a_statement_that_is_not_allowed_stops_the_start(tmp_path: Path) -> None:
    """A rule file whose KPI reads a file of the machine does not load, and the server says so."""
    rules = tmp_path / "kpi.yaml"
    rules.write_text(
        "apiVersion: trueline/v1\nkind: Kpi\nmetadata: {name: spy}\nspec:\n  unit: ratio\n  direction: higher\n"
        "  target: 1\n  statement: SELECT length(file('/etc/passwd')) AS value\n"
    )

    with pytest.raises(ServerFailedError) as told:
        ServerProcess(tmp_path, {"TRUELINE_RULES": str(rules)}).start()

    assert "kpi.yaml" in str(told.value)
    assert "spy" in str(told.value)
    assert "file" in str(told.value)
