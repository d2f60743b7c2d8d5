"""The port of the event log. Every backend passes tests/conformance/test_event_log.py."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class AppendResult:
    """What became of one append. accepted + len(duplicates) + len(conflicts) = rows given.

    Attributes:
        accepted: rows that are new and durable.
        duplicates: row numbers whose identity was there with the same digest, ascending.
        conflicts: row numbers whose identity was there with another digest, ascending.
        last_position: position of the last accepted row; 0 if none was.
        accepted_at_us: microseconds since 1970 (UTC), the log's clock; never runs backwards along positions.

    """

    accepted: int
    duplicates: tuple[int, ...]
    conflicts: tuple[int, ...]
    last_position: int
    accepted_at_us: int


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A run of positions of one tenant: events, or one end mark of a source.

    Attributes:
        first_position: position of the first row; rows follow without gaps.
        last_position: position of the last row.
        tenant: whose events.
        accepted_at_us: microseconds since 1970 (UTC).
        events: the accepted rows (EVENT_SCHEMA); None for an end mark.
        finished_source: the source that is done; None for events.

    """

    first_position: int
    last_position: int
    tenant: str
    accepted_at_us: int
    events: pa.RecordBatch | None
    finished_source: str | None = None


class EventLog(Protocol):
    """Append-only log over all tenants. Positions start at 1 and grow without gaps over accepted rows and end marks.

    All methods may be called from any thread. An append is durable (fsync) before its future resolves; appends that
    wait together share one fsync. Futures fail with LogFullError (nothing accepted; a retry may succeed once there is
    space), BackpressureError (too much is waiting) or StoreClosedError.
    """

    def append(self, tenant: str, events: pa.RecordBatch, digests: bytes) -> Future[AppendResult]:
        """Append the rows whose (tenant, source, id) is new.

        Args:
            tenant: whose events.
            events: EVENT_SCHEMA, validated; ids may repeat within the batch (first row wins, later ones are
                duplicates or conflicts).
            digests: 8 bytes a row: equal for two rows of one identity if they have the same content, else not.

        """
        ...

    def finish(self, tenant: str, source: str) -> Future[int]:
        """Append an end mark for a source; resolves to its position.

        The future also fails with UnknownSourceError, if no event of the source was ever accepted: neither before nor
        by an append that came first. Sources are remembered beyond the pruning of what they sent.
        """
        ...

    def read(self, after: int, max_events: int) -> list[LogEntry]:
        """Entries with positions beyond `after`, in order, whole, until max_events rows are reached (at least one
        entry if there is any)."""
        ...

    def end(self) -> int:
        """Last durable position; 0 for an empty log."""
        ...

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Wait until the log ends beyond a position, at most timeout_s or until close(); whether it does."""
        ...

    def start(self) -> int:
        """First position still kept; 1 for an unpruned log, end() + 1 if nothing is kept."""
        ...

    def prune(self, *, entries_before_us: int, identities_before_us: int) -> None:
        """Forget entries accepted before an instant, and identities accepted before another (the dedup horizon).

        Identities may be kept up to a second longer. The caller takes care that entries which the dataflow has not
        read yet lie after entries_before_us.
        """
        ...

    def close(self) -> None:
        """Finish what was appended and release the files. Idempotent."""
        ...
