"""Inserts Arrow tables, or tells what is there, in a process of its own: chDB takes one directory a process.

`insert DIR FILE BLOCK` inserts an Arrow file into a fresh table `events` and prints the seconds it took;
`fingerprint DIR` prints what the table holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import clickhouse_connect
import pyarrow as pa
from trueline_stores.warehouse.client import Warehouse

_FINGERPRINT = """
SELECT count(), uniqExact(id), sum(value), sum(cityHash64(
  id, source, name, occurred_at, user_id, account_id, anonymous_id, device_id, ifNull(toString(value), ''), currency,
  mapSort(properties), mapSort(numbers), mapSort(flags)))
FROM trueline.events
"""


def insert(folder: Path, file: Path, block: int) -> float:
    """Insert in a process of its own; the seconds from the first block to the end of the last."""
    return float(_run("insert", str(folder), str(file), str(block)))


def fingerprint(folder: Path) -> list[Any]:
    """Number of events, of ids, sum of values, and a digest over all columns that clients send."""
    return list(json.loads(_run("fingerprint", str(folder))))


def _run(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.warehouse_process", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1]


def _insert(folder: Path, file: Path, block: int) -> float:
    with pa.memory_map(str(file)) as source:
        table = pa.ipc.open_file(source).read_all()
    warehouse = Warehouse.chdb(folder)
    warehouse.migrate()
    client = clickhouse_connect.get_client(interface="chdb", path=str(folder))
    blocks = [table.slice(first, block) for first in range(0, table.num_rows, block)]
    start = time.perf_counter()
    for rows in blocks:
        client.insert_arrow("trueline.events", rows)
    seconds = time.perf_counter() - start
    found = warehouse.query("SELECT count() FROM trueline.events")[0][0]
    if found != table.num_rows:
        raise RuntimeError(f"{table.num_rows} rows inserted, {found} found")
    return seconds


def main() -> None:
    """See the module."""
    if sys.argv[1] == "insert":
        print(_insert(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
    else:
        row = Warehouse.chdb(Path(sys.argv[2])).query(_FINGERPRINT)[0]
        print(json.dumps([str(value) for value in row]))


if __name__ == "__main__":
    main()
