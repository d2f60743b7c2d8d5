"""The async client: the same calls as the sync one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Self

import grpc
import tenacity
from google.protobuf.message import Message

from trueline import calls, channel, facts, mapping, retries, watching
from trueline.aio_alerts import AsyncAlertMethods
from trueline.aio_attribution import AsyncAttributionMethods
from trueline.aio_attribution_changes import AsyncAttributionChangeMethods
from trueline.aio_checkpoints import AsyncCheckpointMethods
from trueline.aio_churn import AsyncChurnMethods
from trueline.aio_compliance import AsyncComplianceMethods
from trueline.aio_health import AsyncHealthMethods
from trueline.aio_operations import AsyncOperationMethods
from trueline.aio_rules import AsyncRuleMethods
from trueline.aio_scoring import AsyncScoringMethods
from trueline.aio_studies import AsyncStudyMethods
from trueline.batch import ColumnBatch
from trueline.calls import Answer, Call
from trueline.errors import TruelineError, decode, unavailable
from trueline.event import Event
from trueline.results import (
    AlignmentScore,
    DataQuality,
    EventMapping,
    IngestResult,
    KpiValue,
    Metric,
    MetricMessage,
    MetricSeries,
    PriorityAction,
    ScoreMessage,
    Status,
)
from trueline.retries import RetryPolicy
from trueline.v1 import ingest_service_pb2


class AsyncTruelineClient(
    AsyncRuleMethods,
    AsyncOperationMethods,
    AsyncAlertMethods,
    AsyncCheckpointMethods,
    AsyncAttributionMethods,
    AsyncAttributionChangeMethods,
    AsyncStudyMethods,
    AsyncChurnMethods,
    AsyncScoringMethods,
    AsyncHealthMethods,
    AsyncComplianceMethods,
):
    """A client of one server, for the tasks of one event loop; make it inside the loop.

    Calls, arguments, deadlines and retries are those of `TruelineClient`.
    """

    def __init__(
        self,
        address: str = channel.DEFAULT_ADDRESS,
        *,
        token: str | None = None,
        timeout: float = 30.0,
        retry: RetryPolicy | None = None,
        secure: bool = False,
    ) -> None:
        self.address = address
        self.timeout = timeout
        self.retry = retry or RetryPolicy()
        self._metadata = channel.credentials(token)
        self._channel = channel.open_aio_channel(address, secure=secure)
        self._stubs = calls.Stubs(self._channel)
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel; open watches and streams end."""
        self._closed = True
        await self._channel.close()

    async def ingest(self, events: Iterable[Event], *, timeout: float | None = None) -> IngestResult:
        """See `TruelineClient.ingest`."""
        events = list(events)
        parts = [events[i : i + calls.CALL_EVENTS] for i in range(0, len(events), calls.CALL_EVENTS)]
        return mapping.merged([await self._call(calls.ingest(p), timeout) for p in parts], list(map(len, parts)))

    async def ingest_columns(self, batch: ColumnBatch, *, timeout: float | None = None) -> IngestResult:
        """See `TruelineClient.ingest_columns`."""
        parts = [batch.rows(i, i + calls.CALL_EVENTS) for i in range(0, len(batch), calls.CALL_EVENTS)]
        results = [await self._call(calls.ingest_columns(part), timeout) for part in parts]
        return mapping.merged(results, list(map(len, parts)))

    async def stream(
        self, batches: Iterable[ColumnBatch | Sequence[Event]] | AsyncIterable[ColumnBatch | Sequence[Event]]
    ) -> AsyncGenerator[IngestResult, None]:
        """See `TruelineClient.stream`; `batches` may be async."""
        sent: dict[int, Any] = {}

        async def requests() -> AsyncIterator[ingest_service_pb2.StreamEventsRequest]:
            number = 0
            async for batch in _each(batches):
                columns = batch if isinstance(batch, ColumnBatch) else ColumnBatch.from_events(batch)
                sent[number] = columns.origins
                yield ingest_service_pb2.StreamEventsRequest(batch_id=str(number), columns=columns.to_proto())
                number += 1

        call = self._stubs.method("IngestService", "StreamEvents")(requests(), metadata=self._metadata)
        number = 0
        try:
            async for answer in call:
                yield mapping.ingest_result(answer.outcome, sent.pop(number))
                number += 1
        except grpc.RpcError as error:
            raise decode(error, self.address) from None
        finally:
            call.cancel()

    async def finish_import(self, source: str, *, timeout: float | None = None) -> int:
        """See `TruelineClient.finish_import`."""
        return await self._call(calls.finish_import(source), timeout)

    async def list_metrics(self, *, page_size: int = 0, timeout: float | None = None) -> tuple[Metric, ...]:
        """See `TruelineClient.list_metrics`."""
        return await self._call(calls.list_metrics(page_size), timeout)

    async def query_metric(
        self,
        metric: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        labels: Mapping[str, str] | None = None,
        fill_empty: bool = False,
        min_position: int = 0,
        page_size: int = 0,
        timeout: float | None = None,
    ) -> MetricSeries:
        """See `TruelineClient.query_metric`."""
        call = calls.query_metric(
            metric,
            start=start,
            end=end,
            labels=labels,
            fill_empty=fill_empty,
            min_position=min_position,
            page_size=page_size,
        )
        return await self._call(call, timeout)

    def watch_metrics(
        self,
        metrics: Sequence[str] = (),
        *,
        labels: Mapping[str, str] | None = None,
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> AsyncGenerator[MetricMessage, None]:
        """See `TruelineClient.watch_metrics`."""
        return self._watch(watching.metric_watch(metrics, labels, resume_token, heartbeat), give_up_after, on_wait)

    async def kpis(
        self, *, at: datetime | None = None, known_at: datetime | None = None, timeout: float | None = None
    ) -> tuple[KpiValue, ...]:
        """See `TruelineClient.kpis`."""
        return await self._call(calls.list_kpis(at, known_at, 0), timeout)

    async def alignment_score(
        self,
        *,
        scorecard: str = "",
        at: datetime | None = None,
        known_at: datetime | None = None,
        min_position: int = 0,
        timeout: float | None = None,
    ) -> AlignmentScore:
        """See `TruelineClient.alignment_score`."""
        return await self._call(calls.alignment_score(scorecard, at, known_at, min_position), timeout)

    async def priority_actions(
        self, *, scorecard: str = "", at: datetime | None = None, limit: int = 0, timeout: float | None = None
    ) -> tuple[PriorityAction, ...]:
        """See `TruelineClient.priority_actions`."""
        return await self._call(calls.priority_actions(scorecard, at, limit), timeout)

    def watch_alignment(
        self,
        *,
        scorecard: str = "",
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> AsyncGenerator[ScoreMessage, None]:
        """See `TruelineClient.watch_alignment`."""
        return self._watch(watching.score_watch(scorecard, resume_token, heartbeat), give_up_after, on_wait)

    async def data_quality(self, *, at: datetime | None = None, timeout: float | None = None) -> DataQuality:
        """See `TruelineClient.data_quality`."""
        return await self._call(calls.data_quality(at), timeout)

    async def put_facts(self, given: Iterable[facts.Fact], *, timeout: float | None = None) -> facts.FactsResult:
        """See `TruelineClient.put_facts`."""
        listed, step = list(given), calls.CALL_FACTS
        parts = [listed[start : start + step] for start in range(0, len(listed), step)]
        results = [await self._call(calls.put_facts(part), timeout) for part in parts]
        return facts.joined(results, step)

    async def get_facts(
        self,
        subject: str,
        subject_ids: Iterable[str],
        *,
        names: Sequence[str] = (),
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> facts.FactsOfSubjects:
        """See `TruelineClient.get_facts`."""
        ids, step = list(dict.fromkeys(subject_ids)), calls.CALL_SUBJECTS
        parts = [ids[start : start + step] for start in range(0, len(ids), step)]
        return facts.gathered(
            [await self._call(calls.get_facts(subject, part, names, at, known_at), timeout) for part in parts]
        )

    async def list_facts(
        self,
        subject: str,
        *,
        subject_id: str = "",
        names: Sequence[str] = (),
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> list[facts.Fact]:
        """See `TruelineClient.list_facts`."""
        return await self._call(calls.list_facts(subject, subject_id, names, at, known_at), timeout)

    async def status(self, *, min_position: int = 0, timeout: float | None = None) -> Status:
        """See `TruelineClient.status`."""
        return await self._call(calls.status(min_position), timeout)

    async def resolve_mapping(
        self, name: str | None = None, *, yaml: str | None = None, file_name: str = "", timeout: float | None = None
    ) -> EventMapping:
        """See `TruelineClient.resolve_mapping`."""
        return await self._call(calls.resolve_mapping(name, yaml, file_name), timeout)

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        answers = []
        page: Call[Answer] | None = call
        while page is not None:
            answers.append(await self._unary(page, self.timeout if timeout is None else timeout))
            page = page.next_page(answers[-1])
        return call.read(answers)

    async def _unary(self, call: Call[Any], timeout: float) -> Any:
        method = self._stubs.method(call.service, call.method)
        deadline = time.monotonic() + timeout

        async def attempt() -> Any:
            left = max(0.001, deadline - time.monotonic())
            try:
                return await method(call.request, timeout=left, metadata=self._metadata)
            except grpc.RpcError as error:
                raise decode(error, self.address) from None

        return await tenacity.AsyncRetrying(**retries.options(self.retry, timeout))(attempt)

    async def _begin(
        self, service: str, method: str, request: Message, timeout: float | None
    ) -> tuple[Any, Any, Callable[[grpc.RpcError], TruelineError]]:
        """The first message of a stream, the stream, and what its errors are; tried again until it is begun."""
        called = self._stubs.method(service, method)

        async def attempt() -> tuple[Any, Any]:
            call = called(request, timeout=timeout, metadata=self._metadata)
            try:
                return await anext(aiter(call)), call
            except grpc.RpcError as error:
                raise decode(error, self.address) from None
            except asyncio.CancelledError:
                call.cancel()
                raise

        begun: tuple[Any, Any] = await tenacity.AsyncRetrying(**retries.options(self.retry, timeout))(attempt)
        first, call = begun
        return first, call, lambda error: decode(error, self.address)

    async def _watch(
        self, watch: watching.Watch[watching.Read], give_up_after: float, on_wait: watching.OnWait
    ) -> AsyncGenerator[watching.Read, None]:
        chosen = retries.options(self.retry, None, when=self._mends)
        while not self._closed:
            connection: Any = None
            try:
                first: Any
                connection, first = await tenacity.AsyncRetrying(**chosen)(self._connect, watch)
                chosen = retries.options(self.retry.endless(), give_up_after, when=self._mends, on_wait=on_wait)
                yield watch.read(first)
                while True:
                    yield watch.read(await self._hear(connection, watch.silence))
            except TruelineError as error:
                if self._closed:
                    return
                if connection is None or not self._mends(error):
                    raise
            finally:
                if connection is not None:
                    connection.cancel()

    def _mends(self, error: BaseException) -> bool:
        return not self._closed and retries.is_interruption(error)

    async def _connect(self, watch: watching.Watch[Any]) -> tuple[Any, Any]:
        if self._closed:
            raise unavailable("the client is closed")
        connection = self._stubs.method(watch.service, watch.method)(watch.request(), metadata=self._metadata)
        try:
            return connection, await self._hear(connection, watch.silence)
        except BaseException:
            connection.cancel()
            raise

    async def _hear(self, connection: Any, silence: float) -> Any:
        """The next message of a connection; its silence and its end are errors like others."""
        try:
            message = await asyncio.wait_for(connection.read(), silence)
        except TimeoutError:
            raise unavailable(f"{self.address} was silent for {silence:g} s") from None
        except grpc.RpcError as error:
            raise decode(error, self.address) from None
        except asyncio.CancelledError:
            # Closing the channel cancels the call from this side, which is not a cancellation of the task.
            if self._closed:
                raise unavailable("the client is closed") from None
            raise
        if message is grpc.aio.EOF:
            raise unavailable(f"{self.address} ended the stream")
        return message


async def _each(batches: Any) -> AsyncIterator[Any]:
    if isinstance(batches, AsyncIterable):
        async for batch in batches:
            yield batch
    else:
        for batch in batches:
            yield batch
