"""What every call passes, over a real connection: credential, field rules, deadline, errors, sizes, all call kinds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from trueline.v1 import (
    event_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    metric_service_pb2,
    metric_service_pb2_grpc,
)
from trueline_server.errors import TruelineError
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.tenant import current_tenant

from tests.integration.server.serving import RichCall, info_of, serving

METRICS, INGEST = "trueline.v1.MetricService", "trueline.v1.IngestService"
Query = Callable[[metric_service_pb2.QueryMetricRequest], Awaitable[metric_service_pb2.QueryMetricResponse]]


class Metrics(metric_service_pb2_grpc.MetricServiceServicer):
    """Answers a query by a function given; watches tell the tenant, then fail or wait."""

    def __init__(self, query: Query | None = None) -> None:
        self.query = query
        self.started, self.cancelled = asyncio.Event(), asyncio.Event()

    async def QueryMetric(self, request: metric_service_pb2.QueryMetricRequest, context: Any) -> Any:
        assert self.query is not None
        self.started.set()
        try:
            return await self.query(request)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise

    async def WatchMetrics(
        self, request: metric_service_pb2.WatchMetricsRequest, context: Any
    ) -> AsyncIterator[metric_service_pb2.WatchMetricsResponse]:
        try:
            yield metric_service_pb2.WatchMetricsResponse(resume_token=current_tenant())
            if request.metrics:
                raise TruelineError("NOT_FOUND", "UNKNOWN_METRIC", "none", metadata={"metric": request.metrics[0]})
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


class Ingest(ingest_service_pb2_grpc.IngestServiceServicer):
    """Answers each batch of a stream with its tenant."""

    async def StreamEvents(
        self, request_iterator: AsyncIterator[ingest_service_pb2.StreamEventsRequest], context: Any
    ) -> AsyncIterator[ingest_service_pb2.StreamEventsResponse]:
        async for request in request_iterator:
            yield ingest_service_pb2.StreamEventsResponse(batch_id=f"{request.batch_id}:{current_tenant()}")

    async def IngestEvents(self, request: ingest_service_pb2.IngestEventsRequest, context: Any) -> Any:
        raise TruelineError("INVALID_ARGUMENT", "BATCH_TOO_LARGE", f"{request.ByteSize()} bytes")


async def tenant_as_answer(request: metric_service_pb2.QueryMetricRequest) -> metric_service_pb2.QueryMetricResponse:
    """The tenant, where a test can see it."""
    return metric_service_pb2.QueryMetricResponse(next_page_token=current_tenant())


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)


TOKENS = {"secret-a": "acme", "secret-b": "bolt"}


def test_tenant_comes_from_the_credential() -> None:
    """Unary and streaming calls see the tenant of their own token, also when they run side by side."""

    async def run() -> None:
        async with serving({METRICS: Metrics(tenant_as_answer), INGEST: Ingest()}, tokens=TOKENS) as channel:
            stub = metric_service_pb2_grpc.MetricServiceStub(channel)
            query = metric_service_pb2.QueryMetricRequest(metric="dau")
            answers = await asyncio.gather(
                *(stub.QueryMetric(query, metadata=bearer(token)) for token in ("secret-a", "secret-b", "secret-a"))
            )
            assert [answer.next_page_token for answer in answers] == ["acme", "bolt", "acme"]

            watch = stub.WatchMetrics(metric_service_pb2.WatchMetricsRequest(), metadata=bearer("secret-b"))
            assert (await watch.read()).resume_token == "bolt"
            watch.cancel()

            stream = ingest_service_pb2_grpc.IngestServiceStub(channel).StreamEvents(metadata=bearer("secret-a"))
            await stream.write(ingest_service_pb2.StreamEventsRequest(batch_id="1"))
            assert (await stream.read()).batch_id == "1:acme"
            await stream.done_writing()

    asyncio.run(run())


@pytest.mark.parametrize(
    "metadata",
    [(), bearer("secret"), bearer("secret-a2"), (("authorization", "Basic secret-a"),)],
    ids=["none", "prefix", "longer", "other-scheme"],
)
def test_unknown_credentials_are_refused(metadata: tuple[tuple[str, str], ...]) -> None:
    """Without a known token a call is UNAUTHENTICATED whatever else is wrong, and the token is not repeated."""

    async def run() -> None:
        async with serving({METRICS: Metrics(tenant_as_answer)}, tokens=TOKENS) as channel:
            stub = metric_service_pb2_grpc.MetricServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.QueryMetric(metric_service_pb2.QueryMetricRequest(), metadata=metadata)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
            assert info_of(refused.value).reason == "UNAUTHENTICATED"
            assert "secret" not in refused.value.details()

    asyncio.run(run())


def test_field_rules_hold_for_unary_and_streamed_requests() -> None:
    """A broken rule is INVALID_ARGUMENT with the field; in a stream it ends the stream, after what was answered."""

    async def run() -> None:
        async with serving({METRICS: Metrics(tenant_as_answer), INGEST: Ingest()}) as channel:
            stub = metric_service_pb2_grpc.MetricServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.QueryMetric(metric_service_pb2.QueryMetricRequest())
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert info_of(refused.value).metadata["field"] == "metric"

            stream = ingest_service_pb2_grpc.IngestServiceStub(channel).StreamEvents()
            await stream.write(ingest_service_pb2.StreamEventsRequest(batch_id="good"))
            assert (await stream.read()).batch_id == "good:default"
            await stream.write(ingest_service_pb2.StreamEventsRequest(batch_id="x" * 129))
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stream.read()
            assert info_of(refused.value).metadata["field"] == "batch_id"

    asyncio.run(run())


def test_error_of_a_stream_has_details() -> None:
    """An error after the first message of a stream carries the same details as one of a unary call."""

    async def run() -> None:
        async with serving({METRICS: Metrics()}) as channel:
            stub = metric_service_pb2_grpc.MetricServiceStub(channel)
            watch = stub.WatchMetrics(metric_service_pb2.WatchMetricsRequest(metrics=["dua"]))
            assert (await watch.read()).resume_token == "default"
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await watch.read()
            assert refused.value.code() == grpc.StatusCode.NOT_FOUND
            assert info_of(refused.value).reason == "UNKNOWN_METRIC"

    asyncio.run(run())


def test_unexpected_errors_are_incidents() -> None:
    """A bug is INTERNAL with an incident number; neither its text nor UNKNOWN reaches the caller."""

    async def query(request: metric_service_pb2.QueryMetricRequest) -> metric_service_pb2.QueryMetricResponse:
        raise KeyError("path of the server")

    async def run() -> None:
        async with serving({METRICS: Metrics(query)}) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as failed:
                await metric_service_pb2_grpc.MetricServiceStub(channel).QueryMetric(
                    metric_service_pb2.QueryMetricRequest(metric="m")
                )
            assert failed.value.code() == grpc.StatusCode.INTERNAL
            assert "path of the server" not in failed.value.details()
            assert info_of(failed.value).metadata["incident"] in failed.value.details()

    asyncio.run(run())


@pytest.mark.parametrize("client_timeout", [None, 0.3], ids=["default", "of-the-client"])
def test_deadline_ends_the_work_and_says_so(client_timeout: float | None) -> None:
    """A call that takes too long is DEADLINE_EXCEEDED with a reason, and its work is cancelled."""

    async def query(request: metric_service_pb2.QueryMetricRequest) -> metric_service_pb2.QueryMetricResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> None:
        metrics = Metrics(query)
        async with serving({METRICS: metrics}, default_deadline_s=0.2 if client_timeout is None else 60) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as late:
                await metric_service_pb2_grpc.MetricServiceStub(channel).QueryMetric(
                    metric_service_pb2.QueryMetricRequest(metric="m"), timeout=client_timeout
                )
            assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
            assert info_of(late.value).reason == "DEADLINE_EXCEEDED"
            assert metrics.cancelled.is_set()

    asyncio.run(run())


def test_client_that_cancels_ends_the_work() -> None:
    """Cancellation by the client reaches unary and streaming handlers."""

    async def query(request: metric_service_pb2.QueryMetricRequest) -> metric_service_pb2.QueryMetricResponse:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> None:
        for streaming in (False, True):
            metrics = Metrics(query)
            async with serving({METRICS: metrics}) as channel:
                stub = metric_service_pb2_grpc.MetricServiceStub(channel)
                if streaming:
                    call = stub.WatchMetrics(metric_service_pb2.WatchMetricsRequest())
                    await call.read()
                else:
                    call = stub.QueryMetric(metric_service_pb2.QueryMetricRequest(metric="m"))
                    pending = asyncio.ensure_future(call)
                    await asyncio.wait_for(metrics.started.wait(), 10)
                call.cancel()
                await asyncio.wait_for(metrics.cancelled.wait(), 10)
                if not streaming:
                    await asyncio.wait({pending})

    asyncio.run(run())


def test_oversized_calls() -> None:
    """A batch over the limit reaches the handler, which can say so; one far over it is refused before it is read."""

    async def run() -> None:
        async with serving({INGEST: Ingest()}, max_bytes_per_call=1 << 20) as channel:
            stub = ingest_service_pb2_grpc.IngestServiceStub(channel)
            reasons = []
            for size in (2 << 20, 9 << 20):
                request = ingest_service_pb2.IngestEventsRequest(events=[event_pb2.Event(id="x" * size)])
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await stub.IngestEvents(request)
                reasons.append((refused.value.code(), rpc_status.from_call(RichCall(refused.value)) is not None))
            assert reasons == [
                (grpc.StatusCode.INVALID_ARGUMENT, True),
                (grpc.StatusCode.RESOURCE_EXHAUSTED, False),
            ]

    asyncio.run(run())


def test_largest_status_arrives() -> None:
    """A status with as many and as long details as it may have still fits into what clients read by default."""

    async def query(request: metric_service_pb2.QueryMetricRequest) -> metric_service_pb2.QueryMetricResponse:
        raise TruelineError(
            "INVALID_ARGUMENT", "INVALID_RULE_FILE", "ö" * 9000, violations=[("ö" * 900, "ö" * 900)] * 900
        )

    async def run() -> None:
        async with serving({METRICS: Metrics(query)}) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await metric_service_pb2_grpc.MetricServiceStub(channel).QueryMetric(
                    metric_service_pb2.QueryMetricRequest(metric="m")
                )
            assert info_of(refused.value).reason == "INVALID_RULE_FILE"

    asyncio.run(run())


def test_health_and_reflection_need_no_credential() -> None:
    """Probes see each service's state, change by change; reflection lists the services."""

    async def run() -> None:
        health = Health((METRICS,))
        async with serving({METRICS: Metrics()}, tokens=TOKENS, health=health) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            await health.set(serving=False)
            watch = stub.Watch(health_pb2.HealthCheckRequest(service=METRICS))
            seen = [(await watch.read()).status]
            await health.set(serving=True)
            seen.append((await watch.read()).status)
            await health.shut_down()
            await health.set(serving=True)
            seen.append((await watch.read()).status)
            watch.cancel()
            states = health_pb2.HealthCheckResponse
            assert seen == [states.NOT_SERVING, states.SERVING, states.NOT_SERVING]
            assert (await stub.Check(health_pb2.HealthCheckRequest())).status == states.NOT_SERVING

            listing = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo()
            await listing.write(reflection_pb2.ServerReflectionRequest(list_services=""))
            names = {service.name for service in (await listing.read()).list_services_response.service}
            await listing.done_writing()
            assert {METRICS, "grpc.health.v1.Health"} <= names

    asyncio.run(run())


def test_draining_ends_streams_and_refuses_calls() -> None:
    """A server that stops tells watchers and new callers NOT_SERVING with a delay; a call in progress is answered."""

    async def run() -> None:
        release = asyncio.Event()

        async def query(request: metric_service_pb2.QueryMetricRequest) -> metric_service_pb2.QueryMetricResponse:
            await release.wait()
            return metric_service_pb2.QueryMetricResponse(position=7)

        metrics, guards = Metrics(query), list[Guard]()
        async with serving({METRICS: metrics}, guards=guards) as channel:
            stub = metric_service_pb2_grpc.MetricServiceStub(channel)
            request = metric_service_pb2.QueryMetricRequest(metric="m")
            watch = stub.WatchMetrics(metric_service_pb2.WatchMetricsRequest())
            await watch.read()
            pending = asyncio.ensure_future(stub.QueryMetric(request))
            await asyncio.wait_for(metrics.started.wait(), 10)
            guards[0].drain()
            for call in (watch.read(), stub.QueryMetric(request)):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await call
                assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
                assert info_of(refused.value).reason == "NOT_SERVING"
            release.set()
            assert (await pending).position == 7

    asyncio.run(run())


def test_unimplemented_stays_so() -> None:
    """A method that the server does not know is UNIMPLEMENTED."""

    async def run() -> None:
        async with serving({METRICS: Metrics()}) as channel:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ingest_service_pb2_grpc.IngestServiceStub(channel).FinishImport(
                    ingest_service_pb2.FinishImportRequest(source="s")
                )
            assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED

    asyncio.run(run())
