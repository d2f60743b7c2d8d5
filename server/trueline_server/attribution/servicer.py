"""The AttributionService over the wire: statements on threads, long answers in pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from trueline.v1 import attribution_service_pb2 as pb
from trueline.v1 import attribution_service_pb2_grpc
from trueline_rules.attribution_model import Selection

from trueline_server.attribution.asking import LONGEST_US, Asked, Asking, Question
from trueline_server.attribution.comparing import compare
from trueline_server.attribution.explaining import explain
from trueline_server.attribution.funnel import Step, funnel
from trueline_server.attribution.mapping import (
    map_about_to_proto,
    map_comparison_to_proto,
    map_dimensions_from_proto,
    map_edge_to_proto,
    map_funnel_to_proto,
    map_journey_to_proto,
    map_path_to_proto,
    map_question_from_proto,
    map_row_to_proto,
    map_totals_to_proto,
)
from trueline_server.attribution.path_listing import list_paths
from trueline_server.attribution.reporting import Report, Row, report
from trueline_server.attribution.statements import LATE_KINDS, CountLate
from trueline_server.errors import invalid_field
from trueline_server.kpis.instants import FIRST_US
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import microseconds_of
from trueline_server.transport.tokens import Tokens, binding_of

# Statements over years of events share the machine with ingestion.
_AT_ONCE = 2
_MOST_PAGE = 10_000
_WINDOW_US = 30 * 86_400_000_000
_FEWEST_STEPS = 2

_Answer = TypeVar("_Answer")


class AttributionServicer(attribution_service_pb2_grpc.AttributionServiceServicer):
    """AttributeConversions, CompareModels, ExplainJourney, ListPaths, GetFunnel."""

    def __init__(self, asking: Asking, tokens: Tokens, progress: Progress) -> None:
        self._asking = asking
        self._progress = progress
        self._tokens = tokens
        self._working = asyncio.Semaphore(_AT_ONCE)

    async def AttributeConversions(
        self, request: pb.AttributeConversionsRequest, context: Any
    ) -> pb.AttributeConversionsResponse:
        """A page of a report; the token of a page is how many lines came before."""
        question = await self._question(request.question)
        by = map_dimensions_from_proto(list(request.by))
        since = None
        if request.HasField("changed_since"):
            since = microseconds_of(request.changed_since, "changed_since")
        skip = self._skipped(request)

        def work() -> tuple[Report, Report | None, list[int]]:
            asked = self._asking.ask(question)
            now = report(self._asking, asked, request.models, by)
            if since is None:
                return now, None, []
            # By the names that the report has, in case that its models change meanwhile.
            then = self._asking.ask(replace(asked.question, known_us=since))
            ((*late,),) = self._asking.rows(CountLate(asked.journeys, since))
            return now, report(self._asking, then, now.models, by), late

        now, then, late = await self._on_thread(work)
        before = {} if then is None else {_key(row): row for row in then.rows}
        # What was and is no more is a line with nothing in it.
        gone = [_emptied(row) for key, row in before.items() if key not in {_key(row) for row in now.rows}]
        rows = sorted([*now.rows, *gone], key=lambda row: (row.unattributed, *row.names.values()))
        size = min(request.page_size or 1000, _MOST_PAGE)
        page = rows[skip : skip + size]
        return pb.AttributeConversionsResponse(
            about=map_about_to_proto(now.asked),
            rows=[map_row_to_proto(row, before.get(_key(row)), changed=then is not None) for row in page],
            totals=map_totals_to_proto(now.totals),
            totals_before=None if then is None else map_totals_to_proto(then.totals),
            late_events=[
                pb.LateEvents(kind=kind, events=count) for kind, count in zip(LATE_KINDS, late, strict=False) if count
            ],
            next_page_token=self._next(request, skip + size, len(rows)),
        )

    async def CompareModels(self, request: pb.CompareModelsRequest, context: Any) -> pb.CompareModelsResponse:
        """Channels by models."""
        question = await self._question(request.question)
        found = await self._on_thread(
            lambda: compare(self._asking, self._asking.ask(question), request.models, request.baseline)
        )
        return map_comparison_to_proto(found)

    async def ExplainJourney(self, request: pb.ExplainJourneyRequest, context: Any) -> pb.ExplainJourneyResponse:
        """A conversion, touch by touch."""
        question = Question(current_tenant(), FIRST_US, FIRST_US + 1, request.document, request.conversion)
        found = await self._on_thread(
            lambda: explain(self._asking, question, request.conversion_id, request.source, request.models)
        )
        return map_journey_to_proto(found)

    async def ListPaths(self, request: pb.ListPathsRequest, context: Any) -> pb.ListPathsResponse:
        """A page of paths; the token of a page is how many came before."""
        question = await self._question(request.question)
        skip = self._skipped(request)
        found = await self._on_thread(
            lambda: list_paths(self._asking, self._asking.ask(question), converted_only=request.converted_only)
        )
        size = min(request.page_size or 100, _MOST_PAGE)
        return pb.ListPathsResponse(
            about=map_about_to_proto(found.asked),
            paths=map(map_path_to_proto, found.paths[skip : skip + size]),
            edges=[] if skip else map(map_edge_to_proto, found.edges),
            total_paths=len(found.paths),
            next_page_token=self._next(request, skip + size, len(found.paths)),
        )

    async def GetFunnel(self, request: pb.GetFunnelRequest, context: Any) -> pb.GetFunnelResponse:
        """People by how far they came."""
        question = await self._question(request.question)
        steps = _steps(request)
        window_us = _window_us(request)

        def work() -> Any:
            asked: Asked = self._asking.ask(question, valued=False)
            return funnel(self._asking, asked, steps, window_us)

        return map_funnel_to_proto(await self._on_thread(work))

    async def _question(self, message: pb.AttributionQuestion) -> Question:
        await self._progress.wait(message.min_position)
        return map_question_from_proto(message)

    async def _on_thread(self, work: Callable[[], _Answer]) -> _Answer:
        async with self._working:
            return await asyncio.to_thread(work)

    def _skipped(self, request: Any) -> int:
        if not request.page_token:
            return 0
        return int(self._tokens.open(_binding(request), request.page_token, "page_token"))

    def _next(self, request: Any, shown: int, rows: int) -> str:
        return self._tokens.seal(_binding(request), str(shown)) if shown < rows else ""


def _binding(request: Any) -> bytes:
    return binding_of(request, "page_size", "page_token")


def _key(row: Row) -> tuple[bool, tuple[str, ...]]:
    return row.unattributed, tuple(row.names.values())


def _emptied(row: Row) -> Row:
    earned = {name: replace(one, conversions=0.0, value=0 * one.value) for name, one in row.earned.items()}
    cost = None if row.cost is None else 0 * row.cost
    return replace(row, touches=0, cost=cost, earned=earned)


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
