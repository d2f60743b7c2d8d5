"""The AttributionService over the wire: statements on threads, answers as the tenant of the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from trueline.v1 import attribution_service_pb2 as pb
from trueline.v1 import attribution_service_pb2_grpc

from trueline_server.attribution.answering import Answering
from trueline_server.attribution.journey_sending import send_journeys
from trueline_server.attribution.long_calls import LongCalls
from trueline_server.transport.progress import Progress

# Statements over years of events share the machine with ingestion.
_AT_ONCE = 2

_Answer = TypeVar("_Answer")


class AttributionServicer(attribution_service_pb2_grpc.AttributionServiceServicer):
    """All calls of the service."""

    def __init__(self, answering: Answering, long_calls: LongCalls, progress: Progress) -> None:
        self._answering = answering
        self._long_calls = long_calls
        self._progress = progress
        self._working = asyncio.Semaphore(_AT_ONCE)
        # Readers decide how long these take, so they hold up nobody but each other.
        self._streaming = asyncio.Semaphore(_AT_ONCE)

    async def AttributeConversions(
        self, request: pb.AttributeConversionsRequest, context: Any
    ) -> pb.AttributeConversionsResponse:
        """A page of a report."""
        return await self._answer(request, self._answering.report)

    async def CompareModels(self, request: pb.CompareModelsRequest, context: Any) -> pb.CompareModelsResponse:
        """A page of channels by models."""
        return await self._answer(request, self._answering.compare)

    async def ExplainJourney(self, request: pb.ExplainJourneyRequest, context: Any) -> pb.ExplainJourneyResponse:
        """A conversion, and a page of its touches."""
        return await self._on_thread(lambda: self._answering.explain(request))

    async def ListPaths(self, request: pb.ListPathsRequest, context: Any) -> pb.ListPathsResponse:
        """A page of paths."""
        return await self._answer(request, self._answering.paths)

    async def GetFunnel(self, request: pb.GetFunnelRequest, context: Any) -> pb.GetFunnelResponse:
        """People by how far they came, and a page of channels."""
        return await self._answer(request, self._answering.funnel)

    async def ListAttributionChanges(
        self, request: pb.ListAttributionChangesRequest, context: Any
    ) -> pb.ListAttributionChangesResponse:
        """A page of conversions that are attributed in another way than before."""
        return await self._answer(request, self._answering.changes)

    async def StreamJourneys(self, request: pb.StreamJourneysRequest, context: Any) -> None:  # type: ignore[override]
        """Writes to the context and yields nothing: a reader that blocks a `yield` could not be cut."""
        async with self._streaming:
            stream = await self._answer(request, self._answering.stream)
            await send_journeys(stream, context.write)

    async def ValidateAttribution(
        self, request: pb.ValidateAttributionRequest, context: Any
    ) -> pb.ValidateAttributionResponse:
        """An operation that checks models."""
        return await self._answer(request, self._long_calls.begin_validation)

    async def RunAttribution(self, request: pb.RunAttributionRequest, context: Any) -> pb.RunAttributionResponse:
        """An operation that makes a call."""
        call = getattr(request, request.WhichOneof("call") or "report")
        await self._progress.wait(call.question.min_position)
        return await self._on_thread(lambda: self._long_calls.begin_call(request))

    async def _answer(self, request: Any, answer: Callable[[Any], _Answer]) -> _Answer:
        await self._progress.wait(request.question.min_position)
        return await self._on_thread(lambda: answer(request))

    async def _on_thread(self, work: Callable[[], _Answer]) -> _Answer:
        async with self._working:
            return await asyncio.to_thread(work)
