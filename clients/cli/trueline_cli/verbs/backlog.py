"""`trueline backlog`: what is to be mended, by whom, how urgently."""

from __future__ import annotations

import argparse
from typing import Any

from trueline_cli import options

_PRIORITIES = ("critical", "high", "medium", "low")
_STATES = {
    "todo": ("open", "acknowledged"),
    "open": ("open",),
    "doing": ("acknowledged",),
    "done": ("resolved",),
    "all": (),
}
_MOVES = {"doing": "acknowledged", "done": "resolved", "open": "open"}
_EXAMPLES = (
    "trueline backlog                                  # what is to be mended",
    "trueline backlog list --priority critical --owner ''",
    "trueline backlog show backlog-3",
    "trueline backlog update backlog-3 --owner ann --state doing",
    "trueline backlog update backlog-3 --state done --note mended",
)


class Backlog:
    """The backlog: list, show, update."""

    help = "what checkpoints found is to be mended"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions; without one: list."""
        options.describe(
            parser,
            "What is to be mended: what checkpoints missed, and alerts that wait on the list.\n"
            "Without an action: list.",
            _EXAMPLES,
        )
        _add_filters(parser)
        parser.set_defaults(act=_list)
        verbs = parser.add_subparsers(dest="action", metavar="ACTION")
        listing = options.action(verbs, "list", "what is to be mended", "Items, the newest first.", _EXAMPLES[:2])
        _add_filters(listing)
        listing.set_defaults(act=_list)
        show = options.action(verbs, "show", "an item with its timeline", "An item with its timeline.", (_EXAMPLES[2],))
        show.set_defaults(act=_show)
        update = options.action(
            verbs,
            "update",
            "change owner, priority or state",
            "Change who sees to an item, how urgent it is, and where it stands. A priority\n"
            "that somebody set is not changed by later checkpoints.",
            _EXAMPLES[3:],
        )
        for one in (show, update):
            one.add_argument("item", metavar="ITEM", help="as list shows it")
        update.add_argument("--owner", default=None, metavar="NAME", help="who sees to it; '' = nobody")
        update.add_argument("--priority", choices=_PRIORITIES, default=None, help="how urgent it is")
        update.add_argument("--state", choices=tuple(_MOVES), default=None, help="where it stands")
        update.add_argument("--note", default="", metavar="TEXT", help="for the timeline")
        update.add_argument("--etag", default="", metavar="ETAG", help="only if it is as `show` showed it")
        update.add_argument("--dry-run", action="store_true", help="only say what would be")
        update.add_argument(
            "--author", default=options.author(), metavar="NAME", help="who does it (env TRUELINE_AUTHOR, login)"
        )
        update.set_defaults(act=_update)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = Backlog()


def _add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", choices=tuple(_STATES), default="todo", help="todo (open and doing), open, doing, done, all (todo)"
    )
    parser.add_argument("--priority", choices=_PRIORITIES, default="", help="only of this one")
    parser.add_argument("--owner", default=None, metavar="NAME", help="only those of this one; '' = of nobody")
    parser.add_argument("--origin", default="", metavar="NAME", help="only of this policy or rule")
    parser.add_argument("--limit", type=options.count, default=50, metavar="N", help="so many; 0 = all (50)")


def _list(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_backlog_items(
            states=_STATES[args.state], priority=args.priority, owner=args.owner, origin=args.origin, limit=args.limit
        )
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"items": found})
        return 0
    from trueline_cli import style
    from trueline_cli.checkpoints.showing import items_table

    style.show(items_table(found) if found else "nothing is to be mended")
    return 0


def _show(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.get_backlog_item(args.item)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(found)
        return 0
    from trueline_cli import style
    from trueline_cli.alerts.showing import event_lines
    from trueline_cli.checkpoints.showing import item_state

    item = found.item
    print(f"{item.id}  {item.priority}, {item_state(item)}\n  {item.title}")
    shown: dict[str, Any] = {
        "text": item.text if item.text != item.title else "",
        "action": item.action,
        "owner": item.owner or "nobody yet",
        "cell": item.cell,
        "origin": item.origin,
        "alert": item.alert,
        "misses": f"{item.misses}, last {item.checkpoint}" if item.misses else "",
        "opened": style.moment(item.opened_at),
        "done": style.moment(item.resolved_at) if item.resolved_at else "",
        "etag": item.etag,
    }
    print("\n".join(f"  {name:<7} {text}" for name, text in shown.items() if text))
    print("\ntimeline")
    print("\n".join(f"  {line}" for event in found.timeline for line in event_lines(event)))
    return 0


def _update(args: argparse.Namespace) -> int:
    if args.owner is None and args.priority is None and args.state is None and not args.note:
        raise options.UsageError("give what is to be changed: --owner, --priority, --state or --note")
    with options.connect(args) as client:
        item = client.update_backlog_item(
            args.item,
            author=args.author,
            owner=args.owner,
            priority=args.priority,
            state=None if args.state is None else _MOVES[args.state],
            note=args.note,
            etag=args.etag,
            validate_only=args.dry_run,
        )
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(item)
        return 0
    from trueline_cli.checkpoints.showing import item_state

    owner = f", {item.owner}" if item.owner else ""
    print(f"{item.id}  {'would be ' if args.dry_run else ''}{item.priority}, {item_state(item)}{owner}  {item.title}")
    return 0
