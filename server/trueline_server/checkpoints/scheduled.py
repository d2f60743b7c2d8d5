"""Checkpoints that a schedule runs."""

from __future__ import annotations

from trueline_server.checkpoints.model import Asked
from trueline_server.checkpoints.service import CheckpointService
from trueline_server.schedules.model import Begun, RunKind, ScheduledRun


def checkpoint_runs(service: CheckpointService) -> RunKind:
    """What a schedule with `run: {checkpoint: ...}` does: begins the operation, once for each key."""

    def begin(run: ScheduledRun) -> Begun:
        at_us = run.nominal_us if run.own_instant else None
        asked = Asked(run.schedule.run.target, at_us=at_us, request_id=run.key)
        operation = service.run(run.tenant, asked)
        return Begun(f"checkpoint {asked.policy} as {operation.name}", operation.name)

    return begin
