"""`trueline rules diff`: what a change of rules means, between files, revisions and what is in force."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import exits, options

if TYPE_CHECKING:
    from trueline import Backtest, RulesDifference, RuleSource, TruelineClient

_OF_THE_SERVER = ("active", "shadow", "base")
_REVISION = re.compile(r"[0-9a-f]{4,64}")


def add(verbs: Any) -> None:
    """Add the action."""
    from trueline_cli.rules import backtests

    diff = options.action(
        verbs,
        "diff",
        "what a change of rules means",
        "What a change of rules means. A side is a rule file or folder, a revision of a\n"
        "server (its first digits do), or what is active there, in the shadow, or the\n"
        "base. Beside a server's rules files stand on the base, as when activated; else\n"
        "on the default pack. With --history also which alerts would have come, gone or\n"
        "moved on the history of a server.",
        (
            "trueline rules diff main/rules rules",
            "trueline rules diff active rules --history 30",
            "trueline rules diff active shadow",
            "trueline rules diff 3f2a 90c1 --output json",
            "trueline rules diff main/rules rules --history 7 --markdown > comment.md",
        ),
    )
    diff.add_argument("before", metavar="BEFORE", help="path, revision, active, shadow or base")
    diff.add_argument("after", metavar="AFTER", help="the same after the change")
    diff.add_argument("--mapping", default="", metavar="NAME", help="event mapping in force (default: the last)")
    diff.add_argument("--markdown", action="store_true", help="as Markdown that fits a pull request")
    diff.add_argument(
        "--history",
        dest="days",
        nargs="?",
        type=backtests.days,
        const=backtests.DAYS,
        metavar="DAYS",
        help=f"replay both on so many days of a server ({backtests.DAYS})",
    )
    backtests.add_instants(diff)
    diff.set_defaults(act=_diff)


def _diff(args: argparse.Namespace) -> int:
    from trueline_cli.rules import backtests

    if args.days is None and (args.start or args.end or args.every or args.rule):
        raise options.UsageError("--from, --to, --every and --rule are about history; give --history, too")
    sides = _side(args.before), _side(args.after)
    # Without a server only files can be compared; that needs the extra.
    local = all(isinstance(side, Path) for side in sides)
    documents = _of_files(args) if local else []
    if documents is None:
        return exits.REFUSED
    found: Backtest | None = None
    if args.days or not local:
        with options.connect(args) as client:
            before, after = (_source(args, client, side, on_base=not local) for side in sides)
            if not local:
                difference = backtests.begun(lambda: client.diff_rules(before, after), "compared")
                if difference is None:
                    return exits.REFUSED
                documents = _plain(difference)
            if args.days:
                begun = backtests.begin(args, client, after, before)
                if begun is None:
                    return exits.REFUSED
                found = backtests.result_of(client, begun)
    _tell(args, documents, found)
    return 0


def _side(text: str) -> Path | str:
    """A path, or what names rules of a server; a path wins over a revision, and is written ./active where it must be.

    Raises:
        UsageError: it is neither.

    """
    if text in _OF_THE_SERVER:
        return text
    path = Path(text)
    if path.exists():
        return path
    if _REVISION.fullmatch(text):
        return text
    known = ", ".join(_OF_THE_SERVER)
    raise options.UsageError(f"{text} is no file or folder, no revision (4 hex digits or more), and none of {known}")


def _source(args: argparse.Namespace, client: TruelineClient, side: Path | str, *, on_base: bool) -> RuleSource:
    from trueline import RuleSource

    if isinstance(side, Path):
        return RuleSource(files=_files(side), mapping=args.mapping, on_base=on_base)
    if side == "base":
        return RuleSource(base_alone=True)
    return RuleSource(revision=_revision(client, side))


def _files(path: Path) -> dict[str, str]:
    """The files of a side; a folder without any is what stands below it, alone."""
    from trueline_cli.rules.files import read_files

    empty = path.is_dir() and not any(child.suffix in {".yaml", ".yml"} for child in path.iterdir())
    return {f"{path}/": ""} if empty else read_files([path])


def _revision(client: TruelineClient, side: str) -> str:
    """The revision of a stage, or the one that begins so.

    Raises:
        UsageError: there is none, or there are several.

    """
    known = client.rule_revisions(limit=0)
    stages = {"active": known.active, "shadow": known.shadow}
    if side in stages:
        stage = stages[side]
        if stage is None:
            raise options.UsageError("nothing is in the shadow; put rules there with: trueline rules activate --shadow")
        return stage.revision
    kept = {one.revision for one in known.revisions} | {one.revision for one in stages.values() if one is not None}
    found = sorted(one for one in kept if one.startswith(side))
    if not found:
        raise options.UsageError(f"no revision begins with {side}; see: trueline rules revisions")
    if len(found) > 1:
        raise options.UsageError(f"several revisions begin with {side}: {', '.join(found)}; give more digits")
    return found[0]


def _of_files(args: argparse.Namespace) -> list[dict[str, Any]] | None:
    from trueline_cli import app

    paths = {"before": Path(args.before), "after": Path(args.after)}
    found: list[dict[str, Any]] | None = app.load_extra("rules").document_changes(
        argparse.Namespace(**{**vars(args), **paths})
    )
    return found


def _plain(found: RulesDifference) -> list[dict[str, Any]]:
    return [
        {
            "change": one.change.value,
            "kind": one.kind,
            "name": one.name,
            "fields": {field: {"before": each.before, "after": each.after} for field, each in one.fields.items()},
        }
        for one in found.changes
    ]


def _tell(args: argparse.Namespace, documents: list[dict[str, Any]], found: Backtest | None) -> None:
    from trueline_cli.rules import differences

    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"documents": documents} | ({} if found is None else differences.plain(found)))
    elif args.markdown:
        print(differences.markdown(documents, found))
    else:
        differences.show(documents, found)
