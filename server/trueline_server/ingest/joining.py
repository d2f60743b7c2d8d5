"""Puts batches one after the other, so that a run of small ones is checked and digested like a large one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trueline_server.ingest.batch import (
    CODED_FIELDS,
    EventBatch,
    Kind,
    Mask,
    PropertyColumn,
    Rejection,
    TextColumn,
    coded_texts,
)


def join_batches(batches: Sequence[EventBatch]) -> EventBatch:
    """One batch of all events, in order; places in `flaws` count from the first event of the first batch."""
    if len(batches) == 1:
        return batches[0]
    starts = list(accumulate((batch.count for batch in batches), initial=0))
    return EventBatch(
        count=starts[-1],
        ids=pa.concat_arrays([batch.ids for batch in batches]),
        texts={
            field: _texts([batch.texts[field] for batch in batches], distinct=field in CODED_FIELDS)
            for field in batches[0].texts
        },
        occurred_at_us=np.concatenate([batch.occurred_at_us for batch in batches]),
        unset_times=_masks(batches),
        values=np.concatenate([batch.values for batch in batches]),
        has_value=np.concatenate([batch.has_value for batch in batches]),
        properties=_properties(batches, starts),
        flaws=[moved(flaw, start) for batch, start in zip(batches, starts, strict=False) for flaw in batch.flaws],
    )


def moved(rejection: Rejection, by: int) -> Rejection:
    """The same rejection with its place counted from elsewhere."""
    return replace(rejection, index=rejection.index + by)


def _masks(batches: Iterable[EventBatch]) -> Mask | None:
    if all(batch.unset_times is None for batch in batches):
        return None
    return np.concatenate([np.zeros(b.count, dtype=bool) if b.unset_times is None else b.unset_times for b in batches])


def _texts(columns: Sequence[TextColumn], *, distinct: bool) -> TextColumn:
    texts = [column.texts for column in columns]
    if all(column.plain for column in columns):
        joined = pa.concat_arrays(texts)
        return TextColumn(joined, np.arange(len(joined), dtype=np.int32), plain=True)
    codes = np.concatenate(
        [
            np.where(column.codes < 0, column.codes, column.codes + np.int32(start))
            for column, start in zip(columns, _places(texts), strict=False)
        ]
    )
    joined = pa.concat_arrays(texts)
    return coded_texts(joined.to_pylist(), codes) if distinct else TextColumn(joined, codes)


def _properties(batches: Sequence[EventBatch], starts: Sequence[int]) -> list[PropertyColumn]:
    """The n-th columns of the same key and type become one; those of one batch stay apart, for they may clash."""
    found: dict[tuple[str, Kind, int], list[tuple[PropertyColumn, int, int]]] = {}
    for batch, start in zip(batches, starts, strict=False):
        seen: Counter[tuple[str, Kind]] = Counter()
        for column in batch.properties:
            sort = (column.key, column.kind)
            found.setdefault((*sort, seen[sort]), []).append((column, start, batch.count))
            seen[sort] += 1
    columns = [_property(parts, starts[-1]) for parts in found.values()]
    return sorted(columns, key=lambda column: column.key.encode())


def _property(parts: Sequence[tuple[PropertyColumn, int, int]], count: int) -> PropertyColumn:
    first = parts[0][0]
    everywhere = all(column.rows is None for column, _, _ in parts) and sum(size for _, _, size in parts) == count
    rows = [
        np.arange(start, start + size) if column.rows is None else column.rows + start for column, start, size in parts
    ]
    values: list[npt.NDArray[Any]] = [column.values for column, _, _ in parts]
    texts = None
    if first.kind is Kind.STRING:
        dictionaries = [column.texts for column, _, _ in parts]
        values = [codes + np.int32(place) for codes, place in zip(values, _places(dictionaries), strict=False)]
        texts = pa.concat_arrays(dictionaries)
    return PropertyColumn(
        first.key, first.kind, None if everywhere else np.concatenate(rows), np.concatenate(values), texts
    )


def _places(arrays: Iterable[pa.Array]) -> list[int]:
    """Where each array begins in all of them together."""
    return list(accumulate(map(len, arrays), initial=0))
