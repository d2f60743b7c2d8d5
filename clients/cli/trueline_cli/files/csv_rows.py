"""Puts the lines of a CSV file together to rows, and goes on behind the first line of what is none."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator
from typing import Any

from trueline_cli.files.opened import LONGEST_LINE, OpenedFile, UnreadableError

_DELIMITERS = (",", ";", "\t", "|")
# A row over several lines may be so long. A stray quote opens one that never ends, and all of it is read again.
_LONGEST_ROW = 1 << 20


class CsvRows:
    """The rows of a CSV file, each with the number of its first line.

    A row may span lines within quotes. One that goes wrong only behind its first line may have swallowed good rows
    after a stray quote: its first line is refused alone, and the next one is read as the beginning of a row.

    Attributes:
        header: the names in the first row.
        delimiter: what separates cells.
        failure: why the file could not be read to its end; known when the rows have ended.

    """

    def __init__(self, opened: OpenedFile, delimiter: str = "") -> None:
        """Read the header; without a delimiter it is the one that gives the header the most columns.

        Raises:
            UnreadableError: there is no usable header.

        """
        csv.field_size_limit(LONGEST_LINE)
        self.failure: UnreadableError | None = None
        self._not_utf8: set[int] = set()
        self._source = self._decoded(opened)
        self._again: deque[tuple[int, str]] = deque()
        # Lines of the row at hand, with their numbers.
        self._taken: list[tuple[int, str]] = []
        self.delimiter = delimiter or self._detected()
        self.header = self._header()

    def __iter__(self) -> Iterator[tuple[int, list[str], str]]:
        """Line number, cells and "", or what is wrong with the line instead. Empty lines are passed over."""
        width, reader = len(self.header), self._reader()
        while True:
            self._taken.clear()
            try:
                cells, problem = next(reader), ""
            except StopIteration:
                return
            except csv.Error as error:
                cells, problem = [], f"is not CSV: {error}"
                # The lines may have ended, for this reader.
                reader = self._reader()
            if not problem and not cells:
                continue
            if not problem and len(cells) != width:
                problem = f"has {len(cells)} columns, the header has {width}"
            number, last = self._taken[0][0], self._taken[-1][0]
            if problem and last > number:
                problem += f" (a quote that opens here goes on to line {last:,})"
                self._again.extendleft(reversed(self._taken[1:]))
                last = number
            if self._not_utf8:
                lines = range(number, last + 1)
                if not problem and not self._not_utf8.isdisjoint(lines):
                    problem = "is not UTF-8"
                self._not_utf8.difference_update(lines)
            yield number, cells, problem

    def _reader(self) -> Any:
        return csv.reader(self._lines(), strict=True, delimiter=self.delimiter)

    def _lines(self) -> Iterator[str]:
        """The lines to be read next; those that were given back come first."""
        size = 0
        while (line := self._again.popleft() if self._again else next(self._source, None)) is not None:
            self._taken.append(line)
            size = len(line[1]) + (size if len(self._taken) > 1 else 0)
            if size > _LONGEST_ROW and len(self._taken) > 1:
                raise csv.Error(f"a quoted cell does not end within {_LONGEST_ROW >> 20} MiB")
            yield line[1]

    def _decoded(self, opened: OpenedFile) -> Iterator[tuple[int, str]]:
        """Lines as text, with the line ends that the csv module wants; remembers which were not UTF-8."""
        try:
            for first, lines in opened.lines():
                for number, raw in enumerate(lines, first):
                    try:
                        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                    except UnicodeDecodeError:
                        self._not_utf8.add(number)
                        text = raw.decode(errors="replace")
                    yield number, text + "\n"
        except UnreadableError as error:
            self.failure = error

    def _detected(self) -> str:
        """The delimiter that splits the first line into the most columns; a comma where none does."""
        first = next(self._source, None)
        if first is None:
            return ","
        self._again.append(first)
        # Not strict: a header over several lines is not complete here.
        return max(_DELIMITERS, key=lambda mark: len(next(csv.reader([first[1]], delimiter=mark))))

    def _header(self) -> tuple[str, ...]:
        try:
            names = next(self._reader(), None)
        except csv.Error as error:
            raise UnreadableError(f"has no header that can be read: {error}") from error
        if self.failure is not None and names is None:
            raise self.failure
        if not names or self._not_utf8:
            raise UnreadableError("has no header" if not names else "has a header that is not UTF-8; save it as UTF-8")
        doubled = next((name for name in names if names.count(name) > 1), None)
        if doubled is not None:
            raise UnreadableError(f"has two columns '{doubled}'")
        return tuple(names)
