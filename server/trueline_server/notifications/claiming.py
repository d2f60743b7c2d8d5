"""Chooses the message that a channel carries next and claims it, in the caller's transaction, before anything is sent.

A channel says things in the order in which they were queued; what a message consists of and its key are on disk before
it goes, so whoever sends it after a crash sends the same with the same key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from trueline_rules.escalation.rate_limits import earliest
from trueline_rules.routing_model import NotificationChannel
from trueline_stores.state.case_tables import DELIVERIES, NOTIFICATIONS

from trueline_server.notifications.content import is_resolve
from trueline_server.notifications.ending import kill, write_all
from trueline_server.notifications.lanes import LaneKey
from trueline_server.notifications.model import Message, Notification, NotificationState, Outcome
from trueline_server.notifications.sent_lately import channels_with, sent_instants
from trueline_server.notifications.settings import SendingSettings
from trueline_server.notifications.store import notification_of

_Row = Row[str, str, str, int, str | None]
_QUEUED = NotificationState.QUEUED.value
_COLUMNS = NOTIFICATIONS.c
# What the choice needs of a row; contents are read of those that go.
_BRIEF = select(_COLUMNS.id, _COLUMNS.group_id, _COLUMNS.person, _COLUMNS.due_us, _COLUMNS.sent_as)
# Rows that are gone through at once, in order.
_LOOK_AT = 2000
# Values in one IN list; databases bound the number of parameters.
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that is to go now.

    Attributes:
        message: what.
        channel: where to.
        delivery: number of the row of its first try.

    """

    message: Message
    channel: NotificationChannel
    delivery: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing goes on a channel before an instant (µs since 1970, UTC); None = before something is queued."""

    until_us: int | None


def waiting_lanes(connection: Connection) -> list[LaneKey]:
    """The channels for which something is queued."""
    query = select(_COLUMNS.tenant, _COLUMNS.channel).where(_COLUMNS.state == _QUEUED).distinct()
    return [(row.tenant, row.channel) for row in connection.execute(query)]


def claim(
    connection: Connection,
    lane: LaneKey,
    channels: Mapping[str, NotificationChannel],
    stuck: Collection[str],
    *,
    failing: bool,
    settings: SendingSettings,
    now_us: int,
) -> Claim | NotYet:
    """Claim the next message of a channel.

    Args:
        connection: in a writing transaction.
        lane: tenant and name of the channel.
        channels: of the tenant, by name; where there is none of the lane's name, all that waits for it dies. The limits
            of one with a person count what that person is told on all of theirs.
        stuck: keys of messages that those of other groups may overtake.
        failing: whether the channel fails at the moment.
        settings: how patiently.
        now_us: the instant.

    """
    channel = channels.get(lane[1])
    if channel is None:
        told = f"there is no NotificationChannel named {lane[1]}; add one and send this again"
        _kill_all(connection, lane, told, now_us)
        return NotYet(None)
    bundles = bool(channel.limits)
    while True:
        chosen = _choose(connection, lane, stuck, now_us, failing=failing, bundles=bundles)
        if isinstance(chosen, NotYet):
            return chosen
        parts = _parts(connection, lane, chosen, bundles=bundles, settings=settings)
        unwanted = [] if channel.send_resolved else [each for each in parts if is_resolve(each.content)]
        if not unwanted:
            break
        _drop(connection, unwanted, now_us)
    key = parts[0].sent_as or _key(parts)
    sent_us = sent_instants(connection, lane[0], channels_with(channel, channels), channel, parts, now_us=now_us)
    free_us = earliest(channel.limits, sent_us, now_us)
    if free_us > now_us:
        _hold_back(connection, lane, channel, free_us)
        return NotYet(free_us)
    return _claimed(connection, channel, parts, key, settings=settings, now_us=now_us)


def recover(connection: Connection, now_us: int, settings: SendingSettings) -> None:
    """Note which tries a server that died left behind, and take pauses back that a clock set back would make long."""
    started = DELIVERIES.c.outcome == Outcome.STARTED.value
    connection.execute(update(DELIVERIES).where(started).values(outcome=Outcome.INTERRUPTED.value))
    shorten_pauses(connection, now_us, settings)


def shorten_pauses(connection: Connection, now_us: int, settings: SendingSettings) -> None:
    """Have what was tried already, or was held back, wait no longer than pauses may be."""
    tried = _COLUMNS.error != ""
    too_late = _COLUMNS.due_us > now_us + settings.longest_retry_after_us
    connection.execute(update(NOTIFICATIONS).where(_COLUMNS.state == _QUEUED, tried, too_late).values(due_us=now_us))


def _choose(
    connection: Connection, lane: LaneKey, stuck: Collection[str], now_us: int, *, failing: bool, bundles: bool
) -> list[_Row] | NotYet:
    """The row that is next and, for a bundle, those behind it that could go with it."""
    # The first row alone decides, unless others may go with it or before it.
    most = _LOOK_AT if bundles or stuck else 1
    query = _BRIEF.where(*_of(lane)).order_by(_COLUMNS.created_us, _COLUMNS.id).limit(most)
    rows = connection.execute(query).all()
    behind: set[str] = set()
    put_off: _Row | None = None
    wait_us: int | None = None
    for number, row in enumerate(rows):
        group = row.group_id or row.id
        is_stuck = (row.sent_as or row.id) in stuck
        if group in behind:
            continue
        if row.due_us <= now_us and not (is_stuck and failing):
            return [row, *(each for each in rows[number + 1 :] if (each.group_id or each.id) not in behind)]
        if row.due_us > now_us:
            wait_us = row.due_us if wait_us is None else min(wait_us, row.due_us)
        elif put_off is None:
            # While the channel fails, each probe is for a message that may be well.
            put_off = row
        if not is_stuck:
            break
        behind.add(group)
    return NotYet(wait_us) if put_off is None else [put_off]


def _parts(
    connection: Connection, lane: LaneKey, rows: Sequence[_Row], *, bundles: bool, settings: SendingSettings
) -> list[Notification]:
    """What goes at once: the bundle that was claimed before, or all that waits for the same person, or one."""
    first = rows[0]
    if first.sent_as is not None:
        query = select(NOTIFICATIONS).where(*_of(lane), _COLUMNS.sent_as == first.sent_as)
        found = connection.execute(query.order_by(_COLUMNS.created_us, _COLUMNS.id)).mappings()
        return [notification_of(row) for row in found]
    together = [row.id for row in rows if row.sent_as is None and row.person == first.person] if bundles else [first.id]
    parts: list[Notification] = []
    size = 0
    for start in range(0, min(len(together), settings.bundle_notifications), _CHUNK):
        ids = together[start : min(start + _CHUNK, settings.bundle_notifications)]
        query = select(NOTIFICATIONS).where(*_of(lane), _COLUMNS.id.in_(ids))
        for row in connection.execute(query.order_by(_COLUMNS.created_us, _COLUMNS.id)).mappings():
            size += len(str(row["content"]))
            if parts and size > settings.bundle_bytes:
                return parts
            parts.append(notification_of(row))
    return parts


def _claimed(
    connection: Connection,
    channel: NotificationChannel,
    parts: Sequence[Notification],
    key: str,
    *,
    settings: SendingSettings,
    now_us: int,
) -> Claim:
    first = parts[0]
    give_up_us = first.give_up_us or now_us + settings.give_up_after_us
    attempt = first.attempts + 1
    values = {"sent_as": key, "attempts": attempt, "give_up_us": give_up_us}
    write_all(connection, parts, values)
    row = {"tenant": first.tenant, "notification_id": key, "channel": first.channel, "at_us": now_us, "took_us": 0}
    row |= {"outcome": Outcome.STARTED.value, "answer": ""}
    inserted = connection.execute(insert(DELIVERIES), row).inserted_primary_key
    assert inserted is not None
    message = Message(first.tenant, key, first.channel, first.person, tuple(parts), attempt)
    return Claim(message, channel, int(inserted[0]))


def _hold_back(connection: Connection, lane: LaneKey, channel: NotificationChannel, until_us: int) -> None:
    """Say of all that waits why it does."""
    limits = ", ".join(f"{limit.count} in {limit.per_us // 1_000_000} s" for limit in channel.limits)
    counted = f", which counts all that {channel.person} is told" if channel.person else ""
    told = f"waits for the rate limit of the channel ({limits}){counted}; all that waits goes as one message"
    earlier = _COLUMNS.due_us < until_us
    connection.execute(update(NOTIFICATIONS).where(*_of(lane), earlier).values(due_us=until_us, error=told))


def _drop(connection: Connection, parts: Sequence[Notification], now_us: int) -> None:
    told = "its channel has send_resolved: false"
    values = {"state": NotificationState.DROPPED.value, "finished_us": now_us, "error": told}
    write_all(connection, parts, values)


def _kill_all(connection: Connection, lane: LaneKey, told: str, now_us: int) -> None:
    while True:
        query = select(NOTIFICATIONS).where(*_of(lane)).limit(_CHUNK)
        rows = [notification_of(row) for row in connection.execute(query).mappings()]
        if not rows:
            return
        kill(connection, rows, told, now_us)


def _key(parts: Sequence[Notification]) -> str:
    if len(parts) == 1:
        return parts[0].id
    return hashlib.sha256("\n".join(each.id for each in parts).encode()).hexdigest()[:32]


def _of(lane: LaneKey) -> tuple[Any, ...]:
    return (_COLUMNS.tenant == lane[0], _COLUMNS.channel == lane[1], _COLUMNS.state == _QUEUED)
