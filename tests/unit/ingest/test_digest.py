"""The content digest is a function of an event's content, the same from every form and in every batch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.ingest.columns import read_columns
from trueline_server.ingest.digest import DIGEST_BYTES, digests_of
from trueline_server.ingest.joining import join_batches
from trueline_server.ingest.rows import read_rows

from tests.unit.ingest.strategies import batches
from tests.unit.ingest.wire import column_events, reference_digest, row_events

VECTORS: list[dict[str, Any]] = [
    {"id": "a", "source": "s", "name": "n", "occurred_at_us": 1_000_000},
    {
        "id": "o-1",
        "source": "shop",
        "name": "order_placed",
        "occurred_at_us": 1_299_491_100_123_456,
        "user_id": "u1",
        "value": 139.12,
        "currency": "GBP",
        "properties": {"country": "Österreich", "lines": 7.0, "gift": True},
    },
]


@pytest.mark.parametrize(("number", "digest"), [(0, "e7e8589db6d10cff"), (1, "b1ace7146bad7233")])
def test_digests_stay_what_they_were(number: int, digest: str) -> None:
    """A log outlives the program that wrote it, so the digest of an event is the same in every version."""
    assert digests_of(read_columns(column_events([VECTORS[number]]))).hex() == digest


@given(batches())
def test_digest_equals_the_reference(events: list[dict[str, Any]]) -> None:
    """Whatever the batch, each event's digest is that of its canonical form, from both wire forms."""
    expected = b"".join(reference_digest(event) for event in events)
    assert digests_of(read_columns(column_events(events))) == expected
    assert digests_of(read_rows(row_events(events))) == expected


def test_no_events_have_no_digests() -> None:
    """A batch without events, of either form, is no special case."""
    assert digests_of(read_columns(column_events([]))) == b""
    assert digests_of(read_rows([])) == b""


def test_long_and_foreign_texts() -> None:
    """Texts of all lengths around the words of eight bytes, in and beyond ASCII, give the digests of the reference."""
    events = [
        {**VECTORS[1], "id": f"é{n}", "user_id": "u" * (n % 40) if n % 3 else "", "properties": {"sku": "日" * n}}
        for n in range(100)
    ]
    assert digests_of(read_columns(column_events(events))) == b"".join(map(reference_digest, events))


def test_finer_digits_do_not_count() -> None:
    """Nanoseconds below the microsecond are cut off, so that they make no other event."""
    rough, fine = row_events([VECTORS[1], VECTORS[1]])
    fine.occurred_at.nanos += 999
    digests = digests_of(read_rows([rough, fine]))
    assert digests[:DIGEST_BYTES] == digests[DIGEST_BYTES:]


@given(batches(), batches())
def test_what_else_is_in_a_batch_makes_no_difference(one: list[dict[str, Any]], other: list[dict[str, Any]]) -> None:
    """Batches that are joined have the digests that each has alone."""
    alone = b"".join(digests_of(read_columns(column_events(events))) for events in (one, other))
    assert digests_of(join_batches([read_columns(column_events(one)), read_rows(row_events(other))])) == alone


FIELDS = ("name", "user_id", "account_id", "anonymous_id", "device_id", "currency")


@given(st.data())
def test_other_content_has_another_digest(data: st.DataObject) -> None:
    """Whatever is changed in an event, by a bit or by swapping two fields, the digest is another; id and source are
    no content."""
    text = st.text(max_size=20)
    event = {**VECTORS[1], **{field: data.draw(text) for field in FIELDS}}
    other = dict(event)
    changed = data.draw(st.sampled_from([*FIELDS, "occurred_at_us", "value", "properties", "swap"]))
    if changed in FIELDS:
        other[changed] = data.draw(text.filter(lambda drawn: drawn != event[changed]))
    elif changed == "swap":
        other["user_id"], other["account_id"] = event["account_id"], event["user_id"]
    elif changed == "properties":
        other["properties"] = {**event["properties"], "lines": "7.0"}
    else:
        other[changed] = event[changed] + 1
    same_content = {**other, "id": "another", "source": "elsewhere"}
    first, second, third = (digests_of(read_rows(row_events([each]))) for each in (event, other, same_content))
    assert (first == second) == all(event[key] == other[key] for key in event)
    assert second == third
