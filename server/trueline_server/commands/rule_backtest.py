"""`trueline rules backtest` and `diff`: rule files against the history of a running server."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueline_rules.alerting.vectors import Labels
    from trueline_rules.backtesting.comparing import DocumentChange, FiringChange
    from trueline_rules.backtesting.replay import Firing, Replay
    from trueline_rules.model import RuleSet

_EVERY = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_DAYS, _MOST_DAYS = 30, 3_660
_EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
_BAR = 30
_LONGEST_CODE = 120


def add_span(parser: argparse.ArgumentParser) -> None:
    """The server, the span of history and the distance of evaluations."""
    # Left out here they must not undo what was said before the action.
    parser.add_argument("--address", default=argparse.SUPPRESS, metavar="HOST:PORT", help="the server")
    parser.add_argument("--token", default=argparse.SUPPRESS, help="the credential")
    parser.add_argument("--from", dest="start", type=_instant, metavar="TIME", help="RFC 3339 (default: --days ago)")
    parser.add_argument("--to", dest="end", type=_instant, metavar="TIME", help="RFC 3339 (default: now)")
    parser.add_argument("--days", type=int, default=None, help=f"length, where --from is absent (default: {_DAYS})")
    parser.add_argument(
        "--every", type=_span, default=timedelta(hours=6), metavar="SPAN", help="like 5m, 6h (default: 6h)"
    )
    parser.add_argument("--rule", action="append", default=[], metavar="NAME", help="only this rule; several times")


def replays(args: argparse.Namespace, sets: Sequence[RuleSet]) -> list[dict[str, Replay]]:
    """What the alert rules of each set would have done, by rule.

    Raises:
        ValueError: the span is empty, or a rule does not exist.
        ConnectionError: the history could not be read.

    """
    import grpc
    from trueline_rules.alert_rules import compile_rule
    from trueline_rules.backtesting.replay import replay

    from trueline_server.commands.history import HistoryReader, micros
    from trueline_server.generator.sending import open_channel

    end = args.end or datetime.now(UTC).replace(microsecond=0)
    days = _DAYS if args.days is None else args.days
    if not 0 < days <= _MOST_DAYS:
        raise ValueError(f"--days is {days}; it must be 1 to {_MOST_DAYS:,}")
    start = args.start or end - timedelta(days=days)
    if min(start, end) < _EARLIEST:
        raise ValueError(f"there is no history before {_EARLIEST.date()}")
    if start >= end:
        raise ValueError(f"--from {start.isoformat()} is not before --to {end.isoformat()}")
    answers: list[dict[str, Replay]] = []
    address = getattr(args, "address", None) or os.environ.get("TRUELINE_ADDRESS", "127.0.0.1:7171")
    token = getattr(args, "token", None) or os.environ.get("TRUELINE_TOKEN", "")
    with open_channel(address) as channel:
        reader = HistoryReader(channel, token, start=start, end=end, every=args.every, progress=_progress())
        chosen = [_wanted(rules, args.rule, sets) for rules in sets]
        try:
            reader.read(
                [
                    (rules, [rules.alert_rules[name] for name in names])
                    for rules, names in zip(sets, chosen, strict=True)
                ]
            )
        except grpc.RpcError as error:
            raise ConnectionError(f"{address} answers {error.code().name}: {error.details()}") from error
        for rules, wanted in zip(sets, chosen, strict=True):
            span = {
                "start_us": micros(start),
                "end_us": micros(end),
                "every_us": args.every // timedelta(microseconds=1),
            }
            answers.append(
                {
                    name: replay(
                        compile_rule(rules.alert_rules[name], rules.fact_types),
                        reader.of(rules.alert_rules[name]),
                        **span,
                    )
                    for name in wanted
                }
            )
    return answers


def _wanted(rules: RuleSet, names: Sequence[str], sets: Sequence[RuleSet]) -> list[str]:
    from trueline_rules.names import hint, quoted

    known = {name for one in sets for name in one.alert_rules}
    for name in names:
        if name not in known:
            raise ValueError(f"no AlertRule is called {quoted(name)}{hint(name, known)}")
    return [name for name in rules.alert_rules if not names or name in names]


def replay_json(found: Mapping[str, Replay]) -> dict[str, Any]:
    """A backtest for programs."""
    return {
        name: {
            "evaluations": one.evaluations,
            "failed": one.failed,
            "failure": one.failure,
            "without_data": one.without_data,
            "firings": [firing_json(firing) for firing in one.firings],
        }
        for name, one in found.items()
    }


def replay_text(found: Mapping[str, Replay]) -> str:
    """A backtest for people: a line for each firing, then what was evaluated and could not be."""
    firings = sorted((firing for one in found.values() for firing in one.firings), key=lambda each: each.since_us)
    lines = [f"{'RULE':<28} {'SEVERITY':<9} {'FROM':<17} {'TO':<17} {'FOR':>8}  LABELS"] if firings else []
    lines += [
        f"{firing.rule:<28} {firing.severity:<9} {_when(firing.since_us):<17} {_when(firing.until_us):<17} "
        f"{_length(firing):>8}  {_shown(firing.labels)}".rstrip()
        for firing in firings
    ]
    evaluations = sum(one.evaluations for one in found.values())
    lines += ["" if firings else "nothing would have fired", f"{len(found)} rules, {evaluations:,} evaluations"]
    for name, one in found.items():
        if one.without_data or one.failed:
            told = [f"{one.without_data} of {one.evaluations} had no data"] if one.without_data else []
            told += [f"{one.failed} failed ({one.failure})"] if one.failed else []
            lines.append(f"! {name}: {', '.join(told)}")
    return "\n".join(lines).strip("\n")


def firing_json(firing: Firing | None) -> dict[str, Any] | None:
    """A firing for programs."""
    if firing is None:
        return None
    return {
        "rule": firing.rule,
        "labels": dict(firing.labels),
        "severity": firing.severity,
        "since": _iso(firing.since_us),
        "until": None if firing.until_us is None else _iso(firing.until_us),
    }


def changes_json(documents: Sequence[DocumentChange], firings: Sequence[FiringChange] | None) -> dict[str, Any]:
    """A difference for programs; firings are absent where no history was asked for."""
    told: dict[str, Any] = {
        "documents": [
            {
                "change": str(one.change),
                "kind": one.kind,
                "name": one.name,
                "fields": {field: {"before": before, "after": after} for field, (before, after) in one.fields.items()},
            }
            for one in documents
        ]
    }
    if firings is not None:
        told["firings"] = [
            {"change": str(one.change), "before": firing_json(one.before), "after": firing_json(one.after)}
            for one in firings
        ]
    return told


def changes_markdown(documents: Sequence[DocumentChange], firings: Sequence[FiringChange] | None) -> str:
    """A difference as Markdown that fits a comment on a pull request."""
    lines = ["### Rules", ""]
    lines += [f"- **{one.change}** {one.kind} `{one.name}`{_fields(one)}" for one in documents] or ["No rule changes."]
    if firings is not None:
        lines += ["", "### What would have fired", ""]
        if firings:
            lines += ["| change | rule | severity | from | to |", "| --- | --- | --- | --- | --- |"]
            lines += [f"| {one.change} | {_moved(one)} |" for one in firings]
        else:
            lines.append("No decision appears, vanishes or moves.")
    return "\n".join(lines)


def _fields(change: DocumentChange) -> str:
    told = "; ".join(f"`{field}`: {_code(before)} → {_code(after)}" for field, (before, after) in change.fields.items())
    return f": {told}" if told else ""


def _code(value: Any) -> str:
    """A value within a line of Markdown, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split()).replace("`", "'")
    return f"`{line if len(line) <= _LONGEST_CODE else line[: _LONGEST_CODE - 1] + '…'}`"


def _moved(change: FiringChange) -> str:
    before, after = change.before, change.after
    known = after or before
    assert known is not None

    def both(tell: Callable[[Firing], str]) -> str:
        told = list(dict.fromkeys(tell(one) for one in (before, after) if one is not None))
        return " → ".join(told)

    cells = (
        f"`{known.rule}` {_shown(known.labels) and _code(_shown(known.labels))}".replace("|", "\\|").strip(),
        both(lambda one: one.severity),
        both(lambda one: _when(one.since_us)),
        both(lambda one: _when(one.until_us)),
    )
    return " | ".join(cells)


def _progress() -> Callable[[float], None]:
    if not sys.stderr.isatty():
        return lambda _: None

    def show(share: float) -> None:
        done = round(share * _BAR)
        end = "\n" if share >= 1 else ""
        print(f"\rreading history {'█' * done}{'░' * (_BAR - done)} {share:4.0%}{end}", end="", file=sys.stderr)

    return show


def _when(instant_us: int | None) -> str:
    return "still fires" if instant_us is None else _iso(instant_us)[:16].replace("T", " ")


def _iso(instant_us: int) -> str:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant_us)
    return instant.isoformat().replace("+00:00", "Z")


def _length(firing: Firing) -> str:
    if firing.until_us is None:
        return ""
    hours, minutes = divmod((firing.until_us - firing.since_us) // 60_000_000, 60)
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h" if days else f"{hours}h {minutes}m" if hours else f"{minutes}m"


def _shown(labels: Labels) -> str:
    return ", ".join(f"{name}={value}" for name, value in labels)


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"is {text}; write it like 2025-01-31 or 2025-01-31T12:00:00Z") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _span(text: str) -> timedelta:
    from trueline_rules.spans import parse_span

    every = timedelta(microseconds=parse_span(text).us) if _EVERY.fullmatch(text) else None
    if every is None or every > timedelta(days=_MOST_DAYS):
        raise argparse.ArgumentTypeError(f"is {text}; write it like 5m, 6h or 1d")
    return every
