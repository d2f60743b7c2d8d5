"""The work of an operation that runs: what its runner asks and tells, see `Work`."""

from __future__ import annotations

import threading
from collections.abc import Callable

from trueline_server.clock import Clock
from trueline_server.operations.model import Operation, WorkStoppedError

STORED_EVERY_US = 1_000_000


class RunningWork:
    """One operation under way.

    Attributes:
        key: tenant and id.
        kind: of the operation.
        cancelled: set when it was asked to end.
        closing: set when the server stops.

    """

    def __init__(
        self,
        key: tuple[str, str],
        kind: str,
        clock: Clock,
        store: Callable[[RunningWork, int, int, str], None],
    ) -> None:
        self.key = key
        self.kind = kind
        self.cancelled = threading.Event()
        self.closing = threading.Event()
        self._clock = clock
        self._store = store
        self._request = b""
        self._stored_us = 0

    @property
    def tenant(self) -> str:
        """Whose."""
        return self.key[0]

    @property
    def request(self) -> bytes:
        """What is to be done."""
        return self._request

    def take(self, begun: Operation) -> None:
        """The operation runs: what it is to do is known, and a cancellation that came in between counts."""
        self._request = begun.request
        self._stored_us = begun.updated_us
        if begun.cancelled:
            self.cancelled.set()

    def progress(self, done: int, total: int, message: str = "") -> None:
        """See Work."""
        now_us = self._clock()
        # A clock that was set back must not hold progress back until it has caught up.
        if not 0 <= now_us - self._stored_us < STORED_EVERY_US:
            self._stored_us = now_us
            self._store(self, done, total, message)

    def stopped(self) -> bool:
        """See Work."""
        return self.cancelled.is_set() or self.closing.is_set()

    def go_on(self) -> None:
        """See Work."""
        if self.stopped():
            raise WorkStoppedError
