"""Writes down what came of an attempt: sent, to be tried again later, or dead. In the caller's transaction."""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, select, update
from trueline_stores.state.case_tables import DELIVERIES, NOTIFICATIONS

from trueline_server.cases.model import SYSTEM, EventKind, NewEvent
from trueline_server.cases.store import insert_events
from trueline_server.notifications.content import cases_of
from trueline_server.notifications.model import Message, Notification, NotificationState, Outcome, Try
from trueline_server.notifications.settings import SendingSettings

_log = logging.getLogger(__name__)

# Values in one IN list; databases bound the number of parameters.
_CHUNK = 500


def end(
    connection: Connection,
    message: Message,
    delivery: int,
    tries: Sequence[Try],
    *,
    settings: SendingSettings,
    now_us: int,
) -> NotificationState:
    """Write the tries of an attempt; answers what its notifications are from now on.

    Args:
        connection: in a writing transaction.
        message: what was tried.
        delivery: number of the row of the first try.
        tries: at least one.
        settings: how patiently.
        now_us: the instant.

    """
    _write_tries(connection, message, delivery, tries)
    last = tries[-1]
    if last.outcome is Outcome.SENT:
        values = {"state": NotificationState.SENT.value, "finished_us": now_us, "error": ""}
        write_all(connection, message.parts, values)
        return NotificationState.SENT
    give_up_us = message.parts[0].give_up_us or now_us + settings.give_up_after_us
    if last.outcome is Outcome.REFUSED:
        since_us = give_up_us - settings.give_up_after_us
        over = _refusals(connection, message, since_us) >= settings.refusals
    else:
        over = now_us >= give_up_us
    if over:
        kill(connection, message.parts, last.answer, now_us)
        return NotificationState.DEAD
    due_us = now_us + max(pause_us(message.attempt, settings), _asked_for(last, settings))
    # One last attempt when time is up, and none after it.
    due_us = max(min(due_us, give_up_us), now_us + 1)
    write_all(connection, message.parts, {"due_us": due_us, "error": last.answer})
    return NotificationState.QUEUED


def kill(connection: Connection, parts: Sequence[Notification], error: str, now_us: int) -> None:
    """Make notifications of one tenant dead letters, and tell the timelines of their cases."""
    write_all(connection, parts, {"state": NotificationState.DEAD.value, "finished_us": now_us, "error": error})
    events = [
        NewEvent(
            case,
            EventKind.DELIVERY_FAILED,
            f"channel {part.channel} could not be told: {error}",
            SYSTEM,
            {"notification": part.id, "channel": part.channel, "person": part.person, "attempts": part.attempts},
        )
        for part in parts
        for case in cases_of(part.content)
    ]
    insert_events(connection, parts[0].tenant, events, now_us)
    told = "%d notifications to channel %s of tenant %s could not be delivered: %s"
    _log.error(told, len(parts), parts[0].channel, parts[0].tenant, error)


def write_all(connection: Connection, parts: Sequence[Notification], values: dict[str, Any]) -> None:
    """Write the same into the rows of notifications of one tenant."""
    rows = NOTIFICATIONS.c
    for start in range(0, len(parts), _CHUNK):
        ids = [each.id for each in parts[start : start + _CHUNK]]
        these = update(NOTIFICATIONS).where(rows.tenant == parts[0].tenant, rows.id.in_(ids))
        connection.execute(these.values(values))


def pause_us(attempt: int, settings: SendingSettings) -> int:
    """The pause after an attempt (from 1): doubled each time, and spread so that channels do not march in step."""
    full = min(settings.first_pause_us << min(attempt - 1, 40), settings.longest_pause_us)
    return round(full * random.uniform(0.75, 1.0))


def _asked_for(last: Try, settings: SendingSettings) -> int:
    return min(last.retry_after_us or 0, settings.longest_retry_after_us)


def _refusals(connection: Connection, message: Message, since_us: int) -> int:
    rows = DELIVERIES.c
    query = select(func.count()).where(
        rows.tenant == message.tenant,
        rows.notification_id == message.key,
        rows.at_us >= since_us,
        rows.outcome == Outcome.REFUSED.value,
    )
    return int(connection.execute(query).scalar_one())


def _write_tries(connection: Connection, message: Message, delivery: int, tries: Sequence[Try]) -> None:
    first, *more = [
        {"at_us": each.at_us, "took_us": each.took_us, "outcome": each.outcome.value, "answer": each.answer}
        for each in tries
    ]
    connection.execute(update(DELIVERIES).where(DELIVERIES.c.number == delivery).values(first))
    same: dict[str, Any] = {"tenant": message.tenant, "notification_id": message.key, "channel": message.channel}
    if more:
        connection.execute(insert(DELIVERIES), [same | each for each in more])
