"""`trueline alerts list`, `show`, `why`, `groups` and `watch`: what fires, and all about it."""

from __future__ import annotations

import argparse
from typing import Any

from trueline_cli import options

_OPEN = ("open", "acknowledged")
_STATES = {"open": ("open",), "ack": ("acknowledged",), "resolved": ("resolved",), "all": (), "firing": _OPEN}


def add(verbs: Any) -> None:
    """Add the actions."""
    _add_list(verbs)
    show = options.action(
        verbs,
        "show",
        "all about an alert, with its timeline",
        "All about an alert: where it stands, who was told and why, what comes next, and\neverything that happened.",
        ("trueline alerts show alert-17", "trueline alerts show alert-17 --output json"),
    )
    show.set_defaults(act=_show)
    why = options.action(
        verbs,
        "why",
        "why an alert was told, or was not",
        "Who was told of an alert and why, who was not and why not, and what comes next.",
        ("trueline alerts why alert-17",),
    )
    why.set_defaults(act=_why)
    for one in (show, why):
        one.add_argument("alert", metavar="ALERT", help="its id, as list shows it")
    groups = options.action(
        verbs,
        "groups",
        "alerts that are told together, and their escalations",
        "The groups of alerts that are not over: where they are told, how many fire, how\nfar the escalations are.",
        ("trueline alerts groups", "trueline alerts groups --route default/billing"),
    )
    groups.add_argument("--route", default="", metavar="ROUTE", help="only of this one, as groups shows it")
    groups.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
    groups.set_defaults(act=_groups)
    watch = options.action(
        verbs,
        "watch",
        "alerts as they come and go, until Ctrl-C",
        "The alerts that are not resolved, as they come and go: a table on a terminal, a\nline a change into a pipe.",
        ("trueline alerts watch", "trueline alerts watch --output json", "trueline alerts watch --once"),
    )
    watch.add_argument("--resume", default="", metavar="TOKEN", help="go on from the token of an earlier watch")
    watch.add_argument("--once", action="store_true", help="stop when what fires now is told")
    watch.set_defaults(act=_watch)


def _add_list(verbs: Any) -> None:
    listing = options.action(
        verbs,
        "list",
        "the alerts that are not resolved",
        "The alerts that are not resolved, the newest first; with --state those of\nanother state.",
        (
            "trueline alerts list",
            "trueline alerts list --match severity=critical --match 'region=~\"eu|us\"'",
            "trueline alerts list --state resolved --limit 100",
            "trueline alerts list --owner ''             # nobody sees to these",
        ),
    )
    add_filters(listing)
    listing.set_defaults(act=list_alerts)


def add_filters(parser: argparse.ArgumentParser) -> None:
    """The options of a list."""
    parser.add_argument(
        "--state", choices=tuple(_STATES), default="firing", help="open, ack, resolved, all (open and ack)"
    )
    parser.add_argument("--severity", default="", metavar="SEVERITY", help="only of this one")
    parser.add_argument("--rule", default="", metavar="RULE", help="only of this one")
    parser.add_argument("--owner", default=None, metavar="NAME", help="only those of this one; '' = of nobody")
    parser.add_argument(
        "--match",
        action="append",
        default=[],
        metavar="MATCHER",
        help='only with such labels: team=billing, plan!=free, region=~"eu|us"; may be repeated',
    )
    parser.add_argument("--limit", type=options.count, default=50, metavar="N", help="so many; 0 = all (50)")


def list_alerts(args: argparse.Namespace) -> int:
    """List alerts."""
    with options.connect(args) as client:
        found = client.list_alerts(
            states=_STATES[args.state],
            severity=args.severity,
            rule=args.rule,
            owner=args.owner,
            matchers=args.match,
            limit=args.limit,
        )
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"alerts": found})
        return 0
    from trueline_cli import style
    from trueline_cli.alerts.showing import alerts_table

    style.show(alerts_table(found) if found else "no such alert" if _filtered(args) else "nothing fires")
    return 0


def _filtered(args: argparse.Namespace) -> bool:
    return bool(args.state != "firing" or args.severity or args.rule or args.owner is not None or args.match)


def _show(args: argparse.Namespace) -> int:
    from trueline_cli.alerts import showing

    with options.connect(args) as client:
        found = client.get_alert(args.alert)
    return _print(args, found, lambda: showing.alert_lines(found, showing.now()))


def _why(args: argparse.Namespace) -> int:
    from trueline_cli.alerts import showing

    with options.connect(args) as client:
        found = client.get_alert(args.alert)
    told = {"groups": found.groups, "suppressions": found.suppressions, "notifications": found.notifications}
    return _print(args, told, lambda: showing.why_lines(found, showing.now()))


def _groups(args: argparse.Namespace) -> int:
    from trueline_cli.alerts import showing

    with options.connect(args) as client:
        found = client.list_alert_groups(route=args.route, limit=args.limit)
    lines = [line for one in found for line in (*showing.group_lines(one, showing.now()), f"  group {one.id}")]
    return _print(args, {"groups": found}, lambda: lines or ["no group: nothing fires"])


def _watch(args: argparse.Namespace) -> int:
    from trueline_cli.watching import watch_alerts

    return watch_alerts(args)


def _print(args: argparse.Namespace, value: Any, lines: Any) -> int:
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(value)
        return 0
    print("\n".join(lines()))
    return 0
