"""Runs of texts that stay in Arrow until somebody reads them: most members of an import are written once and that is
all."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate, groupby, pairwise
from typing import cast, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from trueline_stores.event_schema import TEXT


class Texts(Sequence[str]):
    """Some texts in a row of an Arrow array without nulls, which it keeps alive; Python's texts are made when read."""

    __slots__ = ("_start", "_stop", "_whole")

    def __init__(self, whole: pa.StringArray, start: int, stop: int) -> None:
        self._whole = whole
        self._start = start
        self._stop = stop

    @property
    def array(self) -> pa.StringArray:
        """The texts as Arrow, not copied."""
        return self._whole.slice(self._start, self._stop - self._start)

    def without(self, others: Texts) -> Texts:
        """Those that are not among some others."""
        new = self.array.filter(pc.invert(pc.is_in(self.array, value_set=others.array)))
        return Texts(new, 0, len(new))

    def followed_by(self, others: Texts) -> Texts:
        """These and then the others, in an array of their own."""
        whole = pa.concat_arrays([self.array, others.array])
        return Texts(whole, 0, len(whole))

    def __len__(self) -> int:
        return self._stop - self._start

    def __iter__(self) -> Iterator[str]:
        return iter(self.array.to_pylist())

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        found: str | list[str] = self.array.to_pylist()[index]
        return found


def compacted(runs: Sequence[Texts]) -> list[Texts]:
    """The same runs over an array that has nothing but them."""
    if not runs:
        return []
    whole = pa.concat_arrays([run.array for run in runs])
    ends = list(accumulate(map(len, runs)))
    return [Texts(whole, end - len(run), end) for run, end in zip(runs, ends, strict=True)]


def text_lists(rows: Sequence[Collection[str]]) -> pa.ListArray:
    """A list of texts a row, as a column. Rows of Python's texts become Arrow together: of few texts, the call costs
    more than they do."""
    offsets = np.zeros(len(rows) + 1, dtype=np.int32)
    np.cumsum(list(map(len, rows)), out=offsets[1:])
    arrays = []
    for runs, group in groupby(rows, lambda row: isinstance(row, Texts)):
        if runs:
            arrays += [row.array for row in cast("Iterator[Texts]", group)]
        else:
            arrays.append(pa.array([text for row in group for text in row], TEXT))
    return pa.ListArray.from_arrays(pa.array(offsets), pa.concat_arrays(arrays) if arrays else pa.array([], TEXT))


def texts_of(lists: pa.ListArray) -> list[Texts]:
    """The rows of a column as `text_lists` makes it."""
    ends = lists.offsets.to_pylist()
    return [Texts(lists.values, start, end) for start, end in pairwise(ends)]
