"""The IngestService: protobuf in and out of the use case."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1 import error_reason_pb2, event_pb2, ingest_service_pb2, ingest_service_pb2_grpc
from trueline_stores.log.port import AppendResult

from trueline_server.errors import invalid_field
from trueline_server.ingest.columns import read_columns
from trueline_server.ingest.preparing import Prepared, SizedBatch
from trueline_server.ingest.rows import read_rows
from trueline_server.ingest.service import Ingestion, Outcome
from trueline_server.transport.tenant import current_tenant

# Batches of one stream that are read and checked, and that wait for the disk, at the same time.
PREPARED_AHEAD = 32
DURABLE_AHEAD = 128

T = TypeVar("T")
Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class IngestServicer(ingest_service_pb2_grpc.IngestServiceServicer):
    """Answers IngestService."""

    def __init__(self, ingestion: Ingestion) -> None:
        self._ingestion = ingestion

    async def IngestEvents(
        self, request: ingest_service_pb2.IngestEventsRequest, context: Context
    ) -> ingest_service_pb2.IngestEventsResponse:
        """See ingest_service.proto."""
        outcome = await self._ingestion.ingest(current_tenant(), _sized_rows(request.events, request.ByteSize()))
        return ingest_service_pb2.IngestEventsResponse(outcome=outcome_message(outcome))

    async def IngestColumns(
        self, request: ingest_service_pb2.IngestColumnsRequest, context: Context
    ) -> ingest_service_pb2.IngestColumnsResponse:
        """See ingest_service.proto."""
        outcome = await self._ingestion.ingest(current_tenant(), _sized_columns(request.columns, request.ByteSize()))
        return ingest_service_pb2.IngestColumnsResponse(outcome=outcome_message(outcome))

    async def FinishImport(
        self, request: ingest_service_pb2.FinishImportRequest, context: Context
    ) -> ingest_service_pb2.FinishImportResponse:
        """See ingest_service.proto."""
        position = await self._ingestion.finish(current_tenant(), request.source)
        return ingest_service_pb2.FinishImportResponse(position=position)

    async def StreamEvents(
        self, request_iterator: AsyncIterator[ingest_service_pb2.StreamEventsRequest], context: Context
    ) -> AsyncIterator[ingest_service_pb2.StreamEventsResponse]:
        """See ingest_service.proto."""
        pipeline = _Pipeline(self._ingestion, current_tenant())
        async with aclosing(pipeline.run(request_iterator)) as answers:
            async for batch_id, outcome in answers:
                yield ingest_service_pb2.StreamEventsResponse(batch_id=batch_id, outcome=outcome_message(outcome))


@dataclass(frozen=True, slots=True)
class _Preparing:
    batch_id: str
    task: asyncio.Task[Prepared]


@dataclass(frozen=True, slots=True)
class _Appended:
    batch_id: str
    prepared: Prepared
    result: Future[AppendResult] | None


@dataclass(frozen=True, slots=True)
class _End:
    """The end of the stream; an error if a batch failed as a whole."""

    error: Exception | None = None


class _Pipeline:
    """The batches of one stream: prepared side by side, appended and answered in the order they came.

    A failure travels behind the batches before it, so that those are answered first.
    """

    def __init__(self, ingestion: Ingestion, tenant: str) -> None:
        self._ingestion = ingestion
        self._tenant = tenant
        self._preparing: asyncio.Queue[_Preparing | _End] = asyncio.Queue(PREPARED_AHEAD)
        self._appended: asyncio.Queue[_Appended | _End] = asyncio.Queue(DURABLE_AHEAD)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(
        self, requests: AsyncIterator[ingest_service_pb2.StreamEventsRequest]
    ) -> AsyncGenerator[tuple[str, Outcome], None]:
        """Batch ids and outcomes, until the first batch that fails as a whole."""
        self._start(self._prepare_all(requests))
        self._start(self._append_all())
        try:
            while isinstance(item := await self._appended.get(), _Appended):
                yield item.batch_id, await self._ingestion.settle(item.prepared, item.result)
            if item.error is not None:
                raise item.error
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _prepare_all(self, requests: AsyncIterator[ingest_service_pb2.StreamEventsRequest]) -> None:
        end = _End()
        try:
            async for request in requests:
                batch = _sized_batch(request)
                await self._ingestion.admit()
                await self._preparing.put(_Preparing(request.batch_id, self._start(self._ingestion.prepare(batch))))
        except Exception as error:  # noqa: BLE001  raised again once the batches before are answered
            end = _End(error)
        await self._preparing.put(end)

    async def _append_all(self) -> None:
        end = _End()
        try:
            while isinstance(item := await self._preparing.get(), _Preparing):
                prepared = await item.task
                appended = self._ingestion.append(self._tenant, prepared)
                await self._appended.put(_Appended(item.batch_id, prepared, appended))
            end = item
        except Exception as error:  # noqa: BLE001  raised again once the batches before are answered
            end = _End(error)
        await self._appended.put(end)


def _sized_batch(request: ingest_service_pb2.StreamEventsRequest) -> SizedBatch:
    match request.WhichOneof("batch"):
        case "events":
            return _sized_rows(request.events.events, request.ByteSize())
        case "columns":
            return _sized_columns(request.columns, request.ByteSize())
    raise invalid_field("batch", "is not set: send events or columns")


def _sized_rows(events: Any, size: int) -> SizedBatch:
    return SizedBatch(len(events), size, partial(read_rows, events))


def _sized_columns(columns: event_pb2.EventColumns, size: int) -> SizedBatch:
    # The larger of the two: a count that does not fit the ids is told when they are read.
    return SizedBatch(max(columns.count, len(columns.ids.lengths) // 4), size, partial(read_columns, columns), columns)


def outcome_message(outcome: Outcome) -> ingest_service_pb2.IngestOutcome:
    """The outcome as its message."""
    seconds, micros = divmod(outcome.accepted_at_us, 1_000_000)
    return ingest_service_pb2.IngestOutcome(
        accepted=outcome.accepted,
        duplicates=outcome.duplicates,
        rejections=[
            ingest_service_pb2.Rejection(
                index=rejection.index,
                field=rejection.field,
                reason=error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{rejection.reason}"),
                message=rejection.message,
            )
            for rejection in outcome.rejections
        ],
        position=outcome.position,
        accepted_at=Timestamp(seconds=seconds, nanos=micros * 1000),
    )
