"""What escalations say: to the people of a level, to those whom one told that it is over, and to timelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, select, update
from trueline_rules.escalation.actions import DeadlineMissed, NotifyLevel
from trueline_rules.escalation.state import RESPOND, UPDATE
from trueline_rules.routing.groups import Member
from trueline_stores.state.case_tables import NOTIFICATIONS

from trueline_server.alerts.escalation import Escalation
from trueline_server.alerts.groups import StoredGroup, member_of, told_elsewhere
from trueline_server.alerts.messages import MOST_ALERTS, MOVED, NewNotification, content_of, message_key
from trueline_server.alerts.queueing import queue
from trueline_server.cases import store
from trueline_server.cases.model import SYSTEM, Case, EventKind, NewEvent
from trueline_server.notifications.model import NotificationState

LEVEL, OVER, MISSED = "escalation", "all_resolved", "deadline_missed"
_DEADLINES = {
    RESPOND: "the time to respond",
    UPDATE: "the time for an update",
    "resolve": "the time to resolve",
    "post_mortem": "the time for the post-mortem",
}


def tell_level(
    connection: Connection,
    stored: StoredGroup,
    escalation: Escalation,
    action: NotifyLevel,
    *,
    members: Sequence[Member],
    already: frozenset[str],
    now_us: int,
) -> Escalation:
    """Tell a level of alerts, but for channels that their route tells the same just now; who was told is noted."""
    about = {
        "policy": escalation.state.policy["name"],
        "level": action.name,
        "try": action.step.tries,
        "round": action.step.round,
    }
    to = {each.channel: each.person for each in action.recipients}
    cases = store.find_cases(connection, stored.tenant, [one.case for one in members[:MOST_ALERTS]])
    said = [(one, cases.get(one.case)) for one in members]
    new = [
        _page(stored, escalation, LEVEL, action.step.key, to=each, said=said, now_us=now_us, level=about)
        for each in to.items()
        if each[0] not in already
    ]
    queue(connection, stored.tenant, new, now_us)
    who = ", ".join(dict.fromkeys(each.person or each.channel for each in action.recipients))
    again = f", {action.step.tries}. time" if action.step.tries > 1 else ""
    missing = "".join(f"; {each.target} reaches nobody: {each.why}" for each in action.unreached)
    text = f"level {action.name} told{again}: {who}{missing}"
    note(connection, stored, escalation, EventKind.ESCALATED, text, now_us=now_us, recipients=list(to), **about)
    return replace(escalation, told={**escalation.told, **to})


def heard_of(connection: Connection, stored: StoredGroup, fresh: Sequence[Member]) -> dict[str, str]:
    """Whom levels told of alerts that are over, or had left, since the last look, and that fire again now."""
    names = {member.fingerprint for member in fresh}
    heard: dict[str, str] = {}
    for each in stored.escalations:
        if not each.live and not each.closed and each.told:
            cases = store.find_cases(connection, stored.tenant, each.cases)
            if any(case.key in names for case in cases.values()):
                heard |= each.told
    return heard


def tell_end(
    connection: Connection,
    stored: StoredGroup,
    escalation: Escalation,
    *,
    again: frozenset[str],
    now_us: int,
) -> None:
    """Tell everybody whom a level told that it is over, but for channels that its route tells that anyway.

    What fires on but went another way is told so, except to channels that have heard of it there. Of `again`, the
    fingerprints of alerts that fire again, nobody is told that they are over.
    """
    cases = store.find_cases(connection, stored.tenant, escalation.cases if escalation.told else ())
    over = sorted((case for case in cases.values() if case.key not in again), key=lambda case: case.number)
    moved = told_elsewhere(connection, stored, [case for case in over if case.is_open])
    reason = MOVED if len(moved) == len(over) else OVER
    new = []
    for each in escalation.told.items():
        said = [(member_of(one, firing=False), one) for one in over if each[0] not in moved.get(one.id, ())]
        if said and each[0] not in stored.destination.channels:
            new.append(_page(stored, escalation, reason, "end", to=each, said=said, now_us=now_us))
    queue(connection, stored.tenant, new, now_us)


def tell_missed(
    connection: Connection,
    stored: StoredGroup,
    escalation: Escalation,
    action: DeadlineMissed,
    now_us: int,
    *,
    quiet: bool,
) -> None:
    """Note that a deadline was missed, and tell those whom a level told, unless all is `quiet`, which is suppressed.

    While nobody has it, the levels say so, and neither a response nor an update is asked for beside them.
    """
    text = f"{_DEADLINES.get(action.which, action.which)} was missed"
    note(connection, stored, escalation, EventKind.DEADLINE_MISSED, text, now_us=now_us, which=action.which)
    if quiet or (action.which in {RESPOND, UPDATE} and escalation.state.acknowledged_us is None):
        return
    firing = {one.case: one for one in _firing(stored, escalation)}
    cases = store.find_cases(connection, stored.tenant, list(firing or escalation.cases)[:MOST_ALERTS])
    said = [(firing.get(name) or member_of(case, firing=False), case) for name, case in cases.items()]
    occasion = f"{action.which}/{action.at_us}"
    new = [
        _page(stored, escalation, MISSED, occasion, to=each, said=said, now_us=now_us, deadline=action)
        for each in escalation.told.items()
        if said
    ]
    queue(connection, stored.tenant, new, now_us)


def drop_held(connection: Connection, stored: StoredGroup, escalation: Escalation, why: str, now_us: int) -> Escalation:
    """Take back what still waits to call people, for a rate limit or its turn; who was never told is forgotten."""
    rows = NOTIFICATIONS.c
    pages = select(rows.id, rows.channel, rows.state, rows.sent_as, rows.content).where(
        rows.tenant == stored.tenant, rows.group_id == stored.id, rows.reason == LEVEL
    )
    waits = (rows.state == NotificationState.QUEUED.value, rows.sent_as.is_(None))
    held = [row for row in connection.execute(pages.where(*waits)) if _is_of(row.content, escalation)]
    if not held:
        return escalation
    for row in held:
        values = {"state": NotificationState.DROPPED.value, "finished_us": now_us, "error": why}
        connection.execute(update(NOTIFICATIONS).where(rows.tenant == stored.tenant, rows.id == row.id).values(values))
    others = connection.execute(pages.where(rows.state != NotificationState.DROPPED.value))
    reached = {row.channel for row in others if _is_of(row.content, escalation)}
    unheard = {row.channel for row in held} - reached
    return replace(escalation, told={name: who for name, who in escalation.told.items() if name not in unheard})


def note(
    connection: Connection,
    stored: StoredGroup,
    escalation: Escalation,
    kind: EventKind,
    text: str,
    *,
    now_us: int,
    **details: object,
) -> None:
    """Put something into the timelines of the alerts of an escalation that fire, or of all of them once none does."""
    cases = [one.case for one in _firing(stored, escalation)] or sorted(escalation.cases)
    events = [NewEvent(case, kind, text, SYSTEM, {"group": stored.id, **details}) for case in cases]
    store.insert_events(connection, stored.tenant, events, now_us)


def _page(
    stored: StoredGroup,
    escalation: Escalation,
    reason: str,
    occasion: str,
    *,
    to: tuple[str, str],
    said: Sequence[tuple[Member, Case | None]],
    now_us: int,
    level: Mapping[str, Any] | None = None,
    deadline: DeadlineMissed | None = None,
) -> NewNotification:
    """A message to one channel, of a person or of nobody; the same occasion of an escalation makes the same message."""
    channel, person = to
    return NewNotification(
        id=message_key(stored.tenant, stored.id, f"escalation/{escalation.id}/{occasion}", channel),
        channel=channel,
        person=person,
        group_id=stored.id,
        reason=reason,
        content=content_of(
            stored,
            reason,
            said[:MOST_ALERTS],
            total=len(said),
            suppressed=(),
            now_us=now_us,
            escalation={"id": escalation.id, **(level or {}), "person": person},
            deadline=deadline,
        ),
    )


def _firing(stored: StoredGroup, escalation: Escalation) -> list[Member]:
    return [one for one in stored.group.members.values() if one.firing and escalation.is_about(one)]


def _is_of(content: Mapping[str, Any], escalation: Escalation) -> bool:
    about = content.get("escalation") or {}
    return bool(about.get("id") == escalation.id)
