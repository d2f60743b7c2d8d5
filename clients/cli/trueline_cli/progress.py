"""The progress of reading files, on standard error, only on a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from trueline_cli.files.opened import OpenedFile

# Redrawing costs more than a block.
_INTERVAL = 0.1


class Progress:
    """A bar by bytes, with records and their rate; nothing where standard error is no terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._next = 0.0
        self._started = time.monotonic()
        if not quiet and sys.stderr.isatty():
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn
            from rich.progress import Progress as RichProgress

            from trueline_cli.style import console

            shown = (
                TextColumn("{task.description}"),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[rate]}"),
            )
            self._bar = RichProgress(*shown, console=console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, opened: OpenedFile) -> None:
        """A file begins."""
        if self._bar is not None:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(opened.short_name, total=opened.size or None, rate="")

    def update(self, opened: OpenedFile, records: int, refused: int) -> None:
        """So many bytes of the file, and so many records of all files, are sent, and so many lines were refused."""
        now = time.monotonic()
        if self._bar is not None and now >= self._next:
            self._next = now + _INTERVAL
            rate = f"{records:,} records, {records / max(now - self._started, 1e-9):,.0f}/s"
            rate += f", {refused:,} refused" if refused else ""
            self._bar.update(self._task, completed=opened.done, rate=rate)

    def print(self, text: str) -> None:
        """A line above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False)
        else:
            sys.stderr.write(text + "\n")
