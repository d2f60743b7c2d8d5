"""Evidence, waivers and last statuses in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, func, insert, select, tuple_, update
from trueline_stores.state.compliance_tables import COMPLIANCE_EVIDENCE, COMPLIANCE_STATUSES, COMPLIANCE_WAIVERS

from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.model import Evidence, Subject, Waiver

EVIDENCE, WAIVER = "evidence", "waiver"

# Control -> its status, and how often it turned.
Turns = Mapping[str, tuple[str, int]]


def next_number(connection: Connection, tenant: str, table: Table) -> int:
    """The number of a tenant's next piece of evidence or waiver."""
    query = select(func.max(table.c.number)).where(table.c.tenant == tenant)
    return int(connection.execute(query).scalar_one() or 0) + 1


def number_of(kind: str, id_: str) -> int | None:
    """The number in an id like "waiver-7"; None if it is none of a kind."""
    prefix, _, digits = id_.rpartition("-")
    return int(digits) if prefix == kind and digits.isascii() and digits.isdecimal() and len(digits) < 10 else None


def insert_evidence(connection: Connection, tenant: str, evidence: Evidence) -> None:
    """Keep evidence under its number."""
    connection.execute(insert(COMPLIANCE_EVIDENCE).values(_row(tenant, evidence, Evidence)))


def insert_waiver(connection: Connection, tenant: str, waiver: Waiver) -> None:
    """Keep a waiver under its number."""
    connection.execute(insert(COMPLIANCE_WAIVERS).values(_row(tenant, waiver, Waiver)))


def revoke_waiver(connection: Connection, tenant: str, waiver: Waiver) -> None:
    """Keep when and by whom a waiver was revoked."""
    columns = COMPLIANCE_WAIVERS.c
    row = {"revoked_at_us": waiver.revoked_at_us, "revoked_by": waiver.revoked_by}
    own = (columns.tenant == tenant, columns.number == waiver.number)
    connection.execute(update(COMPLIANCE_WAIVERS).where(*own).values(row))


def find_evidence(connection: Connection, tenant: str, number: int) -> Evidence | None:
    """A piece of evidence by its number."""
    columns = COMPLIANCE_EVIDENCE.c
    found = connection.execute(select(COMPLIANCE_EVIDENCE).where(columns.tenant == tenant, columns.number == number))
    return next(map(_evidence, found), None)


def find_waiver(connection: Connection, tenant: str, number: int) -> Waiver | None:
    """A waiver by its number."""
    columns = COMPLIANCE_WAIVERS.c
    found = connection.execute(select(COMPLIANCE_WAIVERS).where(columns.tenant == tenant, columns.number == number))
    return next(map(_waiver, found), None)


def list_evidence(
    connection: Connection,
    tenant: str,
    *,
    subject: Subject | None = None,
    of_type: str = "",
    before: int | None = None,
    most: int = 100,
) -> list[Evidence]:
    """Evidence, the newest first.

    Args:
        connection: in a transaction.
        tenant: whose.
        subject: only of this one; None = of all.
        of_type: only of this type; "" = of all.
        before: only with numbers below this one; None = all.
        most: at most so many.

    """
    columns = COMPLIANCE_EVIDENCE.c
    query = select(COMPLIANCE_EVIDENCE).where(columns.tenant == tenant)
    if of_type:
        query = query.where(columns.type == of_type)
    return [*map(_evidence, connection.execute(_page(query, COMPLIANCE_EVIDENCE, subject, before).limit(most)))]


def list_waivers(
    connection: Connection,
    tenant: str,
    *,
    subject: Subject | None = None,
    framework: str = "",
    in_force_at_us: int | None = None,
    before: int | None = None,
    most: int = 100,
) -> list[Waiver]:
    """Waivers, the newest first; as list_evidence, and with `in_force_at_us` only those that did not end by then."""
    columns = COMPLIANCE_WAIVERS.c
    query = select(COMPLIANCE_WAIVERS).where(columns.tenant == tenant)
    if framework:
        query = query.where(columns.framework == framework)
    if in_force_at_us is not None:
        lasting = columns.revoked_at_us.is_(None) | (columns.revoked_at_us > in_force_at_us)
        query = query.where(columns.expires_at_us > in_force_at_us, lasting)
    return [*map(_waiver, connection.execute(_page(query, COMPLIANCE_WAIVERS, subject, before).limit(most)))]


def evidence_as_of(
    connection: Connection, tenant: str, when: AsOf, subjects: Sequence[Subject] | None = None
) -> list[Evidence]:
    """All evidence that had been collected by an instant, as far as it was known, of some subjects or of all."""
    columns = COMPLIANCE_EVIDENCE.c
    query = select(COMPLIANCE_EVIDENCE).where(columns.tenant == tenant, columns.collected_at_us <= when.at_us)
    if when.known_us is not None:
        query = query.where(columns.recorded_at_us <= when.known_us)
    query = query.where(*_of(COMPLIANCE_EVIDENCE, subjects))
    return [*map(_evidence, connection.execute(query))]


def waivers_as_of(
    connection: Connection, tenant: str, when: AsOf, subjects: Sequence[Subject] | None = None
) -> list[Waiver]:
    """All waivers in force at an instant, by what was known then, of some subjects or of all."""
    columns = COMPLIANCE_WAIVERS.c
    in_force = (
        columns.tenant == tenant,
        columns.granted_at_us <= when.told_us,
        columns.expires_at_us > when.at_us,
        columns.revoked_at_us.is_(None) | (columns.revoked_at_us > when.told_us),
    )
    query = select(COMPLIANCE_WAIVERS).where(*in_force, *_of(COMPLIANCE_WAIVERS, subjects))
    return [*map(_waiver, connection.execute(query))]


def tenants_of(connection: Connection) -> set[str]:
    """Tenants with evidence, waivers or last statuses."""
    tables = (COMPLIANCE_EVIDENCE, COMPLIANCE_WAIVERS, COMPLIANCE_STATUSES)
    return {
        tenant for table in tables for tenant in connection.execute(select(table.c.tenant).distinct()).scalars().all()
    }


def read_turns(connection: Connection, tenant: str) -> dict[tuple[Subject, str], Turns]:
    """What controls came to when they were last looked at, by subject and framework."""
    rows = connection.execute(select(COMPLIANCE_STATUSES).where(COMPLIANCE_STATUSES.c.tenant == tenant))
    return {
        (Subject(row.subject_kind, row.subject_id), row.framework): {
            control: (status, turns) for control, (status, turns) in row.statuses.items()
        }
        for row in rows
    }


def keep_turns(connection: Connection, tenant: str, turns: Mapping[tuple[Subject, str], Turns]) -> None:
    """Keep what controls came to, of the subjects and frameworks given."""
    columns = COMPLIANCE_STATUSES.c
    for (subject, framework), statuses in turns.items():
        key = {
            "tenant": tenant,
            "subject_kind": subject.kind,
            "subject_id": subject.id,
            "framework": framework,
        }
        values = {"statuses": {control: list(each) for control, each in statuses.items()}}
        where = [columns[name] == value for name, value in key.items()]
        if connection.execute(update(COMPLIANCE_STATUSES).where(*where).values(values)).rowcount == 0:
            connection.execute(insert(COMPLIANCE_STATUSES).values(**key, **values))


def _page(query: Select[Any], table: Table, subject: Subject | None, before: int | None) -> Select[Any]:
    query = query.where(*_of(table, None if subject is None else [subject]))
    if before is not None:
        query = query.where(table.c.number < before)
    return query.order_by(table.c.number.desc())


def _of(table: Table, subjects: Iterable[Subject] | None) -> list[ColumnElement[bool]]:
    if subjects is None:
        return []
    return [tuple_(table.c.subject_kind, table.c.subject_id).in_([(each.kind, each.id) for each in subjects])]


def _row(tenant: str, value: Evidence | Waiver, of: type[Evidence | Waiver]) -> dict[str, object]:
    fields = {name: getattr(value, name) for name in of.__dataclass_fields__ if name not in {"id", "subject"}}
    return fields | {"tenant": tenant, "subject_kind": value.subject.kind, "subject_id": value.subject.id}


def _evidence(row: Row[Any]) -> Evidence:
    fields = {name: getattr(row, name) for name in Evidence.__dataclass_fields__ if name not in {"id", "subject"}}
    return Evidence(id=f"{EVIDENCE}-{row.number}", subject=Subject(row.subject_kind, row.subject_id), **fields)


def _waiver(row: Row[Any]) -> Waiver:
    fields = {name: getattr(row, name) for name in Waiver.__dataclass_fields__ if name not in {"id", "subject"}}
    return Waiver(id=f"{WAIVER}-{row.number}", subject=Subject(row.subject_kind, row.subject_id), **fields)
