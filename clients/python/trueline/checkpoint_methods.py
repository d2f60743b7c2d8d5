"""The methods of the sync client that are about checkpoints, the backlog and schedules."""

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


class CheckpointMethods:
    """Calls of the CheckpointService, over the calls of the client that has them."""

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def run_checkpoint(
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
        """Begin a checkpoint; `wait_operation` has it as its result.

        Args:
            policy: name of a CheckpointPolicy in force.
            title: what to call the run; "" = policy and day.
            days: length of the period judged; 0 = as the policy says.
            at: the instant judged; None = now (or the end of the data, if nothing is live).
            judge_only: open and resolve nothing.
            request_id: the same for the same run, however often it is called; "" = a new one.
            timeout: seconds for the call, not for the checkpoint.

        """
        call = checkpoint_calls.run_checkpoint(
            policy, title=title, days=days, at=at, judge_only=judge_only, request_id=request_id
        )
        return self._call(call, timeout)

    def get_checkpoint(self, checkpoint: str, *, timeout: float | None = None) -> Checkpoint:
        """A finished checkpoint with all its cells."""
        return self._call(checkpoint_calls.get_checkpoint(checkpoint), timeout)

    def list_checkpoints(
        self, policy: str = "", *, limit: int = 100, timeout: float | None = None
    ) -> tuple[Checkpoint, ...]:
        """Finished checkpoints without their cells, the newest first; of one policy or of all, `limit` 0 = all."""
        return self._call(checkpoint_calls.list_checkpoints(policy, limit), timeout)

    def compare_checkpoints(
        self, checkpoint: str, earlier: str = "", *, timeout: float | None = None
    ) -> CheckpointComparison:
        """What became of each cell since an earlier checkpoint of the policy; "" = the one before."""
        return self._call(checkpoint_calls.compare_checkpoints(checkpoint, earlier), timeout)

    def list_backlog_items(
        self,
        *,
        states: Sequence[CaseState | str] = (),
        priority: Priority | str = "",
        owner: str | None = None,
        origin: str = "",
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[BacklogItem, ...]:
        """What is to be mended, the newest first.

        Args:
            states: only in these; () = in all.
            priority: only of this one; "" = of all.
            owner: only of this one; "" = of nobody, None = of all.
            origin: only those of this policy or rule; "" = of all.
            limit: at most so many; 0 = all.
            timeout: seconds for each page.

        """
        call = checkpoint_calls.list_backlog_items(
            states=states, priority=priority, owner=owner, origin=origin, limit=limit
        )
        return self._call(call, timeout)

    def get_backlog_item(self, item: str, *, timeout: float | None = None) -> BacklogItemDetails:
        """An item with its timeline."""
        return self._call(checkpoint_calls.get_backlog_item(item), timeout)

    def update_backlog_item(
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
        """Change an item; all of it or nothing.

        Args:
            item: its id.
            author: who does it.
            owner: who sees to it; "" = nobody, None = stays.
            priority: how urgent it is, which checkpoints do not change any more; None = stays.
            state: "resolved" = done, "acknowledged" = somebody works on it, "open" = nobody does; None = stays.
            note: for the timeline.
            etag: of the item as it was seen; "" = whatever it is.
            request_id: the same for the same change, however often it is called; "" = a new one.
            validate_only: only say what would be.
            timeout: seconds.

        Raises:
            EtagMismatchError: somebody else changed it; nothing was changed.

        """
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
        return self._call(call, timeout)

    def list_schedules(self, *, timeout: float | None = None) -> tuple[Schedule, ...]:
        """The schedules in force, by name, and how far they have come."""
        return self._call(checkpoint_calls.list_schedules(), timeout)

    def run_schedule(self, name: str, *, request_id: str = "", timeout: float | None = None) -> ScheduleRun:
        """Run a schedule now, beside its times; the same `request_id` runs it once, "" = a new one."""
        return self._call(checkpoint_calls.run_schedule(name, request_id), timeout)
