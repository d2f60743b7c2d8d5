"""The order of property values from column by column to event by event, within an event by ascending key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trueline_server.ingest.batch import Codes, Ints, PropertyColumn

_RADIX_SORTED_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class PropertyOrder:
    """How the values of several columns, put one column after the other, become those of one event after the other.

    Attributes:
        order: places of the values, event by event; None = they lie so already.
        ranks: which column each value comes from, event by event.
        offsets: count + 1 offsets of the events.

    """

    order: Ints | None
    ranks: Ints
    offsets: Codes


def order_properties(columns: Sequence[PropertyColumn], count: int) -> PropertyOrder:
    """The order for columns that are sorted by key, over `count` events."""
    width = len(columns)
    if all(column.rows is None for column in columns):
        offsets = np.arange(0, count * width + 1, max(width, 1), dtype=np.int32)
        if not width:
            offsets = np.zeros(count + 1, dtype=np.int32)
        order = None if width <= 1 else np.arange(count * width).reshape(width, count).T.ravel()
        return PropertyOrder(order, np.tile(np.arange(width), count), offsets)
    every = np.arange(count)
    rows = np.concatenate([every if column.rows is None else column.rows for column in columns])
    # A stable sort keeps the columns' order within an event; numpy sorts 16-bit numbers by radix.
    keys: npt.NDArray[np.generic] = rows.astype(np.uint16) if count <= _RADIX_SORTED_ROWS else rows
    order = np.argsort(keys, kind="stable")
    ranks = np.repeat(np.arange(width), [len(column.values) for column in columns])[order]
    offsets = np.zeros(count + 1, dtype=np.int32)
    np.cumsum(np.bincount(rows, minlength=count), out=offsets[1:])
    return PropertyOrder(None if width == 1 else order, ranks, offsets)
