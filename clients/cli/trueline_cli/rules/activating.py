"""`trueline rules activate`, `rollback` and `revisions`: what is in force, and how it gets there."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import exits, options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trueline import (
        Activation,
        PreconditionError,
        RuleProblem,
        RuleRevisionContent,
        RuleRevisions,
        StagedRules,
        TruelineClient,
    )

_STAGES = {"active": "active", "shadow": "in the shadow"}


def add(verbs: Any) -> None:
    """Add the actions."""
    activate = options.action(
        verbs,
        "activate",
        "put rule files into force, or into the shadow",
        "Put rule files into force, on top of the default pack and the operator's files.\n"
        "They replace all that was activated before; nothing is asked. Files that do not\n"
        "load change nothing.",
        (
            "trueline rules activate rules/ --dry-run",
            "trueline rules activate rules/ --shadow           # evaluated, without effect",
            "trueline rules activate rules/ --note 'churn from 6 %'",
            "trueline rules activate --shadowed                # what is in the shadow",
            "trueline rules activate --revision 3f2a9c0d5b1e7a86",
            "trueline rules activate --base                    # without files of your own",
        ),
    )
    activate.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="rule files and folders")
    activate.add_argument("--revision", default="", metavar="REV", help="instead of files: a revision that is kept")
    activate.add_argument("--shadowed", action="store_true", help="instead of files: what is in the shadow")
    activate.add_argument("--base", action="store_true", help="instead of files: the pack and the operator's files")
    activate.add_argument("--shadow", action="store_true", help="into the shadow: evaluated live, without effect")
    activate.add_argument("--dry-run", action="store_true", help="only say what would happen")
    rollback = options.action(
        verbs,
        "rollback",
        "go back to the rules that were active before",
        "Go back to the rules that were active before, or to an older revision. Twice\ngoes back two steps.",
        ("trueline rules rollback", "trueline rules rollback 3f2a9c0d5b1e7a86 --note 'too many alerts'"),
    )
    rollback.add_argument("revision", nargs="?", default="", metavar="REV", help="without: the one before")
    for one in (activate, rollback):
        one.add_argument("--etag", default="", metavar="ETAG", help="only if the stage is as `revisions` showed it")
        one.add_argument(
            "--author", default=options.author(), metavar="NAME", help="who does it (env TRUELINE_AUTHOR, login)"
        )
        one.add_argument("--note", default="", metavar="TEXT", help="why")
    revisions = options.action(
        verbs,
        "revisions",
        "the rule sets that are kept, and which is in force",
        "The rule sets that are kept, and which of them is in force; or what one of them\nconsists of.",
        (
            "trueline rules revisions",
            "trueline rules revisions 3f2a9c0d5b1e7a86",
            "trueline rules revisions 3f2a9c0d5b1e7a86 --files > rules.yaml",
        ),
    )
    revisions.add_argument("revision", nargs="?", default="", metavar="REV", help="tell about this one")
    revisions.add_argument("--files", action="store_true", help="print the files that were activated with it, as YAML")
    revisions.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
    activate.set_defaults(act=_activate)
    rollback.set_defaults(act=_rollback)
    revisions.set_defaults(act=_revisions)


def _activate(args: argparse.Namespace) -> int:
    from trueline import PreconditionError, RuleStage

    if bool(args.paths) + bool(args.revision) + args.shadowed + args.base != 1:
        raise options.UsageError("give rule files, or --shadowed, or --revision REV, or --base")
    if args.shadowed and args.shadow:
        raise options.UsageError("--shadowed is in the shadow already")
    from trueline_cli.rules.files import read_files

    files = read_files(args.paths) if args.paths else None
    stage = RuleStage.SHADOW if args.shadow else RuleStage.ACTIVE
    with options.connect(args) as client:
        revision = _shadowed(client) if args.shadowed else args.revision
        how: dict[str, Any] = {"revision": revision, "base_alone": args.base, "stage": stage, "etag": args.etag}
        try:
            done = client.activate_rules(files, **how, validate_only=args.dry_run, author=args.author, note=args.note)
        except PreconditionError as error:
            if error.reason != "RULES_DO_NOT_LOAD":
                raise
            # An error has room for the first problems only.
            problems = client.activate_rules(files, **how, validate_only=True).problems
            return _refused(args, problems or _of(error), files or {})
    if done.problems:
        return _refused(args, done.problems, files or {})
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(done)
    elif args.dry_run:
        _tell_trial(done, args.shadow)
    else:
        _tell_done(done)
    return 0


def _shadowed(client: TruelineClient) -> str:
    shadow = client.rule_revisions(limit=1).shadow
    if shadow is None:
        raise options.UsageError("nothing is in the shadow; put rules there with --shadow")
    return shadow.revision


def _of(error: PreconditionError) -> tuple[RuleProblem, ...]:
    from trueline import RulePlace, RuleProblem

    return tuple(RuleProblem(RulePlace(one.field, 0, 0), one.description) for one in error.violations)


def _refused(args: argparse.Namespace, problems: tuple[RuleProblem, ...], files: Mapping[str, str]) -> int:
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"problems": problems})
        return exits.REFUSED
    from trueline_cli.rules.files import told_problems

    for line in told_problems(problems, files):
        print(line, file=sys.stderr)
    count = len(problems)
    print(f"✗ {count} problem{'s' if count > 1 else ''}; nothing was changed", file=sys.stderr)
    return exits.REFUSED


def _tell_trial(done: Activation, shadow: bool) -> None:
    where = "in the shadow" if shadow else "active"
    now = done.stage.revision if done.stage is not None else ""
    if done.revision == now:
        print(f"✓ the rules load; they are {where} already: revision {now}")
        return
    print(f"✓ the rules load; they would be revision {done.revision}")
    print(f"  {where} now: {f'revision {now}' if now else 'nothing'}; nothing was changed")


def _tell_done(done: Activation) -> None:
    assert done.stage is not None
    print(f"✓ {staged_words(done.stage)}")
    if done.stage.stage == "shadow":
        print("  its differences:       trueline rules shadow")
        print("  to put it into force:  trueline rules activate --shadowed")
    elif done.former_revision == done.revision:
        print("  the same rules were active before")
    elif done.former_revision:
        print(f"  before: revision {done.former_revision}; back to it: trueline rules rollback")


def staged_words(stage: StagedRules) -> str:
    """What is in a stage in one line: revision, since when, by whom."""
    from trueline_cli import style

    words = f"{_STAGES.get(stage.stage, stage.stage)}: revision {stage.revision} since {style.moment(stage.since)}"
    words += f" by {stage.author}" if stage.author else ""
    return words + (", pinned" if stage.pinned else "")


def _rollback(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        done = client.rollback_rules(args.revision, etag=args.etag, author=args.author, note=args.note)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(done)
        return 0
    assert done.stage is not None
    print(f"✓ {staged_words(done.stage)}")
    print(f"  before: revision {done.former_revision}")
    print("  pinned: it stays so until rules are activated, or the operator's files change")
    return 0


def _revisions(args: argparse.Namespace) -> int:
    from trueline_cli.output import print_json

    with options.connect(args) as client:
        if args.revision or args.files:
            content = client.rule_revision(args.revision)
            if args.files:
                return _print_files(content)
            if args.output == "json":
                print_json(content)
            else:
                _tell_content(content)
            return 0
        found = client.rule_revisions(limit=args.limit)
    if args.output == "json":
        print_json(found)
    else:
        _tell_revisions(found)
    return 0


def _tell_revisions(found: RuleRevisions) -> None:
    from trueline_cli import style

    stages = style.table("stage", "revision", "since", "etag", "by", "")
    for stage in (found.active, found.shadow):
        if stage is not None:
            since, pinned = style.moment(stage.since), "pinned" if stage.pinned else ""
            stages.add_row(stage.stage, stage.revision, since, stage.etag, stage.author, pinned)
    kept = style.table("kept", "since", "by", "note", fold=("note",))
    for one in found.revisions:
        kept.add_row(one.revision, style.moment(one.created_at), one.author, one.note)
    style.show(stages, "", kept)
    if found.failure is not None:
        from trueline_cli.rules.changes import failure_lines

        print("", *failure_lines(found.failure), sep="\n")


def _tell_content(content: RuleRevisionContent) -> None:
    from trueline_cli import style

    one = content.revision
    by = f" by {one.author}" if one.author else ""
    print(f"revision {one.revision}, kept since {style.moment(one.created_at)}{by}")
    if one.stages:
        print(f"  now {' and '.join(_STAGES.get(stage, stage) for stage in one.stages)}")
    if one.note:
        print(f"  {one.note}")
    counts = ", ".join(f"{count:,} {kind}" for kind, count in content.documents.items())
    print(textwrap.fill(counts, 80, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False))
    if content.files:
        print("files that were activated:")
        for name, text in content.files.items():
            print(f"  {name}  ({len(text.splitlines()):,} lines)")
    else:
        print("no files of your own: the default pack and the operator's files")


def _print_files(content: RuleRevisionContent) -> int:
    if not content.files:
        print("trueline rules revisions: this revision has no files of your own", file=sys.stderr)
        return exits.REFUSED
    for number, (name, text) in enumerate(content.files.items()):
        lead = "---\n" if number and not text.lstrip().startswith("---") else ""
        print(f"{lead}# {name}\n{text}", end="" if text.endswith("\n") else "\n")
    return 0
