"""Batches, digests and clocks for the tests of the event log."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from decimal import Decimal
from hashlib import blake2b

import pyarrow as pa
from trueline_stores.event_schema import EVENT_SCHEMA
from trueline_stores.log.identities import DIGEST_BYTES

DAY_US = 86_400_000_000


class TurnedClock:
    """A clock that stands until it is set. Held, it does not answer before it is released; `asked` tells that it was
    asked, which is when the committer has begun."""

    def __init__(self, now_us: int = 0, *, held: bool = False) -> None:
        self.now_us = now_us
        self.asked = threading.Event()
        self._free = threading.Event()
        if not held:
            self.release()

    def release(self) -> None:
        """Answer from now on."""
        self._free.set()

    def __call__(self) -> int:
        """Microseconds since 1970 (UTC)."""
        self.asked.set()
        assert self._free.wait(30)
        return self.now_us


def batch_of(ids: Sequence[str], source: str | Sequence[str]) -> pa.RecordBatch:
    """Events with these ids, of one source or of one each, and otherwise alike."""
    sources = [source] * len(ids) if isinstance(source, str) else list(source)
    rows = [
        {"id": one, "source": its, "name": "n", "occurred_at": 0, "properties": [], "numbers": [], "flags": []}
        for one, its in zip(ids, sources, strict=True)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=EVENT_SCHEMA)


def digests_for(contents: Sequence[str]) -> bytes:
    """A digest for each content."""
    return b"".join(blake2b(content.encode(), digest_size=DIGEST_BYTES).digest() for content in contents)


def ids_of(events: pa.RecordBatch) -> list[str]:
    """The ids of a batch."""
    ids: list[str] = events.column("id").to_pylist()
    return ids


def random_batch(rows: int, seed: int) -> pa.RecordBatch:
    """Events with different ids and something in every column, absent values among them."""
    chance = random.Random(seed)
    return pa.RecordBatch.from_pylist(
        [
            {
                "id": f"{seed}-{row}",
                "source": chance.choice(["s", "r"]),
                "name": chance.choice(["n", "m", "é"]),
                "occurred_at": chance.randrange(2**50),
                **{
                    field: chance.choice([None, "x", f"{field}{row}"])
                    for field in ("user_id", "account_id", "anonymous_id", "device_id")
                },
                "value": chance.choice([None, Decimal(chance.randrange(-(10**27), 10**27)).scaleb(-9)]),
                "currency": chance.choice([None, "GBP", "EUR"]),
                "properties": [("a", "x"), ("b", str(row))][: chance.randrange(3)],
                "numbers": [("n", chance.random())][: chance.randrange(2)],
                "flags": [("f", True), ("g", False)][: chance.randrange(3)],
            }
            for row in range(rows)
        ],
        schema=EVENT_SCHEMA,
    )
