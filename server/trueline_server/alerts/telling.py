"""What a look at a group comes to: messages to the channels of its route, and what timelines say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from trueline_rules.routing.groups import Flushed, Member, NotifyReason

from trueline_server.alerts.groups import StoredGroup, told_elsewhere
from trueline_server.alerts.messages import MOST_ALERTS, MOVED, NewNotification, content_of, message_key
from trueline_server.alerts.queueing import queue
from trueline_server.cases import store
from trueline_server.cases.model import SYSTEM, EventKind, NewEvent

_OVER = frozenset({NotifyReason.ALL_RESOLVED, NotifyReason.SOME_RESOLVED})


@dataclass(frozen=True, slots=True)
class Telling:
    """What a flush tells the channels of its route.

    Attributes:
        reason: why, as the message says it.
        channels: -> the alerts that it is told of.

    """

    reason: str
    channels: Mapping[str, Sequence[Member]]


def tell_route(connection: Connection, stored: StoredGroup, flushed: Flushed, now_us: int) -> frozenset[str]:
    """Queue what a flush tells, and put into the timelines who was told and why, and who was not; answers the channels.

    Args:
        connection: in a transaction.
        stored: the group before the flush.
        flushed: what came of it.
        now_us: the server's clock.

    """
    telling = _telling(connection, stored, flushed)
    if telling is not None:
        _queue(connection, stored, flushed, telling, now_us)
    events = [] if telling is None else _told(stored, flushed, telling)
    store.insert_events(connection, stored.tenant, [*events, *_not_told(stored, flushed)], now_us)
    return frozenset() if telling is None else frozenset(telling.channels)


def _telling(connection: Connection, stored: StoredGroup, flushed: Flushed) -> Telling | None:
    """None if nobody is to be told.

    What fires on and left for another route is over here, and not over at all: a channel that has heard of it there is
    not told that it left.
    """
    if flushed.reason is None or not stored.destination.channels:
        return None
    gone = store.find_open_ids(connection, stored.tenant, [one.case for one in flushed.resolved])
    moved = store.find_cases(connection, stored.tenant, gone)
    heard = told_elsewhere(connection, stored, moved.values())
    reason = flushed.reason.value
    if flushed.reason in _OVER and gone == {one.case for one in flushed.resolved}:
        reason = MOVED
    channels: dict[str, Sequence[Member]] = {}
    for channel in stored.destination.channels:
        over = [one for one in flushed.resolved if channel not in heard.get(one.case, ())]
        if over or flushed.reason not in _OVER:
            channels[channel] = [*flushed.firing, *over]
    return Telling(reason, channels) if channels else None


def _queue(connection: Connection, stored: StoredGroup, flushed: Flushed, telling: Telling, now_us: int) -> None:
    shown = {one.case for members in telling.channels.values() for one in members[:MOST_ALERTS]}
    cases = store.find_cases(connection, stored.tenant, shown)
    occasion = f"flush/{stored.group.opened_us}/{stored.flushes}"
    new = [
        NewNotification(
            id=message_key(stored.tenant, stored.id, occasion, channel),
            channel=channel,
            person="",
            group_id=stored.id,
            reason=telling.reason,
            content=content_of(
                stored,
                telling.reason,
                [(one, cases.get(one.case)) for one in members[:MOST_ALERTS]],
                total=len(members),
                suppressed=flushed.suppressed,
                now_us=now_us,
            ),
        )
        for channel, members in telling.channels.items()
    ]
    queue(connection, stored.tenant, new, now_us)


def _told(stored: StoredGroup, flushed: Flushed, telling: Telling) -> list[NewEvent]:
    causes = frozenset(flushed.causes)
    about = [one for one in (*flushed.firing, *flushed.resolved) if one.fingerprint in causes]
    # A repeat is about all of them; the first ones tell of it.
    about = about or list(flushed.firing[:MOST_ALERTS])
    channels = list(telling.channels)
    details = {
        "group": stored.id,
        "route": "/".join(stored.destination.path),
        "reason": telling.reason,
        "channels": channels,
    }
    text = f"told {', '.join(channels)}: {_REASONS[telling.reason]}"
    return [NewEvent(one.case, EventKind.NOTIFIED, text, SYSTEM, details) for one in about]


def _not_told(stored: StoredGroup, flushed: Flushed) -> list[NewEvent]:
    route = "/".join(stored.destination.path)
    events = []
    for one, why in flushed.suppressed:
        if one.fingerprint not in stored.group.withheld:
            details: dict[str, object] = {"group": stored.id, "route": route, "kind": why.kind.value, "by": why.by}
            if why.until_us is not None:
                details["until_us"] = why.until_us
            text = f"not told on route {route}: {why.kind.value} by {why.by}"
            events.append(NewEvent(one.case, EventKind.SUPPRESSED, text, SYSTEM, details))
    for one in flushed.unsent:
        over = {"group": stored.id, "route": route, "kind": "resolved_in_time"}
        text = f"not told on route {route}: it was over before anybody had to be told"
        events.append(NewEvent(one.case, EventKind.SUPPRESSED, text, SYSTEM, over))
    return events


_REASONS = {
    NotifyReason.FIRST.value: "the first alerts of the group",
    NotifyReason.NEW_ALERTS.value: "new alerts in the group",
    NotifyReason.UNSUPPRESSED.value: "nothing suppresses it any more",
    NotifyReason.SEVERITY_CHANGED.value: "its severity changed",
    NotifyReason.ALL_RESOLVED.value: "all alerts of the group are resolved",
    NotifyReason.SOME_RESOLVED.value: "some alerts of the group are resolved",
    NotifyReason.REPEAT.value: "it still fires",
    MOVED: "it goes another way now",
}
