"""Events for the tests of intake, in both wire forms, and a plain reference of the content digest."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from trueline.v1 import event_pb2

TEXT_FIELDS = ("source", "name", "user_id", "account_id", "anonymous_id", "device_id", "currency")
Values = dict[str, Any]


def row_event(event: Values) -> event_pb2.Event:
    """An event as its message; `occurred_at_us` is left out when it is None."""
    message = event_pb2.Event(id=event["id"], **{field: event.get(field, "") for field in TEXT_FIELDS})
    if (time := event.get("occurred_at_us")) is not None:
        message.occurred_at.seconds, micros = divmod(time, 1_000_000)
        message.occurred_at.nanos = micros * 1000
    if event.get("value") is not None:
        message.value = event["value"]
    for key, value in event.get("properties", {}).items():
        kind = {str: "string_value", float: "double_value", bool: "bool_value"}[type(value)]
        setattr(message.properties[key], kind, value)
    return message


def row_events(events: Sequence[Values]) -> list[event_pb2.Event]:
    """Events as messages."""
    return [row_event(event) for event in events]


def column_events(events: Sequence[Values]) -> event_pb2.EventColumns:
    """Events as columns."""
    columns = event_pb2.EventColumns(
        count=len(events),
        ids=[event["id"] for event in events],
        occurred_at_us=np.array([event["occurred_at_us"] for event in events], dtype="<i8").tobytes(),
    )
    for field in TEXT_FIELDS:
        fill_strings(getattr(columns, field), [event.get(field) or None for event in events])
    fill_doubles(columns.value, [event.get("value") for event in events])
    kinds = {(key, type(value)) for event in events for key, value in event.get("properties", {}).items()}
    for key, kind in sorted(kinds, key=repr):
        found = [event.get("properties", {}).get(key) for event in events]
        values = [value if type(value) is kind else None for value in found]
        column = columns.properties.add(key=key)
        if kind is str:
            column.strings.SetInParent()
            fill_strings(column.strings, values)
        elif kind is float:
            column.doubles.SetInParent()
            fill_doubles(column.doubles, values)
        else:
            column.bools = bytes(2 if value is None else int(value) for value in values)
    return columns


def fill_strings(column: event_pb2.StringColumn, values: Sequence[str | None]) -> None:
    """Dictionary-code texts; None = absent."""
    places: dict[str, int] = {}
    indices = [0 if value is None else places.setdefault(value, len(places) + 1) for value in values]
    column.dictionary.extend(places)
    if places and (len(places) > 1 or not all(indices)):
        column.indices = np.array(indices, dtype="<u4").tobytes()


def fill_doubles(column: event_pb2.DoubleColumn, values: Sequence[float | None]) -> None:
    """Pack numbers; None = absent."""
    rows = [row for row, value in enumerate(values) if value is not None]
    column.values = np.array([values[row] for row in rows], dtype="<f8").tobytes()
    if rows and len(rows) < len(values):
        column.rows = np.array(rows, dtype="<u4").tobytes()


def reference_digest(event: Values) -> bytes:
    """The digest as event.proto's comment says it, byte by byte."""
    form = b"".join(_string(event.get(field, "")) for field in ("id", "source", "name"))
    form += struct.pack("<q", event["occurred_at_us"])
    form += b"".join(_string(event.get(field, "")) for field in ("user_id", "account_id", "anonymous_id", "device_id"))
    value = event.get("value")
    form += b"\0" if value is None else b"\1" + _double(value)
    form += _string(event.get("currency", ""))
    properties = event.get("properties", {})
    form += struct.pack("<I", len(properties))
    for key in sorted(properties, key=str.encode):
        form += _string(key)
        match properties[key]:
            case bool(truth):
                form += b"\3" + (b"\1" if truth else b"\0")
            case float(number):
                form += b"\2" + _double(number)
            case str(text):
                form += b"\1" + _string(text)
    return blake2b(form, digest_size=16).digest()


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _double(number: float) -> bytes:
    return struct.pack("<d", 0.0 if number == 0 else number)
