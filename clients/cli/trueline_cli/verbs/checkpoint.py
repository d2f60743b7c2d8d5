"""`trueline checkpoint`: does everybody and everything meet its targets?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import Checkpoint

_DEFAULT_POLICY = "scaling"
_EXAMPLES = (
    "trueline checkpoint run                           # the pack's: scaling",
    "trueline checkpoint run scaling --days 30 --title Q1",
    "trueline checkpoint list",
    "trueline checkpoint show checkpoint-7 --all",
    "trueline checkpoint compare checkpoint-7          # with the one before",
)


class CheckpointVerb:
    """Checkpoints: run, list, show, compare."""

    help = "does everybody and everything meet its targets"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions."""
        options.describe(
            parser,
            "Does every persona, business function and critical journey meet its targets?\n"
            "What does not is put on the backlog and escalated, once.",
            _EXAMPLES,
        )
        verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        run = options.action(
            verbs,
            "run",
            "judge every cell of a policy",
            "Judge every cell of a policy and wait for it. Misses open backlog items and\n"
            "alerts, cells that pass resolve theirs. Exit status 1: a cell misses its target.",
            _EXAMPLES[:2],
        )
        run.add_argument("policy", nargs="?", default=_DEFAULT_POLICY, metavar="POLICY", help="a CheckpointPolicy")
        run.add_argument(
            "--days", type=options.days, default=0, metavar="N", help="period judged, 1 to 366 (as the policy says)"
        )
        run.add_argument("--at", type=options.instant, metavar="TIME", help="judge this instant (now)")
        run.add_argument("--title", default="", metavar="TEXT", help="what to call the run (policy and day)")
        run.add_argument("--judge-only", action="store_true", help="open and resolve nothing")
        run.add_argument("--all", action="store_true", help="show the cells that pass, too")
        run.set_defaults(act=_run)
        listing = options.action(
            verbs, "list", "checkpoints, the newest first", "Checkpoints, the newest first.", (_EXAMPLES[2],)
        )
        listing.add_argument("--policy", default="", metavar="POLICY", help="only of this one")
        listing.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
        listing.set_defaults(act=_list)
        show = options.action(
            verbs,
            "show",
            "a checkpoint with its cells",
            "A checkpoint with its cells; the newest one by default.",
            (_EXAMPLES[3],),
        )
        show.add_argument("checkpoint", nargs="?", default="", metavar="CHECKPOINT", help="as list shows it")
        show.add_argument("--all", action="store_true", help="show the cells that pass, too")
        show.set_defaults(act=_show)
        compare = options.action(
            verbs,
            "compare",
            "what became of each cell since an earlier one",
            "What became of each cell since an earlier checkpoint, the one before by default.",
            (_EXAMPLES[4], "trueline checkpoint compare checkpoint-7 checkpoint-3"),
        )
        compare.add_argument("checkpoint", metavar="CHECKPOINT", help="the later one")
        compare.add_argument("earlier", nargs="?", default="", metavar="EARLIER", help="the earlier one")
        compare.set_defaults(act=_compare)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = CheckpointVerb()


def _run(args: argparse.Namespace) -> int:
    from trueline import Checkpoint

    from trueline_cli.operating import follow

    with options.connect(args) as client:
        begun = client.run_checkpoint(
            args.policy, title=args.title, days=args.days, at=args.at, judge_only=args.judge_only
        )
        found = follow(client, begun.name).result
    assert isinstance(found, Checkpoint)
    return _print(args, found)


def _list(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_checkpoints(args.policy, limit=args.limit)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"checkpoints": found})
        return 0
    from trueline_cli import style

    made = style.table(
        *("checkpoint", "when", "title", "verdict", "pass", "fail", "no data"),
        right=("pass", "fail", "no data"),
        fold=("title",),
    )
    for one in found:
        counts = (str(one.passed), str(one.failed), str(one.insufficient))
        made.add_row(one.id, style.moment(one.finished_at, short=True), one.title, one.verdict.value, *counts)
    style.show(made if found else "no checkpoint was run; trueline checkpoint run")
    return 0


def _show(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        name = args.checkpoint
        if not name:
            newest = client.list_checkpoints(limit=1)
            if not newest:
                raise options.UsageError("no checkpoint was run yet; trueline checkpoint run")
            name = newest[0].id
        found = client.get_checkpoint(name)
    _print(args, found)
    return 0


def _compare(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        compared = client.compare_checkpoints(args.checkpoint, args.earlier)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(compared)
        return 0
    from trueline_cli.checkpoints.showing import show_comparison

    show_comparison(compared)
    return 0


def _print(args: argparse.Namespace, found: Checkpoint) -> int:
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(found)
    else:
        from trueline_cli.checkpoints.showing import show_checkpoint

        show_checkpoint(found, every=args.all)
    failed: Any = found.verdict == "failed"
    return int(failed)
