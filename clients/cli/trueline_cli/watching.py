"""Watches: a table that is drawn anew on a terminal, a line a change into a pipe, or one JSON object a line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from trueline.alerts import Alert, AlertChanged, AlertsSnapshot
from trueline.errors import TruelineError
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
from trueline.rule_sets import RulesChanged, RulesSnapshot

from trueline_cli import options
from trueline_cli.output import jsonable, print_line

_KINDS = {
    MetricSnapshot: "snapshot",
    ScoreSnapshot: "snapshot",
    RulesSnapshot: "snapshot",
    AlertsSnapshot: "snapshot",
    MetricChanges: "changes",
    ScoreChange: "change",
    RulesChanged: "change",
    AlertChanged: "change",
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

    def lines(message: Any) -> list[str]:
        from trueline_cli.verbs.metrics import point_cells

        return ["  ".join(filter(None, point_cells(point))) for point in getattr(message, "points", ())]

    with options.connect(args) as client:
        messages = client.watch_metrics(args.names, labels=dict(args.label), resume_token=args.resume, on_wait=_told)
        return _follow(args, messages, draw, lines)


def watch_alignment(args: argparse.Namespace) -> int:
    """Watch the score until Ctrl-C, or with --once until the snapshot is complete."""
    latest: list[AlignmentScore] = []

    def draw(message: Any, _height: int) -> Any:
        from trueline_cli.board import board

        if isinstance(message, (ScoreSnapshot, ScoreChange)):
            latest[:] = [message.score]
        return board(latest[0]) if latest else "waiting for the first score"

    def lines(message: Any) -> list[str]:
        if not isinstance(message, (ScoreSnapshot, ScoreChange)):
            return []
        before = latest[0] if latest else None
        latest[:] = [message.score]
        return [score_line(message.score, before)]

    with options.connect(args) as client:
        messages = client.watch_alignment(scorecard=args.scorecard, resume_token=args.resume, on_wait=_told)
        return _follow(args, messages, draw, lines)


def watch_rules(args: argparse.Namespace) -> int:
    """Watch the rules until Ctrl-C, or with --once until what is in force is told."""
    from trueline_cli.rules.changes import message_lines

    with options.connect(args) as client:
        return _follow(args, client.watch_rules(resume_token=args.resume, on_wait=_told), None, message_lines)


def watch_alerts(args: argparse.Namespace) -> int:
    """Watch alerts until Ctrl-C, or with --once until what fires now is told."""
    from trueline_cli.alerts import showing

    open_now: dict[str, Alert] = {}

    def draw(message: Any, height: int) -> Any:
        if isinstance(message, AlertsSnapshot):
            open_now.update({alert.id: alert for alert in message.alerts})
        elif isinstance(message, AlertChanged):
            open_now[message.alert.id] = message.alert
            if message.alert.state == "resolved":
                del open_now[message.alert.id]
        if not open_now:
            return "nothing fires"
        shown = showing.ranked(open_now.values())[: max(height - _MARGIN - 1, 5)]
        left = len(open_now) - len(shown)
        made = showing.alerts_table(shown, brief=True)
        if left:
            made.add_row(f"… {left:,}", "more")
        return made

    def lines(message: Any) -> list[str]:
        if isinstance(message, AlertsSnapshot):
            return [
                f"{alert.id}  {showing.severity_of(alert)}  {showing.state_words(alert)}  {showing.labels_of(alert)}"
                for alert in message.alerts
            ]
        return showing.change_lines(message.alert, message.events) if isinstance(message, AlertChanged) else []

    with options.connect(args) as client:
        return _follow(args, client.watch_alerts(resume_token=args.resume, on_wait=_told), draw, lines)


def score_line(score: AlignmentScore, before: AlignmentScore | None) -> str:
    """A score in one line, with the KPIs whose value is another than before; without a score before, with all."""
    from trueline_cli import style

    value = style.NOTHING if score.score is None else f"{score.score:.1f}"
    known = {item.kpi.name: item.kpi.value for item in before.items} if before is not None else {}
    told = [
        f"{item.kpi.name} {style.amount(item.kpi.value, item.kpi)}"
        for item in score.items
        if item.kpi.name not in known or known[item.kpi.name] != item.kpi.value
    ]
    words = [style.moment(score.at), f"{score.scorecard} {value}", style.BAND_WORDS[score.band], ", ".join(told)]
    return "  ".join(filter(None, words))


def _told(error: TruelineError) -> None:
    """A watch that stands still says why; what it prints for programs stays clean."""
    print(f"{error.message}; the watch waits for the server and goes on by itself", file=sys.stderr, flush=True)


def _follow(
    args: argparse.Namespace,
    messages: Any,
    draw: Callable[[Any, int], Any] | None,
    lines: Callable[[Any], list[str]],
) -> int:
    """Print messages as they come; what cannot be drawn anew is told in lines on a terminal, too."""
    with closing(messages):
        chosen = _until_synced(messages, once=args.once)
        try:
            if args.output == "json":
                _print(chosen)
            elif draw is not None and sys.stdout.isatty():
                _live(chosen, draw)
            else:
                _print_lines(chosen, lines)
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


def _print_lines(messages: Iterable[Any], lines: Callable[[Any], list[str]]) -> None:
    """For a pipe: each line at once, so that whoever reads it learns of a change when it comes."""
    for message in messages:
        for line in lines(message):
            print(line, flush=True)


def _live(messages: Iterable[Any], draw: Callable[[Any, int], Any]) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from trueline_cli import style

    console = style.console()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        for message in messages:
            state = f"{_KINDS[type(message)]} at {datetime.now(UTC):%H:%M:%S} UTC · Ctrl-C ends"
            live.update(Group(draw(message, console.height), Text(state, style="dim")), refresh=True)
