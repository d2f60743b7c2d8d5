"""Shows a simulation: its timeline as a table of at most 100 columns, and its summary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.text import Text
from trueline import TimelineEntryKind as Kind

from trueline_cli import options, style

if TYPE_CHECKING:
    from trueline import Simulation, SimulationSummary, TimelineEntry

_WIDTH = 100
_WORDS = {
    Kind.PENDING: "holds",
    Kind.CALMED: "calmed",
    Kind.OPENED: "fires",
    Kind.CHANGED: "changed",
    Kind.RESOLVED: "over",
    Kind.SENT: "TOLD",
    Kind.HELD: "held",
    Kind.UNTOLD: "not told",
    Kind.UNSENT: "not sent",
    Kind.UNREACHED: "unreached",
    Kind.EXHAUSTED: "exhausted",
    Kind.DEADLINE_MISSED: "too late",
    Kind.ACKNOWLEDGED: "taken",
    Kind.UNACKNOWLEDGED: "given back",
    Kind.NOTED: "noted",
    Kind.SILENCED: "silence",
    Kind.SILENCE_ENDED: "silence over",
    Kind.BACKLOG: "backlog",
    Kind.IGNORED: "ignored",
}
# What is wrong with the escalation itself; what people do; what nobody hears of.
_WRONG = frozenset({Kind.UNREACHED, Kind.EXHAUSTED, Kind.DEADLINE_MISSED, Kind.IGNORED})
_PEOPLE = frozenset({Kind.ACKNOWLEDGED, Kind.UNACKNOWLEDGED, Kind.NOTED, Kind.SILENCED, Kind.SILENCE_ENDED})
_UNHEARD = frozenset({Kind.PENDING, Kind.CALMED, Kind.HELD, Kind.UNTOLD, Kind.UNSENT, Kind.BACKLOG})
_SEVERITIES = {"critical": "red", "high": "red", "P0": "red", "P1": "red"}
_OTHER_SEVERITY = "yellow"
_UNTOLD = {
    "silenced": "silenced",
    "maintenance": "in maintenance",
    "inhibited": "inhibited",
    "muted": "on a muted route",
    "inactive": "on an inactive route",
    "resolved_in_time": "over before anybody had to be told",
    "no_channels": "on a route that tells nobody",
    "too_short": "did not hold long enough",
    "not_wanted": "not wanted by their channel",
    "outdated": "taken or over before they went out",
    "no_channel": "whose channel is not there",
}


def of_somebody(found: Simulation, who: str) -> Simulation:
    """What of a simulation concerns a person or a channel.

    Raises:
        UsageError: nobody of it is called so.

    """
    known = {name for one in found.summary.recipients for name in (one.person, one.channel) if name}
    known |= {name for entry in found.entries for name in (*entry.people, *entry.channels)}
    if who not in known:
        from difflib import get_close_matches

        near = get_close_matches(who, sorted(known), 1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sorted(known)) or 'none'}"
        raise options.UsageError(f"nobody and no channel is called '{who}'; {hint}")
    recipients = tuple(one for one in found.summary.recipients if who in (one.person, one.channel))
    entries = tuple(entry for entry in found.entries if who in entry.people or who in entry.channels)
    return replace(
        found, entries=entries, total_entries=len(entries), summary=replace(found.summary, recipients=recipients)
    )


def show(found: Simulation, *, who: str = "", lines: int = 0) -> None:
    """Print a simulation for people.

    Args:
        found: all of it, or what concerns somebody.
        who: whom it is about; "" = all of it.
        lines: at most so many of its timeline; 0 = all.

    """
    # That a level is told shows from its messages.
    entries = [entry for entry in found.entries if entry.kind in _WORDS]
    shown = entries[:lines] if lines else entries
    same_day = len({entry.at.astimezone(UTC).date() for entry in shown if entry.at}) <= 1
    table = style.table("time", "what", "about", "who", "why", fold=("about", "who", "why"))
    for entry in shown:
        colour = _colour(entry)
        cells = (_time(entry.at, same_day=same_day), _WORDS[entry.kind], entry.subject, _who(entry), entry.text)
        table.add_row(*(Text(cell, style=colour) for cell in cells))
    day = [f"{shown[0].at.astimezone(UTC):%A, %Y-%m-%d} (UTC)"] if shown and same_day and shown[0].at else []
    more = len(entries) - len(shown) + found.total_entries - len(found.entries)
    _print(*day, table if shown else _nothing(who))
    if more > 0:
        _print("", f"… and {more:,} more; --lines 0 shows all that there are")
    _print("", *_told(found, who), *(f"! {one.origin.value} {one.source} {one.message}" for one in found.notes))


def _nothing(who: str) -> str:
    return f"nothing would have concerned {who}" if who else "nothing would have happened"


def _told(found: Simulation, who: str) -> list[Any]:
    summary = found.summary
    table = style.table("person", "channel", "messages", "notifications", "held", "longest wait")
    for column in table.columns[2:]:
        column.justify = "right"
    recipients = [one for one in summary.recipients if one.messages or one.person or who]
    for one in recipients:
        wait = _span(one.longest_wait) if one.longest_wait else style.NOTHING
        table.add_row(
            one.person or style.NOTHING,
            one.channel,
            f"{one.messages:,}",
            f"{one.notifications:,}",
            f"{one.held:,}",
            wait,
        )
    lines: list[Any] = [table, ""] if recipients else []
    return lines + ([] if who else _counts(summary)) + [_caption(found)]


def _counts(summary: SimulationSummary) -> list[Any]:
    alerts = "alert" if summary.opened == 1 else "alerts"
    lines: list[Any] = [f"{summary.opened:,} {alerts}: {summary.resolved:,} over, {summary.open:,} open at the end"]
    if summary.untold:
        told = (f"{count:,} {_UNTOLD.get(reason, reason)}" for reason, count in summary.untold.items())
        lines.append(f"not told: {', '.join(told)}")
    if summary.levels:
        told = (
            f"{one.level} of {one.policy} {one.told:,}×"  # noqa: RUF001 a multiplication sign
            + (f" ({one.unreached:,} reached not all)" if one.unreached else "")
            for one in summary.levels
        )
        lines.append(f"levels: {', '.join(told)}")
    if summary.exhausted:
        lines.append(Text(f"escalations that reached their end unheard: {summary.exhausted:,}", style="bold red"))
    if summary.deadlines:
        told = (f"{name} {count:,}×" for name, count in summary.deadlines.items())  # noqa: RUF001
        lines.append(Text(f"deadlines missed: {', '.join(told)}", style="bold red"))
    if summary.waiting:
        lines.append(f"{summary.waiting:,} notifications still wait for a rate limit")
    return lines


def _caption(found: Simulation) -> str:
    count = len(found.rules)
    rules = f"{count} rule{'s' if count != 1 else ''}, {found.evaluations:,} evaluations"
    return f"{rules}, {style.moment(found.start)} to {style.moment(found.end)}, every {_span(found.every)}"


def _colour(entry: TimelineEntry) -> str:
    """Red and yellow: how bad it is; green: it is over; bold: somebody is told, or ought to be; dim: nobody hears."""
    if entry.kind in _WRONG:
        return "bold red"
    if entry.kind in _PEOPLE:
        return "cyan"
    if entry.kind in _UNHEARD:
        return "dim"
    if entry.kind is Kind.RESOLVED or entry.reason == "all_resolved":
        return "green"
    colour = _SEVERITIES.get(entry.severity, _OTHER_SEVERITY)
    return f"bold {colour}" if entry.kind is Kind.SENT else colour


def _who(entry: TimelineEntry) -> str:
    """People, and channels that are nobody's; of a message both."""
    if entry.kind in {Kind.SENT, Kind.HELD} and entry.people:
        return f"{', '.join(entry.people)} ({', '.join(entry.channels)})"
    return ", ".join(entry.people or entry.channels)


def _time(at: datetime | None, *, same_day: bool) -> str:
    if at is None:
        return style.NOTHING
    return at.astimezone(UTC).strftime("%H:%M:%S" if same_day else "%m-%d %H:%M:%S")


def _span(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return " ".join(f"{count}{unit}" for count, unit in [part for part in parts if part[0]][:2]) or "0s"


def _print(*parts: Any) -> None:
    """At most 100 columns; as many where there is no terminal."""
    console = style.console()
    width = min(console.width, _WIDTH) if console.is_terminal else _WIDTH
    console.width = width
    console.print(*parts, sep="\n")
