"""Watches on a terminal: a table that is drawn anew, or one JSON object a line."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from trueline.results import (
    AlignmentScore,
    Heartbeat,
    MetricChanges,
    MetricPoint,
    MetricSnapshot,
    ScoreChange,
    ScoreSnapshot,
    Synced,
)

from trueline_cli import options
from trueline_cli.output import jsonable, print_line

_KINDS = {
    MetricSnapshot: "snapshot",
    ScoreSnapshot: "snapshot",
    MetricChanges: "changes",
    ScoreChange: "change",
    Synced: "synced",
    Heartbeat: "heartbeat",
}
_PAST = datetime(1, 1, 1, tzinfo=UTC)
# Lines that the table's head, the prompt and the line of state take.
_MARGIN = 4


def watch_metrics(args: argparse.Namespace) -> int:
    """Watch metrics until Ctrl-C, or with --once until the snapshot is complete."""
    newest: dict[tuple[str, tuple[tuple[str, str], ...]], MetricPoint] = {}

    def draw(message: Any, height: int) -> Any:
        from trueline_cli.verbs.metrics import points_table

        for point in getattr(message, "points", ()):
            key = (point.metric, tuple(sorted(point.labels.items())))
            known = newest.get(key)
            # A late correction of an older window does not replace the newest one.
            if known is None or (point.window_end or _PAST) >= (known.window_end or _PAST):
                newest[key] = point
        rows = [point for _, point in sorted(newest.items())]
        return points_table(rows[: max(height - _MARGIN, 5)])

    with options.connect(args) as client:
        return _follow(args, client.watch_metrics(args.names, labels=dict(args.label), resume_token=args.resume), draw)


def watch_alignment(args: argparse.Namespace) -> int:
    """Watch the score until Ctrl-C, or with --once until the snapshot is complete."""
    latest: list[AlignmentScore] = []

    def draw(message: Any, _height: int) -> Any:
        from trueline_cli.board import board

        if isinstance(message, (ScoreSnapshot, ScoreChange)):
            latest[:] = [message.score]
        return board(latest[0]) if latest else "waiting for the first score"

    with options.connect(args) as client:
        return _follow(args, client.watch_alignment(scorecard=args.scorecard, resume_token=args.resume), draw)


def _follow(args: argparse.Namespace, messages: Any, draw: Callable[[Any, int], Any]) -> int:
    with closing(messages):
        try:
            if args.output == "json":
                _print(_until_synced(messages, once=args.once))
            else:
                _live(_until_synced(messages, once=args.once), draw)
        except KeyboardInterrupt:
            # The way to end a watch.
            return 0
    return 0


def _until_synced(messages: Iterable[Any], *, once: bool) -> Iterator[Any]:
    for message in messages:
        yield message
        if once and isinstance(message, Synced):
            return


def _print(messages: Iterable[Any]) -> None:
    for message in messages:
        print_line({"kind": _KINDS[type(message)], **jsonable(message)})


def _live(messages: Iterable[Any], draw: Callable[[Any, int], Any]) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from trueline_cli import style

    console = style.console()
    # Without a terminal only the last state is printed, once.
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for message in messages:
            state = f"{_KINDS[type(message)]} at {datetime.now(UTC):%H:%M:%S} UTC · Ctrl-C ends"
            live.update(Group(draw(message, console.height), Text(state, style="dim")), refresh=console.is_terminal)
