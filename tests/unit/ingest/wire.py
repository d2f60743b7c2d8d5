"""Events for the tests of intake, in both wire forms, and a plain reference of the content digest."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from itertools import accumulate, pairwise
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
        ids=text_array([event["id"] for event in events]),
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


def text_array(texts: Sequence[str]) -> event_pb2.TextArray:
    """Texts, packed."""
    encoded = [text.encode() for text in texts]
    return event_pb2.TextArray(text=b"".join(encoded), lengths=struct.pack(f"<{len(texts)}I", *map(len, encoded)))


def texts_of(packed: event_pb2.TextArray) -> list[str]:
    """Packed texts."""
    lengths = struct.unpack(f"<{len(packed.lengths) // 4}I", packed.lengths)
    ends = list(accumulate(lengths, initial=0))
    return [packed.text[start:end].decode() for start, end in pairwise(ends)]


def fill_strings(column: event_pb2.StringColumn, values: Sequence[str | None]) -> None:
    """Dictionary-code texts; None = absent."""
    places: dict[str, int] = {}
    indices = [0 if value is None else places.setdefault(value, len(places) + 1) for value in values]
    if places:
        column.texts.CopyFrom(text_array(list(places)))
    if places and (len(places) > 1 or not all(indices)):
        column.indices = np.array(indices, dtype="<u4").tobytes()


def fill_doubles(column: event_pb2.DoubleColumn, values: Sequence[float | None]) -> None:
    """Pack numbers; None = absent."""
    rows = [row for row, value in enumerate(values) if value is not None]
    column.values = np.array([values[row] for row in rows], dtype="<f8").tobytes()
    if rows and len(rows) < len(values):
        column.rows = np.array(rows, dtype="<u4").tobytes()


def reference_digest(event: Values) -> bytes:
    """The digest as the module of digests says it, event by event in whole numbers."""
    total = 0
    for field in ("name", "user_id", "account_id", "anonymous_id", "device_id", "currency"):
        if text := event.get(field, ""):
            total += _mixed(_text_hash(text) + _key(b"field\0" + field.encode()))
    total += _mixed(event["occurred_at_us"] + _key(b"field\0occurred_at"))
    if (value := event.get("value")) is not None:
        total += _mixed(_double_bits(value) + _key(b"field\0value"))
    for key, item in event.get("properties", {}).items():
        kind, bits = {
            str: lambda text: (1, _text_hash(text)),
            float: lambda number: (2, _double_bits(number)),
            bool: lambda truth: (3, int(truth)),
        }[type(item)](item)
        total += _mixed(bits + _key(b"property\0%d\0" % kind + key.encode()))
    return (total & _ALL).to_bytes(8, "little")


_ALL = (1 << 64) - 1


def _key(label: bytes) -> int:
    return int.from_bytes(blake2b(label, digest_size=8).digest(), "little")


def _mixed(number: int) -> int:
    number &= _ALL
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) & _ALL
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) & _ALL
    return number ^ number >> 31


def _text_hash(text: str) -> int:
    data = text.encode()
    words = (data[start : start + 8] for start in range(0, len(data), 8))
    total = sum(
        _mixed(int.from_bytes(word, "little") + place * 0x9E3779B97F4A7C15) for place, word in enumerate(words, start=1)
    )
    return _mixed(total + len(data))


def _double_bits(number: float) -> int:
    (bits,) = struct.unpack("<Q", struct.pack("<d", 0.0 if number == 0 else number))
    return int(bits)
