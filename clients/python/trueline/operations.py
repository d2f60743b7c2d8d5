"""Long-running operations: their state, their progress, and how they came out; and their messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from google.protobuf.message import Message

from trueline import attribution_mapping, churn
from trueline.attribution import AttributionReport, ChannelPaths, ModelComparison
from trueline.backtests import Backtest, backtest
from trueline.checkpoints import Checkpoint, checkpoint
from trueline.churn import ChurnTraining
from trueline.errors import TruelineError, decode_status
from trueline.mapping import enum_names, instant
from trueline.simulations import Simulation, simulation
from trueline.studies import StudyRun, study_run
from trueline.v1 import (
    attribution_service_pb2,
    backtest_pb2,
    checkpoint_service_pb2,
    churn_service_pb2,
    simulation_pb2,
    study_service_pb2,
)
from trueline.v1 import operation_service_pb2 as pb
from trueline.validations import AttributionValidation, validation


class OperationState(StrEnum):
    """Where an operation stands."""

    UNSPECIFIED = "unspecified"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


# Of backtests, simulations, checkpoints, studies, validations, and of the three calls of RunAttribution.
OperationResult: TypeAlias = (
    Backtest
    | Simulation
    | Checkpoint
    | StudyRun
    | ChurnTraining
    | AttributionValidation
    | AttributionReport
    | ModelComparison
    | ChannelPaths
)


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
        result: of the kind's type, once it succeeded; None in lists, and of a kind that this client does not know.

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
    result: OperationResult | None


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


# What a response is read by, of each type that one has.
_READ: Sequence[tuple[type[Message], Callable[[Any], OperationResult]]] = (
    (backtest_pb2.BacktestRulesResult, backtest),
    (simulation_pb2.SimulateRulesResult, simulation),
    (checkpoint_service_pb2.RunCheckpointResult, lambda judged: checkpoint(judged.checkpoint)),
    (churn_service_pb2.TrainChurnModelResult, churn.training),
    (study_service_pb2.RunStudyResult, lambda studied: study_run(studied.run)),
    (attribution_service_pb2.ValidateAttributionResult, validation),
    (attribution_service_pb2.AttributeConversionsResponse, lambda page: attribution_mapping.report([page])),
    (attribution_service_pb2.CompareModelsResponse, lambda page: attribution_mapping.comparison([page])),
    (attribution_service_pb2.ListPathsResponse, lambda page: attribution_mapping.paths([page])),
)


def _result(message: pb.Operation) -> OperationResult | None:
    for kind, read in _READ:
        answer = kind()
        if message.response.Unpack(answer):
            return read(answer)
    return None
