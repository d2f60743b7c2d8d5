"""Trainings that a schedule runs."""

from __future__ import annotations

from trueline.v1 import churn_service_pb2 as pb

from trueline_server.churn.operation import ChurnTraining
from trueline_server.schedules.model import Begun, RunKind, ScheduledRun
from trueline_server.transport.times import timestamp_of


def churn_runs(training: ChurnTraining) -> RunKind:
    """What a schedule with `run: {churn: ...}` does: begins a training from facts and metrics, once for each key."""

    def begin(run: ScheduledRun) -> Begun:
        document = run.schedule.run.target
        at = timestamp_of(run.nominal_us) if run.own_instant else None
        request = pb.TrainChurnModelRequest(document=document, at=at, request_id=run.key)
        operation = training.begin(run.tenant, request)
        return Begun(f"training of {document} as {operation.name}", operation.name)

    return begin
