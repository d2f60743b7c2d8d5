"""JSON lines: what goes in, what is refused and in which words, at which line."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.cli.reading import read

GOOD: dict[str, Any] = {"id": "1", "source": "shop", "name": "sale", "occurred_at": "2024-05-06T07:08:09.123456Z"}
AT_US = 1714979289123456


def write(folder: Path, *lines: str | bytes, name: str = "events.jsonl") -> Path:
    """A file with these lines."""
    path = folder / name
    content = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


@pytest.mark.parametrize("name", ["events.jsonl", "events.jsonl.gz", "EVENTS.NDJSON"])
def test_records_become_events(tmp_path: Path, name: str) -> None:
    """Fields that a record has are the event's, the others are absent."""
    full = {
        **GOOD,
        "user_id": "u",
        "value": 2,
        "currency": "GBP",
        "properties": {"plan": "pro", "n": 1.5, "gift": True},
    }
    events, bad, lines, failure = read(
        write(tmp_path, json.dumps(full), "", "  ", json.dumps(GOOD | {"id": "2"}), name=name)
    )
    assert (bad, failure, lines) == ([], "", [1, 4])
    assert events[0]["properties"] == {"plan": "pro", "n": 1.5, "gift": True}
    assert (events[0]["value"], events[0]["user_id"], events[0]["occurred_at_us"]) == (2.0, "u", AT_US)
    assert (events[1]["id"], events[1]["value"], events[1]["user_id"], events[1]["properties"]) == ("2", None, None, {})


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"id": "1", "sou', "is not JSON: unterminated string starting at (column 13)"),
        ("[1, 2]", "is JSON, but not an object"),
        ("17", "is JSON, but not an object"),
        (json.dumps(GOOD) + " {}", "is not JSON: there is more after the object, from column 92 on"),
        (b'{"id": "\xff"}', "is not UTF-8: byte 0xff at byte 9"),
        ("[" * 100_000, "is not JSON that can be read: nested too deeply"),
        ({"id": None}, "id: null is not a text"),
        ({"id": ""}, "id: is required and empty"),
        ({"id": 7}, "id: 7 is not a text"),
        ({"name": ""}, "name: is required and empty"),
        ({"source": ...}, "source: is required and not there"),
        ({"user_id": None}, "user_id: null is not a text"),
        ({"value": "12.5"}, "value: '12.5' is not a number"),
        ({"value": True}, "value: true is not a number"),
        ({"value": float("nan")}, "value: NaN is not a finite number"),
        ({"value": float("-inf")}, "value: -Infinity is not a finite number"),
        ({"value": 10**400}, "value: 100000000000000000000000000000000000000… is not a finite number"),
        ({"properties": [1]}, "properties: a list is not an object"),
        ({"properties": {"a": None}}, "properties[a]: null is not a text, a number, or true or false"),
        ({"properties": {"a": {"b": 1}}}, "properties[a]: an object is not a text, a number, or true or false"),
        ({"properties": {"a": float("inf")}}, "properties[a]: Infinity is not a finite number"),
        ({"occurred_at": "yesterday"}, "occurred_at: 'yesterday' is not a time like 2024-05-06T07:00:00Z"),
        (
            {"occurred_at": "2011-02-30T10:00:00Z"},
            "occurred_at: '2011-02-30T10:00:00Z' is no time: day is out of range for month",
        ),
        ({"occurred_at": 1323361800}, "occurred_at: 1323361800 is not a time like 2024-05-06T07:00:00Z"),
        (
            {"occurred_at": "2011-02-28"},
            "occurred_at: '2011-02-28' has no offset from UTC; "
            "write 2024-05-06T07:00:00Z, or give the mapping a format",
        ),
        ({"usr_id": "u"}, "usr_id: is no field of an event; give a --mapping, or leave it out"),
    ],
    ids=lambda value: "",
)
def test_a_bad_line_is_told_and_the_rest_goes_in(tmp_path: Path, line: Any, told: str) -> None:
    """The message has file, line and field; the lines around it become events."""
    if isinstance(line, dict):
        line = json.dumps({key: value for key, value in (GOOD | line).items() if value is not ...})
    path = write(tmp_path, json.dumps(GOOD), line, json.dumps(GOOD | {"id": "3"}))
    events, bad, lines, failure = read(path)
    assert [str(item) for item in bad] == [f"events.jsonl:2: {told}"]
    assert ([event["id"] for event in events], lines, failure) == (["1", "3"], [1, 3], "")


@pytest.mark.parametrize(
    ("written", "microseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2024-05-06t07:08:09.123456z", AT_US),
        ("2024-05-06 12:38:09.123456+05:30", AT_US),
        ("2024-05-06T07:08:09.123456999Z", AT_US),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("9999-12-31T23:59:59-01:00", 253402304399000000),
    ],
)
def test_times_are_read_to_the_microsecond(tmp_path: Path, written: str, microseconds: int) -> None:
    """RFC 3339 with its offset, small letters and finer digits included."""
    events, bad, _, _ = read(write(tmp_path, json.dumps(GOOD | {"occurred_at": written})))
    assert (bad, events[0]["occurred_at_us"]) == ([], microseconds)


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([GOOD, GOOD]),
        json.dumps([GOOD, GOOD], indent=2),
        "\n[\n" + json.dumps(GOOD) + "\n]",
        "\ufeff[]",
    ],
    ids=["one line", "indented", "a line each", "empty"],
)
def test_one_array_is_told_once_with_the_way_out(tmp_path: Path, content: str) -> None:
    """Many tools write a .json so; each of its lines would be refused, for a reason that helps nobody."""
    events, bad, _, failure = read(write(tmp_path, content, name="events.json"))
    assert (events, bad) == ([], [])
    assert failure == "is one JSON array; write an object a line instead, e.g. with: jq -c '.[]' FILE > events.jsonl"


@pytest.mark.parametrize("first", ["[1, 2]", json.dumps(GOOD)])
def test_a_list_among_objects_is_a_bad_line(tmp_path: Path, first: str) -> None:
    """It is refused alone, also where it is the first line."""
    events, bad, _, failure = read(write(tmp_path, first, json.dumps([GOOD]), json.dumps(GOOD)))
    assert failure == ""
    assert len(events) + len(bad) == 3
    assert {item.message for item in bad} == {"is JSON, but not an object"}


def test_a_mark_of_byte_order_is_no_fault(tmp_path: Path) -> None:
    """Files from Windows begin with one."""
    events, bad, _, _ = read(write(tmp_path, b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r"))
    assert (len(events), bad) == (1, [])


def test_a_broken_archive_gives_what_was_before(tmp_path: Path) -> None:
    """Lines before the fault go in; the fault is told with the line from which on nothing could be read."""
    path = write(tmp_path, *(json.dumps(GOOD | {"id": str(i)}) for i in range(5000)), name="events.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-2000])
    events, bad, lines, failure = read(path)
    assert bad == []
    assert 0 < len(events) < 5000
    assert lines == list(range(1, len(events) + 1))
    assert failure.startswith("cannot be unpacked: ")
    assert failure.endswith(f"(from line {len(events) + 1} on)")


def test_what_is_no_archive_is_told(tmp_path: Path) -> None:
    """The ending says gz, the content does not."""
    path = tmp_path / "events.jsonl.gz"
    path.write_text("plain\n")
    assert read(path)[3].startswith("cannot be unpacked: Not a gzipped file")


SCALARS = st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
RECORDS = st.fixed_dictionaries(
    {
        "id": st.text(min_size=1, max_size=5),
        "source": st.sampled_from(["shop", "app"]),
        "name": st.text(min_size=1, max_size=5),
        "occurred_at": st.datetimes(datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    },
    optional={
        "user_id": st.text(max_size=5),
        "device_id": st.text(max_size=5),
        "value": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**60), 2**60),
        "properties": st.dictionaries(st.text(max_size=3), SCALARS, max_size=4),
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORDS, min_size=1, max_size=8))
def test_what_was_written_is_what_is_sent(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    """Any events, written as JSON lines, arrive as the same events."""
    written = [record | {"occurred_at": record["occurred_at"].isoformat()} for record in records]
    path = write(tmp_path, *(json.dumps(record, ensure_ascii=index % 2 == 0) for index, record in enumerate(written)))
    events, bad, lines, _ = read(path)
    assert bad == []
    assert lines == list(range(1, len(records) + 1))
    for event, record in zip(events, records, strict=True):
        delta = record["occurred_at"] - datetime(1970, 1, 1, tzinfo=UTC)
        assert event["occurred_at_us"] == round(delta.total_seconds() * 1e6) if delta.days < 100 else True
        assert event["id"] == record["id"]
        assert event["name"] == record["name"]
        assert event["user_id"] == (record.get("user_id") or None)
        assert event["value"] == (None if "value" not in record else float(record["value"]))
        assert event["properties"] == record.get("properties", {})
