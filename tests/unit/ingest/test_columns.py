"""Columns that do not fit each other refuse the whole batch and name the field."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from trueline.v1 import event_pb2
from trueline_server.errors import TruelineError
from trueline_server.ingest.columns import read_columns

from tests.unit.ingest.wire import column_events, text_array

Columns = event_pb2.EventColumns


def good() -> Columns:
    """Three events with something in every kind of column."""
    return column_events(
        [
            {
                "id": str(n),
                "source": "s",
                "name": f"n{n}",
                "occurred_at_us": n,
                "value": 1.0 if n else None,
                "properties": {"p": "x", "q": float(n), "r": True} if n else {},
            }
            for n in range(3)
        ]
    )


def packed(*numbers: int) -> bytes:
    """Numbers as u32, little-endian."""
    return struct.pack(f"<{len(numbers)}I", *numbers)


def spoil_property(columns: Columns, key: str) -> event_pb2.PropertyColumn:
    """The column of a property."""
    return next(column for column in columns.properties if column.key == key)


def set_field(columns: object, path: str, value: bytes) -> None:
    """Set a field inside of messages."""
    *parents, last = path.split(".")
    for parent in parents:
        columns = getattr(columns, parent)
    setattr(columns, last, value)


CASES: list[tuple[str, Callable[[Columns], object]]] = [
    ("ids", lambda c: c.ids.CopyFrom(text_array(["1", "2", "3", "more"]))),
    ("ids.lengths", lambda c: set_field(c, "ids.lengths", bytes(11))),
    ("ids.text", lambda c: set_field(c, "ids.lengths", packed(1, 1, 0xFFFFFFFF))),
    ("ids.text", lambda c: set_field(c, "ids.text", b"\xff" * len(c.ids.text))),
    ("name.texts.text", lambda c: set_field(c, "name.texts.text", b"")),
    ("ids", lambda c: setattr(c, "count", 4)),
    ("occurred_at_us", lambda c: set_field(c, "occurred_at_us", bytes(23))),
    ("name.indices", lambda c: c.name.CopyFrom(event_pb2.StringColumn(texts=text_array(["a", "b"])))),
    ("name.indices", lambda c: set_field(c, "name.indices", packed(1, 2))),
    ("name.indices", lambda c: set_field(c, "name.indices", packed(1, 2, 4))),
    ("source.indices", lambda c: set_field(c, "source.indices", packed(0, 1, 0xFFFFFFFF))),
    ("value.values", lambda c: set_field(c, "value.values", bytes(8))),
    ("value.values", lambda c: set_field(c, "value.values", bytes(17))),
    ("value.rows", lambda c: set_field(c, "value.rows", bytes(5))),
    ("value.rows", lambda c: set_field(c, "value.rows", packed(1, 3))),
    ("value.rows", lambda c: set_field(c, "value.rows", packed(1, 1))),
    ("value.rows", lambda c: set_field(c, "value.rows", packed(2, 1))),
    ("value.values", lambda c: set_field(c, "value.rows", b"")),
    ("properties[p].strings.indices", lambda c: set_field(spoil_property(c, "p"), "strings.indices", packed(7, 7, 7))),
    ("properties[q].doubles.rows", lambda c: set_field(spoil_property(c, "q"), "doubles.rows", packed(0, 9))),
    ("properties[r].bools", lambda c: set_field(spoil_property(c, "r"), "bools", b"\0\1")),
    ("properties[r].bools", lambda c: set_field(spoil_property(c, "r"), "bools", b"\0\1\3")),
    ("properties[new]", lambda c: c.properties.add(key="new")),
]


def test_the_columns_to_spoil_are_good() -> None:
    """What the cases below spoil is accepted as it is."""
    assert read_columns(good()).count == 3


@pytest.mark.parametrize(("field", "spoil"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_misfit_is_told(field: str, spoil: Callable[[Columns], object]) -> None:
    """The error is MALFORMED_COLUMNS, an invalid argument, and its metadata names the field."""
    columns = good()
    spoil(columns)
    with pytest.raises(TruelineError) as caught:
        read_columns(columns)
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "MALFORMED_COLUMNS")
    assert caught.value.metadata == {"field": field}
    assert field in caught.value.message
