"""Metric points as columns: what merging hands to the writer, readable as rows too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, overload

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
# The default context would round to 28 digits.
_WIDE = Context(prec=76)


@dataclass(frozen=True, slots=True)
class PointColumns:
    """Points of one metric of one tenant before they become Arrow; what a metric does not have is missing.

    Attributes:
        ints: instants (without "_us"), counts and positions by their names in POINT_SCHEMA.
        units: amounts by name, in units of 1e-9; those of a point without `latest_position` say nothing.
        distinct, sketches: of a distinct count; else None.
        bins: of a quantile; else None.

    """

    tenant: str
    metric: str
    definition: str
    size: int
    groups: list[tuple[str, ...]]
    ints: Mapping[str, Ints]
    units: Mapping[str, Units]
    distinct: list[int] | None = None
    sketches: list[bytes] | None = None
    bins: list[dict[int, int]] | None = None


class PointBatch(Sequence[PointRow]):
    """Points as one Arrow table (POINT_SCHEMA). Rows are made when asked for; whoever writes many takes `table`."""

    __slots__ = ("table",)

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def of(cls, parts: Sequence[PointColumns]) -> PointBatch:
        """All points of some metrics, made Arrow at once: of few rows, the number of arrays is what costs."""
        if not parts:
            return cls(POINT_SCHEMA.empty_table())
        sizes = [part.size for part in parts]
        columns = {
            name: pa.array([getattr(part, name) for part in parts], TEXT).take(
                pa.array(np.repeat(range(len(parts)), sizes))
            )
            for name in ("tenant", "metric", "definition")
        }
        columns["groups"] = group_lists([group for part in parts for group in part.groups])
        columns["distinct"] = pa.array(_listed(parts, "distinct", 0), pa.uint64())
        columns["sketch"] = pa.array(_listed(parts, "sketches", b""), pa.binary())
        columns["bins"] = bin_maps(_listed(parts, "bins", {}))
        nothing = {size: np.zeros(size, dtype=np.int64) for size in sizes}
        for field in POINT_SCHEMA:
            if field.name in _AMOUNTS:
                units = np.concatenate([part.units.get(field.name, nothing[part.size]) for part in parts])
                there = np.concatenate([part.ints.get("latest_position", nothing[part.size]) for part in parts]) > 0
                columns[field.name] = amounts_of(np.where(there, units, 0), there if field.nullable else None)
            elif field.name not in columns:
                values = np.concatenate([part.ints.get(field.name, nothing[part.size]) for part in parts])
                columns[field.name] = pa.array(
                    values.view(np.uint64 if field.type == pa.uint64() else "M8[us]"), field.type
                )
        return cls(pa.Table.from_arrays([columns[name] for name in POINT_SCHEMA.names], schema=POINT_SCHEMA))

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
    return None if amount is None else int(amount.scaleb(9, _WIDE))


def _listed(parts: Sequence[PointColumns], name: str, absent: Any) -> list[Any]:
    """A list column of all parts, with `absent` in each row of a part that has none."""
    return [value for part in parts for value in (getattr(part, name) or [absent] * part.size)]


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
    np.cumsum(list(map(len, groups)), out=offsets[1:])
    flat = pa.array([text for group in groups for text in group], TEXT)
    return pa.ListArray.from_arrays(pa.array(offsets), flat)


def bin_maps(bins: Sequence[dict[int, int]]) -> pa.Array:
    """DDSketch bins as a map column, keys ascending."""
    offsets = np.zeros(len(bins) + 1, dtype=np.int32)
    np.cumsum(list(map(len, bins)), out=offsets[1:])
    entries = [entry for each in bins if each for entry in sorted(each.items())]
    keys = pa.array([key for key, _ in entries], pa.int32())
    items = pa.array([count for _, count in entries], pa.uint64())
    return pa.MapArray.from_arrays(pa.array(offsets), keys, items)


def amounts(units: Units | None, size: int, valid: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """An amount column: of scaled integers, or null all over where a metric has none."""
    return pa.nulls(size, AMOUNT) if units is None else amounts_of(units, valid)
