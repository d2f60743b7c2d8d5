"""`trueline rules`: what is in force on a server, and, with the server extra, rule files before they are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from trueline_cli import app, options

# What the server extra adds; without it these say what to install.
_OF_THE_EXTRA = {
    "check": "what is wrong with rule files",
    "test": "run the tests of rules",
    "schema": "the JSON Schema of a kind",
}
# Label sets that are explained, the worst first; the counts tell of all.
_EXPLAINED = 10
_EXAMPLES = (
    "trueline rules check rules/                    # are the files right",
    "trueline rules test rules/ --coverage 100      # run the tests in them",
    "trueline rules backtest rules/ --days 90       # what they would have done",
    "trueline rules simulate rules/ --series day.yml  # who would be told, and when",
    "trueline rules activate rules/ --shadow        # try them beside the active",
    "trueline rules shadow                          # where they decide otherwise",
    "trueline rules activate rules/                 # put them into force",
    "trueline rules rollback                        # go back",
    "trueline rules explain churn_rate_high --live  # what a rule says now, why",
)


class Rules:
    """Rules: files, revisions, decisions."""

    help = "check, test, activate and explain rules"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions."""
        from trueline_cli.rules import activating, backtests, decided, diffing, documents, simulations

        options.describe(
            parser,
            "Rule files before they are in force (check, test, diff, schema; these need\n"
            'pip install "trueline[server]"), what they would have done (backtest), and what\n'
            "is in force on a server.",
            _EXAMPLES,
        )
        verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        try:
            app.load_extra("rules").add_actions(verbs)
        except app.MissingExtraError as error:
            for name, about in _OF_THE_EXTRA.items():
                _add_missing(verbs, name, about, error)
        backtests.add(verbs)
        diffing.add(verbs)
        simulations.add(verbs)
        documents.add(verbs)
        activating.add(verbs)
        decided.add(verbs)
        _add_explain(verbs)
        watch = options.action(
            verbs,
            "watch",
            "what happens to the rules, until Ctrl-C",
            "What is in force, then what happens to it, a line each, until Ctrl-C.",
            ("trueline rules watch", "trueline rules watch --output json", "trueline rules watch --once"),
        )
        watch.add_argument("--resume", default="", metavar="TOKEN", help="go on from the token of an earlier watch")
        watch.add_argument("--once", action="store_true", help="stop when what is in force is told")
        watch.set_defaults(act=_watch)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = Rules()


def _add_missing(verbs: Any, name: str, about: str, error: app.MissingExtraError) -> None:
    # What stands behind it is not known here, so it is taken as it is.
    parser = verbs.add_parser(name, help=about, add_help=False, prefix_chars="\0")
    parser.add_argument("rest", nargs="*")

    def tell(_: argparse.Namespace) -> int:
        raise error

    parser.set_defaults(act=tell)


def _add_explain(verbs: Any) -> None:
    explain = options.action(
        verbs,
        "explain",
        "what a rule decides, and why",
        "What a rule decides, and why: about given facts, about the facts of a server\n"
        "(--live), or as it did when a decision was logged (--decision).",
        (
            "trueline rules explain churn_rate_high --given churn_rate=0.08",
            "trueline rules explain churn_rate_high --live",
            "trueline rules explain churn_rate_high --live --at 2026-03-01T12:00Z",
            "trueline rules explain --decision 000649d0c9a1c05f3a2b7e91d4c8f6a0",
        ),
    )
    explain.add_argument("rule", nargs="?", default="", metavar="RULE", help="name of an AlertRule")
    explain.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="rule files, on top of the default pack")
    explain.add_argument("--mapping", default="", metavar="NAME", help="event mapping in force (default: the last)")
    explain.add_argument(
        "--given", action="append", default=[], metavar="FACT=VALUE", help="a fact; may be given several times"
    )
    explain.add_argument("--live", action="store_true", help="the rule in force, about the facts of the server")
    explain.add_argument("--at", type=options.instant, metavar="TIME", help="with --live: as of then (default: now)")
    explain.add_argument(
        "--limit", type=options.count, default=_EXPLAINED, metavar="N", help=f"with --live: label sets ({_EXPLAINED})"
    )
    explain.add_argument("--decision", default="", metavar="ID", help="a decision of the log")
    explain.set_defaults(act=_explain)


def _explain(args: argparse.Namespace) -> int:
    from trueline_cli.rules import decided

    if args.decision:
        if args.rule or args.given or args.live or args.at is not None:
            raise options.UsageError("--decision says it all: rule, facts and instant are those of the decision")
        return decided.explain_logged(args)
    if not args.rule:
        raise options.UsageError("give the name of a rule, or --decision ID")
    if args.live:
        if args.paths:
            raise options.UsageError("--live asks the rule in force; rule files are explained with --given")
        return decided.explain_live(args)
    if args.at is not None:
        raise options.UsageError("--at is about the facts of a server; give --live, too")
    status: int = app.load_extra("rules").explain(args)
    return status


def _watch(args: argparse.Namespace) -> int:
    from trueline_cli.watching import watch_rules

    return watch_rules(args)
