"""Values of many accounts as columns: numbers, and texts by code. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]
MISSING = -1
# Dates become days since then; see `reading` for how they are written.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400
ISO, ISO_DAY = "ISO 8601", "ISO 8601 day"


@dataclass(frozen=True, slots=True)
class Numbers:
    """A column of numbers, (n,); NaN = missing. Flags are numbers, too: 1 and 0.

    Attributes:
        values: the numbers.
        way: how they were written where they are read from texts and that is not plain; see `reading.read_like`.

    """

    values: Floats
    way: str = ""

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: npt.NDArray[np.intp]) -> Numbers:
        """The values of some rows."""
        return Numbers(self.values[rows], self.way)

    @property
    def missing(self) -> Flags:
        """Where nothing is known, (n,)."""
        found: Flags = np.isnan(self.values)
        return found

    def shown(self, row: int) -> str:
        """A value for people; "" = missing."""
        value = float(self.values[row])
        return "" if np.isnan(value) else number_shown(value, self.way, digits=10)


@dataclass(frozen=True, slots=True)
class Texts:
    """A column of texts: their places in `levels`, (n,), MISSING = -1."""

    codes: Codes
    levels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: npt.NDArray[np.intp]) -> Texts:
        """The values of some rows."""
        return Texts(self.codes[rows], self.levels)

    @property
    def missing(self) -> Flags:
        """Where nothing is known, (n,)."""
        found: Flags = self.codes == MISSING
        return found

    def counts(self) -> npt.NDArray[np.intp]:
        """How often each level is there."""
        return np.bincount(self.codes[~self.missing], minlength=len(self.levels))

    def shown(self, row: int) -> str:
        """A value for people; "" = missing."""
        code = int(self.codes[row])
        return "" if code == MISSING else self.levels[code]


Column: TypeAlias = Numbers | Texts


def number_shown(value: float, way: str, *, digits: int = 6, edge: bool = False) -> str:
    """A number for people: where numbers were written as dates, the date; `edge` = a border between bins."""
    plain = f"{value:.{digits}g}"
    if way == ISO:
        return _instant(value, plain).removesuffix(" 00:00")
    if way != ISO_DAY and not way.startswith("%"):
        return plain
    # Of whole days, those below an edge between two are those before the later one.
    return _instant(math.ceil(value) if edge else math.floor(value), plain).removesuffix(" 00:00")


def _instant(days: float, otherwise: str) -> str:
    try:
        return f"{EPOCH + timedelta(days=days):%Y-%m-%d %H:%M}"
    except OverflowError:
        return otherwise


def numbers(values: Sequence[float | None], way: str = "") -> Numbers:
    """A column of numbers; None, NaN and infinite ones are missing."""
    found = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    return Numbers(np.where(np.isfinite(found), found, np.nan), way)


def texts(values: Sequence[str | None]) -> Texts:
    """A column of texts, its levels sorted; None is missing."""
    return texts_of(pa.array(values, pa.string()))


def texts_of(values: pa.Array | pa.ChunkedArray) -> Texts:
    """A column of texts from Arrow, its levels sorted; null is missing."""
    whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    coded = whole.dictionary_encode()
    levels = coded.dictionary.to_pylist()
    order = sorted(range(len(levels)), key=lambda code: levels[code])
    # The place behind the last one stands for the missing.
    moved = np.full(len(levels) + 1, MISSING, dtype=np.int32)
    moved[order] = np.arange(len(levels), dtype=np.int32)
    codes = coded.indices.fill_null(len(levels)).to_numpy(zero_copy_only=False)
    return Texts(moved[codes], tuple(levels[code] for code in order))


@dataclass(frozen=True, slots=True)
class Accounts:
    """Accounts and what is known of them.

    Attributes:
        ids: one an account, in the order of the columns.
        columns: by name, each as long as `ids`.

    """

    ids: tuple[str, ...]
    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: npt.NDArray[np.intp]) -> Accounts:
        """Some of the accounts, in the order given."""
        return Accounts(
            tuple(self.ids[row] for row in rows), {name: column.take(rows) for name, column in self.columns.items()}
        )

    def only(self, names: Sequence[str]) -> Accounts:
        """The accounts with some of the columns."""
        return Accounts(self.ids, {name: self.columns[name] for name in names})


def absent(kind: type[Numbers | Texts], rows: int) -> Column:
    """A column of which nothing is known."""
    if kind is Numbers:
        return Numbers(np.full(rows, np.nan))
    return Texts(np.full(rows, MISSING, dtype=np.int32), ())
