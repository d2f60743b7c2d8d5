"""The KpiService over the wire: which instant is asked for, lookups at once, computations on threads."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1 import kpi_service_pb2 as pb
from trueline.v1 import kpi_service_pb2_grpc

from trueline_server.kpis.board import DATA_QUALITY, TenantKpis, actions_of, bands_for, judge
from trueline_server.kpis.mapping import KpiMapping
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.watch import AlignmentWatch
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import microseconds_of
from trueline_server.transport.tokens import Tokens, binding_of

# Past instants that are computed at once: their queries share the machine with ingestion.
_COMPUTED_AT_ONCE = 2


class KpiServicer(kpi_service_pb2_grpc.KpiServiceServicer):
    """ListKpis, GetAlignmentScore, ListPriorityActions, WatchAlignment, GetDataQuality."""

    def __init__(
        self, service: KpiService, watch: AlignmentWatch, mapping: KpiMapping, progress: Progress, tokens: Tokens
    ) -> None:
        self._service = service
        self._watch = watch
        self._mapping = mapping
        self._progress = progress
        self._tokens = tokens
        self._computing = asyncio.Semaphore(_COMPUTED_AT_ONCE)

    async def ListKpis(self, request: pb.ListKpisRequest, context: Any) -> pb.ListKpisResponse:
        """KPIs by name; the token of a page is the last name on it."""
        binding = binding_of(request, "page_size", "page_token")
        after = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        size = min(request.page_size or 100, 1000)
        kpis = await self._kpis(_instant(request, "at"), _instant(request, "known_at"), None)
        names = [name for name in sorted(kpis.results) if name > after]
        page = names[:size]
        return pb.ListKpisResponse(
            kpis=[
                self._mapping.kpi(judge(kpis.rules.kpis[name], kpis.results[name], bands_for(kpis.rules, name)))
                for name in page
            ],
            next_page_token=self._tokens.seal(binding, page[-1]) if len(names) > size else "",
        )

    async def GetAlignmentScore(
        self,
        request: pb.GetAlignmentScoreRequest,
        context: Any,
    ) -> pb.GetAlignmentScoreResponse:
        """The score of a scorecard; with min_position of values computed after that position was processed."""
        scorecard = self._service.scorecard(current_tenant(), request.scorecard)
        at_us, known_at_us = _instant(request, "at"), _instant(request, "known_at")
        await self._progress.wait(request.min_position)
        if request.min_position and at_us is None and known_at_us is None:
            kpis = await asyncio.to_thread(self._service.refreshed, current_tenant())
        else:
            kpis = await self._kpis(at_us, known_at_us, list(scorecard.weights))
        return pb.GetAlignmentScoreResponse(score=self._mapping.score(self._service.score(scorecard, kpis)))

    async def ListPriorityActions(
        self,
        request: pb.ListPriorityActionsRequest,
        context: Any,
    ) -> pb.ListPriorityActionsResponse:
        """Actions by the points that they would win."""
        scorecard = self._service.scorecard(current_tenant(), request.scorecard)
        kpis = await self._kpis(_instant(request, "at"), None, list(scorecard.weights))
        actions = actions_of(self._service.score(scorecard, kpis), request.limit)
        return pb.ListPriorityActionsResponse(actions=[self._mapping.action(action) for action in actions])

    async def GetDataQuality(
        self,
        request: pb.GetDataQualityRequest,
        context: Any,
    ) -> pb.GetDataQualityResponse:
        """The checks of the scorecard data_quality."""
        scorecard = self._service.scorecard(current_tenant(), DATA_QUALITY)
        kpis = await self._kpis(_instant(request, "at"), None, list(scorecard.weights))
        return self._mapping.quality(self._service.score(scorecard, kpis))

    async def WatchAlignment(self, request: pb.WatchAlignmentRequest, context: Any) -> None:  # type: ignore[override]
        """Writes to the context and yields nothing: a reader that blocks a `yield` could not be cut."""
        await self._watch.run(request, context.write)

    async def _kpis(self, at_us: int | None, known_at_us: int | None, names: list[str] | None) -> TenantKpis:
        """Current values by lookup; those of a past instant, or that are not there yet, on a thread."""
        tenant = current_tenant()
        if at_us is None and known_at_us is None:
            found = self._service.lookup(tenant)
            return found if found is not None else await asyncio.to_thread(self._service.current, tenant)
        gone = threading.Event()
        async with self._computing:
            try:
                return await asyncio.to_thread(self._service.at, tenant, at_us, known_at_us, names, stopped=gone.is_set)
            finally:
                # A caller that has left takes its computation along, after the statement at hand.
                gone.set()


def _instant(request: Any, field: str) -> int | None:
    if not request.HasField(field):
        return None
    value: Timestamp = getattr(request, field)
    return microseconds_of(value, field)
