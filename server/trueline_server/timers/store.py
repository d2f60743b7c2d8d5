"""Timers in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from trueline_stores.state.case_tables import TIMERS

# Made once: thousands of timers run in a tick, and making such a statement takes longer than running it.
_KEY = [TIMERS.c[name] == bindparam(f"k_{name}") for name in ("tenant", "kind", "subject")]
_FIND = select(TIMERS).where(*_KEY)
_DELETE = delete(TIMERS).where(*_KEY)
_TAKE = _DELETE.where(*(TIMERS.c[name] == bindparam(f"k_{name}") for name in ("due_us", "attempts")))
_INSERT = insert(TIMERS)


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
    if timers:
        connection.execute(_DELETE, [_key(timer.tenant, timer.kind, timer.subject) for timer in timers])
        connection.execute(_INSERT, [asdict(timer) for timer in timers])


def clear_timer(connection: Connection, tenant: str, kind: str, subject: str) -> bool:
    """Take an alarm away; whether there was one."""
    return connection.execute(_DELETE, _key(tenant, kind, subject)).rowcount > 0


def take_timer(connection: Connection, timer: Timer) -> bool:
    """Take an alarm away as it was read; whether it was still there, neither moved nor cleared."""
    key = _key(timer.tenant, timer.kind, timer.subject)
    return connection.execute(_TAKE, key | {"k_due_us": timer.due_us, "k_attempts": timer.attempts}).rowcount > 0


def find_timer(connection: Connection, tenant: str, kind: str, subject: str) -> Timer | None:
    """The alarm of a kind and subject."""
    row = connection.execute(_FIND, _key(tenant, kind, subject)).first()
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


def _key(tenant: str, kind: str, subject: str) -> dict[str, Any]:
    return {"k_tenant": tenant, "k_kind": kind, "k_subject": subject}
