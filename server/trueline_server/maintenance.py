"""Upkeep in a thread of its own: the log, and what else is kept for a time, forget what is older than that."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from trueline_stores.log.port import LogEntry

from trueline_server.clock import Clock

_log = logging.getLogger(__name__)
DAY_US = 86_400_000_000
# After a crash the dataflow reads on from its last snapshot, which is seconds behind what it has processed.
REPLAY_MARGIN_US = 3_600_000_000
INTERVAL_S = 600.0


class PrunableLog(Protocol):
    """What upkeep needs of an EventLog."""

    def read(self, after: int, max_events: int) -> list[LogEntry]:
        """Entries beyond a position."""
        ...

    def prune(self, *, entries_before_us: int, identities_before_us: int) -> None:
        """Forget what was accepted before."""
        ...


class Maintenance:
    """Prunes the log and others now and then. An error is logged and the next round tries again."""

    def __init__(
        self,
        log: PrunableLog,
        processed: Callable[[], int],
        clock: Clock,
        *,
        retention_days: int,
        dedup_horizon_days: int,
        others: Sequence[Callable[[], object]] = (),
        interval_s: float = INTERVAL_S,
    ) -> None:
        """`processed` answers the last log position that is wholly in the warehouse; `others` are pruned, too."""
        self._log = log
        self._processed = processed
        self._clock = clock
        self._retention_us = retention_days * DAY_US
        self._horizon_us = dedup_horizon_days * DAY_US
        self._others = others
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="maintenance", daemon=True)

    def start(self) -> None:
        """Start the thread; the first round comes after one interval. Once only."""
        self._thread.start()

    def close(self) -> None:
        """End the thread after the round in progress."""
        self._stop.set()
        self._thread.join()

    def prune(self) -> None:
        """One round. What the dataflow has not read, or might read again after a crash, is kept however old it is."""
        now = self._clock()
        keep_from_us = now - self._retention_us
        for entry in self._log.read(self._processed(), 1):
            keep_from_us = min(keep_from_us, entry.accepted_at_us - REPLAY_MARGIN_US)
        self._log.prune(entries_before_us=keep_from_us, identities_before_us=now - self._horizon_us)

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            for prune in (self.prune, *self._others):
                try:
                    prune()
                except Exception:  # noqa: BLE001 whatever a round fails with, more is kept than must be
                    _log.exception("pruning failed; the next round tries again")
