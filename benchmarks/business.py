"""Generated events in the forms that benchmarks send and insert."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from trueline import ColumnBatch
from trueline_server.generator import generate
from trueline_stores.event_schema import EVENT_SCHEMA, INSTANT

SEED = 11
TENANT = "default"
_TEXTS = ("account_id", "anonymous_id", "device_id")
_BAGS = ("properties", "numbers", "flags")


def generated(events: int, of: int | None = None) -> pa.Table:
    """The first events of a business of `of` events (of just so many, if None)."""
    batches: list[pa.RecordBatch] = []
    for batch in business(of or events):
        batches.append(batch)
        if sum(map(len, batches)) >= events:
            break
    return pa.Table.from_batches(batches, schema=EVENT_SCHEMA).slice(0, events)


def business(events: int) -> Iterator[pa.RecordBatch]:
    """A business of so many events that ends today at midnight, batch by batch."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return generate(events=events, seed=SEED, end=midnight)


def column_batches(table: pa.Table, rows: int) -> list[ColumnBatch]:
    """Ready batches for the SDK."""
    return [column_batch(table.slice(first, rows)) for first in range(0, table.num_rows, rows)]


def column_batch(events: pa.Table) -> ColumnBatch:
    """One batch for the SDK."""
    properties: dict[str, list[str | float | bool | None]] = {}
    for bag in _BAGS:
        for row, pairs in enumerate(events[bag].to_pylist()):
            for key, value in pairs:
                properties.setdefault(key, [None] * events.num_rows)[row] = value
    amounts = events["value"].to_pylist()
    return ColumnBatch(
        ids=events["id"].to_pylist(),
        source=_shared(events["source"]),
        name=_shared(events["name"]),
        occurred_at_us=events["occurred_at"].cast(pa.int64()).to_pylist(),
        user_id=events["user_id"].to_pylist(),
        value=[None if amount is None else float(amount) for amount in amounts],
        properties=properties,
        currency=_shared(events["currency"]),
        **{name: events[name].to_pylist() for name in _TEXTS},
    )


def _shared(column: pa.ChunkedArray) -> list[str | None]:
    """A coded column with one object for each text, as a program has them that names its events by constants."""
    coded = column.unify_dictionaries().combine_chunks()
    texts = [*coded.dictionary.to_pylist(), None]
    return [texts[-1 if code is None else code] for code in coded.indices.to_pylist()]


def as_stored(events: pa.Table) -> pa.Table:
    """The rows as the table `events` of the warehouse has them."""
    count = events.num_rows
    columns: dict[str, pa.ChunkedArray | pa.Array] = {"tenant": pa.repeat(TENANT, count)}
    for name in events.schema.names:
        column = events[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(pa.string())
        if pa.types.is_string(column.type):
            column = pc.fill_null(column, "")
        columns[name] = column
    columns["accepted_at"] = pa.repeat(pa.scalar(datetime.now(UTC), INSTANT), count)
    columns["position"] = pa.array(np.arange(1, count + 1, dtype=np.uint64))
    columns["watermark"] = events["occurred_at"]
    return pa.table(columns)
