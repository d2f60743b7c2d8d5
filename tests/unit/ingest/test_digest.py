"""The content digest is the one that event.proto specifies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from trueline_server.ingest.columns import read_columns
from trueline_server.ingest.digest import digests_of
from trueline_server.ingest.rows import read_rows

from tests.unit.ingest.strategies import batches
from tests.unit.ingest.wire import column_events, reference_digest, row_events

PROTO = Path(__file__).resolve().parents[3] / "protos" / "trueline" / "v1" / "event.proto"
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


@pytest.mark.parametrize("number", [0, 1], ids=["smallest", "with everything"])
def test_digest_equals_the_vector_in_the_contract(number: int) -> None:
    """The two vectors printed in event.proto come out, from both wire forms and from the plain reference."""
    vectors = [bytes.fromhex(text) for text in re.findall(r"^//     ([0-9a-f]{32})$", PROTO.read_text(), re.MULTILINE)]
    event = VECTORS[number]
    assert reference_digest(event) == vectors[number]
    assert digests_of(read_columns(column_events([event]))) == vectors[number]
    assert digests_of(read_rows(row_events([event]))) == vectors[number]


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


def test_large_dictionaries_take_the_other_path() -> None:
    """Dictionaries beyond a dozen texts, digested by Arrow instead of Python, give the same digests."""
    events = [
        {**VECTORS[1], "id": f"é{n}", "user_id": f"ü{n % 40}" if n % 3 else "", "properties": {"sku": f"日{n}"}}
        for n in range(100)
    ]
    assert digests_of(read_columns(column_events(events))) == b"".join(map(reference_digest, events))


def test_finer_digits_do_not_count() -> None:
    """Nanoseconds below the microsecond are cut off, so that they make no other event."""
    rough, fine = row_events([VECTORS[1], VECTORS[1]])
    fine.occurred_at.nanos += 999
    digests = digests_of(read_rows([rough, fine]))
    assert digests[:16] == digests[16:]
