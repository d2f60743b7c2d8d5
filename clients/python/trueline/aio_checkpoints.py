"""The methods of the async client that are about checkpoints, the backlog and schedules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trueline import checkpoint_calls
from trueline.alerts import CaseState
from trueline.calls import Answer, Call
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


class AsyncCheckpointMethods:
    """Calls of the CheckpointService, over the calls of the client that has them."""

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    async def run_checkpoint(
        self,
        policy: str,
        *,
        title: str = "",
        days: int = 0,
        at: datetime | None = None,
        judge_only: bool = False,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """See `TruelineClient.run_checkpoint`."""
        call = checkpoint_calls.run_checkpoint(
            policy, title=title, days=days, at=at, judge_only=judge_only, request_id=request_id
        )
        return await self._call(call, timeout)

    async def get_checkpoint(self, checkpoint: str, *, timeout: float | None = None) -> Checkpoint:
        """See `TruelineClient.get_checkpoint`."""
        return await self._call(checkpoint_calls.get_checkpoint(checkpoint), timeout)

    async def list_checkpoints(
        self, policy: str = "", *, limit: int = 100, timeout: float | None = None
    ) -> tuple[Checkpoint, ...]:
        """See `TruelineClient.list_checkpoints`."""
        return await self._call(checkpoint_calls.list_checkpoints(policy, limit), timeout)

    async def compare_checkpoints(
        self, checkpoint: str, earlier: str = "", *, timeout: float | None = None
    ) -> CheckpointComparison:
        """See `TruelineClient.compare_checkpoints`."""
        return await self._call(checkpoint_calls.compare_checkpoints(checkpoint, earlier), timeout)

    async def list_backlog_items(
        self,
        *,
        states: Sequence[CaseState | str] = (),
        priority: Priority | str = "",
        owner: str | None = None,
        origin: str = "",
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[BacklogItem, ...]:
        """See `TruelineClient.list_backlog_items`."""
        call = checkpoint_calls.list_backlog_items(
            states=states, priority=priority, owner=owner, origin=origin, limit=limit
        )
        return await self._call(call, timeout)

    async def get_backlog_item(self, item: str, *, timeout: float | None = None) -> BacklogItemDetails:
        """See `TruelineClient.get_backlog_item`."""
        return await self._call(checkpoint_calls.get_backlog_item(item), timeout)

    async def update_backlog_item(
        self,
        item: str,
        *,
        author: str,
        owner: str | None = None,
        priority: Priority | str | None = None,
        state: CaseState | str | None = None,
        note: str = "",
        etag: str = "",
        request_id: str = "",
        validate_only: bool = False,
        timeout: float | None = None,
    ) -> BacklogItem:
        """See `TruelineClient.update_backlog_item`."""
        call = checkpoint_calls.update_backlog_item(
            item,
            owner=owner,
            priority=priority,
            state=state,
            author=author,
            note=note,
            etag=etag,
            request_id=request_id,
            validate_only=validate_only,
        )
        return await self._call(call, timeout)

    async def list_schedules(self, *, timeout: float | None = None) -> tuple[Schedule, ...]:
        """See `TruelineClient.list_schedules`."""
        return await self._call(checkpoint_calls.list_schedules(), timeout)

    async def run_schedule(self, name: str, *, request_id: str = "", timeout: float | None = None) -> ScheduleRun:
        """See `TruelineClient.run_schedule`."""
        return await self._call(checkpoint_calls.run_schedule(name, request_id), timeout)
