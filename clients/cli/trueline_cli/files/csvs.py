"""Reads CSV with a header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trueline_cli.files.block import BLOCK_RECORDS, MISSING, BadLine, Block
from trueline_cli.files.csv_rows import CsvRows
from trueline_cli.files.opened import OpenedFile


class CsvRecords:
    """Rows of a CSV file."""

    def __init__(self, header: dict[str, int], rows: list[list[str]]) -> None:
        self._header = header
        self._rows = rows

    @property
    def names(self) -> Sequence[str]:
        """The header."""
        return tuple(self._header)

    def column(self, name: str) -> list[Any]:
        """The cells under a header; all MISSING if there is no such column."""
        place = self._header.get(name)
        if place is None:
            return [MISSING] * len(self._rows)
        return [row[place] for row in self._rows]

    def unknown(self, known: frozenset[str]) -> dict[int, str]:
        """Row -> the first column that is not known; the same for all."""
        for name in self._header:
            if name not in known:
                return dict.fromkeys(range(len(self._rows)), name)
        return {}


def read_csv(opened: OpenedFile, delimiter: str = "") -> Iterator[Block]:
    """The records of a CSV file, each with the number of its first line; without a delimiter it is detected.

    Raises:
        UnreadableError: there is no usable header, or the rest cannot be read.

    """
    found = CsvRows(opened, delimiter)
    header = {name: place for place, name in enumerate(found.header)}
    block, numbers, rows = Block(written=True), [], []
    for number, cells, problem in found:
        if problem:
            block.bad.append(BadLine(opened.name, number, "", "CORRUPT_LINE", problem))
        else:
            numbers.append(number)
            rows.append(cells)
        if len(rows) + len(block.bad) == BLOCK_RECORDS:
            block.lines, block.records = numbers, CsvRecords(header, rows)
            yield block
            block, numbers, rows = Block(written=True), [], []
    if rows or block.bad:
        block.lines, block.records = numbers, CsvRecords(header, rows)
        yield block
    if found.failure is not None:
        raise found.failure


def read_tsv(opened: OpenedFile) -> Iterator[Block]:
    """The records of a file whose name says that tabs separate its cells; see `read_csv`."""
    return read_csv(opened, "\t")
