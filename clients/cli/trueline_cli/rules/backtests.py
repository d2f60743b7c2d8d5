"""`trueline rules backtest`: what rules would have done on history."""

from __future__ import annotations

import argparse
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from trueline_cli import exits, options
from trueline_cli.operating import add_detach, detached, follow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trueline import Backtest, Firing, Operation, RuleBacktest, RuleSource, TruelineClient

Done = TypeVar("Done")
_SPAN = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
DAYS, _MOST_DAYS = 30, 3_660


def add(verbs: Any) -> None:
    """Add the action."""
    backtest = options.action(
        verbs,
        "backtest",
        "what rules would have done in the past",
        "Replay alert rules over the history of a server: what would have fired, when,\n"
        "and for how long. Rule files stand on top of the default pack; without any, the\n"
        "rules in force are replayed.",
        (
            "trueline rules backtest rules/ --days 90 --every 1h",
            "trueline rules backtest --rule churn_rate_high --from 2025-03-01",
            "trueline rules backtest --revision 3f2a9c0d5b1e7a86",
            "trueline rules backtest rules/ --detach; trueline operations",
        ),
    )
    backtest.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="rule files and folders")
    backtest.add_argument("--mapping", default="", metavar="NAME", help="event mapping in force (default: the last)")
    add_source(backtest)
    add_span(backtest)
    backtest.set_defaults(act=_backtest)


def show(found: Backtest) -> None:
    """Print a backtest for people: a line for each firing, then what was evaluated and could not be."""
    from trueline_cli import style

    firings = sorted((one for rule in found.rules for one in rule.firings), key=lambda each: str(each.since))
    labels = ("labels",) if any(one.labels for one in firings) else ()
    table = style.table("rule", "severity", "from", "to", "for", *labels, right=("for",), fold=("rule", *labels))
    for one in firings:
        until = "still fires" if one.until is None else style.moment(one.until)
        cells = (one.rule, one.severity.value, style.moment(one.since), until, _length(one))
        table.add_row(*cells, *(labels_text(one) for _ in labels))
    evaluations = sum(rule.evaluations for rule in found.rules)
    count = len(found.rules)
    told = f"{count} rule{'s' if count != 1 else ''}, {evaluations:,} evaluations"
    left_out = sum(rule.total_firings for rule in found.rules) - len(firings)
    told += f"; {left_out:,} firings more than fit" if left_out else ""
    span = f"{style.moment(found.start)} to {style.moment(found.end)}, every {_span_text(found.every)}"
    style.show(table if firings else "nothing would have fired", "", f"{told}, {span}", *_doubts(found))
    if found.baseline_revision:
        from trueline_cli.rules import differences

        print(f"compared with revision {found.baseline_revision}:\n")
        differences.show_firings(found)


def labels_text(firing: Firing) -> str:
    """Labels in a line."""
    return ", ".join(f"{name}={value}" for name, value in firing.labels.items())


def _doubts(found: Backtest) -> list[str]:
    lines = [f"! {note.origin.value} {note.source} {note.message}" for note in found.notes]
    for rule in found.rules:
        told = [f"{rule.without_data:,} of {rule.evaluations:,} had no data"] if rule.without_data else []
        told += [f"{rule.failed:,} failed ({rule.failure})"] if rule.failed else []
        lines += [f"! {rule.rule}: {', '.join(told)}"] if told else []
    return lines


def _backtest(args: argparse.Namespace) -> int:
    source = source_of(args)
    with options.connect(args) as client:
        begun = begin(args, client, source, None)
        if begun is None:
            return exits.REFUSED
        if args.detach:
            return detached(args, begun)
        found = result_of(client, begun)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(_plain(found))
    else:
        show(found)
    return 0


def begin(
    args: argparse.Namespace, client: TruelineClient, source: RuleSource, baseline: RuleSource | None
) -> Operation | None:
    """The backtest that was begun; None after telling what is wrong with the rules."""
    return begun(
        lambda: client.backtest_rules(
            source,
            baseline=baseline,
            start=args.start,
            end=args.end,
            span=timedelta(days=args.days or DAYS),
            every=args.every,
            rules=args.rule,
        ),
        "replayed",
    )


def begun(call: Callable[[], Done], done: str) -> Done | None:
    """What a call about rules answers; None after telling what is wrong with them, so that nothing was `done`.

    Raises:
        UsageError: what is asked for cannot be.

    """
    from trueline import InvalidRequestError, NotFoundError, PreconditionError

    try:
        return call()
    except (InvalidRequestError, NotFoundError) as error:
        from trueline_cli.explain import explain

        raise options.UsageError(explain(error)) from None
    except PreconditionError as error:
        if error.reason != "RULES_DO_NOT_LOAD":
            raise
        for violation in error.violations:
            print(f"{violation.field}: {violation.description}", file=sys.stderr)
        print(f"✗ the rules do not load; nothing was {done}", file=sys.stderr)
        return None


def result_of(client: TruelineClient, begun: Operation) -> Backtest:
    """What a backtest came to, with its progress while it runs."""
    from trueline import Backtest

    found = follow(client, begun.name).result
    assert isinstance(found, Backtest), "the server answers what was asked for"
    return found


def _plain(found: Backtest) -> dict[str, Any]:
    from dataclasses import fields

    rules: Mapping[str, RuleBacktest] = {one.rule: one for one in found.rules}
    wanted = ("start", "end", "rule_revision", "watermark", "notes")
    told = {field.name: getattr(found, field.name) for field in fields(found) if field.name in wanted}
    return told | {"every_s": found.every.total_seconds(), "rules": rules}


def _read(paths: Sequence[Path]) -> dict[str, str]:
    from trueline_cli.rules.files import read_files

    return read_files(paths)


def add_source(parser: argparse.ArgumentParser) -> None:
    """Which rules a server is to take, beside files."""
    parser.add_argument("--revision", default="", metavar="REV", help="instead of files: a revision that is kept")
    parser.add_argument(
        "--on-base", action="store_true", help="files stand on the operator's files, too, as when activated"
    )
    add_detach(parser)


def source_of(args: argparse.Namespace) -> RuleSource:
    """The rules that a server is to take.

    Raises:
        UsageError: they are named twice, or a file cannot be read.

    """
    from trueline import RuleSource

    if args.paths and args.revision:
        raise options.UsageError("give rule files, or --revision REV")
    if args.on_base and not args.paths:
        raise options.UsageError("--on-base is about rule files; give some")
    return RuleSource(files=_read(args.paths), mapping=args.mapping, revision=args.revision, on_base=args.on_base)


def add_span(parser: argparse.ArgumentParser) -> None:
    """The span of history and the distance of evaluations."""
    add_instants(parser)
    parser.add_argument("--days", type=days, metavar="N", help=f"length, where --from is absent ({DAYS})")


def add_instants(parser: argparse.ArgumentParser) -> None:
    """First and last evaluation, their distance, and of which rules."""
    parser.add_argument(
        "--from", dest="start", type=options.instant, metavar="TIME", help="first evaluation (default: --days ago)"
    )
    parser.add_argument(
        "--to", dest="end", type=options.instant, metavar="TIME", help="last one (default: now, or the end of the data)"
    )
    parser.add_argument("--every", type=span, metavar="SPAN", help="distance of evaluations, like 5m (6h)")
    parser.add_argument("--rule", action="append", default=[], metavar="NAME", help="only this rule; several times")


def days(text: str) -> int:
    """A number of days."""
    found = int(text) if re.fullmatch(r"[0-9]{1,6}", text) else 0
    if not 0 < found <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"is {text}; it must be 1 to {_MOST_DAYS:,}")
    return found


def span(text: str) -> timedelta:
    """A length of time like 5m, 6h or 1d."""
    found = _SPAN.fullmatch(text)
    every = timedelta(seconds=int(found[1]) * _SECONDS[found[2]]) if found else None
    if every is None or every > timedelta(days=_MOST_DAYS):
        raise argparse.ArgumentTypeError(f"is {text}; write it like 5m, 6h or 1d")
    return every


def _span_text(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"


def _length(firing: Firing) -> str:
    if firing.until is None or firing.since is None:
        return ""
    hours, minutes = divmod(int((firing.until - firing.since).total_seconds()) // 60, 60)
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h" if days else f"{hours}h {minutes}m" if hours else f"{minutes}m"
