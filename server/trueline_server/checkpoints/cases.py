"""Opens, changes and resolves the cases of misses, in the transaction that keeps the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection
from trueline_rules.checkpoint_model import CheckpointPolicy
from trueline_rules.checkpoints.results import CellResult, Outcome

from trueline_server.alerts.cases import AlertChange, Hears
from trueline_server.cases import store as case_store
from trueline_server.cases.model import SYSTEM, Case, CaseKind, EventKind, NewCase, NewEvent
from trueline_server.checkpoints.misses import (
    Judged,
    escalates_anew,
    is_done,
    linked,
    mended,
    missed_again,
    new_case,
    not_done,
)
from trueline_server.checkpoints.model import Checkpoint
from trueline_server.checkpoints.store import items_called_done, open_cases


@dataclass(slots=True)
class _Effects:
    """What a checkpoint does to the cases of one kind.

    Attributes:
        kind: of the cases.
        known: the open ones, by cell.
        done: those that somebody called done and that no checkpoint has passed since, by cell.
        opened, changed, over: by cell.
        events: what happened to cases that are open already.

    """

    kind: CaseKind
    known: dict[str, Case]
    done: dict[str, Case] = field(default_factory=dict)
    opened: dict[str, NewCase] = field(default_factory=dict)
    changed: dict[str, Case] = field(default_factory=dict)
    over: dict[str, Case] = field(default_factory=dict)
    events: list[NewEvent] = field(default_factory=list)

    def take(self, judged: Judged, *, opens: bool) -> None:
        """Do what a result asks for; `opens`: whether a miss without a case gets one."""
        cell = judged.cell.name
        known = self.known.get(cell)
        outcome = judged.result.outcome
        if known is None and cell in self.done:
            self._look_at_done(self.done[cell], judged, opens=opens)
        elif known is None:
            if outcome is Outcome.FAIL and opens:
                self.opened[cell] = new_case(self.kind, judged)
        elif outcome is Outcome.FAIL:
            self.changed[cell], events = missed_again(known, judged)
            self.events += events
        elif outcome is Outcome.PASS:
            self.end(cell, judged.told, judged.checkpoint, judged.now_us)
        else:
            # Nobody knows whether it is mended.
            facts = {"checkpoint": judged.checkpoint.id}
            self.events.append(NewEvent(known.id, EventKind.NOTE, judged.told, SYSTEM, facts))

    def _look_at_done(self, item: Case, judged: Judged, *, opens: bool) -> None:
        """Open an item again that was not done, or say that it was."""
        cell = judged.cell.name
        if judged.result.outcome is Outcome.FAIL and opens:
            self.changed[cell], events = not_done(item, judged)
            self.events += events
        elif judged.result.outcome is Outcome.PASS:
            self.over[cell], event = is_done(item, judged)
            self.events.append(event)

    def end(self, cell: str, told: str, checkpoint: Checkpoint, now_us: int) -> None:
        """Resolve the case of a cell."""
        self.over[cell], event = mended(self.known[cell], told, checkpoint, now_us)
        self.events.append(event)

    def write(self, connection: Connection, tenant: str, now_us: int) -> dict[str, Case]:
        """Write it all; the open cases by cell."""
        new = case_store.insert_cases(connection, tenant, list(self.opened.values()), now_us)
        case_store.update_cases(connection, [*self.changed.values(), *self.over.values()])
        opened = [NewEvent(case.id, EventKind.OPENED, case.text, SYSTEM, {"severity": case.severity}) for case in new]
        case_store.insert_events(connection, tenant, [*self.events, *opened], now_us)
        still = {cell: case for cell, case in self.known.items() if cell not in self.over}
        return still | self.changed | dict(zip(self.opened, new, strict=True))


class CheckpointCases:
    """Keeps one item of the backlog and one escalation open for each miss, and resolves both once it is mended.

    A miss is the same until a checkpoint passes. An item that somebody called done is open again at the next miss, with
    the owner and the priority that people gave it. An escalation that somebody resolved is followed by another one only
    if the miss became more urgent, or if its item was called done, which was not so.
    """

    def __init__(self, hears: Hears) -> None:
        """`hears` hears of escalations as of alerts."""
        self._hears = hears

    def take(
        self, connection: Connection, checkpoint: Checkpoint, policy: CheckpointPolicy, now_us: int
    ) -> tuple[CellResult, ...]:
        """Do what the results of a checkpoint ask for; answers them with the ids of their cases."""
        tenant, on_miss = checkpoint.tenant, policy.on_miss
        backlog, escalations = (
            _Effects(kind, open_cases(connection, tenant, kind, checkpoint.policy))
            for kind in (CaseKind.BACKLOG, CaseKind.ESCALATION)
        )
        backlog.done = items_called_done(connection, tenant, checkpoint.policy, backlog.known)
        for result in checkpoint.cells:
            judged = Judged(checkpoint, policy, result, now_us)
            anew = escalates_anew(backlog.known.get(result.cell.name), result)
            backlog.take(judged, opens=on_miss.backlog)
            escalations.take(judged, opens=on_miss.escalate and anew)
        current = {result.cell.name for result in checkpoint.cells}
        for effects in (backlog, escalations):
            for cell in sorted(effects.known.keys() - current):
                effects.end(cell, f"{checkpoint.id}: the policy does not have this cell any more", checkpoint, now_us)
        escalated = escalations.write(connection, tenant, now_us)
        _link(backlog, escalated, checkpoint)
        items = backlog.write(connection, tenant, now_us)
        heard = _heard(escalations, escalated)
        if heard:
            self._hears(connection, tenant, heard, now_us)
        return tuple(_with_cases(result, items, escalated) for result in checkpoint.cells)


def _heard(escalations: _Effects, escalated: Mapping[str, Case]) -> list[AlertChange]:
    """What the routes are to hear of: what is new, what is labelled or graded otherwise than before, what is over."""
    moved = [cell for cell, case in escalations.changed.items() if case.labels != escalations.known[cell].labels]
    return [
        *(AlertChange(escalated[cell], True) for cell in (*escalations.opened, *moved)),
        *(AlertChange(case, False) for case in escalations.over.values()),
    ]


def _link(backlog: _Effects, escalated: Mapping[str, Case], checkpoint: Checkpoint) -> None:
    """Have items name the escalation of their miss."""
    for result in checkpoint.cells:
        cell, priority = result.cell.name, result.priority
        if priority is None or cell not in escalated:
            continue
        if cell in backlog.opened:
            new = backlog.opened[cell]
            backlog.opened[cell] = replace(new, details=linked(new.details, escalated[cell], priority))
        elif cell in backlog.changed:
            case = backlog.changed[cell]
            backlog.changed[cell] = replace(case, details=linked(case.details, escalated[cell], priority))


def _with_cases(result: CellResult, items: Mapping[str, Case], escalated: Mapping[str, Case]) -> CellResult:
    if result.outcome is not Outcome.FAIL:
        return result
    item, escalation = items.get(result.cell.name), escalated.get(result.cell.name)
    return replace(
        result,
        backlog="" if item is None else item.id,
        escalation="" if escalation is None else escalation.id,
    )
