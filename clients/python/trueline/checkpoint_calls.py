"""Each call of the CheckpointService as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from google.protobuf.field_mask_pb2 import FieldMask

from trueline import checkpoints, mapping, operations
from trueline.alerts import CaseState
from trueline.calls import Call, built
from trueline.checkpoints import (
    BacklogItem,
    BacklogItemDetails,
    Checkpoint,
    CheckpointComparison,
    Priority,
    Schedule,
    ScheduleRun,
)
from trueline.operations import Operation
from trueline.v1 import case_pb2
from trueline.v1 import checkpoint_service_pb2 as pb

_SERVICE = "CheckpointService"
_PAGE = 1_000


@built
def run_checkpoint(
    policy: str, *, title: str, days: int, at: datetime | None, judge_only: bool, request_id: str
) -> Call[Operation]:
    """RunCheckpoint; a call that is tried again begins nothing twice."""
    request = pb.RunCheckpointRequest(
        policy=policy,
        title=title,
        days=days,
        at=mapping.timestamp(at),
        judge_only=judge_only,
        request_id=request_id or str(uuid4()),
    )
    return Call(_SERVICE, "RunCheckpoint", request, lambda answers: operations.operation(answers[0].operation))


@built
def get_checkpoint(checkpoint: str) -> Call[Checkpoint]:
    """GetCheckpoint."""
    request = pb.GetCheckpointRequest(id=checkpoint)
    return Call(_SERVICE, "GetCheckpoint", request, lambda answers: checkpoints.checkpoint(answers[0].checkpoint))


@built
def list_checkpoints(policy: str, limit: int) -> Call[tuple[Checkpoint, ...]]:
    """ListCheckpoints, as many pages as it takes."""
    request = pb.ListCheckpointsRequest(policy=policy, page_size=_page(limit))
    read = checkpoints.checkpoints
    return Call(_SERVICE, "ListCheckpoints", request, read, paged=True, items="checkpoints", most=limit)


@built
def compare_checkpoints(checkpoint: str, earlier: str) -> Call[CheckpointComparison]:
    """CompareCheckpoints."""
    request = pb.CompareCheckpointsRequest(id=checkpoint, earlier=earlier)
    return Call(_SERVICE, "CompareCheckpoints", request, lambda answers: checkpoints.comparison(answers[0]))


@built
def list_backlog_items(
    *, states: Sequence[CaseState | str], priority: Priority | str, owner: str | None, origin: str, limit: int
) -> Call[tuple[BacklogItem, ...]]:
    """ListBacklogItems, as many pages as it takes."""
    request = pb.ListBacklogItemsRequest(
        states=[_state(state) for state in states], priority=_priority(priority), origin=origin, page_size=_page(limit)
    )
    if owner is not None:
        request.owner = owner
    read = checkpoints.backlog_items
    return Call(_SERVICE, "ListBacklogItems", request, read, paged=True, items="items", most=limit)


@built
def get_backlog_item(item: str) -> Call[BacklogItemDetails]:
    """GetBacklogItem."""
    request = pb.GetBacklogItemRequest(id=item)
    return Call(_SERVICE, "GetBacklogItem", request, lambda answers: checkpoints.backlog_item_details(answers[0]))


@built
def update_backlog_item(
    item: str,
    *,
    owner: str | None,
    priority: Priority | str | None,
    state: CaseState | str | None,
    author: str,
    note: str,
    etag: str,
    request_id: str,
    validate_only: bool,
) -> Call[BacklogItem]:
    """UpdateBacklogItem with a mask of what is given."""
    given = {"owner": owner, "priority": priority, "state": state}
    paths = [name for name, value in given.items() if value is not None]
    request = pb.UpdateBacklogItemRequest(
        item=pb.BacklogItem(id=item, owner=owner or "", etag=etag),
        update_mask=FieldMask(paths=paths) if paths else None,
        author=author,
        note=note,
        validate_only=validate_only,
        request_id=request_id or str(uuid4()),
    )
    if priority is not None:
        request.item.priority = _priority(priority)
    if state is not None:
        request.item.state = _state(state)
    return Call(_SERVICE, "UpdateBacklogItem", request, lambda answers: checkpoints.backlog_item(answers[0].item))


@built
def list_schedules() -> Call[tuple[Schedule, ...]]:
    """ListSchedules."""
    request = pb.ListSchedulesRequest()
    return Call(_SERVICE, "ListSchedules", request, lambda answers: checkpoints.schedules(answers[0]))


@built
def run_schedule(name: str, request_id: str) -> Call[ScheduleRun]:
    """RunSchedule; a call that is tried again runs nothing twice."""
    request = pb.RunScheduleRequest(name=name, request_id=request_id or str(uuid4()))
    return Call(_SERVICE, "RunSchedule", request, lambda answers: ScheduleRun(answers[0].message, answers[0].operation))


def _state(state: CaseState | str) -> case_pb2.CaseState.ValueType:
    return case_pb2.CaseState.Value(f"CASE_STATE_{CaseState(state).name}")


def _priority(priority: Priority | str) -> pb.Priority.ValueType:
    return pb.Priority.Value(f"PRIORITY_{Priority(priority or 'unspecified').name}")


def _page(limit: int) -> int:
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    return min(limit, _PAGE) if limit else _PAGE
