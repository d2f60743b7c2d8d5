"""`trueline study`: do sponsors stay, do users pay more, do campaigns pay off?"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from trueline_cli import options
from trueline_cli.studies.periods import add_period, period_of

if TYPE_CHECKING:
    from trueline import StudyRun

    from trueline_cli.studies.rows import Rows

_OUTPUTS = ("table", "json", "csv")
_EXAMPLES = (
    "trueline study run renewal_rate --quarter 2026Q1",
    "trueline study run campaign_efficiency --days 90 --by campaign_type",
    "trueline study run persona_impact --from 2026-01-01 --until 2026-04-01",
    "trueline study list --study renewal_rate",
    "trueline study show study-7 --all",
    "trueline study compare study-7 study-3",
)


class StudyVerb:
    """Studies: run, list, show, compare."""

    help = "do sponsors stay, do users pay more, do campaigns pay off"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions."""
        options.describe(
            parser,
            "Renewal rates, revenue growth, campaign efficiency and what they are for each\n"
            "persona, over a period and beside the one before, with what is certain of it.\n"
            "What is counted is said by Study documents (trueline rules show).",
            _EXAMPLES,
        )
        verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        run = _action(
            verbs, "run", "study a period that is over", "Study a period that is over, and wait for it.", _EXAMPLES[:3]
        )
        run.add_argument("study", metavar="STUDY", help="a Study: renewal_rate, revenue_growth, …")
        add_period(run)
        run.add_argument("--by", action="append", default=[], metavar="BREAKDOWN", help="only by this one; repeatable")
        run.add_argument("--all", action="store_true", help="every figure of every group")
        run.set_defaults(act=_run)
        listing = _action(verbs, "list", "runs, the newest first", "Runs, the newest first.", (_EXAMPLES[3],))
        listing.add_argument("--study", default="", metavar="STUDY", help="only of this one")
        listing.add_argument("--from", dest="start", type=options.instant, metavar="TIME", help="periods from then on")
        listing.add_argument("--until", dest="end", type=options.instant, metavar="TIME", help="periods up to then")
        listing.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
        listing.set_defaults(act=_list)
        show = _action(verbs, "show", "a run with its figures", "A run; the newest one by default.", (_EXAMPLES[4],))
        show.add_argument("run", nargs="?", default="", metavar="RUN", help="as list shows it")
        show.add_argument("--all", action="store_true", help="every figure of every group")
        show.set_defaults(act=_show)
        compare = _action(
            verbs,
            "compare",
            "two runs of a study side by side",
            "How a run stands beside another one of the same study; the one before by default.",
            (_EXAMPLES[5], "trueline study compare study-7"),
        )
        compare.add_argument("run", metavar="RUN", help="the run")
        compare.add_argument("other", nargs="?", default="", metavar="OTHER", help="what it is put beside")
        compare.add_argument("--all", action="store_true", help="groups, too")
        compare.set_defaults(act=_compare)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = StudyVerb()


def _action(verbs: Any, name: str, about: str, text: str, examples: Sequence[str]) -> argparse.ArgumentParser:
    return options.action(verbs, name, about, text, examples, outputs=_OUTPUTS)


def _run(args: argparse.Namespace) -> int:
    from trueline import StudyRun

    from trueline_cli.operating import follow

    start, end = period_of(args, datetime.now(UTC))
    with options.connect(args) as client:
        begun = client.begin_study(args.study, start, end, breakdowns=args.by)
        found = follow(client, begun.name).result
    assert isinstance(found, StudyRun), "the server answers what was asked for"
    return _print_run(args, found)


def _list(args: argparse.Namespace) -> int:
    from trueline_cli.studies.rows import csv_runs
    from trueline_cli.studies.showing import show_list

    with options.connect(args) as client:
        found = client.list_studies(args.study, start=args.start, end=args.end, limit=args.limit)
    return _print(args, {"runs": found}, lambda: csv_runs(found), lambda: show_list(found))


def _show(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        name = args.run
        if not name:
            newest = client.list_studies(limit=1)
            if not newest:
                raise options.UsageError("no study was run yet; trueline study run renewal_rate")
            name = newest[0].id
        found = client.get_study(name)
    return _print_run(args, found)


def _compare(args: argparse.Namespace) -> int:
    from trueline_cli.studies.rows import csv_comparison
    from trueline_cli.studies.showing import show_comparison

    with options.connect(args) as client:
        compared = client.compare_studies(args.run, args.other)
    return _print(args, compared, lambda: csv_comparison(compared), lambda: show_comparison(compared, every=args.all))


def _print_run(args: argparse.Namespace, run: StudyRun) -> int:
    from trueline_cli.studies.rows import csv_run
    from trueline_cli.studies.showing import show_run

    return _print(args, run, lambda: csv_run(run), lambda: show_run(run, every=args.all))


def _print(
    args: argparse.Namespace, found: object, rows: Callable[[], tuple[Sequence[str], Rows]], show: Callable[[], None]
) -> int:
    from trueline_cli.output import print_found

    print_found(args.output, found, rows, show)
    return 0
