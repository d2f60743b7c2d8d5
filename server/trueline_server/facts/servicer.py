"""The FactService over the wire: messages in and out, work on threads."""

from __future__ import annotations

import asyncio
from typing import Any

from trueline.v1 import error_reason_pb2, fact_service_pb2_grpc
from trueline.v1 import fact_service_pb2 as pb

from trueline_server.errors import TruelineError
from trueline_server.facts.service import FactService, PutFact
from trueline_server.facts.store import FactRow
from trueline_server.rules.values import map_value_from_proto, map_value_to_proto
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of

_PAGE, _LARGEST_PAGE = 1_000, 10_000


class FactServicer(fact_service_pb2_grpc.FactServiceServicer):
    """PutFacts, GetFacts, ListFacts."""

    def __init__(self, service: FactService, tokens: Tokens) -> None:
        self._service = service
        self._tokens = tokens

    async def PutFacts(self, request: pb.PutFactsRequest, context: Any) -> pb.PutFactsResponse:
        """Facts that cannot be read are refused like those that do not fit."""
        facts: list[PutFact] = []
        places: list[int] = []
        unreadable: list[pb.FactRejection] = []
        for index, message in enumerate(request.facts):
            try:
                facts.append(_fact(message))
            except TruelineError as error:
                field = error.metadata.get("field", "value")
                unreadable.append(_rejection(index, field, error.reason, error.message))
            else:
                places.append(index)
        accepted, refused = await asyncio.to_thread(self._service.put, current_tenant(), facts)
        rejections = [_rejection(places[one.index], one.field, one.reason, one.message) for one in refused]
        return pb.PutFactsResponse(
            accepted=accepted, rejections=sorted([*unreadable, *rejections], key=lambda one: one.index)
        )

    async def GetFacts(self, request: pb.GetFactsRequest, context: Any) -> pb.GetFactsResponse:
        """What is known of subjects, and what is not."""
        found = await asyncio.to_thread(
            self._service.get,
            current_tenant(),
            request.subject,
            list(request.subject_ids),
            names=list(request.names),
            at_us=instant_in(request, "at"),
            known_us=instant_in(request, "known_at"),
        )
        return pb.GetFactsResponse(
            subjects=[
                pb.SubjectFacts(subject_id=one.subject_id, facts=map(_known, one.facts), unknown_names=one.unknown)
                for one in found
                if one.facts
            ],
            unknown_ids=[one.subject_id for one in found if not one.facts],
        )

    async def ListFacts(self, request: pb.ListFactsRequest, context: Any) -> pb.ListFactsResponse:
        """A page; its token is the last name and subject on it."""
        binding = binding_of(request, "page_size", "page_token")
        token = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        name, _, subject_id = token.partition("\0")
        size = min(request.page_size or _PAGE, _LARGEST_PAGE)
        rows = await asyncio.to_thread(
            self._service.list,
            current_tenant(),
            request.subject,
            subject_id=request.subject_id,
            names=list(request.names),
            at_us=instant_in(request, "at"),
            known_us=instant_in(request, "known_at"),
            after=(name, subject_id),
            most=size + 1,
        )
        page = rows[:size]
        last = f"{page[-1].name}\0{page[-1].subject_id}" if len(rows) > size else ""
        return pb.ListFactsResponse(
            facts=map(_known, page),
            next_page_token=self._tokens.seal(binding, last) if last else "",
        )


def _known(row: FactRow) -> pb.KnownFact:
    return pb.KnownFact(
        subject=row.subject,
        subject_id=row.subject_id,
        name=row.name,
        value=map_value_to_proto(row.value),
        observed_at=timestamp_of(row.observed_at_us),
        recorded_at=timestamp_of(row.recorded_at_us),
    )


def _fact(message: pb.PutFact) -> PutFact:
    at_us = instant_in(message, "observed_at")
    value = map_value_from_proto(message.value, "value")
    return PutFact(message.subject_id, message.name, value, at_us)


def _rejection(index: int, field: str, reason: str, message: str) -> pb.FactRejection:
    number = error_reason_pb2.ErrorReason.Value(f"ERROR_REASON_{reason}")
    return pb.FactRejection(index=index, field=field, reason=number, message=message)
