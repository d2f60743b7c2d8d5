"""Deadlines of a group's escalation that people meet: updates, a post-mortem, whoever has to be informed."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection
from trueline_rules.escalation import machine
from trueline_rules.escalation.actions import DeadlineMissed

from trueline_server.alerts.escalating import ESCALATION_TIMER
from trueline_server.alerts.groups import StoredGroup, write_group
from trueline_server.cases import store
from trueline_server.cases.model import EventKind, NewEvent
from trueline_server.timers.store import Timer, clear_timer, set_timer


def names(group: StoredGroup) -> list[str]:
    """The deadlines that a group waits for."""
    return [] if group.escalation is None else [each.which for each in group.escalation.deadlines]


def meet(connection: Connection, group: StoredGroup, which: str, now_us: int) -> None:
    """Note that what has a deadline was done; an update has the next one. In the caller's transaction."""
    if group.escalation is None:
        return
    state, actions = machine.done(group.escalation, which, now_us)
    events = [
        NewEvent(case, EventKind.DEADLINE_MISSED, f"{each.which} was missed", details={"which": each.which})
        for each in actions
        if isinstance(each, DeadlineMissed)
        for case in sorted(group.cases.values())
    ]
    store.insert_events(connection, group.tenant, events, now_us)
    write_group(connection, group, replace(group, escalation=state))
    if state.next_us is None:
        clear_timer(connection, group.tenant, ESCALATION_TIMER, group.id)
    else:
        set_timer(connection, Timer(group.tenant, ESCALATION_TIMER, group.id, max(state.next_us, now_us)))
