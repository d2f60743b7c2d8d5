"""Each call of the OperationService, and each that begins an operation, as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration

from trueline import backtests, mapping, operations
from trueline.backtests import RuleSource
from trueline.calls import Call, built
from trueline.operations import Operation
from trueline.v1 import operation_service_pb2 as pb
from trueline.v1 import rule_service_pb2

_SERVICE = "OperationService"
_PAGE = 100


@built
def backtest_rules(
    source: RuleSource,
    *,
    baseline: RuleSource | None,
    start: datetime | None,
    end: datetime | None,
    span: timedelta | None,
    every: timedelta | None,
    rules: Sequence[str],
    request_id: str,
) -> Call[Operation]:
    """BacktestRules; a call that is tried again begins nothing twice."""
    request = rule_service_pb2.BacktestRulesRequest(
        source=backtests.source_to_proto(source),
        baseline=None if baseline is None else backtests.source_to_proto(baseline),
        start_time=mapping.timestamp(start),
        end_time=mapping.timestamp(end),
        span=_duration(span),
        every=_duration(every),
        rule_names=rules,
        request_id=request_id or str(uuid4()),
    )
    return Call("RuleService", "BacktestRules", request, lambda answers: operations.operation(answers[0].operation))


@built
def simulate_rules(
    source: RuleSource,
    *,
    start: datetime | None,
    end: datetime | None,
    span: timedelta | None,
    every: timedelta | None,
    rules: Sequence[str],
    request_id: str,
) -> Call[Operation]:
    """SimulateRules; a call that is tried again begins nothing twice."""
    request = rule_service_pb2.SimulateRulesRequest(
        source=backtests.source_to_proto(source),
        start_time=mapping.timestamp(start),
        end_time=mapping.timestamp(end),
        span=_duration(span),
        every=_duration(every),
        rule_names=rules,
        request_id=request_id or str(uuid4()),
    )
    return Call("RuleService", "SimulateRules", request, lambda answers: operations.operation(answers[0].operation))


@built
def get_operation(name: str) -> Call[Operation]:
    """GetOperation."""
    request = pb.GetOperationRequest(name=name)
    return Call(_SERVICE, "GetOperation", request, lambda answers: operations.operation(answers[0].operation))


@built
def list_operations(kind: str, limit: int) -> Call[tuple[Operation, ...]]:
    """ListOperations, as many pages as it takes."""
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    request = pb.ListOperationsRequest(kind=kind, page_size=min(limit, _PAGE) or _PAGE)
    return Call(_SERVICE, "ListOperations", request, operations.operations, paged=True, items="operations", most=limit)


@built
def cancel_operation(name: str) -> Call[Operation]:
    """CancelOperation."""
    request = pb.CancelOperationRequest(name=name)
    return Call(_SERVICE, "CancelOperation", request, lambda answers: operations.operation(answers[0].operation))


@built
def wait_operation(name: str, seconds: float) -> Call[Operation]:
    """WaitOperation."""
    request = pb.WaitOperationRequest(name=name, timeout=_duration(timedelta(seconds=max(0.0, seconds))))
    return Call(_SERVICE, "WaitOperation", request, lambda answers: operations.operation(answers[0].operation))


def _duration(length: timedelta | None) -> Duration | None:
    if length is None:
        return None
    made = Duration()
    made.FromTimedelta(length)
    return made
