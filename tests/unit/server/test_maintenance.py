"""What upkeep forgets and what it keeps."""

from trueline_server.clock import ManualClock
from trueline_server.maintenance import DAY_US, REPLAY_MARGIN_US, Maintenance
from trueline_stores.log.port import LogEntry


class Log:
    """A log with one unread entry, that notes how it is pruned."""

    def __init__(self, unread_since_us: int | None) -> None:
        self._unread_since_us = unread_since_us
        self.pruned: list[tuple[int, int]] = []

    def read(self, after: int, max_events: int) -> list[LogEntry]:
        """The entry beyond position 5."""
        assert (after, max_events) == (5, 1)
        return [] if self._unread_since_us is None else [LogEntry(6, 6, "t", self._unread_since_us, None, "s")]

    def prune(self, *, entries_before_us: int, identities_before_us: int) -> None:
        """Note it."""
        self.pruned.append((entries_before_us, identities_before_us))


def pruned(unread_since_us: int | None) -> tuple[int, int]:
    """What one round forgets on day 100, with 40 days of entries and 35 of identities."""
    log = Log(unread_since_us)
    Maintenance(log, lambda: 5, ManualClock(100 * DAY_US), retention_days=40, dedup_horizon_days=35).prune()
    (found,) = log.pruned
    return found


def test_retention() -> None:
    """Entries go after the retention, identities after the horizon."""
    assert pruned(None) == (60 * DAY_US, 65 * DAY_US)
    assert pruned(99 * DAY_US) == (60 * DAY_US, 65 * DAY_US)


def test_unread_entries_are_kept() -> None:
    """What the dataflow has not read stays, and what it might read again after a crash, however old."""
    assert pruned(10 * DAY_US) == (10 * DAY_US - REPLAY_MARGIN_US, 65 * DAY_US)


def test_thread_ends() -> None:
    """Closing ends the thread without waiting for the next round."""
    maintenance = Maintenance(Log(None), lambda: 5, ManualClock(), retention_days=1, dedup_horizon_days=1)
    maintenance.start()
    maintenance.close()
    assert not maintenance._thread.is_alive()
