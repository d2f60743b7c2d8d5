"""Follows an operation on the server until it has ended: a bar on a terminal, and what Ctrl-C leaves behind."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from trueline import Operation, TruelineClient


def follow(client: TruelineClient, name: str) -> Operation:
    """An operation once it has ended, however long that takes.

    Raises:
        TruelineError: that of the operation, if it came to no result, or of a call.
        KeyboardInterrupt: of the person who waits; the operation goes on, and that is told.

    """
    try:
        with _Bar() as bar:
            found = client.wait_operation(name, heard=bar.show)
    except KeyboardInterrupt:
        print(f"{name} goes on; trueline operations wait {name}, or cancel", file=sys.stderr)
        raise
    if found.error is not None:
        raise found.error
    return found


def share(operation: Operation) -> float | None:
    """How much of the work is done, 0 to 1; None if that is not known."""
    if operation.total_steps <= 0:
        return None
    return min(1.0, operation.done_steps / operation.total_steps)


def add_detach(parser: argparse.ArgumentParser) -> None:
    """Whether somebody waits."""
    parser.add_argument("--detach", action="store_true", help="only begin it, and print its name")


def detached(args: argparse.Namespace, begun: Operation) -> int:
    """Tell what was begun; 0."""
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"operation": begun.name})
    else:
        print(begun.name)
    return 0


class _Bar:
    """A bar by steps; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        if sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            from trueline_cli.style import console

            shown = (BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*shown, console=console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("waits for its turn", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, operation: Operation) -> None:
        """How far it is."""
        if self._bar is not None and operation.state != "waiting":
            total = operation.total_steps or None
            self._bar.update(self._task, completed=operation.done_steps, total=total, description=operation.message)
