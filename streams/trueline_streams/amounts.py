"""Exact amounts as scaled integers (1e-9 units): between Arrow decimals and numpy columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from trueline_stores.event_schema import AMOUNT

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
# int64 where all values fit, else Python integers (dtype object).
Units = npt.NDArray[Any]

UNITS_PER_ONE = 1_000_000_000
_LOW = (1 << 64) - 1
_LARGEST_INT64 = (1 << 63) - 1


def units_of(amounts: pa.Array) -> Units:
    """Scaled integers of an AMOUNT array, null as 0."""
    if amounts.null_count:
        amounts = amounts.fill_null(0)
    words = np.frombuffer(amounts.buffers()[1], dtype=np.int64)
    words = words[2 * amounts.offset : 2 * (amounts.offset + len(amounts))].reshape(-1, 2)
    low, high = words[:, 0], words[:, 1]
    if np.array_equal(high, low >> 63):
        return low.copy()
    wide: Units = (high.astype(object) << 64) + low.view(np.uint64).astype(object)
    return wide


def amounts_of(units: Units, valid: Mask | None = None) -> pa.Array:
    """The AMOUNT array of scaled integers; rows that are not valid become null."""
    words = np.empty((len(units), 2), dtype=np.int64)
    narrow = narrowed(units)
    if narrow.dtype == np.int64:
        words[:, 0] = narrow
        words[:, 1] = narrow >> 63
    else:
        words[:, 0] = (narrow & _LOW).astype(np.uint64).view(np.int64)
        words[:, 1] = (narrow >> 64).astype(np.int64)
    mask = None if valid is None or valid.all() else pa.array(valid).buffers()[1]
    return pa.Array.from_buffers(AMOUNT, len(units), [mask, pa.py_buffer(words)])


def narrowed(units: Units) -> Units:
    """As int64 if all values fit, else as they are."""
    if units.dtype == np.int64:
        return units
    try:
        return units.astype(np.int64)
    except OverflowError:
        return units


def sums_by(cells: Ints, units: Units, size: int) -> Units:
    """Exact sum of units for each of the cells 0..size-1; at most a million rows."""
    if units.dtype != np.int64:
        totals = np.zeros(size, dtype=object)
        np.add.at(totals, cells, units)
        return totals
    # Halves of 32 bits sum exactly in float64 (2^32 times 2^20 rows stays below 2^53), and bincount is fast.
    high = np.bincount(cells, weights=units >> 32, minlength=size).astype(np.int64)
    low = np.bincount(cells, weights=units & 0xFFFFFFFF, minlength=size).astype(np.int64)
    if size == 0 or np.abs(high).max() < 1 << 30:
        return (high << 32) + low
    return (high.astype(object) << 32) + low


def extremes_by(cells: Ints, units: Units, size: int) -> tuple[Units, Units]:
    """Smallest and largest units of each cell; cells without rows get the neutral values of `neutral`."""
    least, most = neutral(units.dtype)
    smallest = np.full(size, least, dtype=units.dtype)
    largest = np.full(size, most, dtype=units.dtype)
    np.minimum.at(smallest, cells, units)
    np.maximum.at(largest, cells, units)
    return smallest, largest


def neutral(dtype: np.dtype[Any]) -> tuple[int, int]:
    """What leaves a minimum and a maximum unchanged."""
    bound = _LARGEST_INT64 if dtype == np.int64 else 10**38
    return bound, -bound
