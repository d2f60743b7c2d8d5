"""Reads many small columnar batches like one large one: what costs is the number of arrays, not of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from trueline.v1 import event_pb2

from trueline_server.ingest.batch import (
    CODED_FIELDS,
    Codes,
    EventBatch,
    Floats,
    Ints,
    Kind,
    Mask,
    PropertyColumn,
    TextColumn,
    coded_texts,
    text_lengths,
)
from trueline_server.ingest.columns import BOOL_ABSENT, TEXT_FIELDS

Number = TypeVar("Number", bound=np.generic)

_KINDS = {"strings": Kind.STRING, "doubles": Kind.DOUBLE, "bools": Kind.BOOL}
_INDEX, _NUMBER = np.dtype("<u4"), np.dtype("<f8")


class UnfitError(Exception):
    """Some batch does not fit together. Read by itself, it says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """Events of each batch."""

    each: Ints
    total: int

    @classmethod
    def of(cls, counts: Sequence[int]) -> _Counted:
        return cls(np.array(counts, dtype=np.int64), sum(counts))

    def spread(self, numbers: Sequence[int]) -> Ints:
        """A number of each batch, once for each of its events."""
        return np.repeat(np.array(numbers, dtype=np.int64), self.each)


def gather(batches: Sequence[event_pb2.EventColumns], most_bytes: int) -> EventBatch:
    """The events of all batches, in order: what `join_batches` makes of each one read by itself.

    Args:
        batches: not empty.
        most_bytes: bytes that the texts of a batch may have once each event has its own.

    Raises:
        UnfitError: a batch does not fit together, or may have larger texts.

    """
    counts = _Counted.of([batch.count for batch in batches])
    ids, sizes = _packed([batch.ids for batch in batches])
    _require((np.array(sizes) == counts.each).all())
    values, rows = _doubles([batch.value for batch in batches], counts)
    spread, present = _spread(values, rows, counts.total)
    gathered = EventBatch(
        count=counts.total,
        ids=ids,
        texts={name: _texts([getattr(batch, name) for batch in batches], counts, name) for name in TEXT_FIELDS},
        occurred_at_us=_numbers(
            [batch.occurred_at_us for batch in batches], np.dtype(np.int64).newbyteorder("<"), counts
        ),
        unset_times=None,
        values=spread,
        has_value=present,
        properties=_properties(batches, counts),
    )
    # As if every event of the largest batch had the longest text of each column that any batch has.
    _require(gathered.most_text_bytes() * int(counts.each.max()) <= most_bytes * counts.total)
    return gathered


def _require(holds: object) -> None:
    if not holds:
        raise UnfitError


def _packed(arrays: Sequence[event_pb2.TextArray]) -> tuple[pa.StringArray, list[int]]:
    """The texts of all arrays as one, and how many each has."""
    lengths = [array.lengths for array in arrays]
    _require(all(len(each) % _INDEX.itemsize == 0 for each in lengths))
    sizes = [len(each) // _INDEX.itemsize for each in lengths]
    texts = [array.text for array in arrays]
    offsets = np.zeros(sum(sizes) + 1, dtype=np.int64)
    np.cumsum(np.frombuffer(b"".join(lengths), dtype=_INDEX), out=offsets[1:])
    _require((offsets[list(accumulate(sizes))] == list(accumulate(map(len, texts)))).all())
    text = b"".join(texts)
    found = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(text))
    if not text.isascii():
        try:
            found.validate(full=True)
        except pa.ArrowInvalid as error:
            raise UnfitError from error
    return found, sizes


def _numbers(parts: Sequence[bytes], kind: np.dtype[Number], counts: _Counted) -> npt.NDArray[Number]:
    """Packed numbers, one an event."""
    _require((np.array(list(map(len, parts))) == counts.each * kind.itemsize).all())
    return np.frombuffer(b"".join(parts), dtype=kind)


def _indices(columns: Sequence[event_pb2.StringColumn], sizes: Sequence[int], counts: _Counted) -> Ints:
    """Places in all dictionaries put one after the other, a number an event; -1 = absent."""
    parts: list[npt.NDArray[np.generic]] = []
    for column, size, count in zip(columns, sizes, counts.each.tolist(), strict=True):
        if indices := column.indices:
            _require(len(indices) == count * _INDEX.itemsize)
            parts.append(np.frombuffer(indices, dtype=_INDEX))
        elif size == count:
            parts.append(np.arange(1, count + 1, dtype=_INDEX))
        else:
            _require(size <= 1)
            parts.append(np.full(count, size, dtype=_INDEX))
    places = np.concatenate(parts)
    _require((places <= counts.spread(sizes)).all())
    starts = list(accumulate(sizes, initial=-1))[:-1]
    return np.where(places == 0, -1, places + counts.spread(starts))


def _texts(columns: Sequence[event_pb2.StringColumn], counts: _Counted, name: str) -> TextColumn:
    texts, sizes = _packed([column.texts for column in columns])
    plain = (np.array(sizes) == counts.each).all() and not any(column.indices for column in columns)
    codes: Codes = (
        np.arange(counts.total, dtype=np.int32) if plain else _indices(columns, sizes, counts).astype(np.int32)
    )
    if name in CODED_FIELDS:
        return coded_texts(texts.to_pylist(), codes)
    empty = text_lengths(texts) == 0
    if empty.any():
        # The last element is what code -1 finds.
        return TextColumn(texts, np.where(np.append(empty, True)[codes], np.int32(-1), codes))
    return TextColumn(texts, codes, plain=bool(plain))


def _doubles(columns: Sequence[event_pb2.DoubleColumn], counts: _Counted) -> tuple[Floats, Ints | None]:
    """The numbers, and the events they belong to (None = every event)."""
    values = [column.values for column in columns]
    rows: list[Ints] = []
    whole = True
    ends = np.cumsum(counts.each).tolist()
    for column, numbers, count, end in zip(columns, values, counts.each.tolist(), ends, strict=True):
        packed = column.rows
        if packed or not numbers:
            whole = whole and not count
            _require(len(packed) % _INDEX.itemsize == 0)
            own = np.frombuffer(packed, dtype=_INDEX).astype(np.int64)
            _require(not len(own) or (own[-1] < count and (np.diff(own) > 0).all()))
        else:
            own = np.arange(count)
        _require(len(numbers) == len(own) * _NUMBER.itemsize)
        rows.append(own + (end - count))
    found = np.frombuffer(b"".join(values), dtype=_NUMBER)
    return found, None if whole else np.concatenate(rows)


def _spread(found: Floats, rows: Ints | None, count: int) -> tuple[Floats, Mask]:
    """Numbers spread over all events, and which have one."""
    if rows is None:
        return found, np.ones(count, dtype=bool)
    values, present = np.zeros(count), np.zeros(count, dtype=bool)
    values[rows], present[rows] = found, True
    return values, present


@dataclass(slots=True)
class _Property:
    """The n-th columns of a key and type, and the numbers of the batches that have them."""

    key: str
    kind: Kind
    columns: list[event_pb2.PropertyColumn]
    batches: list[int]


def _properties(batches: Sequence[event_pb2.EventColumns], counts: _Counted) -> list[PropertyColumn]:
    found: dict[tuple[str, Kind, int], _Property] = {}
    for number, batch in enumerate(batches):
        seen: Counter[tuple[str, Kind]] = Counter()
        for column in batch.properties:
            kind = _KINDS.get(column.WhichOneof("values") or "")
            if kind is None:
                raise UnfitError
            sort = (column.key, kind)
            own = found.setdefault((*sort, seen[sort]), _Property(column.key, kind, [], []))
            own.columns.append(column)
            own.batches.append(number)
            seen[sort] += 1
    columns = [_property(own, counts) for own in found.values()]
    return sorted((column for column in columns if len(column.values)), key=lambda column: column.key.encode())


def _property(own: _Property, counts: _Counted) -> PropertyColumn:
    """One property over the events that have it."""
    everywhere = len(own.batches) == len(counts.each)
    there = counts if everywhere else _Counted.of(counts.each[own.batches].tolist())
    texts = None
    values: npt.NDArray[Any]
    if own.kind is Kind.DOUBLE:
        values, rows = _doubles([column.doubles for column in own.columns], there)
    elif own.kind is Kind.STRING:
        strings = [column.strings for column in own.columns]
        texts, sizes = _packed([column.texts for column in strings])
        codes = _indices(strings, sizes, there).astype(np.int32)
        values, rows = _present(codes, codes >= 0)
    else:
        states = _numbers([column.bools for column in own.columns], np.dtype(np.uint8), there)
        _require((states <= BOOL_ABSENT).all())
        values, rows = _present(states, states != BOOL_ABSENT)
        values = values.astype(bool)
    if not everywhere:
        starts = (np.cumsum(counts.each) - counts.each)[own.batches] - (np.cumsum(there.each) - there.each)
        moved = np.arange(there.total) + np.repeat(starts, there.each)
        rows = moved if rows is None else moved[rows]
    return PropertyColumn(own.key, own.kind, rows, values, texts)


def _present(values: npt.NDArray[np.generic], present: Mask) -> tuple[npt.NDArray[np.generic], Ints | None]:
    """The values that are there, and their rows (None = all)."""
    return (values, None) if present.all() else (values[present], np.flatnonzero(present))
