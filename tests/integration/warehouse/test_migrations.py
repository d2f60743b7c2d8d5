"""Schema versions and TTLs on a real database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trueline_stores.errors import SchemaTooNewError
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.migrations import MIGRATIONS, Migration, migrate, schema_version, ttl_days
from trueline_stores.warehouse.statements import CreateTable, RecordVersion
from trueline_stores.warehouse.tables import (
    CLOCKS,
    DECISION_COUNTS,
    DECISIONS,
    EVENTS,
    KEEP_ALL,
    KPI_VALUES,
    MEMBERS,
    POINTS,
    TABLES,
    TableSettings,
)


@pytest.fixture
def restored(warehouse: Warehouse) -> Iterator[Warehouse]:
    """The shared warehouse, put back as it was after versions and TTLs were played with."""
    yield warehouse
    last = MIGRATIONS[-1].version
    warehouse.command(
        f"ALTER TABLE trueline.schema_migrations DELETE WHERE version > {last} SETTINGS mutations_sync = 1"
    )
    warehouse.migrate()


def test_versions_are_known_and_without_gaps(warehouse: Warehouse) -> None:
    """The database is at the newest version, and versions count from 1."""
    assert [each.version for each in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
    assert schema_version(warehouse) == MIGRATIONS[-1].version


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    """The second run applies and records nothing."""
    count = "SELECT count() FROM trueline.schema_migrations"
    before = warehouse.query(count)
    warehouse.migrate()
    assert warehouse.query(count) == before


def test_columns_are_as_declared(warehouse: Warehouse) -> None:
    """Each table in the database has the columns, in order, that its value says."""
    for table in TABLES:
        rows = warehouse.query(
            "SELECT name FROM system.columns WHERE database = 'trueline' AND table = {table:String} ORDER BY position",
            {"table": table.name},
        )
        assert [name for (name,) in rows] == [name for name, _ in table.columns]


def test_a_new_version_is_applied_once(restored: Warehouse) -> None:
    """A version beyond the database's is applied and recorded; statements that ran before a crash may run again."""
    following = Migration(MIGRATIONS[-1].version + 1, "again", (CreateTable(CLOCKS),))
    migrate(restored, KEEP_ALL, (*MIGRATIONS, following))
    migrate(restored, KEEP_ALL, (*MIGRATIONS, following))
    rows = restored.query("SELECT version, name FROM trueline.schema_migrations ORDER BY version")
    assert rows == [(each.version, each.name) for each in (*MIGRATIONS, following)]


def test_a_newer_database_is_refused(restored: Warehouse) -> None:
    """What a newer version wrote is not touched; the message names both versions."""
    newer = MIGRATIONS[-1].version + 7
    restored.command(*RecordVersion(newer, "from the future").to_sql())
    with pytest.raises(SchemaTooNewError, match=f"version {newer}") as refused:
        restored.migrate()
    assert refused.value.metadata == {"version": str(newer), "known": str(MIGRATIONS[-1].version)}


def test_ttls_follow_the_settings(restored: Warehouse) -> None:
    """A TTL is set, changed and removed by migrating with other settings; tables without one stay as they are."""
    for settings in (TableSettings(30, 400, 365), TableSettings(31, 0, 1), KEEP_ALL):
        restored.migrate(settings)
        tables = (EVENTS, POINTS, MEMBERS, CLOCKS, KPI_VALUES, DECISIONS, DECISION_COUNTS)
        found = {table.name: ttl_days(restored, table) for table in tables}
        assert found == {
            "events": settings.events_ttl_days,
            "points": settings.points_ttl_days,
            "members": settings.points_ttl_days,
            "clocks": 0,
            "kpi_values": 0,
            "decisions": settings.decisions_ttl_days,
            "decision_counts": settings.decisions_ttl_days,
        }
