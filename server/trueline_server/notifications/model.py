"""Notifications, messages and tries to deliver them, as values. No database, no network, no protobuf."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class NotificationState(StrEnum):
    """Where a notification stands.

    QUEUED: it waits for its turn, for a rate limit or for the next try. SENT: its channel took it. DEAD: it could not
    be delivered; a person may have it sent again. DROPPED: its channel does not want such ones.
    """

    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"
    DROPPED = "dropped"


class Outcome(StrEnum):
    """What came of a try.

    STARTED: it is under way. SENT: taken. FAILED: not delivered, and a later try may do better. UNKNOWN: perhaps
    delivered, e.g. there was no answer in time. REFUSED: not delivered, and the same again would be refused again.
    INTERRUPTED: the server died meanwhile, so perhaps delivered.
    """

    STARTED = "started"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"


# After these a message has, or may have, reached whoever it is for.
MAY_HAVE_ARRIVED = (Outcome.STARTED, Outcome.SENT, Outcome.UNKNOWN, Outcome.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Notification:
    """What is to be said to one channel. Instants are the server's clock (µs since 1970, UTC).

    Attributes:
        tenant: whose.
        id: the idempotency key.
        channel: name of the NotificationChannel.
        person: whom it is for; "" = nobody in particular.
        group_id: of the group of alerts that it tells of; "" if of none.
        reason: why, e.g. "first" or "repeat".
        content: what, JSON.
        state: where it stands.
        attempts: how often its delivery was tried, each with at most a few quick tries.
        due_us: not before.
        created_us: when it was queued.
        finished_us: when it was sent, died or was dropped; None before.
        error: why it is not sent yet, or died; "" = nothing is wrong.
        sent_as: key of the message that it goes with: its id, or that of a bundle; None before it first goes.
        give_up_us: when it dies, unless it is sent before; None before it first goes.

    """

    tenant: str
    id: str
    channel: str
    person: str
    group_id: str
    reason: str
    content: Mapping[str, Any]
    state: NotificationState
    attempts: int
    due_us: int
    created_us: int
    finished_us: int | None
    error: str
    sent_as: str | None
    give_up_us: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try to deliver a message.

    Attributes:
        number: ascends.
        key: of the message, i.e. `sent_as` of its notifications.
        channel: where to.
        at_us: when it began, by the server's clock (µs since 1970, UTC).
        took_us: how long it took (µs).
        outcome: what came of it.
        answer: what the other side said, short and without secrets.

    """

    number: int
    key: str
    channel: str
    at_us: int
    took_us: int
    outcome: Outcome
    answer: str


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to a channel at once: one notification, or the bundle of all that waited.

    Attributes:
        tenant: whose.
        key: the idempotency key.
        channel: name of the NotificationChannel.
        person: whom it is for; "" = nobody in particular.
        parts: what it says, in order.
        attempt: which attempt this is, from 1.

    """

    tenant: str
    key: str
    channel: str
    person: str
    parts: tuple[Notification, ...]
    attempt: int


@dataclass(frozen=True, slots=True)
class Try:
    """What came of a try, before it is written down.

    Attributes:
        at_us: when it began (µs since 1970, UTC).
        took_us: how long it took (µs).
        outcome: what came of it.
        answer: what the other side said, short and without secrets.
        retry_after_us: how long the other side asked to wait; None if it did not.
        message_at_fault: whether it was this message that was refused, and others could pass.
        answered: whether the other side is there and spoke, so that another message may fare better.

    """

    at_us: int
    took_us: int
    outcome: Outcome
    answer: str
    retry_after_us: int | None = None
    message_at_fault: bool = False
    answered: bool = False
