"""Reads the wire form of a message per event into the same columns. Protobuf makes this several times dearer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from trueline.v1 import event_pb2

from trueline_server.ingest.batch import EventBatch, Ints, Kind, Mask, PropertyColumn, Rejection, TextColumn
from trueline_server.ingest.columns import TEXT_FIELDS

_KINDS = {"string_value": Kind.STRING, "double_value": Kind.DOUBLE, "bool_value": Kind.BOOL}
_NANOS = 1_000_000_000
# 64 bits hold so many seconds as microseconds, far beyond the years that are taken.
_LARGEST_SECONDS = 9_000_000_000_000


def read_rows(events: Sequence[event_pb2.Event]) -> EventBatch:
    """A batch from its events, one by one."""
    count = len(events)
    times, unset, flaws = _times(events)
    properties, further = _properties(events)
    return EventBatch(
        count=count,
        ids=pa.array([event.id for event in events], type=pa.string()),
        texts={field: _texts([getattr(event, field) for event in events]) for field in TEXT_FIELDS},
        occurred_at_us=times,
        unset_times=unset if unset.any() else None,
        values=np.fromiter((event.value for event in events), dtype=np.float64, count=count),
        has_value=np.fromiter((event.HasField("value") for event in events), dtype=bool, count=count),
        properties=properties,
        flaws=flaws + further,
    )


def _texts(texts: Sequence[str]) -> TextColumn:
    places: dict[str, int] = {"": -1}
    codes = [places.setdefault(text, len(places) - 1) for text in texts]
    del places[""]
    return TextColumn(pa.array(places, type=pa.string()), np.array(codes, dtype=np.int32))


def _times(events: Iterable[event_pb2.Event]) -> tuple[Ints, Mask, list[Rejection]]:
    """Microseconds since 1970, finer digits cut off; which events have no time at all, and which one that is none."""
    times: list[int] = []
    unset: list[bool] = []
    flaws: list[Rejection] = []
    for index, event in enumerate(events):
        time = event.occurred_at
        seconds, nanos = time.seconds, time.nanos
        readable = abs(seconds) <= _LARGEST_SECONDS and 0 <= nanos < _NANOS
        if not readable:
            told = f"occurred_at is {seconds} s and {nanos} ns since 1970: "
            told += "send the years 1970 to 9999 and 0 to 999999999 ns"
            flaws.append(Rejection(index, "occurred_at", "INVALID_TIMESTAMP", told))
        times.append(seconds * 1_000_000 + nanos // 1000 if readable else 0)
        unset.append(not seconds and not nanos and not event.HasField("occurred_at"))
    return np.array(times, dtype=np.int64), np.array(unset, dtype=bool), flaws


def _properties(events: Iterable[event_pb2.Event]) -> tuple[list[PropertyColumn], list[Rejection]]:
    """Property columns by ascending bytes of the key, and the properties that have no value."""
    found: dict[tuple[str, str], tuple[list[int], list[Any]]] = {}
    flaws: list[Rejection] = []
    row = -1
    for row, event in enumerate(events):
        for key, value in event.properties.items():
            which = value.WhichOneof("kind")
            if which is None:
                field = f"properties[{key}]"
                message = f"{field} has no value: set its string, double or bool, or leave the property out"
                flaws.append(Rejection(row, field, "MISSING_FIELD", message))
                continue
            rows, values = found.setdefault((key, which), ([], []))
            rows.append(row)
            values.append(getattr(value, which))
    columns = [
        _property(key, _KINDS[which], rows if len(rows) <= row else None, values)
        for (key, which), (rows, values) in found.items()
    ]
    return sorted(columns, key=lambda column: column.key.encode()), flaws


def _property(key: str, kind: Kind, rows: Sequence[int] | None, values: Sequence[Any]) -> PropertyColumn:
    places = None if rows is None else np.array(rows, dtype=np.int64)
    if kind is Kind.DOUBLE:
        return PropertyColumn(key, kind, places, np.array(values, dtype=np.float64))
    if kind is Kind.BOOL:
        return PropertyColumn(key, kind, places, np.array(values, dtype=bool))
    texts: dict[str, int] = {}
    codes = [texts.setdefault(value, len(texts)) for value in values]
    return PropertyColumn(key, kind, places, np.array(codes, dtype=np.int32), pa.array(texts, type=pa.string()))
