"""Reads Parquet, if pyarrow is there."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import Any

from trueline_cli.files.block import BLOCK_RECORDS, MISSING, Block
from trueline_cli.files.opened import OpenedFile, UnreadableError


class ArrowRecords:
    """Rows of a Parquet file. Nulls are absent; times come as microseconds since 1970 in UTC."""

    def __init__(self, batch: Any) -> None:
        self._batch = batch

    @property
    def names(self) -> Sequence[str]:
        """The columns of the file."""
        return tuple(self._batch.schema.names)

    def column(self, name: str) -> list[Any]:
        """The cells of a column; dots reach into structs where no column has the whole name."""
        path = [name] if name in self._batch.schema.names else name.split(".")
        if path[0] not in self._batch.schema.names:
            return [MISSING] * int(self._batch.num_rows)
        cells = [MISSING if cell is None else cell for cell in _plain(self._batch.column(path[0])).to_pylist()]
        for part in path[1:]:
            cells = [cell.get(part, MISSING) if isinstance(cell, dict) else MISSING for cell in cells]
            cells = [MISSING if cell is None else cell for cell in cells]
        return cells

    def unknown(self, known: frozenset[str]) -> dict[int, str]:
        """Row -> the first column that is not known; the same for all."""
        for name in self._batch.schema.names:
            if name not in known:
                return dict.fromkeys(range(int(self._batch.num_rows)), name)
        return {}


class Instant(int):
    """Microseconds since 1970 in UTC, from a column of times: not to be taken for a number that was written."""

    __slots__ = ()


class _Instants:
    def __init__(self, microseconds: list[int | None]) -> None:
        self._microseconds = microseconds

    def to_pylist(self) -> list[Instant | None]:
        return [None if value is None else Instant(value) for value in self._microseconds]


def read_parquet(opened: OpenedFile) -> Iterator[Block]:
    """The records of a Parquet file; its lines are its rows, from 1.

    Raises:
        UnreadableError: pyarrow is not installed, or the file cannot be read.

    """
    try:
        parquet = importlib.import_module("pyarrow.parquet")
        arrow = importlib.import_module("pyarrow")
    except ImportError as error:
        raise UnreadableError("reading Parquet needs pyarrow; install it with: pip install pyarrow") from error
    first = 1
    try:
        file = parquet.ParquetFile(opened.seekable())
        for batch in file.iter_batches(batch_size=BLOCK_RECORDS):
            yield Block(lines=range(first, first + batch.num_rows), records=ArrowRecords(batch))
            first += batch.num_rows
    except (arrow.ArrowException, OSError) as error:
        where = f" (from row {first} on)" if first > 1 else ""
        raise UnreadableError(f"cannot be read as Parquet: {error}{where}") from error


def _plain(column: Any) -> Any:
    """The column in types that Python shares: times as `Instant`, decimals as floats, dictionaries decoded."""
    arrow = importlib.import_module("pyarrow")
    kind = column.type
    if arrow.types.is_dictionary(kind):
        return _plain(column.dictionary_decode())
    if arrow.types.is_timestamp(kind):
        # Without a zone it is read as UTC, as the writers of most Parquet files mean it. Finer digits are cut off.
        microseconds = column.cast(arrow.timestamp("us", tz=kind.tz), safe=False).cast(arrow.int64())
        return _Instants(microseconds.to_pylist())
    if arrow.types.is_decimal(kind):
        return column.cast(arrow.float64())
    return column
