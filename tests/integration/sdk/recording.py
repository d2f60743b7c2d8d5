"""A small real gRPC server that records what it is sent and fails as told; and a plain decoder of EventColumns."""

from __future__ import annotations

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from trueline.v1 import (
    error_reason_pb2,
    event_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    kpi_service_pb2,
    kpi_service_pb2_grpc,
    metric_service_pb2,
    metric_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)

TEXTS = ("source", "name", "user_id", "account_id", "anonymous_id", "device_id", "currency")


def unpack_texts(packed: event_pb2.TextArray) -> list[str]:
    """Packed texts one by one."""
    rest, texts = packed.text, []
    for (length,) in struct.iter_unpack("<I", packed.lengths):
        texts.append(rest[:length].decode())
        rest = rest[length:]
    assert not rest
    return texts


def _texts(column: event_pb2.StringColumn, count: int) -> list[str | None]:
    texts = unpack_texts(column.texts)
    if not column.indices:
        if len(texts) == count:
            return list(texts)
        assert len(texts) < 2
        return [texts[0] if texts else None] * count
    return [[None, *texts][code] for code in struct.unpack(f"<{count}I", column.indices)]


def _numbers(column: event_pb2.DoubleColumn, count: int) -> list[float | None]:
    values = struct.unpack(f"<{len(column.values) // 8}d", column.values)
    if not column.rows:
        assert len(values) in (0, count)
        return list(values) or [None] * count
    out: list[float | None] = [None] * count
    for row, value in zip(struct.unpack(f"<{len(column.rows) // 4}I", column.rows), values, strict=True):
        out[row] = value
    return out


def decode_columns(columns: event_pb2.EventColumns) -> list[dict[str, Any]]:
    """The events of a columnar batch one by one, as the contract defines it, without any of the SDK's code."""
    count = columns.count
    ids = unpack_texts(columns.ids)
    assert len(ids) == count
    times = struct.unpack(f"<{count}q", columns.occurred_at_us)
    events: list[dict[str, Any]] = [
        {"id": id_, "occurred_at_us": us, "properties": {}} for id_, us in zip(ids, times, strict=True)
    ]
    for name in TEXTS:
        for event, text in zip(events, _texts(getattr(columns, name), count), strict=True):
            event[name] = text or None
    for event, value in zip(events, _numbers(columns.value, count), strict=True):
        event["value"] = value
    for column in columns.properties:
        kind = column.WhichOneof("values")
        if kind == "strings":
            cells: list[Any] = _texts(column.strings, count)
        elif kind == "doubles":
            cells = _numbers(column.doubles, count)
        else:
            cells = [None if flag == 2 else bool(flag) for flag in column.bools]
        for event, cell in zip(events, cells, strict=True):
            if cell is not None:
                assert column.key not in event["properties"]
                event["properties"][column.key] = cell
    return events


@dataclass
class Failure:
    """An error that the server answers instead of doing what it is asked."""

    code: str
    reason: str = ""
    message: str = "as told"
    metadata: dict[str, str] = field(default_factory=dict)
    violations: tuple[tuple[str, str], ...] = ()
    retry_after: float | None = None

    def abort(self, context: Any) -> None:
        """End the call with this error and its google.rpc details."""
        details: list[Any] = []
        if self.reason:
            details.append(error_details_pb2.ErrorInfo(reason=self.reason, domain="trueline", metadata=self.metadata))
        if self.violations:
            violation = error_details_pb2.BadRequest.FieldViolation
            broken = [violation(field=name, description=text) for name, text in self.violations]
            details.append(error_details_pb2.BadRequest(field_violations=broken))
        if self.retry_after is not None:
            delay = duration_pb2.Duration()
            delay.FromMicroseconds(int(self.retry_after * 1e6))
            details.append(error_details_pb2.RetryInfo(retry_delay=delay))
        packed = []
        for detail in details:
            any_ = any_pb2.Any()
            any_.Pack(detail)
            packed.append(any_)
        code = getattr(grpc.StatusCode, self.code)
        status = status_pb2.Status(code=code.value[0], message=self.message, details=packed)
        context.abort_with_status(rpc_status.to_status(status))


class Recorder(
    ingest_service_pb2_grpc.IngestServiceServicer,
    metric_service_pb2_grpc.MetricServiceServicer,
    kpi_service_pb2_grpc.KpiServiceServicer,
    system_service_pb2_grpc.SystemServiceServicer,
):
    """Keeps events by identity, first wins; `failures` come first; `judge` may fail a batch as a whole."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.calls: list[tuple[str, Any, float]] = []
        self.metadata: list[dict[str, str]] = []
        self.events: dict[tuple[str, str], dict[str, Any]] = {}
        self.arrivals: list[tuple[str, str]] = []
        self.batches = 0
        self.failures: deque[Failure] = deque()
        self.cut_after: deque[int] = deque()
        self.judge: Callable[[list[dict[str, Any]]], Failure | None] = lambda events: None
        self.refuse: Callable[[dict[str, Any]], str] = lambda event: ""
        self.gate = threading.Event()
        self.gate.set()
        self.finished: list[str] = []
        self.scripts: deque[list[Any]] = deque()
        self.metrics: list[metric_service_pb2.Metric] = []
        self.points: list[metric_service_pb2.MetricPoint] = []
        self.page = 2
        self.score = kpi_service_pb2.AlignmentScore(scorecard="alignment")
        self.kpis: list[kpi_service_pb2.KpiValue] = []
        self.status = system_service_pb2.GetStatusResponse(version="0")
        self.mapping = system_service_pb2.ResolveEventMappingResponse(name="m")
        self.quality = kpi_service_pb2.GetDataQualityResponse()
        self.actions = kpi_service_pb2.ListPriorityActionsResponse()

    def wait_for(self, condition: Callable[[], bool], timeout: float = 20.0) -> None:
        """Wait until something is so; fails after `timeout` seconds."""
        with self.changed:
            assert self.changed.wait_for(condition, timeout), "the server never saw it"

    def _enter(self, name: str, request: Any, context: Any) -> None:
        with self.changed:
            self.calls.append((name, request, time.monotonic()))
            self.metadata.append(dict(context.invocation_metadata()))
            self.changed.notify_all()
            failure = self.failures.popleft() if self.failures else None
        if failure is not None:
            failure.abort(context)

    def _keep(self, events: list[dict[str, Any]], context: Any) -> ingest_service_pb2.IngestOutcome:
        with self.changed:
            self.batches += 1
            self.changed.notify_all()
        while not self.gate.wait(0.05):
            if not context.is_active():
                break
        failure = self.judge(events)
        if failure is not None:
            failure.abort(context)
        outcome = ingest_service_pb2.IngestOutcome()
        for index, event in enumerate(events):
            key = (event["source"], event["id"])
            reason = self.refuse(event)
            if reason:
                number = error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")
                outcome.rejections.add(index=index, field="value", reason=number, message="refused as told")
            elif self.events.get(key) == event:
                outcome.duplicates += 1
            elif key in self.events:
                number = error_reason_pb2.ERROR_REASON_EVENT_CONFLICT
                outcome.rejections.add(index=index, field="id", reason=number, message="taken")
            else:
                self.events[key] = event
                self.arrivals.append(key)
                outcome.accepted += 1
        outcome.position = len(self.arrivals)
        outcome.accepted_at.GetCurrentTime()
        return outcome

    def IngestEvents(self, request, context):
        self._enter("IngestEvents", request, context)
        events = [_single(event) for event in request.events]
        return ingest_service_pb2.IngestEventsResponse(outcome=self._keep(events, context))

    def IngestColumns(self, request, context):
        self._enter("IngestColumns", request, context)
        outcome = self._keep(decode_columns(request.columns), context)
        return ingest_service_pb2.IngestColumnsResponse(outcome=outcome)

    def StreamEvents(self, request_iterator, context) -> Iterator[Any]:
        self._enter("StreamEvents", None, context)
        left = self.cut_after.popleft() if self.cut_after else -1
        for request in request_iterator:
            outcome = self._keep(decode_columns(request.columns), context)
            if left == 0:
                # Kept, but the answer is lost.
                Failure("UNAVAILABLE", message="cut").abort(context)
            left -= 1
            yield ingest_service_pb2.StreamEventsResponse(batch_id=request.batch_id, outcome=outcome)

    def FinishImport(self, request, context):
        self._enter("FinishImport", request, context)
        if request.source not in {source for source, _ in self.events}:
            Failure("NOT_FOUND", "UNKNOWN_SOURCE", "no event of the source was ever accepted").abort(context)
        self.finished.append(request.source)
        return ingest_service_pb2.FinishImportResponse(position=len(self.arrivals) + 1)

    def _paged(self, items: list[Any], token: str) -> tuple[list[Any], str]:
        start = int(token or 0)
        end = start + self.page
        return items[start:end], str(end) if end < len(items) else ""

    def ListMetrics(self, request, context):
        self._enter("ListMetrics", request, context)
        items, token = self._paged(self.metrics, request.page_token)
        return metric_service_pb2.ListMetricsResponse(metrics=items, next_page_token=token)

    def QueryMetric(self, request, context):
        self._enter("QueryMetric", request, context)
        items, token = self._paged(self.points, request.page_token)
        return metric_service_pb2.QueryMetricResponse(points=items, next_page_token=token, position=7)

    def _play(self, context: Any) -> Iterator[Any]:
        """The next script: messages are sent, a Failure ends the stream, an Event is waited for."""
        for step in self.scripts.popleft():
            if isinstance(step, Failure):
                step.abort(context)
            elif isinstance(step, threading.Event):
                while context.is_active() and not step.wait(0.05):
                    pass
            else:
                yield step

    def WatchMetrics(self, request, context):
        self._enter("WatchMetrics", request, context)
        yield from self._play(context)

    def WatchAlignment(self, request, context):
        self._enter("WatchAlignment", request, context)
        yield from self._play(context)

    def ListKpis(self, request, context):
        self._enter("ListKpis", request, context)
        items, token = self._paged(self.kpis, request.page_token)
        return kpi_service_pb2.ListKpisResponse(kpis=items, next_page_token=token)

    def GetAlignmentScore(self, request, context):
        self._enter("GetAlignmentScore", request, context)
        return kpi_service_pb2.GetAlignmentScoreResponse(score=self.score)

    def ListPriorityActions(self, request, context):
        self._enter("ListPriorityActions", request, context)
        return self.actions

    def GetDataQuality(self, request, context):
        self._enter("GetDataQuality", request, context)
        return self.quality

    def GetStatus(self, request, context):
        self._enter("GetStatus", request, context)
        return self.status

    def ResolveEventMapping(self, request, context):
        self._enter("ResolveEventMapping", request, context)
        return self.mapping


def _single(event: event_pb2.Event) -> dict[str, Any]:
    us = event.occurred_at.seconds * 1_000_000 + event.occurred_at.nanos // 1000
    out: dict[str, Any] = {"id": event.id, "occurred_at_us": us}
    out |= {name: getattr(event, name) or None for name in TEXTS}
    out["value"] = event.value if event.HasField("value") else None
    out["properties"] = {key: getattr(value, value.WhichOneof("kind")) for key, value in event.properties.items()}
    return out


@dataclass
class Running:
    """A server that runs on a port of its own."""

    recorder: Recorder
    port: int = 0
    server: grpc.Server | None = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve on the port; on a free one the first time."""
        # Sharing a port with a server that is going down would hide what a restart does.
        self.server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(self.recorder, self.server)
        metric_service_pb2_grpc.add_MetricServiceServicer_to_server(self.recorder, self.server)
        kpi_service_pb2_grpc.add_KpiServiceServicer_to_server(self.recorder, self.server)
        system_service_pb2_grpc.add_SystemServiceServicer_to_server(self.recorder, self.server)
        self.port = self.server.add_insecure_port(f"127.0.0.1:{self.port}")
        self.server.start()

    def stop(self) -> None:
        """End all calls at once."""
        self.recorder.gate.set()
        if self.server is not None:
            self.server.stop(0).wait()
            self.server = None
