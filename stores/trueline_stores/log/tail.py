"""The newest entries of a log in memory: a dataflow that keeps up reads them without touching the disk."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable

from trueline_stores.log.port import LogEntry


def take_rows(entries: Iterable[LogEntry], max_events: int) -> list[LogEntry]:
    """The first entries, until they have max_events rows; at least one if there is any."""
    taken: list[LogEntry] = []
    rows = 0
    for entry in entries:
        taken.append(entry)
        rows += entry.last_position - entry.first_position + 1
        if rows >= max_events:
            break
    return taken


class Tail:
    """A run of entries without gaps up to the end of the log: the last so many rows. Safe to use from any thread."""

    def __init__(self, max_rows: int) -> None:
        self._max_rows = max_rows
        self._lock = threading.Lock()
        self._entries: list[LogEntry] = []

    def add(self, entries: Iterable[LogEntry]) -> None:
        """Append the entries that follow; the oldest ones leave."""
        with self._lock:
            kept = self._entries
            kept.extend(entries)
            if kept:
                self._forget_before(kept[-1].last_position - self._max_rows + 1)

    def forget_before(self, position: int) -> None:
        """Drop entries that end before a position."""
        with self._lock:
            self._forget_before(position)

    def _forget_before(self, position: int) -> None:
        del self._entries[: bisect_left(self._entries, position, key=lambda entry: entry.last_position)]

    def read(self, after: int, max_events: int) -> list[LogEntry] | None:
        """As EventLog.read; None if the entry that follows `after` is not here."""
        with self._lock:
            entries = self._entries
            if not entries or after + 1 < entries[0].first_position:
                return None
            start = bisect_left(entries, after + 1, key=lambda entry: entry.last_position)
            return take_rows((entries[place] for place in range(start, len(entries))), max_events)
