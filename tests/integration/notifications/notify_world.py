"""A sender over a real state database, with channels that tests add and a clock that they turn."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import insert
from trueline_rules.model import Metadata
from trueline_rules.routing.templates import Template
from trueline_rules.routing_model import ChannelType, Limit, NotificationChannel, Secret
from trueline_server.clock import ManualClock
from trueline_server.notifications.model import Notification, NotificationState
from trueline_server.notifications.reach import ANYWHERE, Reach
from trueline_server.notifications.secrets import SecretReader
from trueline_server.notifications.sender import Sender
from trueline_server.notifications.settings import SendingSettings
from trueline_server.notifications.store import NotificationStore
from trueline_server.notifications.transports import Carrier
from trueline_stores.state.case_tables import NOTIFICATIONS
from trueline_stores.state.database import StateDatabase

NOON_US = 1_770_000_000_000_000
MINUTE_US = 60_000_000
TENANT = "acme"
# Of a channel with a person.
HUMANE = (Limit(1, MINUTE_US), Limit(5, 15 * MINUTE_US), Limit(11, 60 * MINUTE_US), Limit(21, 180 * MINUTE_US))
QUICK = SendingSettings(quick_pause_s=0.0, timeout_s=5.0)


def channel(name: str, kind: ChannelType, **more: Any) -> NotificationChannel:
    """A channel, without the limits that the kind gives by default."""
    return NotificationChannel(Metadata(name), kind, **more)


def alerts(title: str, *, status: str = "firing", case: str = "alert-1", **more: Any) -> dict[str, Any]:
    """The content of a notification about one alert."""
    alert = {
        "case": case,
        "fingerprint": "f1",
        "status": status,
        "severity": "critical",
        "rule": "churn_rate_high",
        "labels": {"plan": "pro", "team": "growth"},
        "title": title,
        "text": "Churn is above its target.",
        "values": {"churn_rate": 0.08},
        "starts_at": "2026-03-02T09:00:00Z",
        "ends_at": None,
        "runbook": "https://example.com/churn",
    }
    content = {
        "reason": "first",
        "status": status,
        "tenant": TENANT,
        "group": {"id": "g1", "route": "default", "labels": {"rule": "churn_rate_high"}},
        "alerts": [alert],
        "alerts_total": 1,
        "suppressed": [],
        "suppressed_total": 0,
        "escalation": None,
        "at": "2026-03-02T09:00:30Z",
    }
    return content | more


@dataclass(slots=True)
class World:
    """All that a notification needs."""

    path: Path
    settings: SendingSettings = QUICK
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON_US))
    channels: dict[str, NotificationChannel] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    reach: Reach = ANYWHERE
    state: StateDatabase = field(init=False)
    store: NotificationStore = field(init=False)
    sender: Sender = field(init=False)

    def __post_init__(self) -> None:
        self.state = StateDatabase.sqlite(self.path / "state.sqlite3")
        self.store = NotificationStore(self.state, self.clock)
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        """A sender as after a start."""
        carrier = Carrier(SecretReader(self.environment, self.path), self.clock, lambda _tenant, _channel: self.reach)
        return Sender(self.state, self.channels_of, carrier.carry, self.clock, self.settings)

    def channels_of(self, tenant: str) -> Mapping[str, NotificationChannel]:
        """Those of the one tenant."""
        return self.channels if tenant == TENANT else {}

    def webhook(self, name: str, url: str, **more: Any) -> None:
        """Add a webhook."""
        self.channels[name] = channel(name, ChannelType.WEBHOOK, url=url, **more)

    def put(
        self, to: str, content: Mapping[str, Any], *, group_id: str = "g1", person: str = "", after_s: float = 0.001
    ) -> str:
        """Queue a notification so many seconds after the last one; answers its id."""
        self.clock.turn(after_s)
        at_us = self.clock()
        new = hashlib.sha256(f"{to} {at_us}".encode()).hexdigest()[:32]
        row = {
            "tenant": TENANT,
            "id": new,
            "channel": to,
            "person": person,
            "group_id": group_id,
            "reason": content.get("reason", "report"),
            "content": content,
            "state": "queued",
            "attempts": 0,
            "due_us": at_us,
            "created_us": at_us,
            "finished_us": None,
            "error": "",
        }
        with self.state.writing() as connection:
            connection.execute(insert(NOTIFICATIONS), row)
        return new

    def run(self) -> int:
        """Deliver until nothing is due; answers how many messages that took."""
        done = 0
        while begun := self.sender.tick():
            done += begun
            assert self.sender.settled(60)
        return done

    def get(self, notification_id: str) -> Notification:
        """A notification."""
        return self.store.get(TENANT, notification_id)

    def states(self, *ids: str) -> list[NotificationState]:
        """Where they stand."""
        return [self.get(each).state for each in ids]

    def turn_until_done(self, step_s: float, most: int) -> int:
        """Turn the clock until nothing is queued; answers in how many steps."""
        for step in range(most):
            self.run()
            if not self.store.counts()[NotificationState.QUEUED]:
                return step
            self.clock.turn(step_s)
        raise AssertionError("something is still queued")

    def with_settings(self, **changes: Any) -> None:
        """Have a new sender with other settings."""
        self.sender.stop()
        self.settings = replace(self.settings, **changes)
        self.sender = self.new_sender()

    def close(self) -> None:
        """End."""
        self.sender.stop()
        self.state.close()


__all__ = ["HUMANE", "NOON_US", "TENANT", "Limit", "Secret", "Template", "World", "alerts", "channel"]
