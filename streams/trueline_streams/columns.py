"""The columns of one batch, each derived once however many metrics read it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from trueline_rules.model import ANY, Span
from trueline_stores.event_schema import TEXT

from trueline_streams.amounts import Ints, Mask, Units, narrowed, units_of
from trueline_streams.fields import PROPERTY_PREFIX, text_of_flag, text_of_number, units_of_number, units_of_text
from trueline_streams.panes import panes_of

# Below this a double times 1e9 is exact enough that rounding it equals rounding its shortest decimal.
_EXACT_SCALED = 2.0**50
# How close to a tie a scaled double may be before its decimal text decides.
_TIE = 1e-3


@dataclass(frozen=True)
class TextColumn:
    """A text a row: codes into distinct texts, -1 where the field is absent."""

    codes: Ints
    texts: pa.StringArray

    @cached_property
    def values(self) -> list[str]:
        """The distinct texts as Python has them. Made when first asked for: of users there are many."""
        return [sys.intern(text) for text in self.texts.to_pylist()]


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """A group's label a row: codes into values, which may stand twice."""

    codes: Ints
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """A number a row, in units of 1e-9; 0 where it is not valid."""

    units: Units
    valid: Mask

    def placed(self, rows: Ints, values: Units, present: Mask) -> NumberColumn:
        """With values put into some rows."""
        units = self.units if values.dtype == self.units.dtype else self.units.astype(object)
        units[rows] = values
        self.valid[rows] = present
        return NumberColumn(units, self.valid)


class BatchColumns:
    """A stamped table (see StampedEvents) as numpy columns. Positions ascend."""

    def __init__(self, events: pa.Table) -> None:
        self._events = events
        self.rows = events.num_rows
        self.occurred_us = self._instants("occurred_at")
        self.watermark_us = self._instants("watermark")
        self.position = _whole(events["position"]).to_numpy(zero_copy_only=False).astype(np.int64)
        self._texts: dict[str, TextColumn] = {}
        self._labels: dict[str, LabelColumn] = {}
        self._numbers: dict[str, NumberColumn] = {}
        self._panes: dict[str, tuple[Ints, Ints]] = {}
        self._rows: dict[tuple[Any, ...], Ints] = {}
        self._maps: dict[str, _MapColumn] = {}

    def rows_of(self, names: tuple[str, ...], where: Mapping[str, tuple[str, ...]]) -> Ints:
        """Numbers of the rows that have one of the names and match all conditions, ascending."""
        key = (names, *((field, allowed) for field, allowed in where.items()))
        if key not in self._rows:
            mask: Mask | None = None if names == (ANY,) else self.named(names)
            for field, allowed in where.items():
                matches = self._among(field, allowed)
                mask = matches if mask is None else mask & matches
            self._rows[key] = np.arange(self.rows) if mask is None else np.nonzero(mask)[0]
        return self._rows[key]

    def named(self, names: tuple[str, ...]) -> Mask:
        """The rows that have one of the names; all of them for (ANY,)."""
        return np.ones(self.rows, dtype=bool) if names == (ANY,) else self._among("name", names)

    def panes(self, step: Span) -> tuple[Ints, Ints]:
        """Start and end of each row's pane."""
        if step.text not in self._panes:
            self._panes[step.text] = panes_of(self.occurred_us, step)
        return self._panes[step.text]

    def text(self, field: str) -> TextColumn:
        """The field as text."""
        if field not in self._texts:
            if field.startswith(PROPERTY_PREFIX):
                self._texts[field] = self._property_text(field.removeprefix(PROPERTY_PREFIX))
            else:
                self._texts[field] = _coded(_whole(self._events[field]))
        return self._texts[field]

    def label(self, field: str) -> LabelColumn:
        """The field as a group's label: an absent one is the same as an empty one."""
        if field not in self._labels:
            column = self.text(field)
            values = [*column.values, ""]
            self._labels[field] = LabelColumn(np.where(column.codes < 0, values.index(""), column.codes), values)
        return self._labels[field]

    def number(self, field: str) -> NumberColumn:
        """The field ("value" or a property) as a number."""
        if field not in self._numbers:
            if field.startswith(PROPERTY_PREFIX):
                self._numbers[field] = self._property_number(field.removeprefix(PROPERTY_PREFIX))
            else:
                column = _whole(self._events[field])
                self._numbers[field] = NumberColumn(units_of(column), _bools(column.is_valid()))
        return self._numbers[field]

    def _instants(self, name: str) -> Ints:
        return cast(Ints, _whole(self._events[name]).cast(pa.int64()).to_numpy(zero_copy_only=False))

    def _among(self, field: str, allowed: tuple[str, ...]) -> Mask:
        column = self.text(field)
        # One more place at the end, which the code -1 (absent) reads: never allowed.
        wanted = np.zeros(len(column.values) + 1, dtype=bool)
        wanted[:-1] = [value in allowed for value in column.values]
        return cast(Mask, wanted[column.codes])

    def _map(self, name: str) -> _MapColumn:
        if name not in self._maps:
            self._maps[name] = _MapColumn(_whole(self._events[name]))
        return self._maps[name]

    def _property_text(self, key: str) -> TextColumn:
        codes = np.full(self.rows, -1, dtype=np.int64)
        coder: dict[str, int] = {}
        for name, text in (("properties", str), ("numbers", text_of_number), ("flags", text_of_flag)):
            rows, items = self._map(name).entries(key)
            if len(rows):
                encoded = items.dictionary_encode()
                known = [coder.setdefault(text(value), len(coder)) for value in encoded.dictionary.to_pylist()]
                codes[rows] = np.array(known, dtype=np.int64)[_indices(encoded)]
        return TextColumn(codes, pa.array(coder, TEXT))

    def _property_number(self, key: str) -> NumberColumn:
        column = NumberColumn(np.zeros(self.rows, dtype=np.int64), np.zeros(self.rows, dtype=bool))
        rows, items = self._map("properties").entries(key)
        if len(rows):
            encoded = items.dictionary_encode()
            parsed = [units_of_text(value) for value in encoded.dictionary.to_pylist()]
            column = column.placed(rows, *_split(parsed, _indices(encoded)))
        rows, items = self._map("numbers").entries(key)
        if len(rows):
            column = column.placed(rows, *units_of_doubles(items.to_numpy(zero_copy_only=False)))
        return column


class _MapColumn:
    """A map column, flat: finds the rows that have a key."""

    def __init__(self, column: pa.MapArray) -> None:
        offsets = column.offsets.to_numpy()
        start, end = int(offsets[0]), int(offsets[-1])
        self._keys = column.keys.slice(start, end - start)
        self._items = column.items.slice(start, end - start)
        self._ends = offsets[1:] - start

    def entries(self, key: str) -> tuple[Ints, pa.Array]:
        """Rows that have the key, and its values there."""
        places = np.nonzero(_bools(pc.equal(self._keys, key)))[0]
        return np.searchsorted(self._ends, places, side="right"), self._items.take(pa.array(places))


def units_of_doubles(numbers: npt.NDArray[np.float64]) -> tuple[Units, Mask]:
    """Doubles in units of 1e-9 as `units_of_number` has them, and which of them have a value."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = numbers * 1e9
        plain = np.abs(scaled) < _EXACT_SCALED
        plain &= np.abs(scaled - np.floor(scaled) - 0.5) > _TIE
    units = np.zeros(len(numbers), dtype=np.int64)
    units[plain] = np.rint(scaled[plain]).astype(np.int64)
    valid = np.ones(len(numbers), dtype=bool)
    if plain.all():
        return units, valid
    hard = np.nonzero(~plain)[0]
    distinct, codes = np.unique(numbers[hard], return_inverse=True)
    wide = units.astype(object)
    wide[hard], valid[hard] = _split([units_of_number(number) for number in distinct.tolist()], codes)
    return wide, valid


def _split(parsed: list[int | None], codes: Ints) -> tuple[Units, Mask]:
    """Values by code, and which of them there are."""
    values = np.array([0 if value is None else value for value in parsed], dtype=object)
    valid = np.array([value is not None for value in parsed], dtype=bool)
    return narrowed(values)[codes], valid[codes]


def _coded(column: pa.Array) -> TextColumn:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return TextColumn(_indices(encoded), encoded.dictionary)


def _indices(encoded: pa.DictionaryArray) -> Ints:
    indices = encoded.indices
    if indices.null_count:
        indices = indices.fill_null(-1)
    return cast(Ints, indices.to_numpy(zero_copy_only=False).astype(np.int64))


def _bools(column: pa.Array) -> Mask:
    return cast(Mask, column.to_numpy(zero_copy_only=False))


def _whole(column: pa.ChunkedArray | pa.Array) -> Any:
    """One array of what may be several chunks."""
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)
