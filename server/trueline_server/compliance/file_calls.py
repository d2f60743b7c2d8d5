"""Evidence and waivers over the wire: calls of ComplianceService."""

from __future__ import annotations

import asyncio
from typing import Any

from trueline.v1 import compliance_service_pb2 as pb

from trueline_server.compliance.keeping import ComplianceFiles, NewEvidence, NewWaiver
from trueline_server.compliance.mapping import map_evidence_to_proto, map_waiver_to_proto
from trueline_server.compliance.model import THE_TENANT, Subject
from trueline_server.compliance.subjects import one_subject_of
from trueline_server.transport.repeated import request_of
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, microseconds_of
from trueline_server.transport.tokens import Tokens, binding_of

_PAGE, _LARGEST_PAGE = 100, 1_000


class FileCalls:
    """RecordEvidence, ListEvidence, GrantWaiver, RevokeWaiver, ListWaivers."""

    def __init__(self, files: ComplianceFiles, tokens: Tokens) -> None:
        self._files = files
        self._tokens = tokens

    async def record_evidence(self, request: pb.RecordEvidenceRequest) -> pb.RecordEvidenceResponse:
        """Evidence is kept."""
        new = NewEvidence(
            subject=_subject(request),
            type=request.type,
            source=request.source,
            collected_at_us=instant_in(request, "collected_at"),
            content=request.content,
            sha256=request.sha256,
            uri=request.uri,
            expires_at_us=instant_in(request, "expires_at"),
            note=request.note,
        )
        kept = await asyncio.to_thread(self._files.record, current_tenant(), new, request_of(request))
        return pb.RecordEvidenceResponse(evidence=map_evidence_to_proto(kept))

    async def list_evidence(self, request: pb.ListEvidenceRequest) -> pb.ListEvidenceResponse:
        """A page of evidence, the newest first."""
        before, size = self._page(request)
        found = await asyncio.to_thread(
            self._files.list_evidence,
            current_tenant(),
            subject=one_subject_of(request.subject) if request.HasField("subject") else None,
            of_type=request.type,
            before=before,
            most=size + 1,
        )
        return pb.ListEvidenceResponse(
            evidence=map(map_evidence_to_proto, found[:size]),
            next_page_token=self._token(request, found[size - 1].number) if len(found) > size else "",
        )

    async def grant_waiver(self, request: pb.GrantWaiverRequest) -> pb.GrantWaiverResponse:
        """A control need not pass for a time."""
        new = NewWaiver(
            subject=_subject(request),
            framework=request.framework,
            control=request.control_id,
            reason=request.reason,
            compensating_control=request.compensating_control,
            requested_by=request.requested_by,
            approved_by=request.approved_by,
            expires_at_us=microseconds_of(request.expires_at, "expires_at"),
        )
        granted = await asyncio.to_thread(self._files.grant, current_tenant(), new, request_of(request))
        return pb.GrantWaiverResponse(waiver=map_waiver_to_proto(granted))

    async def revoke_waiver(self, request: pb.RevokeWaiverRequest) -> pb.RevokeWaiverResponse:
        """A waiver ends before its time."""
        revoked = await asyncio.to_thread(self._files.revoke, current_tenant(), request.waiver_id, request.revoked_by)
        return pb.RevokeWaiverResponse(waiver=map_waiver_to_proto(revoked))

    async def list_waivers(self, request: pb.ListWaiversRequest) -> pb.ListWaiversResponse:
        """A page of waivers, the newest first."""
        before, size = self._page(request)
        found = await asyncio.to_thread(
            self._files.list_waivers,
            current_tenant(),
            subject=one_subject_of(request.subject) if request.HasField("subject") else None,
            framework=request.framework,
            with_ended=request.with_ended,
            before=before,
            most=size + 1,
        )
        return pb.ListWaiversResponse(
            waivers=map(map_waiver_to_proto, found[:size]),
            next_page_token=self._token(request, found[size - 1].number) if len(found) > size else "",
        )

    def _page(self, request: Any) -> tuple[int | None, int]:
        before = None
        if request.page_token:
            before = int(self._tokens.open(_binding(request), request.page_token, "page_token"))
        return before, min(request.page_size or _PAGE, _LARGEST_PAGE)

    def _token(self, request: Any, number: int) -> str:
        return self._tokens.seal(_binding(request), str(number))


def _binding(request: Any) -> bytes:
    return binding_of(request, "page_size", "page_token")


def _subject(request: Any) -> Subject:
    return one_subject_of(request.subject) if request.HasField("subject") else THE_TENANT
