"""The warehouse over a real chDB: atomic inserts, types, limits, threads, crashes."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from trueline_stores.errors import QueryMemoryError, QueryTimeoutError, StoreClosedError, StoreError
from trueline_stores.warehouse.client import LARGEST_PART, QueryLimits, Warehouse

from tests.integration.warehouse.playing import tenant_name


def clocks(tenant: str, rows: int) -> pa.Table:
    """So many rows for the table `clocks`."""
    return pa.table(
        {
            "tenant": pa.array([tenant]).take(pa.array(np.zeros(rows, dtype=np.int64))),
            "source": pa.array([f"s{number}" for number in range(rows)]),
            "revision": pa.array(np.arange(rows, dtype=np.uint64)),
        }
    )


@pytest.fixture
def scratch(warehouse: Warehouse) -> str:
    """A table of its own without merges, so that its parts can be counted."""
    name = f"scratch_{tenant_name().replace('-', '_')}"
    warehouse.command(
        f"CREATE TABLE trueline.{name} (tenant LowCardinality(String), source String, revision UInt64) "
        "ENGINE = MergeTree ORDER BY (tenant, source)"
    )
    warehouse.command(f"SYSTEM STOP MERGES trueline.{name}")
    return name


def parts(warehouse: Warehouse, table: str) -> list[int]:
    """Rows of each part of a table."""
    rows = warehouse.query(
        "SELECT rows FROM system.parts WHERE table = {table:String} AND active ORDER BY rows", {"table": table}
    )
    return [count for (count,) in rows]


@pytest.mark.parametrize("rows", [100_000, 300_000])
def test_an_insert_is_one_part(warehouse: Warehouse, scratch: str, rows: int) -> None:
    """However many batches a table has, its rows become one part, which is there whole or not at all."""
    table = clocks("t", rows)
    warehouse.insert(scratch, pa.Table.from_batches(table.to_batches(max_chunksize=1_000)))
    assert parts(warehouse, scratch) == [rows]


def test_a_larger_insert_is_split(warehouse: Warehouse, scratch: str) -> None:
    """Beyond the largest part an insert becomes several, and no row is lost or doubled."""
    warehouse.insert(scratch, clocks("t", LARGEST_PART + 10))
    assert parts(warehouse, scratch) == [10, LARGEST_PART]
    assert warehouse.query(f"SELECT uniqExact(source) FROM trueline.{scratch}") == [(LARGEST_PART + 10,)]


def test_texts_arrive_as_they_are(warehouse: Warehouse) -> None:
    """Quotes, backslashes, placeholders and control characters in parameters stay what they are, by every road."""
    texts = ["it's", "back\\slash", "tab\tline\n", "{x:String}", "\\N", "ü€", ""]
    rows = warehouse.query("SELECT {texts:Array(String)}, {one:String}", {"texts": texts, "one": texts[0]})
    assert rows == [(texts, texts[0])]
    table = warehouse.query_arrow("SELECT arrayJoin({texts:Array(String)}) AS text", {"texts": texts})
    assert table["text"].to_pylist() == texts
    named = warehouse.query_named("SELECT {one:String} AS text", {"one": texts[1]})
    assert named == [{"text": texts[1]}]


def test_values_keep_their_types(warehouse: Warehouse) -> None:
    """Instants are aware, decimals exact, in rows as in Arrow."""
    sql = "SELECT toDateTime64('2011-12-09 12:50:00.000001', 6, 'UTC') AS at, toDecimal128('0.1', 9) AS amount"
    assert warehouse.query(sql) == [(datetime(2011, 12, 9, 12, 50, 0, 1, tzinfo=UTC), Decimal("0.1"))]
    table = warehouse.query_arrow(sql)
    assert table.schema.field("at").type == pa.timestamp("us", "UTC")
    assert table.schema.field("amount").type == pa.decimal128(38, 9)


def test_a_query_over_its_time_is_told(warehouse: Warehouse) -> None:
    """The message names the limit and the statement; the driver's exception is the cause."""
    with pytest.raises(QueryTimeoutError, match=r"time limit of 1000.* ms: 'SELECT sleep") as told:
        warehouse.query("SELECT sleep(3)", settings={"max_execution_time": 1})
    assert told.value.code == "DEADLINE_EXCEEDED"
    assert "159" in str(told.value.__cause__)


def test_a_query_over_its_memory_is_told(warehouse: Warehouse) -> None:
    """As is one that needs too much memory, by every road."""
    greedy = "SELECT length(groupArray(number)) FROM numbers(100000000)"
    for query in (warehouse.query, warehouse.query_arrow, warehouse.query_named):
        with pytest.raises(QueryMemoryError, match=r"limit of .* MiB"):
            query(greedy, settings={"max_memory_usage": 20_000_000})


@pytest.mark.parametrize("road", ["query", "query_arrow", "query_named", "command"])
def test_a_failed_statement_leaves_nothing_behind(warehouse: Warehouse, road: str) -> None:
    """What a statement had answered before it failed does not come before the answer of the next one."""
    late = "SELECT number, throwIf(number = 3000000) FROM numbers(4000000)"
    with pytest.raises(StoreError, match="throwIf"):
        getattr(warehouse, road)(late)
    assert warehouse.query("SELECT 1") == [(1,)]
    with pytest.raises(StoreError, match="throwIf"):
        getattr(warehouse, road)(late)
    assert warehouse.query_arrow("SELECT 'x' AS x").to_pylist() == [{"x": "x"}]


def test_limits_hold_for_every_query(warehouse: Warehouse, chdb_path: Path) -> None:
    """The limits of a warehouse hold unless a query brings its own; inserts and commands are free of them."""
    limited = Warehouse.chdb(chdb_path, QueryLimits(timeout_s=1))
    with pytest.raises(QueryTimeoutError):
        limited.query("SELECT sleep(3)")
    assert limited.query("SELECT sleep(1.2)", settings={"max_execution_time": 5}) == [(0,)]
    limited.close()
    assert warehouse.query("SELECT 1") == [(1,)]


def test_a_mistake_is_told_with_its_reason(warehouse: Warehouse) -> None:
    """What ClickHouse says about a wrong statement comes through."""
    with pytest.raises(StoreError, match=r"refused 'SELECT missing'.*UNKNOWN_IDENTIFIER"):
        warehouse.query("SELECT missing")
    with pytest.raises(StoreError, match="events"):
        warehouse.insert("events", pa.table({"no_such_column": [1]}))


def test_many_threads_read_while_one_writes(warehouse: Warehouse) -> None:
    """Readers on threads of their own see whole inserts only."""
    tenant, seen, failures = tenant_name(), set[int](), list[BaseException]()
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                seen.update(
                    count
                    for (count,) in warehouse.query(
                        "SELECT count() FROM trueline.clocks WHERE tenant = {tenant:String}", {"tenant": tenant}
                    )
                )
        except BaseException as error:
            failures.append(error)
            raise

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for _ in range(10):
        warehouse.insert("clocks", clocks(tenant, 100))
    done.set()
    for reader in readers:
        reader.join()
    assert failures == []
    assert {count % 100 for count in seen} <= {0}


def test_clients_of_ended_threads_are_closed(warehouse: Warehouse, chdb_path: Path) -> None:
    """A hundred threads, one after the other, leave no hundred clients behind."""
    own = Warehouse.chdb(chdb_path)
    for _ in range(20):
        thread = threading.Thread(target=own.query, args=("SELECT 1",))
        thread.start()
        thread.join()
    assert len(own._connections) <= 2
    own.close()
    own.close()
    with pytest.raises(StoreClosedError):
        own.query("SELECT 1")
    assert warehouse.query("SELECT 1") == [(1,)]


def test_a_second_process_is_refused(warehouse: Warehouse, chdb_path: Path) -> None:
    """A directory belongs to one process; another is told so instead of sharing it."""
    program = f"""
from pathlib import Path
from trueline_stores.errors import StoreError
from trueline_stores.warehouse.client import Warehouse
try:
    Warehouse.chdb(Path({str(chdb_path)!r}))
except StoreError as error:
    print("refused", error)
"""
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert answer.stdout.startswith("refused"), answer.stderr


def test_what_was_inserted_survives_a_kill(tmp_path: Path) -> None:
    """A process is killed right after an insert has returned; the next one finds all of its rows."""
    writing = f"""
import os, signal
from pathlib import Path
import pyarrow as pa
from trueline_stores.warehouse.client import Warehouse
warehouse = Warehouse.chdb(Path({str(tmp_path)!r}))
warehouse.migrate()
for revision in range(5):
    warehouse.insert("clocks", pa.table({{"tenant": ["t"] * 1000, "source": [f"s{{n}}" for n in range(1000)],
        "revision": pa.array([revision] * 1000, pa.uint64())}}))
os.kill(os.getpid(), signal.SIGKILL)
"""
    reading = f"""
from pathlib import Path
from trueline_stores.warehouse.client import Warehouse
warehouse = Warehouse.chdb(Path({str(tmp_path)!r}))
warehouse.migrate()
print(warehouse.query("SELECT count(), min(revision) FROM trueline.clocks FINAL"))
"""
    killed = subprocess.run([sys.executable, "-c", writing], capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    found = subprocess.run([sys.executable, "-c", reading], capture_output=True, text=True, timeout=60, check=False)
    assert found.stdout.strip() == "[(1000, 4)]", found.stderr
