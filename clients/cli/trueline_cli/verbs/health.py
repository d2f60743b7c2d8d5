"""`trueline health`: how accounts are, what moved, and what to do."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import TruelineClient

_EXAMPLES = (
    "trueline health account-17",
    "trueline health account-17 --explain --trend 30",
    "trueline health --all",
    "trueline health --all --class at_risk --class critical --output csv",
    "trueline health --all --counts --at 2026-01-01",
)


class HealthVerb:
    """The health of one account, or of all."""

    help = "how accounts are, what moved, and what to do"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        options.describe(
            parser,
            "Scores accounts by a ScoringProfile (trueline rules show ScoringProfile\n"
            "account_health), from their events and from facts (trueline facts put).",
            _EXAMPLES,
        )
        # Scripts read rows, too.
        parser.add_argument("--output", choices=("table", "json", "csv"), default=argparse.SUPPRESS)
        parser.add_argument("account", nargs="?", default="", metavar="ACCOUNT", help="id of an account")
        parser.add_argument("--all", action="store_true", help="all accounts, by id")
        parser.add_argument(
            "--class", dest="health", action="append", default=[], metavar="NAME", help="only this class; repeatable"
        )
        parser.add_argument("--counts", action="store_true", help="of all accounts only how many are in each class")
        parser.add_argument("--explain", action="store_true", help="every number down to its inputs")
        parser.add_argument("--trend", type=options.count, metavar="DAYS", help="compared with so long ago (7)")
        parser.add_argument("--at", type=options.instant, metavar="TIME", help="as of this time (now)")
        parser.add_argument("--profile", default="", metavar="NAME", help="a ScoringProfile of accounts")

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        if bool(args.account) == bool(args.all or args.counts):
            raise options.UsageError("give either the id of an account or --all")
        if args.account and args.health:
            raise options.UsageError("--class goes with --all")
        with options.connect(args) as client:
            return _one(client, args) if args.account else _all(client, args)


command = HealthVerb()


def _one(client: TruelineClient, args: argparse.Namespace) -> int:
    from trueline_cli.output import print_found
    from trueline_cli.scoring.healths import csv_health, show_health

    trend = None if args.trend is None else timedelta(days=args.trend)
    found = client.score_account_health(args.account, profile=args.profile, at=args.at, trend=trend)

    def show() -> None:
        profiles = {one.name: one for one in client.list_scoring_profiles("account")}
        show_health(found, profiles[found.profile], explained=args.explain)

    print_found(args.output, found, lambda: csv_health(found), show)
    return 0


def _all(client: TruelineClient, args: argparse.Namespace) -> int:
    """Shown as it comes: there may be a million."""
    from trueline_cli.scoring.healths import show_counts, show_healths, write_healths

    with client.score_account_healths(
        health=args.health, profile=args.profile, at=args.at, counts_only=args.counts
    ) as stream:
        if args.output == "json":
            from trueline_cli.output import print_line

            about = {"counts": stream.counts, "at": stream.at, "profile": stream.profile}
            print_line(about | {"rule_revision": stream.rule_revision})
            for one in stream:
                print_line(one)
        elif args.output == "csv" and not args.counts:
            write_healths(iter(stream), stream.dimensions)
        elif args.output == "csv":
            from trueline_cli.output import print_csv

            print_csv(("health", "accounts"), list(stream.counts.items()))
        elif args.counts:
            show_counts(stream.counts)
        else:
            show_healths(stream.counts, iter(stream), stream.dimensions)
    return 0
