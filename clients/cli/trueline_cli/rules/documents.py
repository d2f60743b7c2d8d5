"""`trueline rules list` and `show`: the documents in force, and what one of them says."""

from __future__ import annotations

import argparse
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import RuleDocument, RuleDocuments, TruelineClient

# Where a document comes from, for people.
LAYERS = {"pack": "pack", "operator": "operator", "tenant": "activated"}

_GAP = 2
_LEAST_ABOUT = 16


def add(verbs: Any) -> None:
    """Add both actions."""
    listing = options.action(
        verbs,
        "list",
        "the rules in force: alert rules, KPIs, metrics, …",
        "The rule documents in force, of all kinds: alert rules, KPIs, metrics, tests, …",
        (
            "trueline rules list",
            "trueline rules list AlertRule",
            "trueline rules list Kpi --output json",
            "trueline rules list --revision 3f2a9c0d5b1e7a86",
        ),
    )
    listing.add_argument("kind", nargs="?", default="", metavar="KIND", help="only this kind, e.g. AlertRule")
    show = options.action(
        verbs,
        "show",
        "what one of them says, as YAML, and whose it is",
        "What a rule document says, as YAML that can go into a file, and whose it is.",
        (
            "trueline rules show churn_rate_high",
            "trueline rules show Kpi churn_rate",
            "trueline rules show churn_rate_high > mine.yaml      # to begin your own with",
        ),
    )
    show.add_argument("names", nargs="+", metavar="[KIND] NAME", help="the document; KIND where a name has several")
    for one in (listing, show):
        one.add_argument("--revision", default="", metavar="REV", help="of this revision; without: of the active one")
    listing.set_defaults(act=_list)
    show.set_defaults(act=_show)


def _list(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_rules(args.kind, revision=args.revision)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(found)
        return 0
    from trueline_cli import style

    if not found.documents:
        print("there are no such documents")
        return 0
    made = style.table("kind", "name", "from", "about")
    rows = [(one.kind, one.name, LAYERS.get(one.layer, one.layer)) for one in found.documents]
    # What a document is about gets the rest of a line, and is cut before its name is.
    used = sum(max(map(len, column)) + _GAP for column in zip(*rows, strict=True))
    room = max(style.console().width - used, _LEAST_ABOUT)
    for row, one in zip(rows, found.documents, strict=True):
        made.add_row(*row, shorten(one.description, room, placeholder="…"))
    style.show(made, _summary(found))
    return 0


def _summary(found: RuleDocuments) -> str:
    counts = [
        f"{number:,} {words}"
        for layer, words in (
            ("pack", "of the default pack"),
            ("operator", "of the operator's files"),
            ("tenant", "of files that you activated"),
        )
        if (number := sum(one.layer == layer for one in found.documents))
    ]
    return "\n".join(["", *([", ".join(counts)] if counts else []), f"revision {found.rule_revision}"])


def _show(args: argparse.Namespace) -> int:
    if len(args.names) > 2:
        raise options.UsageError("give a name, or a kind and a name: trueline rules show Kpi churn_rate")
    with options.connect(args) as client:
        kind = args.names[0] if len(args.names) == 2 else _kind_of(client, args.names[0], args.revision)
        found = client.get_rule(kind, args.names[-1], revision=args.revision)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(found)
        return 0
    print(f"# {_origin(found.document)}, revision {found.rule_revision}")
    print(found.yaml, end="" if found.yaml.endswith("\n") else "\n")
    return 0


def _origin(document: RuleDocument) -> str:
    place = str(document.place)
    origins = {
        "pack": f"from the default pack: {place}",
        "operator": f"from the operator's files: {place}",
        "tenant": f"from files that were activated: {place}",
    }
    return origins.get(document.layer, place)


def _kind_of(client: TruelineClient, name: str, revision: str) -> str:
    """The kind of the document with a name. "" asks the server, which then says what is nearest."""
    from difflib import get_close_matches

    from trueline import NotFoundError

    documents = client.list_rules(revision=revision).documents
    kinds = [one.kind for one in documents if one.name == name]
    # A test is called like its rule, and is hardly ever what is meant.
    meant = [kind for kind in kinds if kind != "RuleTest"] or kinds
    if len(meant) > 1:
        choice = " or ".join(f"trueline rules show {kind} {name}" for kind in meant)
        raise options.UsageError(f"{name} is the name of several documents; say which: {choice}")
    if not meant:
        near = get_close_matches(name, sorted({one.name for one in documents}), 1)
        told = f"no document is called '{name}'"
        raise NotFoundError("NOT_FOUND", "UNKNOWN_RULE", told, {"nearest": near[0]} if near else {})
    return meant[0]
