"""What a miss is as a case: its title, labels and details, when it is new and when it is missed again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from trueline_rules.checkpoint_model import Cell, CheckpointPolicy, Priority
from trueline_rules.checkpoints.results import CellResult

from trueline_server.alerts.fingerprints import fingerprint_of
from trueline_server.cases import changes
from trueline_server.cases.model import SYSTEM, Case, CaseKind, CaseState, EventKind, NewCase, NewEvent
from trueline_server.checkpoints.model import Checkpoint

# Labels of every miss, as alerts have them: kind of case, rule, severity.
KIND_LABEL, RULE_LABEL, SEVERITY_LABEL = "kind", "rule", "severity"
KIND = "checkpoint_miss"
# The most urgent first.
_URGENCY = list(Priority)


@dataclass(frozen=True, slots=True)
class Judged:
    """A result of a checkpoint of a policy; `now_us` by the server's clock (µs since 1970, UTC)."""

    checkpoint: Checkpoint
    policy: CheckpointPolicy
    result: CellResult
    now_us: int

    @property
    def cell(self) -> Cell:
        """The cell that was judged."""
        return self.result.cell

    @property
    def told(self) -> str:
        """The result as a line of a timeline."""
        return f"{self.checkpoint.id}: {self.result.reason}"

    @property
    def priority(self) -> str:
        """How urgent the miss is; only of a fail."""
        assert self.result.priority is not None
        return self.result.priority.value


def new_case(kind: CaseKind, judged: Judged) -> NewCase:
    """The case of a miss that has none."""
    checkpoint, cell = judged.checkpoint, judged.cell
    key = f"{checkpoint.policy}/{cell.name}"
    if kind is CaseKind.ESCALATION:
        # Groups know their members by fingerprints.
        key = fingerprint_of(checkpoint.tenant, f"CheckpointPolicy/{checkpoint.policy}", (("cell", cell.name),))
    return NewCase(
        kind=kind,
        key=key,
        severity=judged.priority,
        title=_title(cell),
        text=judged.result.reason,
        labels=_labels(judged, judged.priority),
        details=_details(judged) | {"priority": judged.priority, "first_checkpoint": checkpoint.id, "misses": 1},
        owner=cell.owner,
        rule=checkpoint.policy,
        revision=checkpoint.revision,
        starts_us=checkpoint.at_us,
    )


def missed_again(case: Case, judged: Judged) -> tuple[Case, list[NewEvent]]:
    """The case of a miss that is missed again: as it is now, and what its timeline says. What people set stays."""
    events = []
    after = case
    severity = case.severity if case.details.get("priority_by") else judged.priority
    if severity != case.severity:
        after, event = changes.change_severity(case, severity, judged.now_us, judged.told)
        events.append(event)
    result = judged.result
    facts = {"checkpoint": judged.checkpoint.id, "value": result.reading.value, "missed_by": result.missed_by}
    events.append(NewEvent(case.id, EventKind.NOTE, judged.told, SYSTEM, facts))
    misses = int(case.details.get("misses", 0)) + 1
    after = replace(
        after,
        title=_title(judged.cell),
        text=result.reason,
        labels=_labels(judged, severity),
        details={**case.details, **_details(judged), "priority": severity, "misses": misses},
        revision=judged.checkpoint.revision,
        changed_us=judged.now_us,
        version=case.version + 1,
    )
    return after, events


def called_done(item: Case) -> bool:
    """Whether somebody said that an item is done, and no checkpoint has said so since."""
    return not item.is_open and "resolved_by_checkpoint" not in item.details


def not_done(item: Case, judged: Judged) -> tuple[Case, list[NewEvent]]:
    """The item of a miss that was called done and is missed all the same: open again. What people set stays."""
    again = replace(
        item, state=CaseState.OPEN, acknowledged_us=None, acknowledged_by="", resolved_us=None, ends_us=None
    )
    after, events = missed_again(again, judged)
    text = "open again: it was called done, and its target is missed all the same"
    return after, [NewEvent(item.id, EventKind.OPENED, text, SYSTEM, {"severity": after.severity}), *events]


def is_done(item: Case, judged: Judged) -> tuple[Case, NewEvent]:
    """The item of a miss that was called done, and is: what is missed after this is another miss."""
    details = {**item.details, "resolved_by_checkpoint": judged.checkpoint.id}
    after = replace(item, details=details, changed_us=judged.now_us, version=item.version + 1)
    return after, NewEvent(item.id, EventKind.NOTE, judged.told, SYSTEM, {"checkpoint": judged.checkpoint.id})


def mended(case: Case, told: str, checkpoint: Checkpoint, now_us: int) -> tuple[Case, NewEvent]:
    """The case of a miss that is over."""
    after, event = changes.resolve(case, SYSTEM, now_us, told, ends_us=checkpoint.at_us)
    return replace(after, details={**after.details, "resolved_by_checkpoint": checkpoint.id}), event


def escalates_anew(item: Case | None, result: CellResult) -> bool:
    """Whether a miss is to be told to people that no open case tells of.

    One with an open item was told before, and somebody resolved that: only what became more urgent is told again.
    """
    escalated = None if item is None else item.details.get("escalated")
    if result.priority is None or escalated is None:
        return result.priority is not None
    return _URGENCY.index(result.priority) < _URGENCY.index(Priority(escalated))


def linked(details: Mapping[str, Any], escalation: Case, priority: Priority) -> dict[str, Any]:
    """Details of an item that names the escalation of its miss, and how urgent that was."""
    return {**details, "escalation": escalation.id, "escalated": priority.value}


def _title(cell: Cell) -> str:
    return f"{cell.of} {cell.measure} misses its target".replace("_", " ")


def _labels(judged: Judged, severity: str) -> dict[str, str]:
    cell, policy = judged.cell, judged.checkpoint.policy
    return {
        **judged.policy.on_miss.labels,
        KIND_LABEL: KIND,
        RULE_LABEL: policy,
        "checkpoint": policy,
        "part": str(cell.part),
        str(cell.part): cell.of,
        "measure": cell.measure,
        SEVERITY_LABEL: severity,
    }


def _details(judged: Judged) -> dict[str, Any]:
    cell, reading = judged.cell, judged.result.reading
    return {
        "policy": judged.checkpoint.policy,
        "cell": cell.name,
        "checkpoint": judged.checkpoint.id,
        "value": reading.value,
        "target": cell.target,
        "direction": str(cell.direction),
        "unit": cell.unit,
        "missed_by": judged.result.missed_by,
        "action": cell.action,
        # What notifications show, as of alerts.
        "values": {cell.measure: reading.value, "target": cell.target},
        "runbook": judged.policy.metadata.runbook,
        "owner": cell.owner,
    }
