"""Tells which lines were refused: the first ones in order, the others as a number, all of them in a file."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Self

from trueline.results import Rejection

from trueline_cli import options
from trueline_cli.files.block import BadLine

# More would scroll the first ones, which tell the most, off the screen.
SHOWN = 20
# Sorting now and then costs less than at every line.
_MOST_HELD = 1_000


class BadLines:
    """Collects refused lines, from the reader and from the sender's thread.

    The server's refusals come long after the reader's, so the lines of a file are told in order when it ends. Those of
    a pipe, which may never end, are told as they come.

    Attributes:
        count: lines refused so far.
        at_once: tell lines as they come.
        through: prints a line without disturbing a progress bar; None = standard error.

    """

    def __init__(self, path: str | None) -> None:
        self.count = 0
        self.at_once = False
        self.through: Callable[[str], None] | None = None
        self._path = path
        self._lock = threading.Lock()
        self._held: list[BadLine] = []
        self._told = 0
        try:
            self._file = open(path, "w", encoding="utf-8") if path else None  # noqa: SIM115  closed in __exit__
        except OSError as error:
            raise options.UsageError(f"cannot write {path}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def rejected(self, rejection: Rejection) -> None:
        """Note an event that the server refused; its origin is (file, line)."""
        file, line = rejection.origin
        self.add(BadLine(file, line, rejection.field, rejection.reason, rejection.message))

    def add(self, line: BadLine) -> None:
        """Note a line."""
        with self._lock:
            # A file that could not be read is no line.
            self.count += line.line > 0
            if self._file is not None:
                self._file.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")
            self._held.append(line)
            if len(self._held) > _MOST_HELD:
                self._held = self._first()
        if self.at_once:
            self.tell()

    def tell(self) -> None:
        """Tell the lines of the file that has ended, by their number, and last what ended it early."""
        with self._lock:
            told, self._held = self._first(), []
            self._told += sum(line.line > 0 for line in told)
        for line in told:
            self._print(str(line))

    def tell_rest(self) -> None:
        """Say how many more there are."""
        if self.count > self._told:
            where = f"all are in {self._path}" if self._path else "--errors FILE writes all"
            self._print(f"… and {self.count - self._told:,} more; {where}")

    def _first(self) -> list[BadLine]:
        """Those of the lines held that are to be told, in order."""
        lines = sorted((line for line in self._held if line.line), key=lambda line: line.line)
        return lines[: SHOWN - self._told] + [line for line in self._held if not line.line]

    def _print(self, text: str) -> None:
        if self.through is not None:
            self.through(text)
        else:
            print(text, file=sys.stderr)
