"""Reads the columnar wire form (EventColumns). What does not fit together refuses the whole batch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from trueline.v1 import event_pb2

from trueline_server.errors import TruelineError
from trueline_server.ingest.batch import (
    CODED_FIELDS,
    Codes,
    EventBatch,
    Floats,
    Ints,
    Kind,
    Mask,
    PropertyColumn,
    TextColumn,
    coded_texts,
    text_lengths,
)

TEXT_FIELDS = ("source", "name", "user_id", "account_id", "anonymous_id", "device_id", "currency")
BOOL_ABSENT = 2


def read_columns(columns: event_pb2.EventColumns) -> EventBatch:
    """A batch from its columnar form.

    Raises:
        TruelineError: MALFORMED_COLUMNS; metadata names the field.

    """
    count = columns.count
    ids = _text_array(columns.ids, "ids")
    if len(ids) != count:
        raise malformed("ids", f"has {len(ids)} texts")
    values, has_value = _values(columns.value, count)
    properties = [_property(column, count) for column in columns.properties]
    return EventBatch(
        count=count,
        ids=ids,
        texts={field: _texts(getattr(columns, field), count, field) for field in TEXT_FIELDS},
        occurred_at_us=_numbers(columns.occurred_at_us, "<i8", count, "occurred_at_us"),
        unset_times=None,
        values=values,
        has_value=has_value,
        properties=sorted((p for p in properties if len(p.values)), key=lambda column: column.key.encode()),
    )


def malformed(field: str, description: str) -> TruelineError:
    """The error for columns that do not fit each other."""
    return TruelineError(
        "INVALID_ARGUMENT",
        "MALFORMED_COLUMNS",
        f"{field} {description}, which does not fit the other columns or the batch's count; nothing was accepted",
        metadata={"field": field},
    )


def _numbers(data: bytes, kind: str, count: int, field: str) -> np.ndarray:
    """A packed column of a known length."""
    size = np.dtype(kind).itemsize
    if len(data) != size * count:
        raise malformed(field, f"has {len(data)} bytes where {count} numbers of {size} bytes are due")
    return np.frombuffer(data, dtype=kind)


def _text_array(packed: event_pb2.TextArray, field: str) -> pa.StringArray:
    """Texts as Arrow has them, without a copy of what they say."""
    text, lengths = packed.text, packed.lengths
    if len(lengths) % 4:
        raise malformed(f"{field}.lengths", f"has {len(lengths)} bytes, which is no number of texts of 4 bytes")
    ends = np.cumsum(np.frombuffer(lengths, dtype="<u4"), dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    if total != len(text):
        raise malformed(f"{field}.text", f"has {len(text)} bytes where {field}.lengths has {total} in all")
    offsets = np.zeros(len(ends) + 1, dtype=np.int32)
    offsets[1:] = ends
    texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
    if not text.isascii():
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise malformed(f"{field}.text", "has bytes that are no UTF-8") from error
    return texts


def _codes(column: event_pb2.StringColumn, size: int, count: int, field: str) -> Codes:
    """Places among `size` texts; -1 = absent."""
    if not column.indices:
        if size == count:
            return np.arange(count, dtype=np.int32)
        if size > 1:
            raise malformed(f"{field}.indices", f"is empty while {field}.texts has {size} texts")
        return np.full(count, size - 1, dtype=np.int32)
    indices = _numbers(column.indices, "<u4", count, f"{field}.indices")
    if count and indices.max() > size:
        raise malformed(f"{field}.indices", f"has index {indices.max()} while {field}.texts has {size} texts")
    return indices.astype(np.int32) - 1


def _texts(column: event_pb2.StringColumn, count: int, field: str) -> TextColumn:
    texts = _text_array(column.texts, f"{field}.texts")
    codes = _codes(column, len(texts), count, field)
    if field in CODED_FIELDS:
        return coded_texts(texts.to_pylist(), codes)
    empty = text_lengths(texts) == 0
    if empty.any():
        # The last element is what code -1 finds.
        codes = np.where(np.append(empty, True)[codes], np.int32(-1), codes)
        return TextColumn(texts, codes)
    return TextColumn(texts, codes, plain=len(texts) == count and not column.indices)


def _doubles(column: event_pb2.DoubleColumn, count: int, field: str) -> tuple[Floats, Ints | None]:
    """The numbers, and the events they belong to (None = every event)."""
    if not column.rows:
        due = count if column.values else 0
        values = _numbers(column.values, "<f8", due, f"{field}.values")
        return values, None if due else np.zeros(0, dtype=np.int64)
    if len(column.rows) % 4:
        raise malformed(f"{field}.rows", f"has {len(column.rows)} bytes, which is no number of rows of 4 bytes")
    rows = np.frombuffer(column.rows, dtype="<u4").astype(np.int64)
    if rows[-1] >= count or (np.diff(rows) <= 0).any():
        raise malformed(f"{field}.rows", f"does not ascend strictly below {count}")
    return _numbers(column.values, "<f8", len(rows), f"{field}.values"), rows


def _values(column: event_pb2.DoubleColumn, count: int) -> tuple[Floats, Mask]:
    """The value column spread over all events, and which have one."""
    found, rows = _doubles(column, count, "value")
    if rows is None:
        return found, np.ones(count, dtype=bool)
    values = np.zeros(count, dtype=np.float64)
    present = np.zeros(count, dtype=bool)
    values[rows] = found
    present[rows] = True
    return values, present


def _property(column: event_pb2.PropertyColumn, count: int) -> PropertyColumn:
    """One property column, over the events that have it."""
    field = f"properties[{column.key}]"
    which = column.WhichOneof("values")
    if which == "doubles":
        doubles, rows = _doubles(column.doubles, count, f"{field}.doubles")
        return PropertyColumn(column.key, Kind.DOUBLE, rows, doubles)
    if which == "strings":
        texts = _text_array(column.strings.texts, f"{field}.strings.texts")
        codes = _codes(column.strings, len(texts), count, f"{field}.strings")
        rows, codes = _present(codes, codes >= 0)
        return PropertyColumn(column.key, Kind.STRING, rows, codes, texts)
    if which == "bools":
        states = _numbers(column.bools, "u1", count, f"{field}.bools")
        if count and states.max() > BOOL_ABSENT:
            raise malformed(f"{field}.bools", f"has the byte {states.max()}; 0, 1 and 2 have a meaning")
        rows, states = _present(states, states != BOOL_ABSENT)
        return PropertyColumn(column.key, Kind.BOOL, rows, states.astype(bool))
    raise malformed(field, "has no values")


def _present(values: np.ndarray, present: Mask) -> tuple[Ints | None, np.ndarray]:
    """The rows that are present (None = all) and their values."""
    if present.all():
        return None, values
    rows = np.flatnonzero(present)
    return rows, values[rows]
