"""How one block of Arrow rows gets into a table: read in place within this process, or sent to a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pyarrow as pa

# Takes a clickhouse-connect client, a table's full name and rows of up to LARGEST_PART.
Insert: TypeAlias = Callable[[Any, str, pa.Table], None]

# Rows of one part. An insert of up to this many rows is atomic: after a crash all of it is there or none.
LARGEST_PART = 500_000

# One block, so one part: nothing is squashed, split, parsed in parallel or buffered (async_insert is on by default).
INSERT_SETTINGS: Mapping[str, int] = {
    "async_insert": 0,
    "max_insert_block_size": LARGEST_PART,
    "min_insert_block_size_rows": LARGEST_PART,
    "min_insert_block_size_bytes": 0,
    "max_insert_threads": 1,
    "max_threads": 1,
    "max_block_size": LARGEST_PART,
    "input_format_parallel_parsing": 0,
}
_CLAUSE = ", ".join(f"{name} = {value}" for name, value in INSERT_SETTINGS.items())


def insert_embedded(client: Any, table: str, rows: pa.Table) -> None:
    """Insert by chDB's table function Python, which reads Arrow memory where it lies.

    The driver's own way writes the rows to a temporary file first: two copies more, which cost as much as the insert.
    """
    # chDB finds the table by the name of this variable in the frames above it; no frame of the driver has the name.
    trueline_rows = rows.combine_chunks()
    columns = ", ".join(f"`{name}`" for name in trueline_rows.column_names)
    client.command(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM Python(trueline_rows) SETTINGS {_CLAUSE}")


def insert_over_http(client: Any, table: str, rows: pa.Table) -> None:
    """Insert by the driver's Arrow format."""
    client.insert_arrow(table, rows, settings=dict(INSERT_SETTINGS))
