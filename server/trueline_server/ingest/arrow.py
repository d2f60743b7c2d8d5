"""A batch as one Arrow record batch in the schema that log, dataflow and warehouse share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from trueline_stores.event_schema import EVENT_SCHEMA, INSTANT, LARGEST_VALUE

from trueline_server.ingest.amounts import amounts_of
from trueline_server.ingest.batch import Codes, EventBatch, Kind, PropertyColumn, TextColumn
from trueline_server.ingest.property_order import order_properties

_VALUE_TYPES = {Kind.STRING: pa.string(), Kind.DOUBLE: pa.float64(), Kind.BOOL: pa.bool_()}


def arrow_of(batch: EventBatch) -> pa.RecordBatch:
    """All events of a batch as EVENT_SCHEMA, refused ones too: what they hold there has no meaning."""
    kept = batch.has_value & (np.abs(batch.values) <= LARGEST_VALUE)
    texts = batch.texts
    columns = [
        batch.ids,
        _coded(texts["source"]),
        _coded(texts["name"]),
        pa.Array.from_buffers(INSTANT, batch.count, [None, pa.py_buffer(batch.occurred_at_us)]),
        _plain(texts["user_id"]),
        _plain(texts["account_id"]),
        _plain(texts["anonymous_id"]),
        _plain(texts["device_id"]),
        amounts_of(batch.values, kept),
        _coded(texts["currency"]),
        *(_map(batch, kind) for kind in Kind),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=EVENT_SCHEMA)


def _indices(codes: Codes) -> pa.Array:
    absent = codes < 0
    return pa.array(codes, mask=absent) if absent.any() else pa.array(codes)


def _coded(column: TextColumn) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(_indices(column.codes), column.texts)


def _plain(column: TextColumn) -> pa.StringArray:
    if not len(column.texts):
        return pa.nulls(len(column.codes), pa.string())
    if column.plain:
        return column.texts
    return column.texts.take(_indices(column.codes))


def _map(batch: EventBatch, kind: Kind) -> pa.MapArray:
    """The properties of one type: a map per event, keys ascending."""
    columns = [column for column in batch.properties if column.kind is kind]
    layout = order_properties(columns, batch.count)
    offsets = pa.Array.from_buffers(pa.int32(), batch.count + 1, [None, pa.py_buffer(layout.offsets)])
    if not columns:
        return pa.MapArray.from_arrays(offsets, pa.nulls(0, pa.string()), pa.nulls(0, _VALUE_TYPES[kind]))
    keys = pa.array([column.key for column in columns], type=pa.string()).take(pa.array(layout.ranks))
    values = _merged(columns) if kind is Kind.STRING else np.concatenate([column.values for column in columns])
    if layout.order is not None:
        values = values[layout.order]
    if kind is Kind.STRING:
        texts = pa.concat_arrays([column.texts for column in columns])
        return pa.MapArray.from_arrays(offsets, keys, texts.take(pa.array(values)))
    return pa.MapArray.from_arrays(offsets, keys, pa.array(values, type=_VALUE_TYPES[kind]))


def _merged(columns: Sequence[PropertyColumn]) -> np.ndarray:
    """Codes of several columns as places in their dictionaries put one after the other."""
    start = 0
    moved = []
    for column in columns:
        assert column.texts is not None
        moved.append(column.values + start)
        start += len(column.texts)
    return np.concatenate(moved)
