"""Timers in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update
from trueline_stores.state.case_tables import TIMERS


@dataclass(frozen=True, slots=True)
class Timer:
    """An alarm.

    Attributes:
        tenant: whose.
        kind: which handler it is for.
        subject: what it is about, e.g. the id of a group; a kind and subject have one timer.
        due_us: when, by the server's clock (µs since 1970, UTC).
        attempts: how often its handler failed.

    """

    tenant: str
    kind: str
    subject: str
    due_us: int
    attempts: int = 0


def set_timer(connection: Connection, timer: Timer) -> None:
    """Set an alarm, or move the one that is there."""
    set_timers(connection, [timer])


def set_timers(connection: Connection, timers: Sequence[Timer]) -> None:
    """Set alarms, or move those that are there."""
    for timer in timers:
        clear_timer(connection, timer.tenant, timer.kind, timer.subject)
    if timers:
        rows = [
            {"tenant": t.tenant, "kind": t.kind, "subject": t.subject, "due_us": t.due_us, "attempts": t.attempts}
            for t in timers
        ]
        connection.execute(insert(TIMERS), rows)


def clear_timer(connection: Connection, tenant: str, kind: str, subject: str) -> bool:
    """Take an alarm away; whether there was one."""
    key = (TIMERS.c.tenant == tenant, TIMERS.c.kind == kind, TIMERS.c.subject == subject)
    return connection.execute(delete(TIMERS).where(*key)).rowcount > 0


def find_timer(connection: Connection, tenant: str, kind: str, subject: str) -> Timer | None:
    """The alarm of a kind and subject."""
    key = (TIMERS.c.tenant == tenant, TIMERS.c.kind == kind, TIMERS.c.subject == subject)
    row = connection.execute(select(TIMERS).where(*key)).first()
    return None if row is None else Timer(row.tenant, row.kind, row.subject, row.due_us, row.attempts)


def due_timers(connection: Connection, now_us: int, most: int) -> list[Timer]:
    """The alarms that are due, the longest due first."""
    query = select(TIMERS).where(TIMERS.c.due_us <= now_us).order_by(TIMERS.c.due_us).limit(most)
    return [Timer(r.tenant, r.kind, r.subject, r.due_us, r.attempts) for r in connection.execute(query)]


def hasten_timers(connection: Connection, now_us: int) -> None:
    """Have all alarms that are to come run now."""
    connection.execute(update(TIMERS).where(TIMERS.c.due_us > now_us).values(due_us=now_us))


def next_due(connection: Connection) -> int | None:
    """When the next alarm is due; None if there is none."""
    found = connection.execute(select(TIMERS.c.due_us).order_by(TIMERS.c.due_us).limit(1)).first()
    return None if found is None else int(found.due_us)
