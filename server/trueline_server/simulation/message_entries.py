"""Entries of messages: sent, held by a rate limit, never sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from trueline_server.notifications.content import alerts_in, number_of, section, text_of, worst_of
from trueline_server.notifications.model import Notification, NotificationState
from trueline_server.simulation.around import MOST_NAMED, Around
from trueline_server.simulation.delivering import Held, Sent
from trueline_server.simulation.model import Entry, EntryKind
from trueline_server.simulation.wording import (
    NO_CHANNEL,
    NOT_WANTED,
    OUTDATED,
    RATE_LIMIT,
    alike,
    span_text,
    subject_of,
    why_told,
)


def sent_entries(sent: Iterable[Sent], around: Around) -> Iterator[Entry]:
    """The messages that went out."""
    for one in sent:
        parts = one.message.parts
        waited_us = one.at_us - min(part.created_us for part in parts)
        text = "; ".join(dict.fromkeys(map(why_told, parts)))
        if len(parts) > 1:
            text = f"{len(parts)} notifications in one message: {text}"
        if waited_us:
            text += f"; waited {span_text(waited_us)} for the rate limit"
        yield _entry(
            one.at_us,
            EntryKind.SENT,
            parts,
            around,
            text=text,
            reason=_reason(parts),
            subject=one.title,
            waited_us=waited_us,
        )


def held_entries(held: Iterable[Held], around: Around) -> Iterator[Entry]:
    """The notifications that had to wait."""
    for one in held:
        limits = around.channels[one.notifications[0].channel].limits
        told = ", ".join(f"{limit.count} in {span_text(limit.per_us)}" for limit in limits)
        text = f"waits {span_text(one.until_us - one.at_us)} for the rate limit ({told})"
        yield _entry(one.at_us, EntryKind.HELD, one.notifications, around, text=text, reason=RATE_LIMIT)


def unsent_entries(unsent: Iterable[Notification], around: Around) -> Iterator[Entry]:
    """The notifications that never go."""
    for part in unsent:
        reason = NOT_WANTED if part.channel in around.channels else NO_CHANNEL
        if part.reason == "escalation" and part.state is NotificationState.DROPPED:
            reason = OUTDATED
        at_us = part.created_us if part.finished_us is None else part.finished_us
        yield _entry(at_us, EntryKind.UNSENT, [part], around, text=part.error, reason=reason)


def _reason(parts: Sequence[Notification]) -> str:
    """Why a message goes: an escalation among others counts most."""
    reasons = [part.reason for part in parts]
    return "escalation" if "escalation" in reasons else reasons[0]


def _entry(
    at_us: int,
    kind: EntryKind,
    parts: Sequence[Notification],
    around: Around,
    *,
    text: str,
    reason: str,
    subject: str = "",
    waited_us: int = 0,
) -> Entry:
    """An entry about notifications of one channel."""
    alerts = {text_of(alert, "case"): alert for part in parts for alert in alerts_in(part.content)}
    cases = [around.cases[one] for one in alerts if one in around.cases]
    rules = list(dict.fromkeys(case.rule for case in cases))
    rule = rules[0] if len(rules) == 1 else ""
    labels = alike(case.labels for case in cases)
    labels.pop("severity", None)
    escalation = next((each for part in parts if (each := section(part.content, "escalation"))), {})
    routes = list(dict.fromkeys(text_of(section(part.content, "group"), "route") for part in parts))
    channel = parts[0].channel
    people = dict.fromkeys((*(part.person for part in parts), *around.people_of([channel])))
    return Entry(
        at_us,
        kind,
        subject or subject_of(rule or f"{len(rules)} rules", labels, len(cases)),
        text,
        rule=rule,
        labels=labels,
        severity=worst_of(text_of(alert, "severity") for alert in alerts.values()),
        alerts=tuple(list(alerts)[:MOST_NAMED]),
        alerts_total=max(len(alerts), *(number_of(part.content, "alerts_total") for part in parts)),
        channels=(channel,),
        people=tuple(one for one in people if one),
        reason=reason,
        route=routes[0] if len(routes) == 1 else "",
        policy=text_of(escalation, "policy"),
        level=text_of(escalation, "level"),
        attempt=number_of(escalation, "try"),
        parts=len(parts),
        waited_us=waited_us,
    )
