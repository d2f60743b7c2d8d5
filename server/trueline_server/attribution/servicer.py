"""The AttributionService over the wire: statements on threads, answers as the tenant of the call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from trueline.v1 import attribution_service_pb2 as pb
from trueline.v1 import attribution_service_pb2_grpc
from trueline_rules.attribution_model import Selection

from trueline_server.attribution.answering import Answering
from trueline_server.attribution.asking import LONGEST_US, Asked, Asking, Question
from trueline_server.attribution.explaining import explain
from trueline_server.attribution.funnel import Step, funnel
from trueline_server.attribution.journey_sending import send_journeys
from trueline_server.attribution.long_calls import LongCalls
from trueline_server.attribution.mapping import map_funnel_to_proto, map_journey_to_proto, map_question_from_proto
from trueline_server.errors import invalid_field
from trueline_server.kpis.instants import FIRST_US
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant

# Statements over years of events share the machine with ingestion.
_AT_ONCE = 2
_WINDOW_US = 30 * 86_400_000_000
_FEWEST_STEPS = 2

_Answer = TypeVar("_Answer")


class AttributionServicer(attribution_service_pb2_grpc.AttributionServiceServicer):
    """All calls of the service."""

    def __init__(self, asking: Asking, answering: Answering, long_calls: LongCalls, progress: Progress) -> None:
        self._asking = asking
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
        """Channels by models."""
        return await self._answer(request, self._answering.compare)

    async def ExplainJourney(self, request: pb.ExplainJourneyRequest, context: Any) -> pb.ExplainJourneyResponse:
        """A conversion, touch by touch."""
        question = Question(current_tenant(), FIRST_US, FIRST_US + 1, request.document, request.conversion)
        found = await self._on_thread(
            lambda: explain(self._asking, question, request.conversion_id, request.source, request.models)
        )
        return map_journey_to_proto(found)

    async def ListPaths(self, request: pb.ListPathsRequest, context: Any) -> pb.ListPathsResponse:
        """A page of paths."""
        return await self._answer(request, self._answering.paths)

    async def GetFunnel(self, request: pb.GetFunnelRequest, context: Any) -> pb.GetFunnelResponse:
        """People by how far they came."""
        question = await self._question(request.question)
        steps = _steps(request)
        window_us = _window_us(request)

        def work() -> Any:
            asked: Asked = self._asking.ask(question, valued=False)
            return funnel(self._asking, asked, steps, window_us)

        return map_funnel_to_proto(await self._on_thread(work))

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

    async def _question(self, message: pb.AttributionQuestion) -> Question:
        await self._progress.wait(message.min_position)
        return map_question_from_proto(message)

    async def _on_thread(self, work: Callable[[], _Answer]) -> _Answer:
        async with self._working:
            return await asyncio.to_thread(work)


def _steps(request: pb.GetFunnelRequest) -> list[Step]:
    if len(request.steps) < _FEWEST_STEPS:
        raise invalid_field("steps", f"must be at least {_FEWEST_STEPS}; a funnel goes from one to another")
    steps = []
    for place, step in enumerate(request.steps):
        if bool(step.events) == bool(step.roles):
            raise invalid_field(f"steps[{place}]", "needs either events or roles")
        name = step.name or ", ".join([*step.events, *step.roles])
        steps.append(Step(name, Selection(tuple(step.events), tuple(step.roles))))
    return steps


def _window_us(request: pb.GetFunnelRequest) -> int:
    if not request.HasField("window"):
        return _WINDOW_US
    us = request.window.ToMicroseconds()
    if not 0 < us <= LONGEST_US:
        raise invalid_field("window", f"must be above 0 and at most 400 days, is {us / 1_000_000:g} s")
    return int(us)
