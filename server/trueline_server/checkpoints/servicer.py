"""The CheckpointService over the wire: checkpoints, the backlog and schedules."""

from __future__ import annotations

import asyncio
from typing import Any

from trueline.v1 import checkpoint_service_pb2 as pb
from trueline.v1 import checkpoint_service_pb2_grpc

from trueline_server.alerts.mapping import map_event_to_proto
from trueline_server.checkpoints.backlog import BacklogService
from trueline_server.checkpoints.mapping import (
    map_checkpoint_to_proto,
    map_comparison_to_proto,
    map_item_to_proto,
    map_schedule_to_proto,
)
from trueline_server.checkpoints.model import Asked
from trueline_server.checkpoints.requests import change_of, priority_of, states_of
from trueline_server.checkpoints.service import CheckpointService
from trueline_server.errors import invalid_field
from trueline_server.operations.mapping import map_operation_to_proto
from trueline_server.schedules.service import ScheduleService
from trueline_server.transport.repeated import request_of
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of

# Changes wait for each other; those that wait here hold no thread, which reads need.
_CHANGED_AT_ONCE = 1


class CheckpointServicer(checkpoint_service_pb2_grpc.CheckpointServiceServicer):
    """All calls."""

    def __init__(
        self, checkpoints: CheckpointService, backlog: BacklogService, schedules: ScheduleService, tokens: Tokens
    ) -> None:
        self._checkpoints = checkpoints
        self._backlog = backlog
        self._schedules = schedules
        self._tokens = tokens
        self._changing = asyncio.Semaphore(_CHANGED_AT_ONCE)

    async def RunCheckpoint(self, request: pb.RunCheckpointRequest, context: Any) -> pb.RunCheckpointResponse:
        """A checkpoint is begun, or it is told what would be judged."""
        tenant = current_tenant()
        asked = Asked(
            policy=request.policy,
            title=request.title,
            days=request.days,
            at_us=instant_in(request, "at"),
            judge_only=request.judge_only,
            request_id=request.request_id,
        )
        checked = await asyncio.to_thread(self._checkpoints.check, tenant, asked)
        assert checked.at_us is not None
        response = pb.RunCheckpointResponse(title=checked.title, at=timestamp_of(checked.at_us), days=checked.days)
        if not request.validate_only:
            operation = await asyncio.to_thread(self._checkpoints.run, tenant, asked)
            response.operation.CopyFrom(map_operation_to_proto(operation))
        return response

    async def GetCheckpoint(self, request: pb.GetCheckpointRequest, context: Any) -> pb.GetCheckpointResponse:
        """A checkpoint with its cells."""
        found = await asyncio.to_thread(self._checkpoints.get, current_tenant(), request.id)
        return pb.GetCheckpointResponse(checkpoint=map_checkpoint_to_proto(found))

    async def ListCheckpoints(self, request: pb.ListCheckpointsRequest, context: Any) -> pb.ListCheckpointsResponse:
        """Checkpoints, the newest first; the token of a page is the last number on it."""
        before, size = self._page(request)
        found = await asyncio.to_thread(
            self._checkpoints.list, current_tenant(), policy=request.policy, before=before, most=size + 1
        )
        return pb.ListCheckpointsResponse(
            checkpoints=[map_checkpoint_to_proto(each, with_cells=False) for each in found[:size]],
            next_page_token=self._token(request, found[size - 1].number) if len(found) > size else "",
        )

    async def CompareCheckpoints(
        self, request: pb.CompareCheckpointsRequest, context: Any
    ) -> pb.CompareCheckpointsResponse:
        """What became of each cell."""
        compared = await asyncio.to_thread(self._checkpoints.compare, current_tenant(), request.id, request.earlier)
        return map_comparison_to_proto(compared)

    async def ListBacklogItems(self, request: pb.ListBacklogItemsRequest, context: Any) -> pb.ListBacklogItemsResponse:
        """Items, the newest first; the token of a page is the last number on it."""
        before, size = self._page(request)
        found = await asyncio.to_thread(
            self._backlog.list,
            current_tenant(),
            states=states_of(request.states),
            priority=priority_of(request.priority, "priority"),
            owner=request.owner if request.HasField("owner") else None,
            policy=request.origin,
            before=before,
            most=size + 1,
        )
        return pb.ListBacklogItemsResponse(
            items=[map_item_to_proto(each) for each in found[:size]],
            next_page_token=self._token(request, found[size - 1].number) if len(found) > size else "",
        )

    async def GetBacklogItem(self, request: pb.GetBacklogItemRequest, context: Any) -> pb.GetBacklogItemResponse:
        """An item with its timeline."""
        found = await asyncio.to_thread(self._backlog.get, current_tenant(), request.id)
        return pb.GetBacklogItemResponse(
            item=map_item_to_proto(found.case), timeline=[map_event_to_proto(event) for event in found.events]
        )

    async def UpdateBacklogItem(
        self, request: pb.UpdateBacklogItemRequest, context: Any
    ) -> pb.UpdateBacklogItemResponse:
        """An item is changed, or it is told what it would be."""
        if not request.item.id:
            raise invalid_field("item.id", "is required")
        async with self._changing:
            case = await asyncio.to_thread(
                self._backlog.update,
                current_tenant(),
                request.item.id,
                change_of(request),
                by=request.author,
                etag=request.item.etag,
                request=request_of(request),
                validate_only=request.validate_only,
            )
        return pb.UpdateBacklogItemResponse(item=map_item_to_proto(case))

    async def ListSchedules(self, request: pb.ListSchedulesRequest, context: Any) -> pb.ListSchedulesResponse:
        """Schedules by name."""
        found = await asyncio.to_thread(self._schedules.list, current_tenant())
        return pb.ListSchedulesResponse(schedules=[map_schedule_to_proto(each) for each in found])

    async def RunSchedule(self, request: pb.RunScheduleRequest, context: Any) -> pb.RunScheduleResponse:
        """A schedule runs out of turn."""
        begun = await asyncio.to_thread(
            self._schedules.run, current_tenant(), request.name, request_id=request.request_id
        )
        return pb.RunScheduleResponse(message=begun.message, operation=begun.operation)

    def _page(self, request: Any) -> tuple[int | None, int]:
        before = None
        if request.page_token:
            before = int(self._tokens.open(_binding(request), request.page_token, "page_token"))
        return before, min(request.page_size or 100, 1000)

    def _token(self, request: Any, number: int) -> str:
        return self._tokens.seal(_binding(request), str(number))


def _binding(request: Any) -> bytes:
    return binding_of(request, "page_size", "page_token")
