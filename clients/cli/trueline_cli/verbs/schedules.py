"""`trueline schedules`: what is run when."""

from __future__ import annotations

import argparse

from trueline_cli import options

_EXAMPLES = ("trueline schedules", "trueline schedules run weekly_scaling_checkpoint")


class Schedules:
    """Schedules: list, run."""

    help = "what is run when; run one now"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions; without one: list."""
        options.describe(parser, "What is run when, and how it went. Without an action: list.", _EXAMPLES)
        parser.set_defaults(act=_list)
        verbs = parser.add_subparsers(dest="action", metavar="ACTION")
        listing = options.action(verbs, "list", "the schedules in force", "The schedules in force.", _EXAMPLES[:1])
        listing.set_defaults(act=_list)
        run = options.action(verbs, "run", "run one now", "Run a schedule now, beside its times.", _EXAMPLES[1:])
        run.add_argument("name", metavar="SCHEDULE", help="as list shows it")
        run.set_defaults(act=_run)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = Schedules()


def _list(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_schedules()
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"schedules": found})
        return 0
    from trueline_cli import style

    made = style.table("schedule", "runs", "when", "next", "last", fold=("runs", "when", "last"))
    for one in found:
        last = f"{style.moment(one.last_started)} {one.last_outcome}" if one.last_started else style.NOTHING
        if one.last_outcome == "failed" or (one.last_message and one.action == "evaluate"):
            last += f": {one.last_message}"
        if one.missed:
            last += f" ({one.missed:,} missed)"
        when = f"{one.cron} {one.time_zone}"
        made.add_row(one.name, f"{one.action} {_target(one.target)}", when, style.moment(one.next_run), last)
    style.show(made if found else "no schedule is in force")
    return 0


def _target(target: str) -> str:
    """Of many names the first and how many more there are; the others would fill the table."""
    first, *others = target.split(", ")
    return f"{first} and {len(others)} more" if others else first


def _run(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        begun = client.run_schedule(args.name)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(begun)
        return 0
    print(begun.message + (f"; trueline operations wait {begun.operation}" if begun.operation else ""))
    return 0
