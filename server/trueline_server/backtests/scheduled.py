"""Backtests that a schedule runs."""

from __future__ import annotations

from trueline.v1 import rule_service_pb2 as pb

from trueline_server.backtests.operation import BacktestOperation
from trueline_server.schedules.model import Begun, RunKind, ScheduledRun
from trueline_server.transport.times import timestamp_of


def backtest_runs(operation: BacktestOperation) -> RunKind:
    """What a schedule with `run: {backtest: ...}` does: begins one of the alert rule in force, once for each key."""

    def begin(run: ScheduledRun) -> Begun:
        rule = run.schedule.run.target
        end_time = timestamp_of(run.nominal_us) if run.own_instant else None
        request = pb.BacktestRulesRequest(rule_names=[rule], end_time=end_time, request_id=run.key)
        begun = operation.begin(run.tenant, request).operation
        return Begun(f"backtest of {rule} as {begun.name}", begun.name)

    return begin
