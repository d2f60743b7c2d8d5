"""Long-running operations: their state, their progress, and how they came out; and their messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from trueline.backtests import Backtest, backtest
from trueline.checkpoints import Checkpoint, checkpoint
from trueline.errors import TruelineError, decode_status
from trueline.mapping import enum_names, instant
from trueline.simulations import Simulation, simulation
from trueline.studies import StudyRun, study_run
from trueline.v1 import checkpoint_service_pb2, rule_service_pb2, study_service_pb2
from trueline.v1 import operation_service_pb2 as pb


class OperationState(StrEnum):
    """Where an operation stands."""

    UNSPECIFIED = "unspecified"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Operation:
    """Long work on the server.

    Attributes:
        name: "operations/…", by which it is asked for.
        kind: the call that began it, e.g. "BacktestRules".
        done: whether it has ended.
        done_steps, total_steps: how far it is; total 0 = not known yet.
        message: what it is at, for people.
        cancelled: whether it was asked to end.
        expires_at: when it is forgotten; None before it has ended.
        error: why it came to no result; None if it did, or has not ended.
        result: a Backtest, a Simulation, a Checkpoint or a StudyRun, once it succeeded; None in lists, and of a kind
            that this client does not know.

    """

    name: str
    kind: str
    state: OperationState
    done: bool
    done_steps: int
    total_steps: int
    message: str
    cancelled: bool
    created_at: datetime | None
    updated_at: datetime | None
    expires_at: datetime | None
    error: TruelineError | None
    result: Backtest | Simulation | Checkpoint | StudyRun | None


_STATES = enum_names(OperationState, pb.OperationState)


def operation(message: pb.Operation) -> Operation:
    """An operation."""
    metadata = pb.OperationMetadata()
    message.metadata.Unpack(metadata)
    return Operation(
        name=message.name,
        kind=metadata.kind,
        state=_STATES.get(metadata.state, OperationState.UNSPECIFIED),
        done=message.done,
        done_steps=metadata.done_steps,
        total_steps=metadata.total_steps,
        message=metadata.message,
        cancelled=metadata.cancelled,
        created_at=instant(metadata, "create_time"),
        updated_at=instant(metadata, "update_time"),
        expires_at=instant(metadata, "expire_time"),
        error=decode_status(message.error) if message.HasField("error") else None,
        result=_result(message) if message.HasField("response") else None,
    )


def operations(pages: Sequence[Any]) -> tuple[Operation, ...]:
    """The operations of all pages."""
    return tuple(operation(item) for page in pages for item in page.operations)


def _result(message: pb.Operation) -> Backtest | Simulation | Checkpoint | StudyRun | None:
    replayed, simulated = rule_service_pb2.BacktestRulesResult(), rule_service_pb2.SimulateRulesResult()
    judged, studied = checkpoint_service_pb2.RunCheckpointResult(), study_service_pb2.RunStudyResult()
    if message.response.Unpack(replayed):
        return backtest(replayed)
    if message.response.Unpack(simulated):
        return simulation(simulated)
    if message.response.Unpack(judged):
        return checkpoint(judged.checkpoint)
    return study_run(studied.run) if message.response.Unpack(studied) else None
