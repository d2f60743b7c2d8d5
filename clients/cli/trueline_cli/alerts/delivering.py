"""`trueline alerts notifications` and `resend`: what was said to whom, what could not be, and saying it again."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import NotificationDetails

_STATES = ("queued", "sent", "dead", "dropped")


def add(verbs: Any) -> None:
    """Add the actions."""
    listing = options.action(
        verbs,
        "notifications",
        "what was said to whom, and what could not be",
        "What was said, is still to be said, or could not be (--state dead), the newest\n"
        "first; or one of them with what it says and every try to deliver it.",
        (
            "trueline alerts notifications",
            "trueline alerts notifications --state dead",
            "trueline alerts notifications 5b1e3f2a9c0d7e864f21a8b0c9d3e6f7",
        ),
    )
    listing.add_argument("notification", nargs="?", default="", metavar="ID", help="tell about this one")
    listing.add_argument("--state", choices=_STATES, default="", help="only in this one")
    listing.add_argument("--channel", default="", metavar="NAME", help="only to this one")
    listing.add_argument("--group", default="", metavar="ID", help="only of this group")
    listing.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
    listing.set_defaults(act=_notifications)
    resend = options.action(
        verbs,
        "resend",
        "send a notification again",
        "Send notifications again, with the same idempotency key: what arrived before is\n"
        "taken once by whoever honours the key. Without ids: all that could not be\n"
        "delivered, at most 1,000.",
        ("trueline alerts resend 5b1e3f2a9c0d7e864f21a8b0c9d3e6f7", "trueline alerts resend --dead"),
    )
    resend.add_argument("notifications", nargs="*", metavar="ID", help="ids, as notifications shows them")
    resend.add_argument("--dead", action="store_true", help="all that could not be delivered")
    resend.add_argument(
        "--author", default=options.author(), metavar="NAME", help="who asks (env TRUELINE_AUTHOR, login)"
    )
    resend.set_defaults(act=_resend)


def _notifications(args: argparse.Namespace) -> int:
    from trueline_cli.output import print_json

    if args.notification:
        with options.connect(args) as client:
            one = client.get_notification(args.notification)
        if args.output == "json":
            print_json(one)
        else:
            print("\n".join(_lines(one)))
        return 0
    with options.connect(args) as client:
        found = client.list_notifications(state=args.state, channel=args.channel, group=args.group, limit=args.limit)
    if args.output == "json":
        print_json({"notifications": found})
        return 0
    from trueline_cli import style

    made = style.table("notification", "state", "when", "what", fold=("what",))
    for each in found:
        whom = f"{each.channel} ({each.person})" if each.person else each.channel
        alerts = f"{each.alerts_total:,} alert{'' if each.alerts_total == 1 else 's'}"
        what = f"{whom}: {each.reason_text}, {alerts}" + (f"; {each.error}" if each.error else "")
        made.add_row(each.id, each.state.value, style.moment(each.created_at, short=True), what)
    style.show(
        made if found else "no such notification" if args.state or args.channel or args.group else "nothing said"
    )
    return 0


def _resend(args: argparse.Namespace) -> int:
    if args.dead == bool(args.notifications):
        raise options.UsageError("give the ids of notifications, or --dead")
    with options.connect(args) as client:
        ids = args.notifications
        if args.dead:
            ids = [each.id for each in client.list_notifications(state="dead", limit=1_000)]
        sent = [client.resend_notification(each, author=args.author) for each in ids]
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"notifications": sent})
        return 0
    for each in sent:
        print(f"{each.id}  {each.state} for {each.channel}")
    if not sent:
        print("nothing to send again")
    return 0


def _lines(found: NotificationDetails) -> list[str]:
    from trueline_cli import style
    from trueline_cli.alerts.showing import notification_line

    one = found.notification
    lines = [one.id, f"  {notification_line(one)}"]
    if one.alerts:
        more = f" and {one.alerts_total - len(one.alerts):,} more" if one.alerts_total > len(one.alerts) else ""
        lines.append(f"  {one.status}: {', '.join(one.alerts)}{more}")
    if one.sent_as and one.sent_as != one.id:
        lines.append(f"  went in the bundle {one.sent_as}")
    for each in found.deliveries:
        took = f"{each.took.total_seconds():.2f} s"
        lines.append(
            f"  {style.moment(each.at)}  {each.outcome} after {took}" + (f": {each.answer}" if each.answer else "")
        )
    return lines if found.deliveries else [*lines, "  no try to deliver it yet"]
