"""Bad events are found one by one, with field and reason; good neighbours stay."""

from __future__ import annotations

from typing import Any

import pytest
from trueline.v1 import event_pb2
from trueline_server.ingest.batch import EventBatch
from trueline_server.ingest.columns import read_columns
from trueline_server.ingest.rows import read_rows
from trueline_server.ingest.validate import EventLimits, find_rejections

from tests.unit.ingest.wire import column_events, row_event, row_events

NOW_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000
LIMITS = EventLimits(max_properties=3, max_property_bytes=10, max_future_s=3600)
GOOD: dict[str, Any] = {"id": "1", "source": "s", "name": "n", "occurred_at_us": NOW_US, "value": 1.0}

CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"id": ""}, "id", "MISSING_FIELD"),
    ({"source": ""}, "source", "MISSING_FIELD"),
    ({"name": ""}, "name", "MISSING_FIELD"),
    ({"id": "é" * 65}, "id", "FIELD_TOO_LARGE"),
    ({"source": "x" * 129}, "source", "FIELD_TOO_LARGE"),
    ({"name": "x" * 129}, "name", "FIELD_TOO_LARGE"),
    ({"user_id": "x" * 129}, "user_id", "FIELD_TOO_LARGE"),
    ({"account_id": "x" * 129}, "account_id", "FIELD_TOO_LARGE"),
    ({"anonymous_id": "x" * 129}, "anonymous_id", "FIELD_TOO_LARGE"),
    ({"device_id": "x" * 129}, "device_id", "FIELD_TOO_LARGE"),
    ({"currency": "POUNDS £"}, "currency", "FIELD_TOO_LARGE"),
    ({"occurred_at_us": -1}, "occurred_at", "INVALID_TIMESTAMP"),
    ({"occurred_at_us": 253_402_300_800_000_000}, "occurred_at", "INVALID_TIMESTAMP"),
    ({"occurred_at_us": NOW_US + HOUR_US + 1}, "occurred_at", "FAR_FUTURE"),
    ({"value": float("nan")}, "value", "VALUE_OUT_OF_RANGE"),
    ({"value": float("inf")}, "value", "VALUE_OUT_OF_RANGE"),
    ({"value": -1.0000000000000002e18}, "value", "VALUE_OUT_OF_RANGE"),
    ({"properties": {"a": "x" * 11}}, "properties[a]", "FIELD_TOO_LARGE"),
    ({"properties": {"a": float("-inf")}}, "properties[a]", "VALUE_OUT_OF_RANGE"),
    ({"properties": {"a": True, "b": "", "c": 1.0, "d": 2.0}}, "properties", "FIELD_TOO_LARGE"),
    ({"properties": {"": "x"}}, "properties[]", "MISSING_FIELD"),
    ({"properties": {"k" * 129: "x"}}, f"properties[{'k' * 32}…]", "FIELD_TOO_LARGE"),
]
FITTING: list[dict[str, Any]] = [
    {"id": "é" * 64},
    {"currency": "12345678"},
    {"occurred_at_us": 0},
    {"occurred_at_us": NOW_US + HOUR_US},
    {"value": 1e18},
    {"value": None},
    {"properties": {"a": "x" * 10, "b": 1e308, "k" * 128: False}},
    {"properties": {"a": ""}},
]


@pytest.mark.parametrize(("fault", "field", "reason"), CASES, ids=[f"{case[2]}-{case[1][:16]}" for case in CASES])
def test_bad_event_is_found(fault: dict[str, Any], field: str, reason: str) -> None:
    """The fault is found at its place between good events, in both wire forms, in the same words."""
    events = [GOOD, {**GOOD, **fault}, GOOD]
    found = [find_rejections(read(events), LIMITS, NOW_US) for read in (columns_of, rows_of)]
    assert [(one.index, one.field, one.reason) for one in found[0]] == [(1, field, reason)]
    assert found[0] == found[1]


def columns_of(events: list[dict[str, Any]]) -> EventBatch:
    """Events through the columnar form."""
    return read_columns(column_events(events))


def rows_of(events: list[dict[str, Any]]) -> EventBatch:
    """Events through the form of a message per event."""
    return read_rows(row_events(events))


@pytest.mark.parametrize("event", FITTING, ids=range(len(FITTING)))
def test_limits_are_inclusive(event: dict[str, Any]) -> None:
    """What just fits is taken."""
    for read in (columns_of, rows_of):
        assert find_rejections(read([{**GOOD, **event}]), LIMITS, NOW_US) == []


def test_first_field_at_fault_is_told_once() -> None:
    """An event with several faults is refused once, for the first of them; every bad event is refused."""
    events = [{**GOOD, "id": "", "value": float("nan")}, GOOD, {**GOOD, "name": "", "currency": "x" * 9}]
    found = find_rejections(columns_of(events), LIMITS, NOW_US)
    assert [(one.index, one.field) for one in found] == [(0, "id"), (2, "name")]


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ({"user_id": "x" * 200}, "user_id has 200 bytes; at most 128 are allowed"),
        ({"properties": dict.fromkeys("abcd", True)}, "properties are 4; at most 3 are allowed"),
        (
            {"properties": {"k" * 129: True}},
            f"the key {'k' * 32}… of a property has 129 bytes; at most 128 are allowed",
        ),
        ({"properties": {"k": "x" * 11}}, "properties[k] has more than 10 bytes, which is the most allowed"),
    ],
    ids=["text", "properties", "key", "property"],
)
def test_what_is_too_large_is_not_cut(fault: dict[str, Any], told: str) -> None:
    """The message does not sound as if a part of it were kept: the whole event is refused."""
    assert [one.message for one in find_rejections(columns_of([{**GOOD, **fault}]), LIMITS, NOW_US)] == [told]


def test_unset_and_unreadable_times_in_rows() -> None:
    """An event message without a time misses it; one whose time cannot be read has an invalid one."""
    broken = []
    for seconds, nanos in ((1, 1_000_000_000), (1, -1), (2**62, 0), (-1, 0)):
        message = row_event(GOOD)
        message.occurred_at.seconds, message.occurred_at.nanos = seconds, nanos
        broken.append(message)
    unset = row_event({**GOOD, "occurred_at_us": None})
    found = find_rejections(read_rows([*broken, unset, row_event({**GOOD, "occurred_at_us": 0})]), LIMITS, NOW_US)
    assert [(one.index, one.reason) for one in found] == [
        *((index, "INVALID_TIMESTAMP") for index in range(4)),
        (4, "MISSING_FIELD"),
    ]
    assert found[0].message.startswith("occurred_at is 1 s and 1000000000 ns since 1970: ")
    assert found[2].message.startswith("occurred_at is 4611686018427387904 s and 0 ns since 1970: ")


@pytest.mark.parametrize(
    ("time_us", "shown"),
    [
        (-1, "1969-12-31T23:59:59.999999+00:00"),
        (-62_135_596_800_000_001, "-62135596800000001 µs since 1970"),
        (1_714_979_289_123_000_000, "1714979289123000000 µs since 1970"),
    ],
    ids=["before 1970", "before the calendar", "milliseconds read as seconds"],
)
def test_a_time_out_of_range_is_shown(time_us: int, shown: str) -> None:
    """In both wire forms: whoever sent it sees what was read, e.g. in the wrong unit."""
    for read in (columns_of, rows_of):
        (found,) = find_rejections(read([{**GOOD, "occurred_at_us": time_us}]), LIMITS, NOW_US)
        assert found.message == (
            f"occurred_at is {shown}, not between the years 1970 and 9999 (UTC): correct the time, "
            "or the unit that it was read with"
        )


def test_property_without_value() -> None:
    """A property whose value is not set is refused by its name."""
    message = row_event(GOOD)
    message.properties["empty"].CopyFrom(event_pb2.PropertyValue())
    found = find_rejections(read_rows([row_event(GOOD), message]), LIMITS, NOW_US)
    assert [(one.index, one.field, one.reason) for one in found] == [(1, "properties[empty]", "MISSING_FIELD")]


def test_key_twice_in_one_event() -> None:
    """A key may stand in columns of different type, but not twice in one event."""
    columns = column_events([{**GOOD, "id": str(n), "properties": {"k": 1.0 if n else "x"}} for n in range(3)])
    assert find_rejections(read_columns(columns), LIMITS, NOW_US) == []
    columns.properties.add(key="k", bools=b"\2\2\1")
    found = find_rejections(read_columns(columns), LIMITS, NOW_US)
    assert [(one.index, one.field, one.reason) for one in found] == [(2, "properties[k]", "INVALID_FIELD")]
