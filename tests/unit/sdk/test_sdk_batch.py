"""Events to EventColumns: a plain decoder gets the same events back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline import ColumnBatch, EncodingError, Event

from tests.integration.sdk.recording import decode_columns, unpack_texts

TEXT = st.text(max_size=8)
MAYBE = st.none() | TEXT
NUMBER = st.floats(allow_nan=False)
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=11))])
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001
SCALARS = TEXT | NUMBER | st.booleans() | st.integers(-(2**53), 2**53)
# Few keys, so that events share some; many, so that both ways of transposing are taken.
KEYS = st.sampled_from(["plan", "country", "x"]) | st.integers(0, 40).map(str)
EVENTS = st.builds(
    Event,
    id=TEXT,
    source=st.sampled_from(["shop", "app", ""]),
    name=TEXT,
    occurred_at=TIMES,
    user_id=MAYBE,
    account_id=MAYBE,
    anonymous_id=MAYBE,
    device_id=MAYBE,
    value=st.none() | NUMBER,
    currency=st.none() | st.sampled_from(["GBP", "EUR"]),
    properties=st.dictionaries(KEYS, SCALARS, max_size=5),
)


def meant(event: Event) -> dict[str, Any]:
    """The event as the contract understands it: an absent text and the empty one are the same."""
    delta = event.occurred_at.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return {
        "id": event.id,
        "source": event.source or None,
        "name": event.name or None,
        "occurred_at_us": delta.days * 86_400_000_000 + delta.seconds * 1_000_000 + delta.microseconds,
        "user_id": event.user_id or None,
        "account_id": event.account_id or None,
        "anonymous_id": event.anonymous_id or None,
        "device_id": event.device_id or None,
        "value": event.value,
        "currency": event.currency or None,
        "properties": dict(event.properties),
    }


@given(st.lists(EVENTS, min_size=1, max_size=12))
def test_columns_carry_the_same_events(events: list[Event]) -> None:
    """Whatever is absent, repeated or of mixed types, the columns decode to the events."""
    decoded = decode_columns(ColumnBatch.from_events(events).to_proto())
    assert decoded == [meant(event) for event in events]
    # True == 1.0 in Python, so the types are compared too; whole numbers travel as doubles.
    for row, event in zip(decoded, events, strict=True):
        kinds = {key: type(value) for key, value in event.properties.items()}
        assert {key: type(value) for key, value in row["properties"].items()} == {
            key: float if kind is int else kind for key, kind in kinds.items()
        }


@given(st.lists(EVENTS, min_size=2, max_size=12))
def test_halves_are_the_whole(events: list[Event]) -> None:
    """A batch in two decodes to the same events, and each keeps its origin."""
    first, second = ColumnBatch.from_events(events).halves()
    assert decode_columns(first.to_proto()) + decode_columns(second.to_proto()) == [meant(event) for event in events]
    assert [*first.origins, *second.origins] == events  # type: ignore[misc]


def test_one_text_for_all_is_sent_once() -> None:
    """A column with one text in every row is a dictionary without indices, however it was given."""
    for source in ("shop", ["shop", "shop"]):
        packed = ColumnBatch(ids=["1", "2"], source=source, name="sale", occurred_at_us=[1, 2]).to_proto()
        assert (unpack_texts(packed.source.texts), packed.source.indices) == (["shop"], b"")
        assert [row["source"] for row in decode_columns(packed)] == ["shop", "shop"]
        assert not packed.HasField("user_id")


def test_texts_that_hardly_repeat_travel_plain_though_some_are_absent() -> None:
    """A dictionary of them would save nothing; one of texts that repeat, or of few texts among many absent, does."""
    many = [None if n % 3 == 0 else f"device-{n}" for n in range(99)]
    few = [f"user-{n}" if n % 3 == 0 else None for n in range(99)]
    batch = ColumnBatch(
        ids=list(map(str, range(99))), source="s", name="n", occurred_at_us=range(99), device_id=many, user_id=few
    )
    packed = batch.to_proto()
    assert (len(unpack_texts(packed.device_id.texts)), packed.device_id.indices) == (99, b"")
    assert (len(unpack_texts(packed.user_id.texts)), len(packed.user_id.indices)) == (33, 4 * 99)
    assert [(row["device_id"], row["user_id"]) for row in decode_columns(packed)] == list(zip(many, few, strict=True))


def test_columns_of_different_length_are_refused() -> None:
    """The column at fault is named."""
    with pytest.raises(ValueError, match=r"column properties\[plan\] has 1 rows, ids has 2"):
        ColumnBatch(ids=["1", "2"], source="s", name="n", occurred_at_us=[1, 2], properties={"plan": ["pro"]})


@pytest.mark.parametrize(
    "broken",
    [
        {"user_id": ["\ud800"]},
        {"properties": {"x": [[1]]}},
        {"ids": ["1", "2"], "occurred_at_us": [1, 2], "properties": {"x": ["a", [1]]}},
        {"occurred_at_us": [2**70]},
        {"value": ["12"]},
    ],
    ids=["lone surrogate", "list as property", "list among texts", "time beyond 64 bits", "text as value"],
)
def test_what_no_event_can_carry_is_an_encoding_error(broken: dict[str, Any]) -> None:
    """It is told when the batch is packed, before anything is sent."""
    good: dict[str, Any] = {"ids": ["1"], "source": "s", "name": "n", "occurred_at_us": [1]}
    with pytest.raises(EncodingError):
        ColumnBatch(**{**good, **broken}).to_proto()
