"""`trueline facts`: put facts in from a file, get what is known of subjects, list what is known of all."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import exits, options

if TYPE_CHECKING:
    from trueline import Fact, FactRejection

_SHOWN_REFUSALS = 20
_KEYS = frozenset({"subject_id", "name", "value", "observed_at"})


class Facts:
    """What is known of accounts, users and patterns."""

    help = "put facts about accounts and users in, read them"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """The three things to do."""
        options.describe(
            parser,
            "Facts that rules judge: which there are is said by FactType documents.\n"
            "A file has a JSON object a line: subject_id, name, value, and observed_at\n"
            "if it is not now. A value is a number, text, true, false, a list of texts,\n"
            'null (absent), {"time": ...} or {"decimal": ...}.',
            (
                "trueline facts put facts.jsonl",
                "trueline facts get account a1 a2",
                "trueline facts list account",
                "trueline facts list account --id a1 --name tier --at 2026-01-31T00:00:00Z",
                "trueline facts list user --output json",
            ),
        )
        kinds = parser.add_subparsers(dest="what", metavar="put | get | list", required=True)
        common: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": parser.epilog}
        put = kinds.add_parser("put", help="keep the facts of a file", **common)
        options.add_global(put, defaults=False)
        put.add_argument("file", type=Path, metavar="FILE", help="JSON lines; - = standard input")
        get = kinds.add_parser("get", help="all that is known of some subjects, and what is not", **common)
        options.add_global(get, defaults=False)
        get.add_argument("subject", metavar="SUBJECT", help="kind of subject: account, user, …")
        get.add_argument("ids", nargs="+", metavar="ID", help="which ones")
        listing = kinds.add_parser("list", help="what is known of a kind of subject", **common)
        options.add_global(listing, defaults=False)
        listing.add_argument("subject", metavar="SUBJECT", help="kind of subject: account, user, …")
        listing.add_argument("--id", default="", metavar="ID", help="only of this subject")
        for one in (get, listing):
            one.add_argument("--name", action="append", default=[], metavar="NAME", help="only this fact; repeatable")
            options.add_instants(one)

    def run(self, args: argparse.Namespace) -> int:
        """Put, get or list; 1 if something was refused, or nothing is known of a subject."""
        return {"put": _put, "get": _get, "list": _list}[args.what](args)


command = Facts()


def _put(args: argparse.Namespace) -> int:
    bad: list[str] = []
    try:
        text = sys.stdin.read() if str(args.file) == "-" else args.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise options.UsageError(f"{args.file} cannot be read: {error}") from None
    lines, facts = [], []
    for line, fact in _read(text, bad):
        lines.append(line)
        facts.append(fact)
    with options.connect(args) as client:
        result = client.put_facts(facts)
    if args.output == "json":
        from trueline_cli.output import print_json

        refused = [_told(one, lines) for one in result.rejections]
        print_json({"accepted": result.accepted, "refused": refused, "unreadable": bad})
    else:
        for told in [*bad, *(_told(one, lines)["message"] for one in result.rejections)][:_SHOWN_REFUSALS]:
            print(told, file=sys.stderr)
        refusals = len(bad) + len(result.rejections)
        print(f"{result.accepted:,} kept, {refusals:,} refused")
    return exits.FINDING if bad or result.rejections else exits.YES


def _told(one: FactRejection, lines: list[int]) -> dict[str, Any]:
    line = lines[one.index]
    return {"line": line, "field": one.field, "reason": one.reason, "message": f"line {line}: {one.message}"}


def _read(text: str, bad: list[str]) -> Iterator[tuple[int, Fact]]:
    """Line number and fact of each line that can be read; what is wrong with the others."""
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                fact = _fact(line)
            except ValueError as error:
                bad.append(f"line {number}: {error}")
            else:
                yield number, fact


def _fact(line: str) -> Fact:
    """A fact of its line.

    Raises:
        ValueError: the line says no fact.

    """
    from trueline import Fact

    record = json.loads(line)
    keys = record.keys() if isinstance(record, dict) else set()
    if strange := keys - _KEYS:
        raise ValueError(f"has the key '{min(strange)}'; known are {', '.join(sorted(_KEYS))}")
    if missing := _KEYS - {"observed_at"} - keys:
        raise ValueError(f"lacks the key '{min(missing)}'")
    observed_at = record.get("observed_at")
    return Fact(
        subject_id=str(record["subject_id"]),
        name=str(record["name"]),
        value=_value(record["value"]),
        observed_at=None if observed_at is None else _instant(observed_at),
    )


def _value(written: Any) -> object:
    if isinstance(written, list) and all(isinstance(one, str) for one in written):
        return frozenset(written)
    if isinstance(written, dict) and written.keys() == {"time"}:
        return _instant(written["time"])
    if isinstance(written, dict) and written.keys() == {"decimal"}:
        try:
            return Decimal(str(written["decimal"]))
        except InvalidOperation:
            raise ValueError(f"{written['decimal']!r} is no decimal") from None
    if written is None or isinstance(written, str | bool | int | float):
        return written
    raise ValueError('a value is a number, text, true, false, a list of texts, null, {"time": …} or {"decimal": …}')


def _instant(written: Any) -> datetime:
    try:
        return options.instant(str(written))
    except argparse.ArgumentTypeError as error:
        raise ValueError(str(error)) from None


def _get(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.get_facts(args.subject, args.ids, names=args.name, at=args.at, known_at=args.known_at)
    if args.output == "json":
        from trueline_cli.output import print_json

        subjects = [
            {
                "subject_id": one.subject_id,
                "facts": [_plain(fact) for fact in one.facts.values()],
                "unknown_names": one.unknown_names,
            }
            for one in found.subjects
        ]
        print_json({"subjects": subjects, "unknown_ids": found.unknown_ids})
    else:
        if found.subjects:
            _show(args.subject, [fact for one in found.subjects for fact in one.facts.values()])
        for one in found.subjects:
            if one.unknown_names:
                print(f"! {one.subject_id}: nothing was observed of {', '.join(one.unknown_names)}")
        for subject_id in found.unknown_ids:
            print(f"! {subject_id}: nothing is known of it")
    return exits.FINDING if found.unknown_ids else exits.YES


def _list(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        facts = client.list_facts(args.subject, subject_id=args.id, names=args.name, at=args.at, known_at=args.known_at)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"facts": [_plain(fact) for fact in facts]})
    else:
        _show(args.subject, facts)
    return 0


def _show(subject: str, facts: list[Fact]) -> None:
    from trueline_cli import style

    made = style.table(subject, "fact", "value", "since", fold=("value",))
    for fact in facts:
        since = "" if fact.observed_at is None else f"{fact.observed_at:%Y-%m-%d %H:%M:%S}"
        made.add_row(fact.subject_id, fact.name, _shown(fact.value), since)
    style.show(made)


def _plain(fact: Fact) -> dict[str, Any]:
    value = fact.value
    told: Any = value
    if isinstance(value, frozenset):
        told = sorted(value)
    elif isinstance(value, datetime):
        told = {"time": value.isoformat()}
    elif isinstance(value, Decimal):
        told = {"decimal": str(value)}
    observed_at = None if fact.observed_at is None else fact.observed_at.isoformat()
    recorded_at = None if fact.recorded_at is None else fact.recorded_at.isoformat()
    return {
        "subject_id": fact.subject_id,
        "name": fact.name,
        "value": told,
        "observed_at": observed_at,
        "recorded_at": recorded_at,
    }


def _shown(value: object) -> str:
    match value:
        case None:
            return "absent"
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}"
        case frozenset():
            return ", ".join(sorted(map(str, value)))
    return str(value)
