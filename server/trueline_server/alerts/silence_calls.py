"""Calls of the AlertService about silences."""

from __future__ import annotations

import asyncio

from trueline.v1 import alert_service_pb2 as pb

from trueline_server.alerts.mapping import map_silence_to_proto
from trueline_server.alerts.silences import AskedSilence, SilenceService
from trueline_server.clock import Clock
from trueline_server.errors import invalid_field
from trueline_server.transport.repeated import request_of
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, microseconds_of
from trueline_server.transport.tokens import Tokens, binding_of

# Changes wait for each other; those that wait here hold no thread, which reads need.
_CHANGED_AT_ONCE = 1


class SilenceCalls:
    """CreateSilence, ListSilences, ExpireSilence."""

    def __init__(self, service: SilenceService, tokens: Tokens, clock: Clock) -> None:
        self._service = service
        self._tokens = tokens
        self._clock = clock
        self._changing = asyncio.Semaphore(_CHANGED_AT_ONCE)

    async def create(self, request: pb.CreateSilenceRequest) -> pb.CreateSilenceResponse:
        """A silence is put in, or it is told what it would be."""
        asked = _asked(request)
        async with self._changing:
            silence, matching = await asyncio.to_thread(self._service.create, asked)
        return pb.CreateSilenceResponse(silence=map_silence_to_proto(silence, self._clock()), matching_alerts=matching)

    async def list(self, request: pb.ListSilencesRequest) -> pb.ListSilencesResponse:
        """Silences; the token of a page has end and id of the last one on it."""
        binding = binding_of(request, "page_size", "page_token")
        after = None
        if request.page_token:
            ends_us, _, silence = self._tokens.open(binding, request.page_token, "page_token").partition(" ")
            after = int(ends_us), silence
        size = min(request.page_size or 100, 1000)
        found = await asyncio.to_thread(
            self._service.list, current_tenant(), ended=request.show_ended, after=after, most=size + 1
        )
        page, now_us = found[:size], self._clock()
        return pb.ListSilencesResponse(
            silences=[map_silence_to_proto(silence, now_us) for silence in page],
            next_page_token=self._tokens.seal(binding, f"{page[-1].ends_us} {page[-1].id}")
            if len(found) > size
            else "",
        )

    async def expire(self, request: pb.ExpireSilenceRequest) -> pb.ExpireSilenceResponse:
        """A silence ends, or it is told what would be."""
        async with self._changing:
            silence = await asyncio.to_thread(
                self._service.expire, current_tenant(), request.id, validate_only=request.validate_only
            )
        return pb.ExpireSilenceResponse(silence=map_silence_to_proto(silence, self._clock()))


def _asked(request: pb.CreateSilenceRequest) -> AskedSilence:
    end = request.WhichOneof("end")
    if end is None:
        raise invalid_field("end", "is not set; a silence has an end: give ends_at or duration, at most a year")
    ends_us = microseconds_of(request.ends_at, "ends_at") if end == "ends_at" else None
    return AskedSilence(
        tenant=current_tenant(),
        matchers=tuple(request.matchers),
        author=request.author,
        reason=request.reason,
        starts_us=instant_in(request, "starts_at"),
        ends_us=ends_us,
        length_us=request.duration.seconds * 1_000_000 + request.duration.nanos // 1000,
        request=request_of(request),
        validate_only=request.validate_only,
    )
