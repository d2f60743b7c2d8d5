"""Delivers a simulation's notifications to nobody: claimed, bundled and limited as the sender does it, then noted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select
from trueline_rules.routing_model import NotificationChannel
from trueline_stores.state.case_tables import NOTIFICATIONS
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.notifications.claiming import Claim, claim, waiting_lanes
from trueline_server.notifications.ending import end
from trueline_server.notifications.model import Message, Notification, NotificationState, Outcome, Try
from trueline_server.notifications.rendering import render
from trueline_server.notifications.settings import SendingSettings
from trueline_server.notifications.store import notification_of

_SETTINGS = SendingSettings()
_TAKEN = "simulated"
_QUEUED = NotificationState.QUEUED.value


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that went out: when, what, and the line that people read first."""

    at_us: int
    message: Message
    title: str


@dataclass(frozen=True, slots=True)
class Held:
    """Notifications that were queued and have to wait for their channel's rate limit."""

    at_us: int
    until_us: int
    notifications: tuple[Notification, ...]


class SimulatedDelivery:
    """Does the sender's work on one thread; every channel takes everything at once."""

    def __init__(self, state: StateDatabase, channels: Mapping[str, NotificationChannel], clock: Clock) -> None:
        self._state = state
        self._channels = channels
        self._clock = clock
        self._seen: set[str] = set()
        self.sent: list[Sent] = []
        self.held: list[Held] = []
        # When a channel may carry something again; None = nothing waits.
        self.next_us: int | None = None

    def tick(self) -> None:
        """Send all that may be sent now."""
        now_us = self._clock()
        self.next_us = None
        with self._state.reading() as connection:
            lanes = sorted(waiting_lanes(connection))
        for lane in lanes:
            with self._state.writing() as connection:
                until_us = self._send_all(connection, lane, now_us)
            if until_us is not None:
                self.next_us = until_us if self.next_us is None else min(self.next_us, until_us)

    def waiting(self) -> int:
        """How many notifications wait."""
        with self._state.reading() as connection:
            query = select(func.count()).where(NOTIFICATIONS.c.state == _QUEUED)
            return int(connection.execute(query).scalar_one())

    def unsent(self) -> list[Notification]:
        """The notifications that will never go: their channel does not want them, or is not there."""
        ended = (NotificationState.DROPPED.value, NotificationState.DEAD.value)
        columns = NOTIFICATIONS.c
        query = select(NOTIFICATIONS).where(columns.state.in_(ended))
        with self._state.reading() as connection:
            rows = connection.execute(query.order_by(columns.finished_us, columns.channel, columns.id)).mappings()
            return [notification_of(row) for row in rows]

    def _send_all(self, connection: Connection, lane: tuple[str, str], now_us: int) -> int | None:
        """Send what one channel may carry; answers when it may carry more."""
        while True:
            found = claim(connection, lane, self._channels, (), failing=False, settings=_SETTINGS, now_us=now_us)
            if not isinstance(found, Claim):
                if found.until_us is not None:
                    self._note_held(connection, lane, found.until_us, now_us)
                return found.until_us
            taken = Try(now_us, 0, Outcome.SENT, _TAKEN)
            end(connection, found.message, found.delivery, [taken], settings=_SETTINGS, now_us=now_us)
            said = render(found.message, found.channel.title, found.channel.text)
            self.sent.append(Sent(now_us, found.message, said.title))

    def _note_held(self, connection: Connection, lane: tuple[str, str], until_us: int, now_us: int) -> None:
        columns = NOTIFICATIONS.c
        query = select(NOTIFICATIONS).where(
            columns.tenant == lane[0], columns.channel == lane[1], columns.state == _QUEUED
        )
        rows = connection.execute(query.order_by(columns.created_us, columns.id)).mappings()
        waiting = [notification_of(row) for row in rows if row["id"] not in self._seen]
        if waiting:
            self._seen.update(each.id for each in waiting)
            self.held.append(Held(now_us, until_us, tuple(waiting)))
