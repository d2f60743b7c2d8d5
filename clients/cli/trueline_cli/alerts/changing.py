"""`trueline alerts ack`, `unack`, `resolve`, `assign` and `note`: what people do to alerts."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trueline_cli import exits, options

if TYPE_CHECKING:
    from trueline import Alert, TruelineClient

_RESOLVED = (
    "An alert that is resolved while its rule still fires stays resolved until the\n"
    "rule does not fire any more; what fires again then is a new alert."
)


def add(verbs: Any) -> None:
    """Add the actions."""
    ack = _many(
        verbs,
        "ack",
        "say that you have it: nobody else is told",
        "Say that you have alerts: their escalation stops. Many at once by --match or --group:\n"
        "how many these are is told first, and asked on a terminal.",
        (
            "trueline alerts ack alert-17",
            "trueline alerts ack alert-17 alert-18 --note 'looking at the importer'",
            "trueline alerts ack --match rule=dau_drop --match 'region=~\"eu|us\"'",
            "trueline alerts ack --group 5b1e3f2a9c0d7e864f21a8b0c9d3e6f7 --yes",
        ),
        many=True,
    )
    ack.add_argument(
        "--match", action="append", default=[], metavar="MATCHER", help="all with such labels; may be repeated"
    )
    ack.add_argument("--group", default="", metavar="ID", help="all of this one, as groups shows it")
    ack.add_argument("--yes", action="store_true", help="do not ask")
    ack.set_defaults(act=_ack)
    unack = _many(
        verbs,
        "unack",
        "say that nobody has it any more",
        "Take acknowledgements back: the escalation goes on.",
        ("trueline alerts unack alert-17 --note 'my shift ends'",),
    )
    unack.set_defaults(act=_unack)
    resolve = _many(
        verbs,
        "resolve",
        "end an alert by hand",
        f"End alerts by hand. {_RESOLVED}",
        ("trueline alerts resolve alert-17 --note 'the importer was restarted'",),
    )
    resolve.set_defaults(act=_resolve)
    assign = options.action(
        verbs,
        "assign",
        "say whose it is to see to",
        "Say whose an alert is to see to. That alone stops no escalation; ack does.",
        ("trueline alerts assign alert-17 ann", "trueline alerts assign alert-17 ''     # nobody's"),
    )
    assign.add_argument("alert", metavar="ALERT", help="its id, as list shows it")
    assign.add_argument("owner", metavar="OWNER", help="whose; '' = nobody's")
    _add_common(assign, etag=True)
    assign.set_defaults(act=_assign)
    note = options.action(
        verbs,
        "note",
        "add to the timeline of an alert",
        "Add to the timeline of an alert, also of a resolved one. With --meets it meets a\n"
        "deadline of its escalation, as `show` lists them.",
        (
            "trueline alerts note alert-17 'the vendor is on it'",
            "trueline alerts note alert-17 'customers were written to' --meets update",
        ),
    )
    note.add_argument("alert", metavar="ALERT", help="its id, as list shows it")
    note.add_argument("text", metavar="TEXT", help="what is to be noted")
    note.add_argument("--meets", default="", metavar="DEADLINE", help="update, post_mortem, inform:…")
    add_author(note)
    note.set_defaults(act=_note)


def add_author(parser: argparse.ArgumentParser) -> None:
    """Who does it."""
    parser.add_argument(
        "--author", default=options.author(), metavar="NAME", help="who does it (env TRUELINE_AUTHOR, login)"
    )


def _many(
    verbs: Any, name: str, about: str, text: str, examples: tuple[str, ...], *, many: bool = False
) -> argparse.ArgumentParser:
    made = options.action(verbs, name, about, text, examples)
    made.add_argument("alerts", nargs="*" if many else "+", metavar="ALERT", help="ids, as list shows them")
    _add_common(made, etag=False)
    return made


def _add_common(parser: argparse.ArgumentParser, *, etag: bool) -> None:
    add_author(parser)
    parser.add_argument("--note", default="", metavar="TEXT", help="for the timeline")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be")
    if etag:
        parser.add_argument("--etag", default="", metavar="ETAG", help="only if the alert is as `show` showed it")
    else:
        parser.add_argument(
            "--etag", default="", metavar="ETAG", help="of one alert: only if it is as `show` showed it"
        )


def _ack(args: argparse.Namespace) -> int:
    if bool(args.alerts) == bool(args.match or args.group):
        raise options.UsageError("give the ids of alerts, or --match, --group or both of these")
    if not args.alerts:
        return _ack_many(args)
    return _each(args, lambda client, alert, how: client.acknowledge_alert(alert, **how))


def _ack_many(args: argparse.Namespace) -> int:
    """Count, ask, and acknowledge page by page, so that no call takes long."""
    import sys

    if args.etag:
        raise options.UsageError("--etag is that of one alert; name one")
    which: dict[str, Any] = {"author": args.author, "matchers": args.match, "group": args.group, "note": args.note}
    with options.connect(args) as client:
        count = client.acknowledge_alerts(**which, validate_only=True).acknowledged
        alerts = f"{count:,} alert{'' if count == 1 else 's'} that nobody has"
        done = 0
        if count and not args.dry_run:
            if not args.yes and not sys.stdin.isatty():
                raise options.UsageError(f"there are {alerts}; say --yes, and they are {args.author}'s")
            if not args.yes and not _agrees(f"acknowledge {alerts}?"):
                return exits.REFUSED
            more = True
            while more:
                taken = client.acknowledge_alerts(**which)
                done, more = done + taken.acknowledged, taken.more
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"matching": count, "acknowledged": done})
    elif args.dry_run:
        print(f"would acknowledge {alerts}")
    else:
        print(f"acknowledged {done:,} alert{'' if done == 1 else 's'}")
    return 0


def _agrees(question: str) -> bool:
    """Whether who sits there says yes; silence is a no."""
    import sys

    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _unack(args: argparse.Namespace) -> int:
    return _each(args, lambda client, alert, how: client.unacknowledge_alert(alert, **how))


def _resolve(args: argparse.Namespace) -> int:
    return _each(args, lambda client, alert, how: client.resolve_alert(alert, **how))


def _assign(args: argparse.Namespace) -> int:
    args.alerts = [args.alert]
    return _each(args, lambda client, alert, how: client.assign_alert(alert, args.owner, **how))


def _note(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        alert = client.add_note(args.alert, args.text, author=args.author, meets=args.meets)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(alert)
    else:
        print(f"noted on {alert.id}" + (f"; {args.meets} is met" if args.meets else ""))
    return 0


def _each(args: argparse.Namespace, change: Callable[[TruelineClient, str, dict[str, Any]], Alert]) -> int:
    """Change each alert; one that cannot be changed is told, and the others are changed all the same."""
    import sys

    from trueline import TruelineError

    from trueline_cli.explain import explain

    if args.etag and len(args.alerts) > 1:
        raise options.UsageError("--etag is that of one alert; name one")
    how = {"author": args.author, "note": args.note, "etag": args.etag, "validate_only": args.dry_run}
    changed, failed = [], 0
    with options.connect(args) as client:
        for alert in args.alerts:
            try:
                changed.append(change(client, alert, how))
            except TruelineError as error:
                if len(args.alerts) == 1 or error.code in ("UNAVAILABLE", "UNAUTHENTICATED"):
                    raise
                failed += 1
                print(f"trueline alerts: {explain(error)}", file=sys.stderr)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"alerts": changed})
    else:
        from trueline_cli.alerts.showing import about, state_words

        would = "would be " if args.dry_run else ""
        for one in changed:
            print(f"{one.id}  {would}{state_words(one)}  {about(one)}")
    return int(failed > 0)
