"""Maps checkpoints, backlog items and schedules to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from trueline.v1 import checkpoint_service_pb2 as pb
from trueline.v1 import kpi_service_pb2, metric_service_pb2
from trueline_rules.checkpoint_model import Part, Priority
from trueline_rules.checkpoints.comparing import CellChange, Change
from trueline_rules.checkpoints.results import CellResult, Outcome, Verdict
from trueline_rules.model import Direction

from trueline_server.alerts.mapping import STATES, texts_of
from trueline_server.cases.model import Case
from trueline_server.checkpoints.model import Checkpoint
from trueline_server.checkpoints.service import Comparison
from trueline_server.schedules.model import ScheduleState
from trueline_server.transport.times import timestamp_if, timestamp_of

PRIORITIES: Mapping[Priority, pb.Priority.ValueType] = {
    priority: pb.Priority.Value(f"PRIORITY_{priority.name}") for priority in Priority
}
_VERDICTS = {verdict: pb.CheckpointVerdict.Value(f"CHECKPOINT_VERDICT_{verdict.name}") for verdict in Verdict}
_OUTCOMES = {outcome: pb.CellOutcome.Value(f"CELL_OUTCOME_{outcome.name}") for outcome in Outcome}
_PARTS = {part: pb.CellPart.Value(f"CELL_PART_{part.name}") for part in Part}
_CHANGES = {change: pb.CellChangeKind.Value(f"CELL_CHANGE_KIND_{change.name}") for change in Change}
_DIRECTIONS = {each: kpi_service_pb2.Direction.Value(f"DIRECTION_{each.name}") for each in Direction}
_COMPLETENESS: Mapping[str, metric_service_pb2.Completeness.ValueType] = {
    "partial": metric_service_pb2.COMPLETENESS_PARTIAL,
    "provisional": metric_service_pb2.COMPLETENESS_PROVISIONAL,
    "complete": metric_service_pb2.COMPLETENESS_COMPLETE,
}
# Of the details of a backlog item, these have fields of their own.
_OWN_FIELDS = frozenset(
    {"cell", "action", "misses", "checkpoint", "escalation", "alert", "value", "target", "priority"}
)


def result_of(checkpoint: Checkpoint) -> bytes:
    """What the operation of a checkpoint answers, see RunCheckpointResult."""
    result = pb.RunCheckpointResult(checkpoint=map_checkpoint_to_proto(checkpoint))
    return result.SerializeToString(deterministic=True)


def map_checkpoint_to_proto(checkpoint: Checkpoint, *, with_cells: bool = True) -> pb.Checkpoint:
    """A finished checkpoint."""
    counts = checkpoint.counts
    return pb.Checkpoint(
        id=checkpoint.id,
        policy=checkpoint.policy,
        title=checkpoint.title,
        question=checkpoint.question,
        verdict=_VERDICTS[checkpoint.verdict],
        at=timestamp_of(checkpoint.at_us),
        days=checkpoint.days,
        started_at=timestamp_of(checkpoint.started_us),
        finished_at=timestamp_of(checkpoint.finished_us),
        rule_revision=checkpoint.revision,
        judge_only=checkpoint.judge_only,
        passed=counts.get(Outcome.PASS, 0),
        failed=counts.get(Outcome.FAIL, 0),
        insufficient=counts.get(Outcome.INSUFFICIENT_DATA, 0),
        cells=[map_cell_to_proto(result) for result in checkpoint.cells] if with_cells else (),
    )


def map_cell_to_proto(result: CellResult) -> pb.CheckpointCell:
    """What a checkpoint says of a cell."""
    cell, reading = result.cell, result.reading
    return pb.CheckpointCell(
        name=cell.name,
        part=_PARTS[cell.part],
        of=cell.of,
        measure=cell.measure,
        outcome=_OUTCOMES[result.outcome],
        reason=result.reason,
        value=reading.value,
        target=cell.target,
        direction=_DIRECTIONS[cell.direction],
        unit=cell.unit,
        missed_by=result.missed_by,
        priority=pb.PRIORITY_UNSPECIFIED if result.priority is None else PRIORITIES[result.priority],
        owner=cell.owner,
        action=cell.action,
        basis=cell.basis,
        source=reading.source,
        observations=reading.observations,
        least=cell.least,
        period_start=timestamp_if(reading.period_start_us),
        period_end=timestamp_if(reading.period_end_us),
        watermark=timestamp_if(reading.watermark_us),
        completeness=_COMPLETENESS.get(reading.completeness, metric_service_pb2.COMPLETENESS_UNSPECIFIED),
        backlog_item=result.backlog,
        alert=result.escalation,
    )


def map_comparison_to_proto(compared: Comparison) -> pb.CompareCheckpointsResponse:
    """What became of each cell."""
    return pb.CompareCheckpointsResponse(
        before=map_checkpoint_to_proto(compared.before, with_cells=False),
        after=map_checkpoint_to_proto(compared.after, with_cells=False),
        changes=[_map_change(change) for change in compared.changes],
    )


def map_item_to_proto(case: Case) -> pb.BacklogItem:
    """An item of the backlog."""
    details = case.details
    named = {priority.value: number for priority, number in PRIORITIES.items()}
    return pb.BacklogItem(
        id=case.id,
        state=STATES[case.state],
        # What an alert put aside has its severity.
        priority=named.get(case.severity, pb.PRIORITY_MEDIUM),
        title=case.title,
        text=case.text,
        owner=case.owner,
        origin=case.rule,
        cell=str(details.get("cell") or ""),
        action=str(details.get("action") or ""),
        misses=int(details.get("misses") or 0),
        checkpoint=str(details.get("checkpoint") or ""),
        alert=str(details.get("escalation") or details.get("alert") or ""),
        value=details.get("value"),
        target=details.get("target"),
        labels=dict(case.labels),
        opened_at=timestamp_of(case.opened_us),
        changed_at=timestamp_of(case.changed_us),
        resolved_at=timestamp_if(case.resolved_us),
        acknowledged_by=case.acknowledged_by,
        etag=str(case.version),
        details=texts_of({name: value for name, value in details.items() if name not in _OWN_FIELDS}),
    )


def map_schedule_to_proto(state: ScheduleState) -> pb.Schedule:
    """A schedule, and how far it has come."""
    schedule = state.schedule
    return pb.Schedule(
        name=schedule.metadata.name,
        description=schedule.metadata.description,
        cron=schedule.cron,
        time_zone=schedule.time_zone,
        action=schedule.run.action,
        target=schedule.run.target,
        next_run=timestamp_of(state.next_us),
        last_started=timestamp_if(state.last_started_us),
        last_finished=timestamp_if(state.last_finished_us),
        last_outcome=state.last_outcome,
        last_message=state.last_message,
        runs=state.runs,
        missed=state.missed,
        running=bool(state.runner),
    )


def _map_change(change: CellChange) -> pb.CellChange:
    return pb.CellChange(
        name=change.name,
        change=_CHANGES[change.change],
        before=None if change.before is None else map_cell_to_proto(change.before),
        after=None if change.after is None else map_cell_to_proto(change.after),
        moved=change.moved,
        better=change.better,
    )
