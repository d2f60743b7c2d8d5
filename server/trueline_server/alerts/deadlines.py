"""Deadlines of escalations that people meet: updates, a post-mortem, whoever has to be informed."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection
from trueline_rules.escalation import machine
from trueline_rules.escalation.actions import DeadlineMissed

from trueline_server.alerts import pages
from trueline_server.alerts.escalating import wait
from trueline_server.alerts.groups import StoredGroup, write_group


def names(group: StoredGroup, case: str) -> list[str]:
    """The deadlines that an alert of a group has to meet."""
    return [
        each.which
        for escalation in group.escalations
        if case in escalation.cases
        for each in escalation.state.deadlines
    ]


def meet(connection: Connection, group: StoredGroup, case: str, which: str, now_us: int) -> None:
    """Note that what has a deadline was done for an alert and those that escalate with it; an update has the next one.

    In the caller's transaction.
    """
    after = []
    for escalation in group.escalations:
        if case not in escalation.cases or which not in {each.which for each in escalation.state.deadlines}:
            after.append(escalation)
            continue
        state, actions = machine.done(escalation.state, which, now_us)
        for action in actions:
            if isinstance(action, DeadlineMissed):
                pages.tell_missed(connection, group, escalation, action, now_us, quiet=True)
        after.append(escalation.moved(state))
    met = replace(group, escalations=tuple(after))
    write_group(connection, group, met)
    wait(connection, met, now_us)
