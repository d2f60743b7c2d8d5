"""The SQL of the warehouse's statements, letter by letter; no database is needed."""

from __future__ import annotations

import pytest
from trueline_stores.warehouse.statements import (
    AddIndex,
    BuildIndex,
    ChangeSettings,
    CreateDatabase,
    CreateTable,
    KnownPositions,
    ReadClocks,
    ReadDefinition,
    ReadStatuses,
    ReadVersion,
    RecordVersion,
    SetTtl,
    Statement,
    Tenants,
    WrittenPosition,
)
from trueline_stores.warehouse.tables import CLOCKS, EVENTS, MEMBERS, POINTS, TABLES

CASES: dict[str, tuple[Statement, str, dict[str, object]]] = {
    "database": (CreateDatabase(), "CREATE DATABASE IF NOT EXISTS trueline", {}),
    "events": (
        CreateTable(EVENTS),
        "CREATE TABLE IF NOT EXISTS trueline.events (\n"
        "  tenant LowCardinality(String),\n"
        "  source LowCardinality(String),\n"
        "  id String,\n"
        "  name LowCardinality(String),\n"
        "  occurred_at DateTime64(6, 'UTC'),\n"
        "  accepted_at DateTime64(6, 'UTC'),\n"
        "  stored_at DateTime64(6, 'UTC') DEFAULT now64(6),\n"
        "  user_id String,\n"
        "  account_id String,\n"
        "  anonymous_id String,\n"
        "  device_id String,\n"
        "  value Nullable(Decimal(38, 9)),\n"
        "  currency LowCardinality(String),\n"
        "  properties Map(LowCardinality(String), String),\n"
        "  numbers Map(LowCardinality(String), Float64),\n"
        "  flags Map(LowCardinality(String), Bool),\n"
        "  position UInt64,\n"
        "  watermark DateTime64(6, 'UTC'),\n"
        "  INDEX by_position position TYPE minmax GRANULARITY 1,\n"
        "  INDEX by_account account_id TYPE bloom_filter(0.01) GRANULARITY 1\n"
        ") ENGINE = MergeTree\n"
        "ORDER BY (tenant, name, occurred_at, position)\n"
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, "
        "min_bytes_for_wide_part = 67108864, min_parts_to_merge_at_once = 10",
        {},
    ),
    "clocks": (
        CreateTable(CLOCKS),
        "CREATE TABLE IF NOT EXISTS trueline.clocks (\n"
        "  tenant LowCardinality(String),\n"
        "  source LowCardinality(String),\n"
        "  events UInt64,\n"
        "  max_occurred_at DateTime64(6, 'UTC'),\n"
        "  last_accepted_at DateTime64(6, 'UTC'),\n"
        "  finished Bool,\n"
        "  revision UInt64\n"
        ") ENGINE = ReplacingMergeTree(revision)\n"
        "ORDER BY (tenant, source)\n"
        "SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_parts_to_merge_at_once = 10",
        {},
    ),
    "settings": (
        ChangeSettings(EVENTS),
        "ALTER TABLE trueline.events MODIFY SETTING "
        "min_bytes_for_wide_part = 67108864, min_parts_to_merge_at_once = 10",
        {},
    ),
    "index": (
        AddIndex(EVENTS, "by_account"),
        "ALTER TABLE trueline.events ADD INDEX IF NOT EXISTS "
        "by_account account_id TYPE bloom_filter(0.01) GRANULARITY 1",
        {},
    ),
    "index_of_what_is_there": (
        BuildIndex(EVENTS, "by_account"),
        "ALTER TABLE trueline.events MATERIALIZE INDEX by_account SETTINGS mutations_sync = 0",
        {},
    ),
    "ttl": (
        SetTtl(EVENTS, 30),
        "ALTER TABLE trueline.events MODIFY TTL toDateTime(accepted_at) + toIntervalDay(30)",
        {},
    ),
    "ttl_of_members": (
        SetTtl(MEMBERS, 7),
        "ALTER TABLE trueline.members MODIFY TTL toDateTime(stored_at) + toIntervalDay(7)",
        {},
    ),
    "no_ttl": (SetTtl(POINTS, 0), "ALTER TABLE trueline.points REMOVE TTL", {}),
    "definition": (
        ReadDefinition(POINTS),
        "SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name = {name:String}",
        {"database": "trueline", "name": "points"},
    ),
    "version": (ReadVersion(), "SELECT max(version) FROM trueline.schema_migrations", {}),
    "record": (
        RecordVersion(1, "tables"),
        "INSERT INTO trueline.schema_migrations (version, name) SELECT {version:UInt32}, {name:String}",
        {"version": 1, "name": "tables"},
    ),
    "positions": (
        KnownPositions("acme", 10, 20),
        "SELECT position FROM trueline.events "
        "WHERE tenant = {tenant:String} AND position BETWEEN {first:UInt64} AND {last:UInt64}",
        {"tenant": "acme", "first": 10, "last": 20},
    ),
    "read_clocks": (
        ReadClocks("acme"),
        "SELECT source, events, toUnixTimestamp64Micro(max_occurred_at), toUnixTimestamp64Micro(last_accepted_at), "
        "finished, revision FROM trueline.clocks FINAL WHERE tenant = {tenant:String} ORDER BY source",
        {"tenant": "acme"},
    ),
    "statuses": (
        ReadStatuses("acme"),
        "SELECT metric, definition, too_late, overflowed, revision FROM trueline.metric_status FINAL "
        "WHERE tenant = {tenant:String} ORDER BY metric, definition",
        {"tenant": "acme"},
    ),
    "statuses_of": (
        ReadStatuses("acme", ("d1", "d2")),
        "SELECT metric, definition, too_late, overflowed, revision FROM trueline.metric_status FINAL "
        "WHERE tenant = {tenant:String} AND definition IN {definitions:Array(String)} ORDER BY metric, definition",
        {"tenant": "acme", "definitions": ["d1", "d2"]},
    ),
    "written": (WrittenPosition(), "SELECT max(revision) FROM trueline.clocks", {}),
    "tenants": (Tenants(), "SELECT DISTINCT tenant FROM trueline.clocks ORDER BY tenant", {}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_statement_says_exactly(case: tuple[Statement, str, dict[str, object]]) -> None:
    """Each statement value says this SQL and binds these values; texts of callers never stand in the SQL."""
    statement, sql, values = case
    assert statement.to_sql() == (sql, values)


def test_the_tenant_is_first_in_every_key() -> None:
    """No read of one tenant has to pass over the rows of another."""
    assert [table.name for table in TABLES if table.order_by[0] != "tenant"] == []


def test_keys_are_columns() -> None:
    """Each table has the columns that its key, its version and its expiry name."""
    for table in TABLES:
        columns = {name for name, _ in table.columns}
        assert set(table.order_by) <= columns
        assert not table.expires_by or table.expires_by in columns
        assert "(revision)" not in table.engine or "revision" in columns
