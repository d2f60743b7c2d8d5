"""Alerts in words: tables, one alert with all that is known of it, and why it was told or not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueline import (
        Alert,
        AlertDetails,
        AlertGroup,
        CaseEvent,
        Escalation,
        Notification,
        Suppression,
    )

_COLOURS = {"critical": "red", "high": "red", "warning": "yellow", "medium": "yellow"}
# Worse ones come first in the live table; what is not here comes last.
_RANKS = {"critical": 0, "p0": 0, "high": 1, "p1": 1, "warning": 2, "medium": 3, "p2": 3, "low": 4, "p3": 4}
# Names of people may be long; `show` has them whole.
_CUT = {"state": 14}
_STATES = {"open": "open", "acknowledged": "ack", "resolved": "resolved"}
# Labels that a row tells elsewhere.
_TOLD = frozenset({"rule", "severity", "kind"})
_TOLD_OF_MISSES = _TOLD | {"checkpoint", "part", "persona", "function", "journey", "measure"}
_REASONS = {
    "first": "first alerts of the group",
    "new_alerts": "new alerts in the group",
    "unsuppressed": "nothing suppresses it any more",
    "severity_changed": "its severity changed",
    "all_resolved": "all alerts of the group are over",
    "some_resolved": "some alerts of the group are over",
    "repeat": "it still fires",
    "escalation": "escalation",
    "moved": "it goes another way now",
    "deadline_missed": "a deadline was missed",
}
_SUPPRESSIONS = {
    "silenced": "silence {by}",
    "inhibited": "{by} fires, which inhibits it",
    "maintenance": "maintenance {by}",
    "muted": "route {by} is muted at this time",
    "inactive": "route {by} is not active at this time",
}


def alerts_table(alerts: Iterable[Alert], *, brief: bool = False) -> Any:
    """Alerts, with title, rule and labels on lines of their own; where it is `brief`, each on one line."""
    from rich.text import Text

    from trueline_cli import style

    made = style.table("alert", "severity", "state", "since", "what", fold=() if brief else ("what",), cut=_CUT)
    for alert in alerts:
        severity = severity_of(alert)
        what = Text(alert.title)
        what.append((": " if brief else "\n") + labels_of(alert), style="dim")
        since = style.moment(alert.starts_at, short=True)
        made.add_row(alert.id, Text(severity, style=_COLOURS.get(severity, "")), state_words(alert), since, what)
    return made


def ranked(alerts: Iterable[Alert]) -> list[Alert]:
    """Those that nobody has first, the worst first, then those that began last."""

    def key(alert: Alert) -> tuple[bool, int, float]:
        begun = alert.opened_at.timestamp() if alert.opened_at is not None else 0.0
        return alert.state != "open", _RANKS.get(severity_of(alert).lower(), len(_RANKS)), -begun

    return sorted(alerts, key=key)


def state_words(alert: Alert) -> str:
    """Where it stands, and who has it."""
    words = _STATES.get(alert.state, str(alert.state))
    who = alert.acknowledged_by or alert.owner
    return f"{words} ({who})" if who and alert.state != "resolved" else words


def severity_of(alert: Alert) -> str:
    """How severe it is: what its label says, by which it is routed; a rule may say P0 there."""
    return alert.labels.get("severity") or alert.severity


def about(alert: Alert) -> str:
    """What it is about, in a line: its title, its rule, and the labels that tell it from others of its rule."""
    return f"{alert.title}: {labels_of(alert)}"


def labels_of(alert: Alert) -> str:
    """Its rule, and the labels that tell it from others of that."""
    told = _TOLD_OF_MISSES if alert.labels.get("kind") == "checkpoint_miss" else _TOLD
    return f"{alert.rule} {label_words({n: value for n, value in alert.labels.items() if n not in told})}".strip()


def label_words(labels: Any) -> str:
    """Labels in one line."""
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items()))


def alert_lines(found: AlertDetails, now: datetime) -> list[str]:
    """All about an alert."""
    from trueline_cli import style
    from trueline_cli.rules.reasons import values_words

    alert = found.alert
    lines = [f"{alert.id}  {severity_of(alert)}, {state_words(alert)}", f"  {alert.title}"]
    if alert.text and alert.text != alert.title:
        lines.append(f"  {alert.text}")
    shown = {
        "labels": label_words(alert.labels),
        "values": values_words(alert.values),
        "owner": alert.owner,
        "since": style.moment(alert.starts_at) + (f" until {style.moment(alert.ends_at)}" if alert.ends_at else ""),
        "opened": style.moment(alert.opened_at),
        "resolved": style.moment(alert.resolved_at) if alert.resolved_at else "",
        "runbook": alert.runbook,
        "etag": alert.etag,
    }
    lines += [f"  {name:<9} {text}" for name, text in shown.items() if text]
    lines += ["", *why_lines(found, now), "", "timeline"]
    if found.earlier_events:
        lines.append(f"  … {found.earlier_events:,} events before")
    return lines + [f"  {line}" for event in found.timeline for line in event_lines(event)]


def why_lines(found: AlertDetails, now: datetime) -> list[str]:
    """Who was told and why, who was not and why not, and what comes next."""
    lines: list[str] = []
    for group in found.groups:
        lines += group_lines(group, now)
        mine = [each for each in found.suppressions if each.group == group.id]
        lines += [f"  not told: {_suppression(each)}" for each in mine]
        if not group.channels:
            lines.append("  nobody is told of it on this route: it names no channel")
    if not found.groups:
        over = found.alert.state == "resolved"
        lines.append("it is in no group any more" if over else "it is in no group: no route has taken it yet")
    if found.notifications:
        lines.append("told")
        lines += [f"  {line}" for line in map(notification_line, found.notifications)]
    else:
        lines.append("nobody was told of it yet" if found.alert.state != "resolved" else "nobody was told of it")
    return lines


def group_lines(group: AlertGroup, now: datetime) -> list[str]:
    """A group, and how far its escalations are."""
    about_it = f" ({label_words(group.labels)})" if group.labels else ""
    parts = [f"{group.firing} firing"]
    parts += [f"{group.resolved} over"] if group.resolved else []
    parts += [f"{group.suppressed} not told"] if group.suppressed else []
    channels = f" → {', '.join(group.channels)}" if group.channels else ""
    lines = [f"route {group.route}{about_it}{channels}: {', '.join(parts)}"]
    if group.next_flush is not None:
        lines.append(f"  next look {_from_now(group.next_flush, now)}")
    if group.escalations_total > len(group.escalations):
        lines.append(f"  {group.escalations_total:,} escalations, the newest of which are")
    lines += [f"  {line}" for escalation in group.escalations for line in escalation_lines(escalation, now)]
    return lines


def escalation_lines(escalation: Escalation, now: datetime) -> list[str]:
    """How far an escalation is, and what must happen by when."""
    words = f"escalation {escalation.policy}"
    if escalation.alerts_total > 1:
        words += f" of {escalation.alerts_total:,} alerts"
    if escalation.level:
        words += f": level {escalation.level} told {_from_now(escalation.told_at, now)}"
    if escalation.round > 1:
        words += f", round {escalation.round}"
    lines = [words]
    if escalation.acknowledged_by:
        until = escalation.acknowledged_until
        lines.append(
            f"  {escalation.acknowledged_by} has it" + (f"; that runs out {_from_now(until, now)}" if until else "")
        )
    elif escalation.next_level:
        lines.append(
            f"  then level {escalation.next_level} {_from_now(escalation.next_at, now)}, unless somebody has it"
        )
    elif escalation.exhausted:
        lines.append("  all levels were told, and nobody has acknowledged")
    lines += [f"  {deadline.name} by {_from_now(deadline.due, now)}" for deadline in escalation.deadlines]
    return lines


def notification_line(notification: Notification) -> str:
    """What was said to one channel, why, and what came of it."""
    from trueline_cli import style

    whom = f"{notification.channel} ({notification.person})" if notification.person else notification.channel
    why = _REASONS.get(notification.reason, notification.reason_text)
    trouble = f": {notification.error}" if notification.error else ""
    return f"{style.moment(notification.created_at)}  {whom}  {why}  {notification.state}{trouble}"


def event_lines(event: CaseEvent) -> list[str]:
    """Something that happened: when, what, by whom; further lines of its text below."""
    from trueline_cli import style

    who = f" by {event.actor}" if event.actor not in ("", "trueline") else ""
    what = event.kind.replace("_", " ")
    if event.kind in ("severity_changed", "owner_changed"):
        changed = f" from {event.details.get('from') or 'nobody'} to {event.details.get('to') or 'nobody'}"
        what += changed
    first, *rest = event.text.splitlines() or [""]
    lines = [f"{style.moment(event.at)}  {what}{who}{f': {first}' if first else ''}"]
    return lines + [f"    {line}" for line in rest]


def change_lines(alert: Alert, events: Sequence[CaseEvent]) -> list[str]:
    """What happened to one alert, for a pipe."""
    return [f"{event_lines(event)[0]}  [{alert.id} {severity_of(alert)} {labels_of(alert)}]" for event in events]


def _suppression(suppression: Suppression) -> str:
    from trueline_cli import style

    words = _SUPPRESSIONS.get(suppression.kind, f"{suppression.kind} {{by}}").format(by=suppression.by)
    since = f", since {style.moment(suppression.since)}" if suppression.since else ""
    until = f", until {style.moment(suppression.until)}" if suppression.until else ""
    return f"{words}{since}{until}"


def _from_now(instant: datetime | None, now: datetime) -> str:
    """A time, and how far off it is."""
    from trueline_cli import style

    if instant is None:
        return style.NOTHING
    seconds = (instant - now).total_seconds()
    return f"{style.moment(instant)} ({span(abs(seconds))} {'ago' if seconds < 0 else 'from now'})"


def span(seconds: float) -> str:
    """A length of time in its two largest units."""
    whole = round(seconds)
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, whole = divmod(whole, length)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def now() -> datetime:
    """The time of this machine."""
    return datetime.now(UTC)
