"""Tells which lines were refused: the first ones at once, the others as a number, all of them in a file."""

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


class BadLines:
    """Collects refused lines, from the reader and from the sender's thread.

    Attributes:
        count: lines refused so far.
        through: prints a line without disturbing a progress bar; None = standard error.

    """

    def __init__(self, path: str | None) -> None:
        self.count = 0
        self.through: Callable[[str], None] | None = None
        self._path = path
        self._lock = threading.Lock()
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
            shown = self.count <= SHOWN or not line.line
            if self._file is not None:
                self._file.write(json.dumps(asdict(line), ensure_ascii=False) + "\n")
        if shown:
            self._print(str(line))

    def tell_rest(self) -> None:
        """Say how many more there are."""
        if self.count > SHOWN:
            where = f"all are in {self._path}" if self._path else "--errors FILE writes all"
            self._print(f"… and {self.count - SHOWN:,} more; {where}")

    def _print(self, text: str) -> None:
        if self.through is not None:
            self.through(text)
        else:
            print(text, file=sys.stderr)
