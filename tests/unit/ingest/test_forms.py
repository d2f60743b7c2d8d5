"""Both wire forms of the same events are the same batch, and it holds what was sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from hypothesis import given
from trueline_server.ingest.arrow import arrow_of
from trueline_server.ingest.columns import read_columns
from trueline_server.ingest.digest import digests_of
from trueline_server.ingest.joining import join_batches
from trueline_server.ingest.rows import read_rows
from trueline_stores.event_schema import EVENT_SCHEMA

from tests.unit.ingest.strategies import batches
from tests.unit.ingest.wire import column_events, row_events, text_array

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def plain_row(event: dict[str, Any]) -> dict[str, Any]:
    """What an event is in the schema, value by value."""
    properties = sorted(event["properties"].items(), key=lambda item: item[0].encode())
    value = event["value"]
    return {
        **{field: event[field] or None for field in ("id", "source", "name")},
        "occurred_at": _EPOCH + timedelta(microseconds=event["occurred_at_us"]),
        **{field: event[field] or None for field in ("user_id", "account_id", "anonymous_id", "device_id")},
        "value": None if value is None else Decimal(repr(value)).quantize(Decimal("1e-9"), context=_EXACT),
        "currency": event["currency"] or None,
        "properties": [item for item in properties if isinstance(item[1], str)],
        "numbers": [item for item in properties if isinstance(item[1], float)],
        "flags": [item for item in properties if isinstance(item[1], bool)],
    }


@given(batches())
def test_both_forms_hold_what_was_sent(events: list[dict[str, Any]]) -> None:
    """Rows and columns become the same Arrow batch, which says of each event what a plain reading says."""
    from_rows = arrow_of(read_rows(row_events(events)))
    from_columns = arrow_of(read_columns(column_events(events)))
    from_columns.validate(full=True)
    assert from_columns.schema.equals(EVENT_SCHEMA)
    expected = [plain_row(event) for event in events]
    assert from_columns.to_pylist() == expected
    assert from_rows.to_pylist() == expected


def test_empty_text_in_a_dictionary_is_absent() -> None:
    """A dictionary that holds the empty text, or one text twice, means what the same events mean one by one."""
    columns = column_events([{"id": str(n), "source": "s", "name": "n", "occurred_at_us": n} for n in range(4)])
    columns.user_id.texts.CopyFrom(text_array(["", "u", "u"]))
    columns.user_id.indices = b"".join(code.to_bytes(4, "little") for code in (0, 1, 2, 3))
    batch = arrow_of(read_columns(columns))
    assert batch.column("user_id").to_pylist() == [None, None, "u", "u"]
    columns.currency.CopyFrom(columns.user_id)
    # Of what goes on to the log as a dictionary, each text is there once.
    assert read_columns(columns).texts["currency"].texts.to_pylist() == ["u"]


def test_one_text_for_each_event_needs_no_indices() -> None:
    """As many texts as events are those of the events in order; an empty one is absent, but a value of a property."""
    columns = column_events([{"id": str(n), "source": "s", "name": "n", "occurred_at_us": n} for n in range(3)])
    columns.user_id.texts.CopyFrom(text_array(["ü", "", "w"]))
    columns.properties.add(key="p").strings.texts.CopyFrom(text_array(["日本", "", "z"]))
    batch = arrow_of(read_columns(columns))
    assert batch.column("user_id").to_pylist() == ["ü", None, "w"]
    assert batch.column("properties").to_pylist() == [[("p", "日本")], [("p", "")], [("p", "z")]]


def test_many_properties_keep_their_events() -> None:
    """Over two hundred sparse keys each value stays with its event and its key, in ascending order of the keys."""
    events: list[dict[str, Any]] = [
        {
            **dict.fromkeys(("user_id", "account_id", "anonymous_id", "device_id", "currency"), ""),
            "id": str(n),
            "source": "s",
            "name": "n",
            "occurred_at_us": n,
            "value": None,
            "properties": {f"k{(n * m) % 211}": float(n * m) for m in range(1, 20)} | {"all": "x", "yes": n % 2 == 0},
        }
        for n in range(300)
    ]
    assert arrow_of(read_columns(column_events(events))).to_pylist() == [plain_row(event) for event in events]


@given(batches(), batches())
def test_plain_texts_are_the_same_as_coded_ones(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    """A text an event in order, as hardly repeating ones travel, alone and joined with another batch."""
    coded, plain = [], []
    for events in (first, second):
        named = [{**event, "user_id": event["user_id"] or "u"} for event in events]
        coded.append(read_columns(column_events(named)))
        columns = column_events(named)
        columns.user_id.texts.CopyFrom(text_array([event["user_id"] for event in named]))
        columns.user_id.indices = b""
        plain.append(read_columns(columns))
        assert plain[-1].texts["user_id"].plain
    for one, other in (*zip(coded, plain, strict=True), (join_batches(coded), join_batches(plain))):
        assert arrow_of(one).equals(arrow_of(other))
        assert digests_of(one) == digests_of(other)
