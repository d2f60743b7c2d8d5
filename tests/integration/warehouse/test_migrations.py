"""Schema versions and TTLs on a real database."""

from __future__ import annotations

import re
import uuid
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


def test_events_that_are_there_get_the_index_by_account(restored: Warehouse) -> None:
    """An older warehouse's events are answered the same, before and after, and then skipped for other accounts."""
    tenant = f"older-{uuid.uuid4().hex}"
    restored.command("ALTER TABLE trueline.events DROP INDEX by_account SETTINGS mutations_sync = 1")
    restored.command("ALTER TABLE trueline.schema_migrations DELETE WHERE version >= 8 SETTINGS mutations_sync = 1")
    restored.command(
        "INSERT INTO trueline.events (tenant, name, occurred_at, accepted_at, account_id, position) SELECT "
        f"'{tenant}', 'seen', toDateTime64(number, 6), now64(6), concat('account-', toString(number)), number "
        "FROM numbers(20000)"
    )
    assert _of_account(restored, tenant, "account-11111") == (1, False)
    restored.migrate()
    assert _of_account(restored, tenant, "account-11111")[0] == 1
    # Changes of parts come in order, so this one waits for what is built in the background.
    restored.command("ALTER TABLE trueline.events DELETE WHERE 0 SETTINGS mutations_sync = 1")
    assert _of_account(restored, tenant, "account-11111") == (1, True)
    assert _of_account(restored, tenant, "nobody") == (0, True)
    restored.migrate()
    assert schema_version(restored) == MIGRATIONS[-1].version


def _of_account(warehouse: Warehouse, tenant: str, account: str) -> tuple[int, bool]:
    """How many events an account has, and whether the index spared granules."""
    sql = "FROM trueline.events WHERE tenant = {tenant:String} AND account_id IN {accounts:Array(String)}"
    asked = {"tenant": tenant, "accounts": [account]}
    plan = "\n".join(line for (line,) in warehouse.query(f"EXPLAIN indexes = 1 SELECT max(position) {sql}", asked))
    skipped = re.search(r"Name: by_account.*?Granules: (\d+)/(\d+)", plan, re.DOTALL)
    spared = skipped is not None and int(skipped[1]) < int(skipped[2])
    return int(warehouse.query(f"SELECT count() {sql}", asked)[0][0]), spared
