"""Metric points as columns: what merging hands to the writer, readable as rows too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from trueline_stores.event_schema import AMOUNT, INSTANT, TEXT

from trueline_streams.amounts import Ints, Units, amounts_of
from trueline_streams.records import PointRow

# The columns of the warehouse's table `points` that the dataflow writes.
POINT_SCHEMA = pa.schema(
    [
        pa.field("tenant", TEXT, nullable=False),
        pa.field("metric", TEXT, nullable=False),
        pa.field("definition", TEXT, nullable=False),
        pa.field("pane_start", INSTANT, nullable=False),
        pa.field("pane_end", INSTANT, nullable=False),
        pa.field("groups", pa.list_(TEXT), nullable=False),
        pa.field("events", pa.uint64(), nullable=False),
        pa.field("value_count", pa.uint64(), nullable=False),
        pa.field("total", AMOUNT, nullable=False),
        pa.field("smallest", AMOUNT),
        pa.field("largest", AMOUNT),
        pa.field("latest", AMOUNT),
        pa.field("latest_at", INSTANT, nullable=False),
        pa.field("latest_position", pa.uint64(), nullable=False),
        pa.field("distinct", pa.uint64(), nullable=False),
        pa.field("sketch", pa.binary(), nullable=False),
        pa.field("bins", pa.map_(pa.int32(), pa.uint64()), nullable=False),
        pa.field("late_events", pa.uint64(), nullable=False),
        pa.field("revision", pa.uint64(), nullable=False),
        pa.field("watermark", INSTANT, nullable=False),
    ]
)
_INSTANTS = ("pane_start", "pane_end", "latest_at", "watermark")
_AMOUNTS = ("total", "smallest", "largest", "latest")


class PointBatch(Sequence[PointRow]):
    """Points as one Arrow table (POINT_SCHEMA). Rows are made when asked for; whoever writes many takes `table`."""

    __slots__ = ("table",)

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def joined(cls, batches: Iterable[PointBatch]) -> PointBatch:
        """All rows of several batches."""
        tables = [batch.table for batch in batches]
        return cls(pa.concat_tables(tables) if tables else POINT_SCHEMA.empty_table())

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, index: int) -> PointRow: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[PointRow]: ...

    def __getitem__(self, index: int | slice) -> PointRow | Sequence[PointRow]:
        if isinstance(index, slice):
            return list(self)[index]
        number = range(len(self))[index]
        return next(iter(PointBatch(self.table.slice(number, 1))))

    def __iter__(self) -> Iterator[PointRow]:
        table = self.table
        for name in _INSTANTS:
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table[name].cast(pa.int64()))
        for row in table.to_pylist():
            for name in _INSTANTS:
                row[f"{name}_us"] = row.pop(name)
            for name in _AMOUNTS:
                row[name] = _units(row[name])
            row["groups"] = tuple(row["groups"])
            row["bins"] = dict(row["bins"])
            yield PointRow(**row)


def _units(amount: Decimal | None) -> int | None:
    return None if amount is None else int(amount.scaleb(9))


def constants(text: str, size: int) -> pa.Array:
    """A column that says the same in each row."""
    return pa.repeat(pa.scalar(text, TEXT), size)


def instants(values: Ints) -> pa.Array:
    """Microseconds since 1970 as an instant column."""
    return pa.array(values, pa.int64()).cast(INSTANT)


def counts(values: Ints) -> pa.Array:
    """A column of counts or positions."""
    return pa.array(values.astype(np.uint64), pa.uint64())


def group_lists(groups: Sequence[tuple[str, ...]]) -> pa.Array:
    """Label values as a list column."""
    offsets = np.zeros(len(groups) + 1, dtype=np.int32)
    np.cumsum([len(group) for group in groups], out=offsets[1:])
    flat = pa.array([text for group in groups for text in group], TEXT)
    return pa.ListArray.from_arrays(pa.array(offsets), flat)


def bin_maps(bins: Sequence[dict[int, int]]) -> pa.Array:
    """DDSketch bins as a map column, keys ascending."""
    offsets = np.zeros(len(bins) + 1, dtype=np.int32)
    np.cumsum([len(each) for each in bins], out=offsets[1:])
    entries = [entry for each in bins for entry in sorted(each.items())]
    keys = pa.array([key for key, _ in entries], pa.int32())
    items = pa.array([count for _, count in entries], pa.uint64())
    return pa.MapArray.from_arrays(pa.array(offsets), keys, items)


def amounts(units: Units | None, size: int, valid: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """An amount column: of scaled integers, or null all over where a metric has none."""
    return pa.nulls(size, AMOUNT) if units is None else amounts_of(units, valid)
