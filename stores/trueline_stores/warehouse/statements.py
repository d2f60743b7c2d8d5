"""Statements about tables as values: what they say in SQL is tested without a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trueline_stores.warehouse.tables import CLOCKS, DATABASE, EVENTS, METRIC_STATUS, SCHEMA_MIGRATIONS, Table

Sql = tuple[str, dict[str, Any]]

# fsync: a part is on the disk before its insert returns, so a loss of power loses no more than kill -9 does. It costs
# 2 ms an insert on a laptop's disk. Merged parts are not synced: their sources stay for some minutes.
_DURABLE = ("fsync_after_insert = 1", "fsync_part_directory = 1")


class Statement(Protocol):
    """Something that is said in SQL."""

    def to_sql(self) -> Sql:
        """The statement and the values of its parameters."""
        ...


@dataclass(frozen=True, slots=True)
class CreateDatabase:
    """The database that all tables lie in."""

    def to_sql(self) -> Sql:
        """The statement."""
        return f"CREATE DATABASE IF NOT EXISTS {DATABASE}", {}


@dataclass(frozen=True, slots=True)
class CreateTable:
    """A table, without its TTL (see SetTtl), so that creating never depends on settings."""

    table: Table

    def to_sql(self) -> Sql:
        """The statement."""
        lines = [f"{name} {kind}" for name, kind in self.table.columns]
        lines += [f"INDEX {index}" for index in self.table.indexes]
        lines += [f"PROJECTION {projection}" for projection in self.table.projections]
        return (
            f"CREATE TABLE IF NOT EXISTS {self.table.full_name} (\n  "
            + ",\n  ".join(lines)
            + f"\n) ENGINE = {self.table.engine}\nORDER BY ({', '.join(self.table.order_by)})\n"
            + f"SETTINGS {', '.join((*_DURABLE, *self.table.settings))}",
            {},
        )


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """A table that was created with other settings of MergeTree gets its own; new parts are written by them."""

    table: Table

    def to_sql(self) -> Sql:
        """The statement."""
        return f"ALTER TABLE {self.table.full_name} MODIFY SETTING {', '.join(self.table.settings)}", {}


@dataclass(frozen=True, slots=True)
class AddColumns:
    """A table that was created without some of its last columns gets them; rows that are there have their defaults."""

    table: Table
    names: tuple[str, ...]

    def to_sql(self) -> Sql:
        """The statement."""
        added = [f"ADD COLUMN IF NOT EXISTS {name} {kind}" for name, kind in self.table.columns if name in self.names]
        return f"ALTER TABLE {self.table.full_name} {', '.join(added)}", {}


@dataclass(frozen=True, slots=True)
class ExtendKey:
    """A table that was created without the last columns of its sorting key gets them; rows that are there have zero."""

    table: Table
    names: tuple[str, ...]

    def to_sql(self) -> Sql:
        """The statement."""
        added, _ = AddColumns(self.table, self.names).to_sql()
        return f"{added}, MODIFY ORDER BY ({', '.join(self.table.order_by)})", {}


@dataclass(frozen=True, slots=True)
class AddProjection:
    """A table that was created without its projection gets it; parts that are written from then on have it."""

    table: Table

    def to_sql(self) -> Sql:
        """The statement."""
        (projection,) = self.table.projections
        return f"ALTER TABLE {self.table.full_name} ADD PROJECTION IF NOT EXISTS {projection}", {}


@dataclass(frozen=True, slots=True)
class FillProjection:
    """Parts that are there get the projection of their table, in the background; until then they are read without."""

    table: Table

    def to_sql(self) -> Sql:
        """The statement."""
        (projection,) = self.table.projections
        return f"ALTER TABLE {self.table.full_name} MATERIALIZE PROJECTION {projection.split()[0]}", {}


@dataclass(frozen=True, slots=True)
class AddIndex:
    """A table that was created without one of its skipping indexes gets it; parts written from then on have it."""

    table: Table
    name: str

    def to_sql(self) -> Sql:
        """The statement."""
        (index,) = (one for one in self.table.indexes if one.startswith(f"{self.name} "))
        return f"ALTER TABLE {self.table.full_name} ADD INDEX IF NOT EXISTS {index}", {}


@dataclass(frozen=True, slots=True)
class BuildIndex:
    """Parts that were written before a skipping index was added get it, too.

    In the background: the statement does not wait, a restart goes on where it was, and reads are right meanwhile, for
    they skip nothing of a part without the index.
    """

    table: Table
    name: str

    def to_sql(self) -> Sql:
        """The statement."""
        return f"ALTER TABLE {self.table.full_name} MATERIALIZE INDEX {self.name} SETTINGS mutations_sync = 0", {}


@dataclass(frozen=True, slots=True)
class SetTtl:
    """Rows of a table are deleted so many days after an instant in them; 0 = never."""

    table: Table
    days: int

    def to_sql(self) -> Sql:
        """The statement."""
        if self.days == 0:
            return f"ALTER TABLE {self.table.full_name} REMOVE TTL", {}
        return (
            f"ALTER TABLE {self.table.full_name} MODIFY TTL "
            f"toDateTime({self.table.expires_by}) + toIntervalDay({self.days})",
            {},
        )


@dataclass(frozen=True, slots=True)
class ReadDefinition:
    """The CREATE TABLE statement that the database has of a table."""

    table: Table

    def to_sql(self) -> Sql:
        """The statement; no row if there is no such table."""
        return (
            "SELECT create_table_query FROM system.tables WHERE database = {database:String} AND name = {name:String}",
            {"database": DATABASE, "name": self.table.name},
        )


@dataclass(frozen=True, slots=True)
class ReadVersion:
    """The newest version of the schema that was applied; 0 if none was."""

    def to_sql(self) -> Sql:
        """The statement; one row (version)."""
        return f"SELECT max(version) FROM {SCHEMA_MIGRATIONS.full_name}", {}


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """A version of the schema was applied."""

    version: int
    name: str

    def to_sql(self) -> Sql:
        """The statement."""
        return (
            f"INSERT INTO {SCHEMA_MIGRATIONS.full_name} (version, name) SELECT {{version:UInt32}}, {{name:String}}",
            {"version": self.version, "name": self.name},
        )


@dataclass(frozen=True, slots=True)
class KnownPositions:
    """Which positions of a span a tenant's events have already."""

    tenant: str
    first: int
    last: int

    def to_sql(self) -> Sql:
        """The statement; a row (position) for each. The span is contiguous, so the index on positions serves it."""
        return (
            f"SELECT position FROM {EVENTS.full_name} "
            "WHERE tenant = {tenant:String} AND position BETWEEN {first:UInt64} AND {last:UInt64}",
            {"tenant": self.tenant, "first": self.first, "last": self.last},
        )


@dataclass(frozen=True, slots=True)
class ReadClocks:
    """The clocks of a tenant's sources."""

    tenant: str

    def to_sql(self) -> Sql:
        """The statement; rows (source, events, max_occurred_us, last_accepted_us, finished, revision)."""
        return (
            "SELECT source, events, toUnixTimestamp64Micro(max_occurred_at), toUnixTimestamp64Micro(last_accepted_at), "
            f"finished, revision FROM {CLOCKS.full_name} FINAL WHERE tenant = {{tenant:String}} ORDER BY source",
            {"tenant": self.tenant},
        )


@dataclass(frozen=True, slots=True)
class ReadStatuses:
    """The counters of a tenant's metrics."""

    tenant: str
    definitions: Sequence[str] = ()

    def to_sql(self) -> Sql:
        """The statement; rows (metric, definition, too_late, overflowed, revision); no definitions = all."""
        chosen = " AND definition IN {definitions:Array(String)}" if self.definitions else ""
        return (
            f"SELECT metric, definition, too_late, overflowed, revision FROM {METRIC_STATUS.full_name} FINAL "
            f"WHERE tenant = {{tenant:String}}{chosen} ORDER BY metric, definition",
            {"tenant": self.tenant} | ({"definitions": list(self.definitions)} if self.definitions else {}),
        )


@dataclass(frozen=True, slots=True)
class WrittenPosition:
    """The last log position that is wholly written: clocks are written last of all."""

    def to_sql(self) -> Sql:
        """The statement; one row (position), 0 if nothing is written."""
        return f"SELECT max(revision) FROM {CLOCKS.full_name}", {}


@dataclass(frozen=True, slots=True)
class Tenants:
    """The tenants that have events or end marks."""

    def to_sql(self) -> Sql:
        """The statement; rows (tenant)."""
        return f"SELECT DISTINCT tenant FROM {CLOCKS.full_name} ORDER BY tenant", {}
