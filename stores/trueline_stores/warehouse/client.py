"""The warehouse: one ClickHouse API over chDB in this process or a server over HTTP, safe to use from many threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import clickhouse_connect
import pyarrow as pa
import pyarrow.ipc

from trueline_stores.warehouse.connections import Connections
from trueline_stores.warehouse.failures import telling_failures
from trueline_stores.warehouse.inserting import LARGEST_PART, Insert, insert_embedded, insert_over_http
from trueline_stores.warehouse.migrations import migrate
from trueline_stores.warehouse.statements import Statement
from trueline_stores.warehouse.streaming import BlockStream
from trueline_stores.warehouse.tables import DATABASE, KEEP_ALL, TableSettings

Parameters = Mapping[str, Any]
Settings = Mapping[str, str | int | float]

# Limits of chDB's caches: its defaults (5 GiB each) would let the process grow with the data it has looked at.
CHDB_OPTIONS: Mapping[str, int] = {
    "mark_cache_size": 64 << 20,
    "index_mark_cache_size": 16 << 20,
    "primary_index_cache_size": 64 << 20,
    "query_condition_cache_size": 8 << 20,
    "compiled_expression_cache_size": 16 << 20,
    "uncompressed_cache_size": 0,
    "vector_similarity_index_cache_size": 0,
    "background_pool_size": 2,
}

# Arrow answers as Python and numpy like them: UTF-8 text, plain columns, no compression within the process.
_ARROW_SETTINGS: Mapping[str, str | int] = {
    "output_format_arrow_string_as_string": 1,
    "output_format_arrow_low_cardinality_as_dictionary": 0,
    "output_format_arrow_compression_method": "none",
}


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Limits of each query that does not bring its own: seconds and MiB; 0 = none."""

    timeout_s: int = 0
    memory_mb: int = 0

    def settings(self) -> dict[str, int]:
        """As ClickHouse settings."""
        limits = {"max_execution_time": self.timeout_s, "max_memory_usage": self.memory_mb << 20}
        return {name: value for name, value in limits.items() if value}


UNLIMITED = QueryLimits()


class Warehouse:
    """Runs statements. Every method blocks and may be called from any thread.

    A client is serial, so each thread gets its own; clients of threads that have ended are closed when the next one is
    opened. All methods raise StoreError: QueryTimeoutError and QueryMemoryError where a limit was hit,
    StoreClosedError after `close`, the plain one else, with the driver's exception as cause.
    """

    def __init__(self, connect: Callable[[], Any], insert: Insert, limits: QueryLimits = UNLIMITED) -> None:
        """Use `chdb` or `http` instead. `connect` opens a clickhouse-connect client."""
        self._connections = Connections(connect)
        self._insert = insert
        self._limits = limits.settings()

    @classmethod
    def chdb(cls, path: Path, limits: QueryLimits = UNLIMITED) -> Warehouse:
        """ClickHouse within this process, in a directory. A process may open one path at a time, a path one process.

        Raises:
            StoreError: the path cannot be opened, e.g. because another process has it.

        """
        path.mkdir(parents=True, exist_ok=True)

        def connect() -> Any:
            return clickhouse_connect.get_client(
                interface="chdb", path=str(path), chdb_options=dict(CHDB_OPTIONS), tz_mode="aware"
            )

        return cls(connect, insert_embedded, limits)._opened()

    @classmethod
    def http(cls, url: str, limits: QueryLimits = UNLIMITED) -> Warehouse:
        """A ClickHouse server, e.g. "http://user:password@host:8123".

        Raises:
            StoreError: the server cannot be reached.

        """

        def connect() -> Any:
            return clickhouse_connect.get_client(dsn=url, tz_mode="aware")

        return cls(connect, insert_over_http, limits)._opened()

    def _opened(self) -> Warehouse:
        self.query("SELECT 1")
        return self

    def query(
        self, sql: str, parameters: Parameters | None = None, *, settings: Settings | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows of a SELECT; instants come as aware datetimes, decimals as Decimal.

        Args:
            sql: the statement, with parameters as `{name:Type}`; it ends with neither SETTINGS nor FORMAT.
            parameters: their values.
            settings: for this query, in this order (readonly must come last); they win over the limits.

        """
        with telling_failures(sql), self._connections.client() as client:
            rows = client.query(sql, parameters=_mutable(parameters), settings=self._settings(settings)).result_rows
        return cast(list[tuple[Any, ...]], rows)

    def query_named(
        self, sql: str, parameters: Parameters | None = None, *, settings: Settings | None = None
    ) -> list[dict[str, Any]]:
        """Rows of a SELECT by column name; see `query`."""
        with telling_failures(sql), self._connections.client() as client:
            result = client.query(sql, parameters=_mutable(parameters), settings=self._settings(settings))
            return list(result.named_results())

    def query_arrow(
        self, sql: str, parameters: Parameters | None = None, *, settings: Settings | None = None
    ) -> pa.Table:
        """Rows of a SELECT as Arrow; see `query`. Instants are timestamps in UTC, text is UTF-8."""
        # Settings go into the statement: given to the driver, each would cost two more statements.
        wanted = {**_ARROW_SETTINGS, **self._settings(settings)}
        clause = ", ".join(f"{name} = {value!r}" for name, value in wanted.items())
        with telling_failures(sql), self._connections.client() as client:
            raw = client.raw_query(f"{sql}\nSETTINGS {clause}", parameters=_mutable(parameters), fmt="Arrow")
            return pyarrow.ipc.open_file(pa.py_buffer(raw)).read_all()

    def stream(
        self, sql: str, parameters: Parameters | None = None, *, settings: Settings | None = None
    ) -> BlockStream:
        """Rows of a SELECT in blocks of columns that are read as they are wanted; see `query`."""
        return BlockStream(self._connections, sql, parameters or {}, self._settings(settings))

    def run(self, statement: Statement) -> list[tuple[Any, ...]]:
        """Rows of a statement value; see `query`."""
        return self.query(*statement.to_sql())

    def command(
        self, sql: str, parameters: Parameters | None = None, *, settings: Settings | None = None
    ) -> str | int | Sequence[str] | None:
        """Run a statement that changes something; the limits of queries do not apply."""
        with telling_failures(sql), self._connections.client() as client:
            return cast(
                "str | int | Sequence[str] | None",
                client.command(sql, parameters=_mutable(parameters), settings=dict(settings or {})),
            )

    def insert(self, table: str, rows: pa.Table | pa.RecordBatch) -> None:
        """Insert rows by column name; up to LARGEST_PART rows at once are atomic, more go in several parts.

        Args:
            table: without the database, e.g. "events".
            rows: columns of the table; columns that are left out get their defaults.

        """
        whole = pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows
        with telling_failures(f"INSERT INTO {DATABASE}.{table}"), self._connections.client() as client:
            for start in range(0, whole.num_rows, LARGEST_PART):
                self._insert(client, f"{DATABASE}.{table}", whole.slice(start, LARGEST_PART))

    def migrate(self, settings: TableSettings = KEEP_ALL) -> None:
        """Bring the tables to the newest version and their TTLs to the settings. Idempotent.

        Raises:
            SchemaTooNewError: a newer version of Trueline has written here.

        """
        migrate(self, settings)

    def close(self) -> None:
        """Close all clients, after the calls in progress. Idempotent."""
        self._connections.close()

    def _settings(self, settings: Settings | None) -> dict[str, Any]:
        return {**self._limits, **(settings or {})}


def _mutable(parameters: Parameters | None) -> dict[str, Any]:
    return dict(parameters or {})
