"""Notifications and their deliveries in the state database: listed, found and sent again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, delete, func, or_, select, update
from trueline_stores.state.case_tables import DELIVERIES, NOTIFICATIONS
from trueline_stores.state.database import StateDatabase

from trueline_server.cases import requests
from trueline_server.cases.model import SYSTEM, EventKind, NewEvent
from trueline_server.cases.requests import UNREPEATED, Request
from trueline_server.cases.store import insert_events
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError
from trueline_server.notifications.content import cases_of
from trueline_server.notifications.model import Delivery, Notification, NotificationState, Outcome

_FINISHED = (NotificationState.SENT.value, NotificationState.DEAD.value, NotificationState.DROPPED.value)
# Removed in one transaction, which others wait for.
_FORGET_AT_ONCE = 1000


class NotificationStore:
    """What was said, what is still to be said, and what could not be. Methods block and raise StoreError."""

    def __init__(self, state: StateDatabase, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def list(
        self,
        tenant: str,
        *,
        group_id: str = "",
        channel: str = "",
        state: NotificationState | None = None,
        before: tuple[int, str] | None = None,
        most: int = 100,
    ) -> Sequence[Notification]:
        """Notifications, the newest first.

        Args:
            tenant: whose.
            group_id: only of this group; "" = of all and of none.
            channel: only to this one; "" = to all.
            state: only in this one; None = in all.
            before: only what comes behind this (created_us, id), the last of the page before; None = from the newest.
            most: at most so many.

        """
        rows = NOTIFICATIONS.c
        query = select(NOTIFICATIONS).where(rows.tenant == tenant)
        if group_id:
            query = query.where(rows.group_id == group_id)
        if channel:
            query = query.where(rows.channel == channel)
        if state is not None:
            query = query.where(rows.state == state.value)
        if before is not None:
            at_us, last = before
            query = query.where(
                or_(rows.created_us < at_us, and_(rows.created_us == at_us, rows.id < last)),
            )
        query = query.order_by(rows.created_us.desc(), rows.id.desc()).limit(most)
        with self._state.reading() as connection:
            return [notification_of(row) for row in connection.execute(query).mappings()]

    def dead_letters(
        self, tenant: str, *, before: tuple[int, str] | None = None, most: int = 100
    ) -> Sequence[Notification]:
        """What could not be delivered, the newest first; see `list`."""
        return self.list(tenant, state=NotificationState.DEAD, before=before, most=most)

    def get(self, tenant: str, notification_id: str) -> Notification:
        """A notification by its id.

        Raises:
            TruelineError: UNKNOWN_NOTIFICATION.

        """
        with self._state.reading() as connection:
            return _found(connection, tenant, notification_id)

    def deliveries(self, tenant: str, notification_id: str) -> Sequence[Delivery]:
        """All tries to deliver a notification, the oldest first; those of its bundle, if it went in one.

        Raises:
            TruelineError: UNKNOWN_NOTIFICATION.

        """
        with self._state.reading() as connection:
            found = _found(connection, tenant, notification_id)
            key = found.sent_as or found.id
            query = select(DELIVERIES).where(DELIVERIES.c.tenant == tenant, DELIVERIES.c.notification_id == key)
            return [_delivery(row) for row in connection.execute(query.order_by(DELIVERIES.c.number)).mappings()]

    def resend(
        self, tenant: str, notification_id: str, by: str = SYSTEM, request: Request = UNREPEATED
    ) -> Notification:
        """Have a notification tried again, now, with the same key: with its whole bundle, if it went in one.

        What was sent goes again too: whoever honours the key takes it once. One that waits loses its pause. The
        timelines of its cases tell who asked for it. The sender has to be woken, or finds it at its next look. A
        request that comes again changes nothing more.

        Raises:
            TruelineError: UNKNOWN_NOTIFICATION; INVALID_FIELD (the request id was given with another request).

        """
        rows = NOTIFICATIONS.c
        with self._state.writing() as connection:
            now_us = self._clock()
            found = _found(connection, tenant, notification_id)
            if requests.answered(connection, tenant, request, now_us) is not None:
                return found
            which = rows.sent_as == found.sent_as if found.sent_as else rows.id == found.id
            changes: dict[str, Any] = {"state": NotificationState.QUEUED.value, "due_us": now_us, "attempts": 0}
            changes |= {"finished_us": None, "give_up_us": None, "error": ""}
            connection.execute(update(NOTIFICATIONS).where(rows.tenant == tenant, which).values(changes))
            told = f"notification {found.id} to channel {found.channel} is sent again"
            events = [NewEvent(case, EventKind.NOTE, told, by) for case in cases_of(found.content)]
            insert_events(connection, tenant, events, now_us)
            requests.remember(connection, tenant, request, found.id, now_us)
            return _found(connection, tenant, notification_id)

    def counts(self, tenant: str | None = None) -> dict[NotificationState, int]:
        """How many are in each state; None = of all tenants."""
        rows = NOTIFICATIONS.c
        query = select(rows.state, func.count()).group_by(rows.state)
        if tenant is not None:
            query = query.where(rows.tenant == tenant)
        with self._state.reading() as connection:
            counted = {NotificationState(state): int(number) for state, number in connection.execute(query)}
        return dict.fromkeys(NotificationState, 0) | counted

    def oldest_waiting_us(self, tenant: str | None = None) -> int | None:
        """When the longest waiting was queued (µs since 1970, UTC); None if none waits, or of no tenant: of all."""
        rows = NOTIFICATIONS.c
        query = select(func.min(rows.created_us)).where(rows.state == NotificationState.QUEUED.value)
        if tenant is not None:
            query = query.where(rows.tenant == tenant)
        with self._state.reading() as connection:
            found = connection.execute(query).scalar_one()
        return None if found is None else int(found)

    def died_since(self, tenant: str, since_us: int) -> int:
        """How many became dead letters from an instant on, and still are."""
        rows = NOTIFICATIONS.c
        dead = (rows.state == NotificationState.DEAD.value, rows.tenant == tenant, rows.finished_us >= since_us)
        with self._state.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(NOTIFICATIONS).where(*dead)).scalar_one())

    def forget(self, before_us: int) -> int:
        """Remove what was finished before an instant, and its deliveries; answers how many, at most a thousand."""
        rows = NOTIFICATIONS.c
        old = and_(rows.state.in_(_FINISHED), rows.finished_us < before_us)
        with self._state.writing() as connection:
            query = select(rows.tenant, rows.id, rows.sent_as).where(old).limit(_FORGET_AT_ONCE)
            found = connection.execute(query).all()
            for row in found:
                connection.execute(delete(NOTIFICATIONS).where(rows.tenant == row.tenant, rows.id == row.id))
                tries = (DELIVERIES.c.tenant == row.tenant, DELIVERIES.c.notification_id == (row.sent_as or row.id))
                connection.execute(delete(DELIVERIES).where(*tries))
        return len(found)


def notification_of(row: RowMapping) -> Notification:
    """A row of the table as a value."""
    fields = {name: row[name] for name in Notification.__dataclass_fields__}
    return Notification(**fields | {"state": NotificationState(row["state"])})


def _found(connection: Connection, tenant: str, notification_id: str) -> Notification:
    query = select(NOTIFICATIONS).where(NOTIFICATIONS.c.tenant == tenant, NOTIFICATIONS.c.id == notification_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        told = f"there is no notification '{notification_id}'; list them to see which there are"
        raise TruelineError("NOT_FOUND", "UNKNOWN_NOTIFICATION", told, metadata={"notification": notification_id})
    return notification_of(row)


def _delivery(row: RowMapping) -> Delivery:
    outcome = Outcome(row["outcome"])
    answered = (row["channel"], row["at_us"], row["took_us"], outcome, row["answer"])
    return Delivery(row["number"], row["notification_id"], *answered)
