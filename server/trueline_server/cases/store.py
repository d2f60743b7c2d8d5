"""Cases and their events in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, insert, select, update
from trueline_stores.state.case_tables import CASE_EVENTS, CASES

from trueline_server.cases.model import Case, CaseEvent, CaseKind, CaseState, EventKind, NewCase, NewEvent

# Values in one IN list; databases bound the number of parameters.
_CHUNK = 500
# Made once: this is asked for each of thousands of groups that are looked at in a tick.
_WITH_IDS = select(CASES).where(CASES.c.tenant == bindparam("of"), CASES.c.id.in_(bindparam("ids", expanding=True)))


def insert_cases(connection: Connection, tenant: str, new: Sequence[NewCase], now_us: int) -> list[Case]:
    """Open cases of one kind, with the next numbers. None of their keys may have an open case.

    Raises:
        IntegrityError: one of the keys has an open case.

    """
    if not new:
        return []
    kind = new[0].kind
    first = _next_number(connection, tenant, kind)
    rows = [_row(tenant, each, number, now_us) for number, each in enumerate(new, start=first)]
    connection.execute(insert(CASES), rows)
    return [_case(row) for row in rows]


def find_case(connection: Connection, tenant: str, case_id: str) -> Case | None:
    """A case by its id."""
    row = connection.execute(_of(tenant).where(CASES.c.id == case_id)).mappings().first()
    return None if row is None else _case(row)


def find_cases(connection: Connection, tenant: str, ids: Collection[str]) -> dict[str, Case]:
    """Cases by id; those that are not there are left out."""
    found: dict[str, Case] = {}
    listed = list(ids)
    for start in range(0, len(listed), _CHUNK):
        which = {"of": tenant, "ids": listed[start : start + _CHUNK]}
        found |= {row["id"]: _case(row) for row in connection.execute(_WITH_IDS, which).mappings()}
    return found


def find_open_ids(connection: Connection, tenant: str, ids: Collection[str]) -> set[str]:
    """Those of some ids whose case is not resolved."""
    found: set[str] = set()
    listed = list(ids)
    for start in range(0, len(listed), _CHUNK):
        part = listed[start : start + _CHUNK]
        query = select(CASES.c.id).where(CASES.c.tenant == tenant, CASES.c.id.in_(part), CASES.c.open_key.is_not(None))
        found |= set(connection.execute(query).scalars())
    return found


def find_open(connection: Connection, tenant: str, kind: CaseKind, keys: Collection[str]) -> dict[str, Case]:
    """The open cases of a kind by key."""
    found: dict[str, Case] = {}
    listed = list(keys)
    for start in range(0, len(listed), _CHUNK):
        part = listed[start : start + _CHUNK]
        query = _of(tenant).where(CASES.c.kind == kind.value, CASES.c.open_key.in_(part))
        found |= {row["key"]: _case(row) for row in connection.execute(query).mappings()}
    return found


def list_cases(
    connection: Connection,
    tenant: str,
    kind: CaseKind,
    *,
    states: Collection[CaseState] = (),
    before: int | None = None,
    most: int = 100,
) -> list[Case]:
    """Cases of a kind, the newest first.

    Args:
        connection: in a transaction.
        tenant: whose.
        kind: of which kind.
        states: only in these; () = all.
        before: only with numbers below this one; None = all.
        most: at most so many.

    """
    query = _of(tenant).where(CASES.c.kind == kind.value)
    if states:
        query = query.where(CASES.c.state.in_([state.value for state in states]))
        if CaseState.RESOLVED not in states:
            # Says nothing more, but has them found by the index of what is open.
            query = query.where(CASES.c.open_key.is_not(None))
    if before is not None:
        query = query.where(CASES.c.number < before)
    return [_case(row) for row in connection.execute(query.order_by(CASES.c.number.desc()).limit(most)).mappings()]


def open_alerts(connection: Connection, tenant: str) -> list[Case]:
    """All alerts of a tenant that are not resolved, by number."""
    query = _of(tenant).where(CASES.c.kind == CaseKind.ALERT.value, CASES.c.open_key.is_not(None))
    return [_case(row) for row in connection.execute(query.order_by(CASES.c.number)).mappings()]


def update_cases(connection: Connection, cases: Iterable[Case]) -> None:
    """Write cases that were changed; each must have the next version."""
    rows = [
        {
            "b_tenant": case.tenant,
            "b_id": case.id,
            "b_version": case.version - 1,
            "state": case.state.value,
            "open_key": case.key if case.is_open else None,
            "severity": case.severity,
            "title": case.title,
            "text": case.text,
            "labels": dict(case.labels),
            "details": dict(case.details),
            "owner": case.owner,
            "revision": case.revision,
            "ends_us": case.ends_us,
            "changed_us": case.changed_us,
            "acknowledged_us": case.acknowledged_us,
            "acknowledged_by": case.acknowledged_by,
            "resolved_us": case.resolved_us,
            "version": case.version,
        }
        for case in cases
    ]
    if rows:
        same = (CASES.c.tenant == bindparam("b_tenant"), CASES.c.id == bindparam("b_id"))
        columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if not name.startswith("b_")}
        # Writers wait for each other, so what was read in this transaction is still so.
        connection.execute(update(CASES).where(*same, CASES.c.version == bindparam("b_version")).values(columns), rows)


def insert_events(connection: Connection, tenant: str, events: Sequence[NewEvent], now_us: int) -> None:
    """Add to timelines."""
    rows = [
        {
            "tenant": tenant,
            "case_id": event.case_id,
            "at_us": now_us,
            "kind": event.kind.value,
            "actor": event.actor,
            "text": event.text,
            "details": dict(event.details),
        }
        for event in events
    ]
    if rows:
        connection.execute(insert(CASE_EVENTS), rows)


def events_of(
    connection: Connection, tenant: str, case_id: str, *, after: int = 0, most: int = 1000
) -> list[CaseEvent]:
    """The timeline of a case behind the event `after`, the oldest first."""
    query = (
        select(CASE_EVENTS)
        .where(CASE_EVENTS.c.tenant == tenant, CASE_EVENTS.c.case_id == case_id, CASE_EVENTS.c.number > after)
        .order_by(CASE_EVENTS.c.number)
        .limit(most)
    )
    return [event_of(row) for row in connection.execute(query).mappings()]


def changed_since(connection: Connection, tenant: str, after: int, most: int) -> list[CaseEvent]:
    """What happened to any case of a tenant behind the event `after`, the oldest first."""
    query = (
        select(CASE_EVENTS)
        .where(CASE_EVENTS.c.tenant == tenant, CASE_EVENTS.c.number > after)
        .order_by(CASE_EVENTS.c.number)
        .limit(most)
    )
    return [event_of(row) for row in connection.execute(query).mappings()]


def last_event(connection: Connection, tenant: str) -> int:
    """The number of the last event of a tenant; 0 if there is none."""
    query = select(func.max(CASE_EVENTS.c.number)).where(CASE_EVENTS.c.tenant == tenant)
    return int(connection.execute(query).scalar_one() or 0)


def _next_number(connection: Connection, tenant: str, kind: CaseKind) -> int:
    query = select(func.max(CASES.c.number)).where(CASES.c.tenant == tenant, CASES.c.kind == kind.value)
    return int(connection.execute(query).scalar_one() or 0) + 1


def _of(tenant: str) -> Select[Any]:
    return select(CASES).where(CASES.c.tenant == tenant)


def _row(tenant: str, new: NewCase, number: int, now_us: int) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "id": f"{new.kind.value}-{number}",
        "kind": new.kind.value,
        "number": number,
        "key": new.key,
        "open_key": new.key,
        "state": CaseState.OPEN.value,
        "severity": new.severity,
        "title": new.title,
        "text": new.text,
        "labels": dict(new.labels),
        "details": dict(new.details),
        "owner": new.owner,
        "rule": new.rule,
        "revision": new.revision,
        "starts_us": new.starts_us,
        "ends_us": None,
        "opened_us": now_us,
        "changed_us": now_us,
        "acknowledged_us": None,
        "acknowledged_by": "",
        "resolved_us": None,
        "version": 1,
    }


def _case(row: RowMapping | dict[str, Any]) -> Case:
    fields = {name: row[name] for name in Case.__dataclass_fields__}
    return Case(**fields | {"kind": CaseKind(row["kind"]), "state": CaseState(row["state"])})


def event_of(row: RowMapping) -> CaseEvent:
    """A row of the timeline as a value."""
    fields = {name: row[name] for name in CaseEvent.__dataclass_fields__}
    return CaseEvent(**fields | {"kind": EventKind(row["kind"])})
