"""Calls of the RuleService that read the decision log: pages, and replays on threads."""

from __future__ import annotations

import asyncio
from typing import Any

from trueline.v1 import rule_service_pb2 as pb

from trueline_server.clock import Clock
from trueline_server.decisions.explaining import DecisionExplainer
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.mapping import (
    KINDS,
    map_counts_to_proto,
    map_decision_to_proto,
    map_explained_to_proto,
)
from trueline_server.decisions.model import Decision
from trueline_server.errors import invalid_field
from trueline_server.rules.book import RuleBook
from trueline_server.rules.in_force import SHADOW, Stage
from trueline_server.rules.mapping import ANSWER_BYTES
from trueline_server.rules.watch import staged
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in
from trueline_server.transport.tokens import Tokens, binding_of

# Replays are plain Python, which ingestion shares the machine with.
_REPLAYED_AT_ONCE = 2


class DecisionCalls:
    """ListDecisions, ExplainDecision, ListShadowDifferences."""

    def __init__(
        self, log: DecisionLog, explainer: DecisionExplainer, book: RuleBook, tokens: Tokens, clock: Clock
    ) -> None:
        self._log = log
        self._explainer = explainer
        self._book = book
        self._tokens = tokens
        self._clock = clock
        self._replaying = asyncio.Semaphore(_REPLAYED_AT_ONCE)

    async def list_decisions(self, request: pb.ListDecisionsRequest) -> pb.ListDecisionsResponse:
        """Decisions, the newest first; the token of a page is the last id on it."""
        if request.kind not in KINDS:
            raise invalid_field("kind", f"is {request.kind}, which is no DecisionKind")
        found = await self._page(request, KINDS[request.kind], dict(request.labels))
        response = pb.ListDecisionsResponse()
        response.next_page_token = self._fill(response.decisions, found, request)
        return response

    async def explain(self, request: pb.ExplainDecisionRequest) -> pb.ExplainDecisionResponse:
        """A decision, replayed."""
        async with self._replaying:
            explained = await asyncio.to_thread(self._explainer.explain, current_tenant(), request.id)
            return map_explained_to_proto(explained)

    async def list_differences(self, request: pb.ListShadowDifferencesRequest) -> pb.ListShadowDifferencesResponse:
        """Differences, the newest first; on the first page the counts, too."""
        tenant = current_tenant()
        stage = self._book.stage(tenant, SHADOW)
        since_us = None if stage is None or request.HasField("start_time") else stage.since_us
        found = await self._page(request, "shadow", {}, since_us)
        response = pb.ListShadowDifferencesResponse(shadow=staged(self._book, tenant, SHADOW))
        response.next_page_token = self._fill(response.differences, found, request)
        if stage is not None and not request.page_token:
            response.counts.extend(await self._counts(request, stage))
        return response

    async def _counts(self, request: pb.ListShadowDifferencesRequest, stage: Stage) -> Any:
        start_us, end_us = _span(request)
        counts = await asyncio.to_thread(
            self._log.counts,
            current_tenant(),
            start_us=stage.since_us if start_us is None else start_us,
            end_us=self._clock() + 1 if end_us is None else end_us,
            rule=request.rule,
        )
        return map_counts_to_proto(counts, stage.rules.revision)

    async def _page(
        self, request: Any, kind: str, labels: dict[str, str], decided_since_us: int | None = None
    ) -> list[Decision]:
        """One more than the page holds, if there are."""
        start_us, end_us = _span(request)
        after = ""
        if request.page_token:
            after = self._tokens.open(_binding(request), request.page_token, "page_token")
        found = await asyncio.to_thread(
            self._log.list,
            current_tenant(),
            rule=request.rule,
            kind=kind,
            start_us=start_us,
            end_us=end_us,
            labels=labels,
            after=after,
            decided_since_us=decided_since_us,
            most=_size(request) + 1,
        )
        return list(found)

    def _fill(self, target: Any, found: list[Decision], request: Any) -> str:
        """Put in as many decisions as fit; answers the token of the next page."""
        room = ANSWER_BYTES
        for number, decision in enumerate(found[: _size(request)]):
            message = map_decision_to_proto(decision)
            room -= message.ByteSize() + 8
            if room < 0 and number:
                break
            target.append(message)
        return self._tokens.seal(_binding(request), target[-1].id) if len(target) < len(found) else ""


def _size(request: Any) -> int:
    return min(request.page_size or 100, 1000)


def _binding(request: Any) -> bytes:
    return binding_of(request, "page_size", "page_token")


def _span(request: Any) -> tuple[int | None, int | None]:
    start_us, end_us = (instant_in(request, name) for name in ("start_time", "end_time"))
    if start_us is not None and end_us is not None and start_us >= end_us:
        raise invalid_field("end_time", "is not after start_time; nothing lies between them")
    return start_us, end_us
