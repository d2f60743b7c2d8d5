"""Panes: the step-wide pieces of event time that windows are made of, and which of them were ever touched."""

from __future__ import annotations

from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from trueline_rules.model import Span

from trueline_streams.amounts import Ints, Mask

DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US
# 1970-01-01 was a Thursday; the Monday before lies three days earlier.
_MONDAY_US = -3 * DAY_US
_CHUNK_BITS = 12
_CHUNK = 1 << _CHUNK_BITS


def panes_of(occurred_us: Ints, step: Span) -> tuple[Ints, Ints]:
    """Start and end of the pane of each instant (microseconds since 1970, UTC): start <= instant < end."""
    if step.calendar == "month":
        instants = pa.array(occurred_us, pa.timestamp("us"))
        months = pc.floor_temporal(instants, unit="month").to_numpy(zero_copy_only=False)
        ends = (months.astype("datetime64[M]") + 1).astype("datetime64[us]")
        return months.astype(np.int64), ends.astype(np.int64)
    origin, width = (_MONDAY_US, WEEK_US) if step.calendar == "week" else (0, step.us)
    starts = (occurred_us - origin) // width * width + origin
    return starts, starts + width


def pane_numbers(starts_us: Ints, step: Span) -> Ints:
    """A small integer for each pane, unique among those of a step; panes of calendar steps count in days."""
    return starts_us // (DAY_US if step.calendar else step.us)


class PaneSet:
    """Which panes were ever touched: a bit for each, in chunks, bounded in size.

    A pane that is not in the set and not below `floor` was never touched. When there are more than `max_chunks`
    chunks of 4,096 panes the lowest is forgotten and the floor rises over it.
    """

    __slots__ = ("_chunks", "_max_chunks", "floor")

    def __init__(self, chunks: dict[int, int] | None = None, floor: int | None = None, max_chunks: int = 2048) -> None:
        self._chunks = chunks if chunks is not None else {}
        self._max_chunks = max_chunks
        self.floor = floor

    def touch(self, numbers: Ints) -> Mask:
        """Remember panes (distinct, ascending). Answers which of them may have been touched before."""
        before = np.zeros(len(numbers), dtype=bool) if self.floor is None else numbers < self.floor
        chunks = numbers >> _CHUNK_BITS
        for rows in np.split(np.arange(len(numbers)), np.nonzero(np.diff(chunks))[0] + 1):
            if len(rows):
                before[rows] |= self._touch_chunk(int(chunks[rows[0]]), numbers[rows] & (_CHUNK - 1))
        while len(self._chunks) > self._max_chunks:
            lowest = min(self._chunks)
            del self._chunks[lowest]
            above = (lowest + 1) << _CHUNK_BITS
            self.floor = above if self.floor is None else max(self.floor, above)
        return before

    def _touch_chunk(self, chunk: int, bits: Ints) -> Mask:
        flags = np.zeros(_CHUNK, dtype=bool)
        flags[bits] = True
        added = int.from_bytes(np.packbits(flags, bitorder="little").tobytes(), "little")
        known = self._chunks.get(chunk, 0)
        self._chunks[chunk] = known | added
        flags[:] = False
        if known & added:
            packed = np.frombuffer(known.to_bytes(_CHUNK // 8, "little"), dtype=np.uint8)
            flags = np.unpackbits(packed, bitorder="little").astype(bool)
        return flags[bits]

    def packed(self) -> tuple[dict[int, int], int | None]:
        """What the constructor takes."""
        return self._chunks, self.floor


def month_end_us(start_us: int) -> int:
    """End of the month that starts at an instant."""
    month = np.datetime64(start_us, "us").astype("datetime64[M]") + 1
    return cast(int, month.astype("datetime64[us]").astype(np.int64).item())


def pane_end_us(start_us: int, step: Span) -> int:
    """End of the pane that starts at an instant."""
    if step.calendar == "month":
        return month_end_us(start_us)
    return start_us + (WEEK_US if step.calendar == "week" else step.us)
