"""Reads a file of accounts (CSV, TSV or Parquet, also .gz) whole, as columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from trueline_cli.files.block import Block
from trueline_cli.files.csvs import read_csv, read_tsv
from trueline_cli.files.opened import OpenedFile, UnreadableError, kind_of
from trueline_cli.files.parquets import read_parquet
from trueline_cli.options import UsageError

_READERS: dict[str, Callable[[OpenedFile], Iterator[Block]]] = {
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
}

Table = dict[str, list[Any]]


def read_table(name: str) -> Table:
    """Columns by name, as long as each other; None = missing.

    Raises:
        UsageError: it cannot be read, has a line that is no record, or has no record.

    """
    try:
        kind = kind_of(name)
        if kind not in _READERS:
            raise UsageError(f"{name}: a table of accounts is .csv, .tsv or .parquet, each also .gz")
        opened = OpenedFile(name)
        try:
            return _columns(name, _READERS[kind](opened))
        finally:
            opened.close()
    except UnreadableError as error:
        raise UsageError(f"{name}: {error}") from error


def _columns(name: str, blocks: Iterator[Block]) -> Table:
    columns: Table = {}
    for block in blocks:
        if block.bad:
            raise UsageError(str(block.bad[0]))
        if block.records is not None:
            for place, column in enumerate(block.records.names, start=1):
                # Tables that were written with their index have a column without a name.
                columns.setdefault(column or f"column {place}", []).extend(block.records.column(column))
    if not columns or not next(iter(columns.values())):
        raise UsageError(f"{name}: there is no account in it")
    return columns
