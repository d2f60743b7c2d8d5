"""How notifications are, for people: what waits, which channels fail, what died lately."""

from __future__ import annotations

from trueline_server.clock import Clock
from trueline_server.notifications.model import NotificationState
from trueline_server.notifications.sender import Sender
from trueline_server.notifications.settings import HOUR_US, SECOND_US
from trueline_server.notifications.store import NotificationStore
from trueline_server.system.health import PartHealth

# A dead letter is told of for so long; afterwards it is a thing of the past, and still in the list.
_RECENT_US = 24 * HOUR_US


class NotificationHealth:
    """Asks the store and the sender."""

    def __init__(self, store: NotificationStore, sender: Sender, clock: Clock) -> None:
        self._store = store
        self._sender = sender
        self._clock = clock

    def read(self, tenant: str) -> PartHealth:
        """As a tenant sees it. Blocks for two small queries.

        Raises:
            StoreError: the state database failed.

        """
        now_us = self._clock()
        counts = self._store.counts(tenant)
        waiting, dead = counts[NotificationState.QUEUED], self._store.died_since(tenant, now_us - _RECENT_US)
        state = self._sender.state()
        problems = [
            f"channel {each.channel} fails ({each.failures} times in a row): {each.error}"
            for each in state.failing
            if each.tenant == tenant
        ]
        if dead:
            problems.append(f"{dead} dead letter{'s' if dead > 1 else ''} within a day; list them and send them again")
        if state.error:
            problems.append(f"looking for notifications failed: {state.error}")
        return PartHealth("notifications", not problems, "; ".join([*problems, self._waiting(tenant, waiting, now_us)]))

    def _waiting(self, tenant: str, waiting: int, now_us: int) -> str:
        oldest_us = self._store.oldest_waiting_us(tenant)
        if oldest_us is None:
            return "nothing waits to be sent"
        return f"{waiting} wait to be sent, the oldest for {max(now_us - oldest_us, 0) // SECOND_US} s"
