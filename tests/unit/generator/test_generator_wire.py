"""Arrow batches become EventColumns that mean the same events."""

import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline.v1.event_pb2 import DoubleColumn, EventColumns, StringColumn
from trueline_server.generator import generate
from trueline_server.generator.wire import map_batch_to_proto, split_batch
from trueline_stores.event_schema import EVENT_SCHEMA

from tests.unit.ingest.wire import texts_of

TEXTS = ("source", "name", "user_id", "account_id", "anonymous_id", "device_id", "currency")
text = st.text(min_size=1, max_size=6)
optional = st.none() | text
instants = st.integers(0, 2**52)
amounts = st.none() | st.integers(-(10**27), 10**27).map(lambda units: Decimal(units).scaleb(-9))
record = st.fixed_dictionaries(
    {
        "id": text,
        "source": text,
        "name": text,
        "occurred_at": instants,
        "user_id": optional,
        "account_id": optional,
        "anonymous_id": optional,
        "device_id": optional,
        "value": amounts,
        "currency": optional,
        "properties": st.dictionaries(st.sampled_from("abc"), text),
        "numbers": st.dictionaries(st.sampled_from("def"), st.floats(allow_nan=False, allow_infinity=False)),
        "flags": st.dictionaries(st.sampled_from("gh"), st.booleans()),
    }
)


def _batch(records: list[dict[str, Any]]) -> pa.RecordBatch:
    arrays = []
    for field in EVENT_SCHEMA:
        values = [record[field.name] for record in records]
        if pa.types.is_map(field.type):
            arrays.append(pa.array([list(value.items()) for value in values], field.type))
        elif pa.types.is_dictionary(field.type):
            arrays.append(pa.array(values, pa.string()).cast(field.type))
        elif pa.types.is_timestamp(field.type):
            arrays.append(pa.array(values, pa.int64()).cast(field.type))
        else:
            arrays.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA)


def _read_texts(column: StringColumn, count: int) -> list[str | None]:
    texts = texts_of(column.texts)
    if not texts:
        return [None] * count
    if not column.indices:
        assert len(texts) == 1
        return [texts[0]] * count
    return [None if i == 0 else texts[i - 1] for i in struct.unpack(f"<{count}I", column.indices)]


def _read_doubles(column: DoubleColumn, count: int) -> list[float | None]:
    values = struct.unpack(f"<{len(column.values) // 8}d", column.values)
    rows = struct.unpack(f"<{len(column.rows) // 4}I", column.rows) if column.rows else range(len(values))
    out: list[float | None] = [None] * count
    for row, value in zip(rows, values, strict=True):
        out[row] = value
    return out


def _read(columns: EventColumns) -> list[dict[str, Any]]:
    """What event.proto says the columns mean, event by event."""
    count = columns.count
    records: list[dict[str, Any]] = [{"id": identity, "properties": {}} for identity in texts_of(columns.ids)]
    for name in TEXTS:
        for record, value in zip(records, _read_texts(getattr(columns, name), count), strict=True):
            record[name] = value
    for record, at in zip(records, struct.unpack(f"<{count}q", columns.occurred_at_us), strict=True):
        record["occurred_at"] = at
    for record, amount in zip(records, _read_doubles(columns.value, count), strict=True):
        record["value"] = amount
    for column in columns.properties:
        kind = column.WhichOneof("values")
        if kind == "strings":
            values: list[Any] = list(_read_texts(column.strings, count))
        elif kind == "doubles":
            values = list(_read_doubles(column.doubles, count))
        else:
            values = [None if flag == 2 else bool(flag) for flag in column.bools]
        for record, value in zip(records, values, strict=True):
            if value is not None:
                assert column.key not in record["properties"]
                record["properties"][column.key] = value
    return records


def _expected(record: dict[str, Any]) -> dict[str, Any]:
    """The same event in the form of _read."""
    value = record["value"]
    rest = {name: record[name] for name in (*TEXTS, "id", "occurred_at")}
    properties = record["properties"] | record["numbers"] | record["flags"]
    return rest | {"value": None if value is None else float(value), "properties": properties}


@settings(max_examples=150, deadline=None)
@given(records=st.lists(record, min_size=1, max_size=12), first=st.integers(0, 11))
def test_same_events(records: list[dict[str, Any]], first: int) -> None:
    """Any batch, and any slice of it, comes back event by event as it was; a decimal as the nearest double."""
    batch = _batch(records)
    first = min(first, len(records) - 1)

    assert [_expected(record) for record in records] == _read(map_batch_to_proto(batch))
    assert [_expected(record) for record in records[first:]] == _read(map_batch_to_proto(batch.slice(first)))


def test_pieces_hold_all_events() -> None:
    """Cut into pieces of 1,000, a generated stream has each event once, in order, and pieces are far below 4 MiB."""
    end = datetime(2025, 6, 12, tzinfo=UTC)
    batches = list(generate(events=3_500, seed=2, end=end))

    pieces = [piece for batch in batches for piece in split_batch(batch, 1_000)]

    assert [piece.count for piece in pieces] == [1_000, 1_000, 1_000, 500]
    run = texts_of(pieces[0].ids)[0].split("-")[1]
    assert [f"sp-{run}-{n:09d}" for n in range(1, 3_501)] == [
        identity for piece in pieces for identity in texts_of(piece.ids)
    ]
    assert max(piece.ByteSize() for piece in pieces) < 300_000
