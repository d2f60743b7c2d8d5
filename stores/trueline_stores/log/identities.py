"""Which (tenant, source, id) are taken, in SQLite: whole batches are looked up and inserted by one statement."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trueline_stores.log import statements

DIGEST_BYTES = 8
# An id per source known; beyond it the memory of them starts anew.
MOST_STREAMS_REMEMBERED = 100_000
# Sources that the error about an unknown one names.
MOST_SOURCES_TOLD = 100
AGE_STEP_US = 1_000_000
# SQLite's json_each ends a text at U+0000. It is written as two characters instead, and so is the first of those.
_ESCAPES = str.maketrans({"\x01": "\x01\x01", "\x00": "\x01\x02"})
# What must be escaped in JSON.
_FIRST_PRINTABLE, _QUOTE, _BACKSLASH = 0x20, 0x22, 0x5C


@dataclass(frozen=True, slots=True)
class Claim:
    """The rows of one batch that share a source.

    Attributes:
        source: their source.
        rows: their row numbers in the batch, ascending; None = all rows.
        count: how many.
        ids: their ids as the inside of a JSON array.
        digests: DIGEST_BYTES each.

    """

    source: str
    rows: np.ndarray | None
    count: int
    ids: str
    digests: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A row whose identity is taken: number of the claim, row number in that claim's batch, same digest or not."""

    claim: int
    row: int
    same: bool


def claims_of(events: pa.RecordBatch, digests: bytes) -> list[Claim]:
    """A batch's claims, one per source.

    Raises:
        ValueError: digests are not DIGEST_BYTES a row.

    """
    if len(digests) != events.num_rows * DIGEST_BYTES:
        raise ValueError(f"digests have {len(digests)} bytes for {events.num_rows} rows of {DIGEST_BYTES} bytes")
    ids = events.column(0)
    sources = events.column(1)
    names = sources.dictionary.to_pylist()
    if len(set(names)) < len(names):
        sources = pc.dictionary_encode(pc.cast(sources, pa.string()))
        names = sources.dictionary.to_pylist()
    codes = sources.indices.to_numpy()
    if not len(codes):
        return []
    if (codes == codes[0]).all():
        return [Claim(names[codes[0]], None, len(codes), _json_inside(ids), digests)]
    by_row = np.frombuffer(digests, dtype=f"V{DIGEST_BYTES}")
    order = np.argsort(codes, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)
    return [
        Claim(names[codes[rows[0]]], rows, len(rows), _json_inside(ids.take(pa.array(rows))), by_row[rows].tobytes())
        for rows in groups
    ]


def _json_inside(ids: pa.StringArray) -> str:
    """Texts as the inside of a JSON array that SQLite reads back as different texts if they differ."""
    if _stand_plain(ids):
        joined = pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(ids)], pa.int32()), ids), '","')
        return f'"{joined[0].as_py()}"'
    texts = ids.to_pylist()
    inside = json.dumps(texts)
    if "\\u0000" in inside or "\\u0001" in inside:
        inside = json.dumps([text.translate(_ESCAPES) for text in texts])
    return inside[1:-1]


def _stand_plain(ids: pa.StringArray) -> bool:
    """Whether nothing in some texts (more than none, and none of them null) must be escaped in JSON."""
    offsets = np.frombuffer(ids.buffers()[1], dtype=np.int32)
    first, last = offsets[ids.offset], offsets[ids.offset + len(ids)]
    if first == last:
        return True
    text = np.frombuffer(ids.buffers()[2], dtype=np.uint8)[first:last]
    return int(text.min()) >= _FIRST_PRINTABLE and not ((text == _QUOTE) | (text == _BACKSLASH)).any()


class Identities:
    """The identities table. Used inside the committer's transactions, by its thread only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._streams: dict[tuple[str, str], int] = {}

    def forget_streams(self) -> None:
        """Drop what is remembered of the streams table: a transaction that may have added some was undone."""
        self._streams.clear()

    def claim(self, claims: Sequence[tuple[str, Claim]], first_ticket: int) -> list[Refused]:
        """Take the identities of (tenant, claim) pairs, in order; the first that takes one keeps it.

        Tickets are given from first_ticket on, one for each row of each claim.
        """
        groups: dict[tuple[str, str], list[int]] = {}
        for number, (tenant, claim) in enumerate(claims):
            groups.setdefault((tenant, claim.source), []).append(number)
        refused: list[Refused] = []
        for (tenant, source), numbers in groups.items():
            members = [claims[number][1] for number in numbers]
            count = sum(member.count for member in members)
            refused += self._claim_stream(self._stream(tenant, source), numbers, members, first_ticket)
            first_ticket += count
        return refused

    def _claim_stream(
        self, stream: int, numbers: Sequence[int], members: Sequence[Claim], first_ticket: int
    ) -> list[Refused]:
        ids = f"[{','.join(member.ids for member in members)}]"
        digests = b"".join(member.digests for member in members)
        parameters = (stream, digests, first_ticket, ids)
        self._connection.execute(statements.CLAIM, parameters)
        (taken,) = self._connection.execute(statements.CHANGES).fetchone()
        if taken == len(digests) // DIGEST_BYTES:
            return []
        starts = list(accumulate((member.count for member in members), initial=0))
        refused = []
        for place, same in self._connection.execute(statements.REFUSED, parameters):
            part = bisect_right(starts, place) - 1
            inside = place - starts[part]
            rows = members[part].rows
            refused.append(Refused(numbers[part], inside if rows is None else int(rows[inside]), bool(same)))
        return refused

    def _stream(self, tenant: str, source: str) -> int:
        """The small number that stands for a tenant's source; given at first sight."""
        stream = self._streams.get((tenant, source))
        if stream is None:
            row = self._connection.execute(statements.FIND_STREAM, (tenant, source)).fetchone()
            stream = row[0] if row else self._connection.execute(statements.ADD_STREAM, (tenant, source)).lastrowid
            assert stream is not None
            if len(self._streams) >= MOST_STREAMS_REMEMBERED:
                self._streams.clear()
            self._streams[tenant, source] = stream
        return stream

    def knows(self, tenant: str, source: str) -> bool:
        """Whether an identity of a tenant's source was ever taken."""
        if (tenant, source) in self._streams:
            return True
        return self._connection.execute(statements.FIND_STREAM, (tenant, source)).fetchone() is not None

    def sources(self, tenant: str, limit: int) -> list[str]:
        """The first sources of a tenant by name."""
        return [source for (source,) in self._connection.execute(statements.STREAMS, (tenant, limit))]

    def note_age(self, ticket: int, accepted_at_us: int) -> None:
        """Remember when a ticket was given, once a second."""
        last = self._connection.execute(statements.LAST_AGE).fetchone()
        if last is None or accepted_at_us >= last[0] + AGE_STEP_US:
            self._connection.execute(statements.ADD_AGE, (ticket, accepted_at_us))

    def ticket_at(self, instant_us: int, next_ticket: int) -> int:
        """All identities with lower tickets were accepted before an instant."""
        # The tickets of one age were accepted within a second from it on.
        (ticket,) = self._connection.execute(statements.FIRST_TICKET_SINCE, (instant_us - AGE_STEP_US,)).fetchone()
        return next_ticket if ticket is None else int(ticket)

    def prune_chunk(self, after: tuple[int, str], below_ticket: int, keys: int) -> tuple[int, str] | None:
        """Forget what lies below a ticket among the next `keys` identities; where to go on, None at the end."""
        end = self._connection.execute(statements.CHUNK_END, (*after, keys - 1)).fetchone()
        if end is None:
            self._connection.execute(statements.DROP_LAST_IDENTITIES, (*after, below_ticket))
            self._connection.execute(statements.DROP_AGES, (below_ticket,))
            return None
        self._connection.execute(statements.DROP_IDENTITIES, (*after, *end, below_ticket))
        return end[0], end[1]
