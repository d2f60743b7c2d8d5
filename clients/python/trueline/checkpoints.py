"""Checkpoints, the backlog and schedules as values, and their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from trueline.alert_mapping import STATES, event
from trueline.alerts import CaseEvent, CaseState
from trueline.mapping import enum_names, instant
from trueline.results import Completeness, Direction
from trueline.v1 import checkpoint_service_pb2 as pb
from trueline.v1 import kpi_service_pb2, metric_service_pb2


class CheckpointVerdict(StrEnum):
    """What is said of a checkpoint; INCOMPLETE = nothing failed, but not every cell has data."""

    UNSPECIFIED = "unspecified"
    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"


class CellOutcome(StrEnum):
    """What is said of a cell."""

    UNSPECIFIED = "unspecified"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INSUFFICIENT_DATA = "insufficient_data"


class CellPart(StrEnum):
    """What a cell is about."""

    UNSPECIFIED = "unspecified"
    PERSONA = "persona"
    FUNCTION = "function"
    JOURNEY = "journey"


class Priority(StrEnum):
    """How urgent something is."""

    UNSPECIFIED = "unspecified"
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class CellChangeKind(StrEnum):
    """What became of a cell from one checkpoint to a later one."""

    UNSPECIFIED = "unspecified"
    FIXED = "fixed"
    BROKE = "broke"
    STILL_PASSES = "still_passes"
    STILL_FAILS = "still_fails"
    DATA_CAME = "data_came"
    DATA_WENT = "data_went"
    STILL_NO_DATA = "still_no_data"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class CheckpointCell:
    """One number of one persona, function or journey, and what is said of it.

    Attributes:
        name: e.g. "persona:agency:retention".
        of: name of the persona, function or journey.
        reason: the outcome in words.
        value: None if there is none.
        unit: of value and target; "" = a plain number.
        missed_by: as a share of the target; None unless it fails.
        priority: how urgent the miss is.
        owner: who sees to a miss; "" = nobody yet.
        action: what to do about a miss; may be "".
        basis: how firm the target is: "agreed", "seed", "assumed" or "".
        source: where the value comes from.
        observations: behind the value; None if its source does not tell.
        least: observations below which nothing is said.
        watermark: up to where events were complete; None where the value does not come from events.
        backlog_item, alert: ids of what the miss opened, or had opened before; "" = none.

    """

    name: str
    part: CellPart
    of: str
    measure: str
    outcome: CellOutcome
    reason: str
    value: float | None
    target: float
    direction: Direction
    unit: str
    missed_by: float | None
    priority: Priority
    owner: str
    action: str
    basis: str
    source: str
    observations: int | None
    least: int
    period_start: datetime | None
    period_end: datetime | None
    watermark: datetime | None
    completeness: Completeness
    backlog_item: str
    alert: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A finished run of a policy.

    Attributes:
        id: "checkpoint-7".
        at: the instant judged.
        days: length of the period judged.
        judge_only: it opened and resolved nothing.
        passed, failed, insufficient: how many cells came out so.
        cells: in the order of the policy; () in lists and comparisons.

    """

    id: str
    policy: str
    title: str
    question: str
    verdict: CheckpointVerdict
    at: datetime | None
    days: int
    started_at: datetime | None
    finished_at: datetime | None
    rule_revision: str
    judge_only: bool
    passed: int
    failed: int
    insufficient: int
    cells: tuple[CheckpointCell, ...]


@dataclass(frozen=True, slots=True)
class CellChange:
    """What became of a cell; `moved` None unless both have a value, `better` None unless it moved."""

    name: str
    change: CellChangeKind
    before: CheckpointCell | None
    after: CheckpointCell | None
    moved: float | None
    better: bool | None


@dataclass(frozen=True, slots=True)
class CheckpointComparison:
    """Two checkpoints of one policy, the earlier first, and what became of each cell."""

    before: Checkpoint
    after: Checkpoint
    changes: tuple[CellChange, ...]


@dataclass(frozen=True, slots=True)
class BacklogItem:
    """Something that is to be mended.

    Attributes:
        id: "backlog-3".
        state: nobody works on it, somebody does, it is done.
        owner: who sees to it; "" = nobody.
        origin: the policy whose checkpoint missed, or the rule of the alert that was put aside.
        cell: that missed; "" if it was no checkpoint.
        misses: how many checkpoints missed so far.
        checkpoint: the last one that missed; "" if it was none.
        alert: that was opened with it, or put aside; "" = none.
        value, target: of the last miss; None if it was no checkpoint.
        acknowledged_by: who works on it; "" = nobody.
        etag: give it back to change what was read.
        details: what else a program may need; what is no text is JSON.

    """

    id: str
    state: CaseState
    priority: Priority
    title: str
    text: str
    owner: str
    origin: str
    cell: str
    action: str
    misses: int
    checkpoint: str
    alert: str
    value: float | None
    target: float | None
    labels: Mapping[str, str]
    opened_at: datetime | None
    changed_at: datetime | None
    resolved_at: datetime | None
    acknowledged_by: str
    etag: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BacklogItemDetails:
    """An item with what happened to it, the oldest first."""

    item: BacklogItem
    timeline: tuple[CaseEvent, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is run, and how far it has come.

    Attributes:
        cron: five fields, in `time_zone`.
        action, target: what is run, of what, e.g. "checkpoint" and the name of a policy.
        next_run: jitter included.
        last_outcome: "ok", "failed", or "" before the first run.
        runs, missed: how many were begun, and how many fell out because no server ran.
        running: it is just beginning.

    """

    name: str
    description: str
    cron: str
    time_zone: str
    action: str
    target: str
    next_run: datetime | None
    last_started: datetime | None
    last_finished: datetime | None
    last_outcome: str
    last_message: str
    runs: int
    missed: int
    running: bool


@dataclass(frozen=True, slots=True)
class ScheduleRun:
    """What a run began; `operation` "" = it is done."""

    message: str
    operation: str


PRIORITIES = enum_names(Priority, pb.Priority)
_VERDICTS = enum_names(CheckpointVerdict, pb.CheckpointVerdict)
_OUTCOMES = enum_names(CellOutcome, pb.CellOutcome)
_PARTS = enum_names(CellPart, pb.CellPart)
_CHANGES = enum_names(CellChangeKind, pb.CellChangeKind)
_DIRECTIONS = enum_names(Direction, kpi_service_pb2.Direction)
_COMPLETENESS = enum_names(Completeness, metric_service_pb2.Completeness)


def checkpoint(message: pb.Checkpoint) -> Checkpoint:
    """A checkpoint."""
    return Checkpoint(
        id=message.id,
        policy=message.policy,
        title=message.title,
        question=message.question,
        verdict=_VERDICTS.get(message.verdict, CheckpointVerdict.UNSPECIFIED),
        at=instant(message, "at"),
        days=message.days,
        started_at=instant(message, "started_at"),
        finished_at=instant(message, "finished_at"),
        rule_revision=message.rule_revision,
        judge_only=message.judge_only,
        passed=message.passed,
        failed=message.failed,
        insufficient=message.insufficient,
        cells=tuple(map(_cell, message.cells)),
    )


def checkpoints(pages: Sequence[pb.ListCheckpointsResponse]) -> tuple[Checkpoint, ...]:
    """The checkpoints of all pages."""
    return tuple(checkpoint(item) for page in pages for item in page.checkpoints)


def comparison(message: pb.CompareCheckpointsResponse) -> CheckpointComparison:
    """Two checkpoints compared."""
    return CheckpointComparison(
        before=checkpoint(message.before),
        after=checkpoint(message.after),
        changes=tuple(
            CellChange(
                name=each.name,
                change=_CHANGES.get(each.change, CellChangeKind.UNSPECIFIED),
                before=_cell(each.before) if each.HasField("before") else None,
                after=_cell(each.after) if each.HasField("after") else None,
                moved=_optional(each, "moved"),
                better=_optional(each, "better"),
            )
            for each in message.changes
        ),
    )


def backlog_item(message: pb.BacklogItem) -> BacklogItem:
    """An item of the backlog."""
    return BacklogItem(
        id=message.id,
        state=STATES.get(message.state, CaseState.UNSPECIFIED),
        priority=PRIORITIES.get(message.priority, Priority.UNSPECIFIED),
        title=message.title,
        text=message.text,
        owner=message.owner,
        origin=message.origin,
        cell=message.cell,
        action=message.action,
        misses=message.misses,
        checkpoint=message.checkpoint,
        alert=message.alert,
        value=_optional(message, "value"),
        target=_optional(message, "target"),
        labels=dict(message.labels),
        opened_at=instant(message, "opened_at"),
        changed_at=instant(message, "changed_at"),
        resolved_at=instant(message, "resolved_at"),
        acknowledged_by=message.acknowledged_by,
        etag=message.etag,
        details=dict(message.details),
    )


def backlog_items(pages: Sequence[pb.ListBacklogItemsResponse]) -> tuple[BacklogItem, ...]:
    """The items of all pages."""
    return tuple(backlog_item(item) for page in pages for item in page.items)


def backlog_item_details(message: pb.GetBacklogItemResponse) -> BacklogItemDetails:
    """An item with its timeline."""
    return BacklogItemDetails(backlog_item(message.item), tuple(map(event, message.timeline)))


def schedules(message: pb.ListSchedulesResponse) -> tuple[Schedule, ...]:
    """The schedules in force."""
    return tuple(
        Schedule(
            name=each.name,
            description=each.description,
            cron=each.cron,
            time_zone=each.time_zone,
            action=each.action,
            target=each.target,
            next_run=instant(each, "next_run"),
            last_started=instant(each, "last_started"),
            last_finished=instant(each, "last_finished"),
            last_outcome=each.last_outcome,
            last_message=each.last_message,
            runs=each.runs,
            missed=each.missed,
            running=each.running,
        )
        for each in message.schedules
    )


def _cell(message: pb.CheckpointCell) -> CheckpointCell:
    return CheckpointCell(
        name=message.name,
        part=_PARTS.get(message.part, CellPart.UNSPECIFIED),
        of=message.of,
        measure=message.measure,
        outcome=_OUTCOMES.get(message.outcome, CellOutcome.UNSPECIFIED),
        reason=message.reason,
        value=_optional(message, "value"),
        target=message.target,
        direction=_DIRECTIONS.get(message.direction, Direction.UNSPECIFIED),
        unit=message.unit,
        missed_by=_optional(message, "missed_by"),
        priority=PRIORITIES.get(message.priority, Priority.UNSPECIFIED),
        owner=message.owner,
        action=message.action,
        basis=message.basis,
        source=message.source,
        observations=_optional(message, "observations"),
        least=message.least,
        period_start=instant(message, "period_start"),
        period_end=instant(message, "period_end"),
        watermark=instant(message, "watermark"),
        completeness=_COMPLETENESS.get(message.completeness, Completeness.UNSPECIFIED),
        backlog_item=message.backlog_item,
        alert=message.alert,
    )


def _optional(message: Any, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None
