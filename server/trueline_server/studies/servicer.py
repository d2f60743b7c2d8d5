"""The StudyService over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

from trueline.v1 import study_service_pb2 as pb
from trueline.v1 import study_service_pb2_grpc

from trueline_server.operations.mapping import map_operation_to_proto
from trueline_server.studies.mapping import map_comparison_to_proto, map_run_to_proto
from trueline_server.studies.model import Asked
from trueline_server.studies.service import StudyService
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, microseconds_of, timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of

_MOST_PAGE = 1_000


class StudyServicer(study_service_pb2_grpc.StudyServiceServicer):
    """RunStudy, GetStudy, ListStudies, CompareStudies."""

    def __init__(self, studies: StudyService, tokens: Tokens, progress: Progress) -> None:
        self._studies = studies
        self._tokens = tokens
        self._progress = progress

    async def RunStudy(self, request: pb.RunStudyRequest, context: Any) -> pb.RunStudyResponse:
        """A study is begun, or it is told what would be studied."""
        tenant = current_tenant()
        asked = Asked(
            request.study,
            microseconds_of(request.start_time, "start_time"),
            microseconds_of(request.end_time, "end_time"),
            tuple(dict.fromkeys(request.breakdowns)),
            request.request_id,
        )
        checked = await asyncio.to_thread(self._studies.check, tenant, asked)
        response = pb.RunStudyResponse(
            previous_start_time=timestamp_of(checked.previous.start_us),
            previous_end_time=timestamp_of(checked.previous.end_us),
            breakdowns=checked.asked.breakdowns,
        )
        if not request.validate_only:
            await self._progress.wait(request.min_position)
            operation = await asyncio.to_thread(self._studies.run, tenant, asked)
            response.operation.CopyFrom(map_operation_to_proto(operation))
        return response

    async def GetStudy(self, request: pb.GetStudyRequest, context: Any) -> pb.GetStudyResponse:
        """A run with its figures."""
        found = await asyncio.to_thread(self._studies.get, current_tenant(), request.id)
        return pb.GetStudyResponse(run=map_run_to_proto(found))

    async def ListStudies(self, request: pb.ListStudiesRequest, context: Any) -> pb.ListStudiesResponse:
        """Runs, the newest first; the token of a page is the last number on it."""
        binding = binding_of(request, "page_size", "page_token")
        before = int(self._tokens.open(binding, request.page_token, "page_token")) if request.page_token else None
        size = min(request.page_size or 100, _MOST_PAGE)
        start_us = instant_in(request, "start_time")
        end_us = instant_in(request, "end_time")
        found = await asyncio.to_thread(
            self._studies.list,
            current_tenant(),
            study=request.study,
            start_us=start_us,
            end_us=end_us,
            before=before,
            most=size + 1,
        )
        more = len(found) > size
        return pb.ListStudiesResponse(
            runs=[map_run_to_proto(run, whole=False) for run in found[:size]],
            next_page_token=self._tokens.seal(binding, str(found[size - 1].number)) if more else "",
        )

    async def CompareStudies(self, request: pb.CompareStudiesRequest, context: Any) -> pb.CompareStudiesResponse:
        """Two runs side by side."""
        compared = await asyncio.to_thread(self._studies.compare, current_tenant(), request.id, request.other)
        return map_comparison_to_proto(compared)
