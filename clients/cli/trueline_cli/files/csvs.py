"""Reads CSV with a header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from trueline_cli.files.block import BLOCK_RECORDS, MISSING, BadLine, Block
from trueline_cli.files.opened import LONGEST_LINE, OpenedFile, UnreadableError


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


class _NumberedLines:
    """Lines as text for the csv module, which wants the line ends; remembers which were not UTF-8."""

    def __init__(self, opened: OpenedFile) -> None:
        self.not_utf8: set[int] = set()
        self.failure: UnreadableError | None = None
        self._opened = opened

    def __iter__(self) -> Iterator[str]:
        try:
            for first, lines in self._opened.lines():
                for number, raw in enumerate(lines, first):
                    try:
                        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                    except UnicodeDecodeError:
                        self.not_utf8.add(number)
                        text = raw.decode(errors="replace")
                    yield text + "\n"
        except UnreadableError as error:
            self.failure = error


def read_csv(opened: OpenedFile) -> Iterator[Block]:
    """The records of a CSV file. A record may span lines; its number is that of its first line.

    Raises:
        UnreadableError: there is no usable header, or the rest cannot be read.

    """
    csv.field_size_limit(LONGEST_LINE)
    lines = _NumberedLines(opened)
    reader = csv.reader(lines, strict=True)
    header = _header(reader, lines)
    block, numbers, rows = Block(written=True), [], []
    previous = reader.line_num
    while True:
        problem = ""
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            row, problem = [], f"is not CSV: {error}"
        number, previous = previous + 1, reader.line_num
        if lines.not_utf8 and not lines.not_utf8.isdisjoint(range(number, previous + 1)):
            problem = problem or "is not UTF-8"
        elif not row and not problem:
            continue
        elif len(row) != len(header) and not problem:
            problem = f"has {len(row)} columns, the header has {len(header)}"
        if problem:
            block.bad.append(BadLine(opened.name, number, "", "CORRUPT_LINE", problem))
        else:
            numbers.append(number)
            rows.append(row)
        if len(rows) == BLOCK_RECORDS:
            block.lines, block.records = numbers, CsvRecords(header, rows)
            yield block
            block, numbers, rows = Block(written=True), [], []
    if rows or block.bad:
        block.lines, block.records = numbers, CsvRecords(header, rows)
        yield block
    if lines.failure is not None:
        raise lines.failure


def _header(reader: Any, lines: _NumberedLines) -> dict[str, int]:
    try:
        names = next(reader, None)
    except csv.Error as error:
        raise UnreadableError(f"has no header that can be read: {error}") from error
    if lines.failure is not None and names is None:
        raise lines.failure
    if not names or lines.not_utf8:
        raise UnreadableError("has no header" if not names else "has a header that is not UTF-8")
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise UnreadableError(f"has two columns '{doubled}'")
    return {name: place for place, name in enumerate(names)}
