"""The versions of the schema: each is applied once, in order, and recorded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trueline_stores.errors import SchemaTooNewError
from trueline_stores.warehouse.statements import (
    AddColumns,
    AddIndex,
    AddProjection,
    BuildIndex,
    ChangeSettings,
    CreateDatabase,
    CreateTable,
    ExtendKey,
    FillProjection,
    ReadDefinition,
    ReadVersion,
    RecordVersion,
    SetTtl,
    Statement,
)
from trueline_stores.warehouse.tables import (
    ACCOUNT_HEALTH,
    CLOCKS,
    DECISION_COUNTS,
    DECISIONS,
    EVENTS,
    FACTS,
    MEMBERS,
    POINTS,
    SCHEMA_MIGRATIONS,
    TABLES,
    Table,
    TableSettings,
)

if TYPE_CHECKING:
    from trueline_stores.warehouse.client import Warehouse

_TTL_DAYS = re.compile(r"\bTTL\b.*?toIntervalDay\((\d+)\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Migration:
    """One version of the schema.

    Attributes:
        version: from 1, without gaps.
        name: what it does.
        statements: each may run again: a crash between a statement and the record repeats them all.

    """

    version: int
    name: str
    statements: tuple[Statement, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, "tables", tuple(CreateTable(table) for table in TABLES)),
    Migration(2, "settings of events", (ChangeSettings(EVENTS),)),
    Migration(3, "facts", (CreateTable(FACTS),)),
    Migration(4, "decisions", (CreateTable(DECISIONS), CreateTable(DECISION_COUNTS))),
    Migration(5, "counts of the shadow", (AddColumns(DECISION_COUNTS, ("shadowed", "different")),)),
    Migration(6, "settings of points, members and clocks", tuple(map(ChangeSettings, (POINTS, MEMBERS, CLOCKS)))),
    Migration(7, "health of accounts", (CreateTable(ACCOUNT_HEALTH),)),
    Migration(8, "events by account", (AddIndex(EVENTS, "by_account"), BuildIndex(EVENTS, "by_account"))),
    Migration(
        9,
        "facts keep when they were recorded, and are read by subject, too",
        (ExtendKey(FACTS, ("recorded_at",)), ChangeSettings(FACTS), AddProjection(FACTS), FillProjection(FACTS)),
    ),
)


def migrate(warehouse: Warehouse, settings: TableSettings, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Apply what is not applied yet, then set the TTLs that differ from the settings.

    Raises:
        SchemaTooNewError: the database has a version beyond the last of `migrations`.

    """
    warehouse.command(*CreateDatabase().to_sql())
    warehouse.command(*CreateTable(SCHEMA_MIGRATIONS).to_sql())
    applied = schema_version(warehouse)
    known = migrations[-1].version
    if applied > known:
        raise SchemaTooNewError(
            f"the warehouse has schema version {applied}, this version of Trueline knows {known}; "
            "run the version that wrote it, or a newer one",
            metadata={"version": str(applied), "known": str(known)},
        )
    for migration in migrations:
        if migration.version > applied:
            for statement in migration.statements:
                warehouse.command(*statement.to_sql())
            warehouse.command(*RecordVersion(migration.version, migration.name).to_sql())
    for table in TABLES:
        if table.expires_after and ttl_days(warehouse, table) != table.days(settings):
            warehouse.command(*SetTtl(table, table.days(settings)).to_sql())


def schema_version(warehouse: Warehouse) -> int:
    """The newest version applied; 0 if none was."""
    return int(warehouse.run(ReadVersion())[0][0])


def ttl_days(warehouse: Warehouse, table: Table) -> int:
    """Days after which the database deletes rows of a table; 0 = never."""
    rows = warehouse.run(ReadDefinition(table))
    found = _TTL_DAYS.search(rows[0][0]) if rows else None
    return int(found.group(1)) if found else 0
