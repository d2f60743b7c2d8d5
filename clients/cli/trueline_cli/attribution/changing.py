"""`trueline attribution changes`: its arguments, and what changed since as tables of 80 columns and as plain rows."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from trueline_cli import options, style

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from decimal import Decimal

    from trueline import AttributionChanges, CauseTotal

    from trueline_cli.attribution.rows import Rows

_ID, _PATH = 18, 24
_LONGEST_PATH = 4


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments beside document, conversion and period."""
    since = parser.add_mutually_exclusive_group(required=True)
    since.add_argument("--since", type=options.instant, metavar="TIME", help="than what was known then")
    since.add_argument(
        "--since-position", type=options.count, metavar="N", help="than up to this log position, as JSON tells it"
    )
    parser.add_argument("--model", action="append", default=[], metavar="MODEL", help="only this one; repeatable")
    parser.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")


def since_of(args: argparse.Namespace) -> datetime | int:
    """What it is compared with."""
    at: datetime | None = args.since
    position: int = args.since_position
    return position if at is None else at


def show_changes(found: AttributionChanges) -> None:
    """What causes come to, then a line for each conversion before and one as it is now, with what did it."""
    start, end = (style.moment(instant, short=True) for instant in (found.about.start_time, found.about.end_time))
    head = f"{found.about.conversion}, {start} to {end}, {found.about.currency}"
    if not found.total_changes:
        style.show(head, "nothing is attributed in another way")
        return
    style.show(f"{head} · {found.total_changes:,} attributed in another way", "", cause_table(found.causes))
    made = style.table(
        "conversion", "", "value", "path", "because of", right=("value",), fold=("path",), cut={"conversion": _ID}
    )
    for change in found.changes:
        why = ", ".join(_said(cause) for cause in change.causes)
        if change.existed:
            made.add_row(change.conversion_id, "was", _money(change.value_before), _path(change.channels_before), "")
        label = "" if change.existed else change.conversion_id
        made.add_row(label, "is", _money(change.value), _path(change.channels), why)
        if change.existed and change.person != change.person_before:
            made.add_row("", "", "", f"of {change.person}, was {change.person_before}", "")
    style.show("", made)
    if found.total_changes > len(found.changes):
        style.show("", f"{found.total_changes - len(found.changes):,} more conversions; --limit 0 shows all")


def cause_table(causes: Iterable[CauseTotal]) -> object:
    """What each cause did, as a table."""
    columns = ("conversions", "more", "value")
    made = style.table("because of", *columns, right=columns)
    for one in causes:
        made.add_row(
            _said(one.cause), f"{one.conversions:,}", f"{one.conversions_change:+,}", f"{one.value_change:+,f}"
        )
    return made


def csv_changes(found: AttributionChanges) -> tuple[Sequence[str], Rows]:
    """A row for what moved of each conversion, by model and channel; an event is "cause:source:id"."""
    own = ("conversion_id", "source", "converted_at", "existed", "person_before", "person", "value_before", "value")
    moved = ("model", "channel", "conversions_before", "conversions", "channel_value_before", "channel_value")
    return (*own, "causes", "events", *moved), _rows(found)


def _rows(found: AttributionChanges) -> Iterator[Sequence[object]]:
    for change in found.changes:
        own = (
            *(change.conversion_id, change.source, change.converted_at, change.existed),
            *(change.person_before, change.person, change.value_before, change.value),
            " ".join(change.causes),
            " ".join(f"{event.cause}:{event.source}:{event.id}" for event in change.events),
        )
        for move in change.moves:
            parts = (move.conversions_before, move.conversions, move.value_before, move.value)
            yield (*own, move.model, move.channel, *parts)
        if not change.moves:
            yield (*own, "", "", "", "", "", "")


def _path(channels: Sequence[str]) -> str:
    """The last touches of a path."""
    told = " > ".join(channels[-_LONGEST_PATH:]) or "no touch"
    return told if len(channels) <= _LONGEST_PATH else f"{len(channels) - _LONGEST_PATH:,} > {told}"


def _said(cause: str) -> str:
    return cause.replace("_", " ")


def _money(value: Decimal) -> str:
    return f"{value:,f}"
