"""`trueline rules simulate`: who would be told of what, when and why, and why not the others."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import exits, options
from trueline_cli.operating import detached, follow
from trueline_cli.rules import backtests

if TYPE_CHECKING:
    from collections.abc import Callable

    from trueline import Simulation, SimulationSummary

_LINES = 200
# What a run can be failed on: what is counted, and in words.
_FAILURES: dict[str, tuple[Callable[[SimulationSummary], int], str]] = {
    "exhausted": (lambda told: told.exhausted, "escalations came to their end and nobody had acknowledged"),
    "unreached": (
        lambda told: sum(one.unreached for one in told.levels),
        "times a level, or some of it, reached nobody",
    ),
    "deadline": (lambda told: sum(told.deadlines.values()), "deadlines were missed"),
}


def add(verbs: Any) -> None:
    """Add the action."""
    simulate = options.action(
        verbs,
        "simulate",
        "who would be told of what, and why not the others",
        "Run the whole way of an alert on a clock of its own: rules, groups, silences,\n"
        "inhibitions, escalations, rate limits. The timeline tells who is told of what,\n"
        "when and why, and why not the others. Nobody is really told. Values come from a\n"
        "file of series, a rule test, or the history of a running server. Rule files\n"
        "stand on top of the default pack.",
        (
            "trueline rules simulate rules/ --series bad-day.yml",
            "trueline rules simulate rules/ --series bad-day.yml --who ada",
            "trueline rules simulate rules/ --series bad-day.yml --fail-on exhausted",
            "trueline rules simulate rules/ --test checkout_failing --until 4h",
            "trueline rules simulate rules/ --history --days 30 --every 5m",
        ),
    )
    simulate.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="rule files and folders")
    source = simulate.add_mutually_exclusive_group(required=True)
    source.add_argument("--series", type=Path, metavar="FILE", help="values, acknowledgements and silences, as YAML")
    source.add_argument("--test", default="", metavar="NAME", help="the series of a RuleTest")
    source.add_argument("--history", action="store_true", help="the history of a running server")
    simulate.add_argument("--case", default="", metavar="CASE", help="of the test (the first one with series)")
    simulate.add_argument(
        "--until", type=backtests.span, metavar="SPAN", help="the clock goes on so long from the start"
    )
    simulate.add_argument("--who", default="", metavar="NAME", help="only what concerns a person or a channel")
    simulate.add_argument(
        "--lines", type=options.count, default=_LINES, metavar="N", help=f"so many; 0 = all ({_LINES})"
    )
    simulate.add_argument(
        "--fail-on", action="append", default=[], choices=sorted(_FAILURES), help="exit 1 if it happens; several times"
    )
    simulate.add_argument("--mapping", default="", metavar="NAME", help="event mapping in force (default: the last)")
    backtests.add_source(simulate)
    backtests.add_span(simulate)
    simulate.set_defaults(act=_simulate)


def _simulate(args: argparse.Namespace) -> int:
    _refuse_unfit(args)
    found = _of_history(args) if args.history else _of_files(args)
    if isinstance(found, int):
        return found
    from trueline_cli.rules import timeline

    shown = timeline.of_somebody(found, args.who) if args.who else found
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(shown)
    else:
        timeline.show(shown, who=args.who, lines=args.lines)
    return _failed(found, args.fail_on)


def _refuse_unfit(args: argparse.Namespace) -> None:
    if args.case and not args.test:
        raise options.UsageError("--case is about a test; give --test NAME")
    if args.history:
        if args.until is not None:
            raise options.UsageError("--until goes with --series and --test; a history ends with --to")
        return
    for name in ("revision", "on_base", "detach", "end", "days", "every"):
        if getattr(args, name):
            option = "--to" if name == "end" else f"--{name.replace('_', '-')}"
            raise options.UsageError(f"{option} goes with --history only")


def _of_files(args: argparse.Namespace) -> Simulation | int:
    from trueline.simulations import simulation

    from trueline_cli import app

    found = app.load_extra("rules").simulate(args)
    return found if isinstance(found, int) else simulation(found)


def _of_history(args: argparse.Namespace) -> Simulation | int:
    from trueline import Simulation

    with options.connect(args) as client:
        begun = backtests.begun(
            lambda: client.simulate_rules(
                backtests.source_of(args),
                start=args.start,
                end=args.end,
                span=timedelta(days=args.days or backtests.DAYS),
                every=args.every,
                rules=args.rule,
            ),
            "simulated",
        )
        if begun is None:
            return exits.REFUSED
        if args.detach:
            return detached(args, begun)
        found = follow(client, begun.name).result
    assert isinstance(found, Simulation), "the server answers what was asked for"
    return found


def _failed(found: Simulation, on: list[str]) -> int:
    """1 after telling what happened that a run is to be failed on; else 0."""
    status = 0
    for name in dict.fromkeys(on):
        counted, words = _FAILURES[name]
        count = counted(found.summary)
        if count:
            print(f"✗ --fail-on {name}: {count:,} {words}", file=sys.stderr)
            status = 1
    return status
