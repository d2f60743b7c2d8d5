"""The decision log: transitions are kept with the change they tell of, requests are noted, the rest is counted."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection
from trueline_rules.alerting.vectors import Labels
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.decisions.columns import NAMES, Columns, columns_of
from trueline_server.decisions.model import ID_DIGITS, Decision, DecisionCount
from trueline_server.decisions.outbox import Outbox
from trueline_server.decisions.store import (
    DIFFERENT,
    HOUR_US,
    SHADOWED,
    UNCHANGED,
    DecisionFilter,
    DecisionStore,
    DecisionTables,
)
from trueline_server.errors import TruelineError, invalid_field

_log = logging.getLogger(__name__)

INTERVAL_S = 1.0
# Counts are written this seldom, since each time makes rows that are merged later.
COUNT_INTERVAL_US = 10_000_000
# Noted decisions that wait; those beyond are dropped, and counted as such.
MOST_NOTED = 10_000
MOST_NOTED_BYTES = 64 * 1024 * 1024
# Decisions that are moved at once.
_BATCH = 500
_FACTS, _KIND = NAMES.index("facts"), NAMES.index("kind")
# A page of the API, and one to see whether there is a next.
MOST_LISTED = 1001


@dataclass(frozen=True, slots=True)
class LogState:
    """What the log did since it was opened, and what waits.

    Attributes:
        written: decisions that it put into the warehouse.
        dropped: noted decisions that were not kept, because too many waited.
        waiting: decisions that are on their way to the warehouse.
        failure: why the last flush failed; "" if it did not.
        kinds: how many of the written ones are of each kind.

    """

    written: int
    dropped: int
    waiting: int
    failure: str
    kinds: Mapping[str, int]


class DecisionLog:
    """Keeps decisions and reads them back. Methods block unless they say otherwise; thread-safe.

    Reads see everything that was kept, noted and counted before. Those that read the warehouse raise StoreError.
    """

    def __init__(self, state: StateDatabase, warehouse: DecisionTables, clock: Clock) -> None:
        self._outbox = Outbox(state)
        self._store = DecisionStore(warehouse)
        self._clock = clock
        self._noted: deque[tuple[Columns, int]] = deque()
        self._noted_bytes = 0
        self._counts: Counter[tuple[str, str, str, int, str]] = Counter()
        self._counted_us = clock()
        self._written: Counter[str] = Counter()
        self._dropped = 0
        self._failure = ""
        self._buffer = threading.Lock()
        self._flushing = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="decisions", daemon=True)

    def start(self) -> None:
        """Flush every second from now on, on a thread. Once only."""
        self._thread.start()

    def close(self) -> None:
        """End the thread and flush what waits; what cannot be flushed is logged. Idempotent."""
        if self._stop.is_set():
            return
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._flush_or_log(counts=True)

    def keep(self, connection: Connection, decisions: Iterable[Decision]) -> None:
        """Keep decisions within the caller's transaction over the state: they are as durable as what else it writes.

        They get to the warehouse exactly once, after the commit; a decision that was kept before (by id) is there once
        all the same.
        """
        self._outbox.put(connection, decisions)

    def note(self, decisions: Iterable[Decision]) -> None:
        """Take decisions that may be lost: by a crash within a second, or while the warehouse fails. Does not block."""
        dropped = 0
        for decision in decisions:
            columns = columns_of(decision)
            size = _size(columns)
            with self._buffer:
                if len(self._noted) < MOST_NOTED and self._noted_bytes + size <= MOST_NOTED_BYTES:
                    self._noted.append((columns, size))
                    self._noted_bytes += size
                else:
                    self._dropped += 1
                    dropped += 1
        if dropped:
            _log.warning("%d decisions were not logged, because too many wait for the warehouse", dropped)

    def count(self, tenant: str, rule: str, revision: str, evaluations: int) -> None:
        """Count label sets that were judged with the result that they had before. Does not block.

        What was counted in the last ten seconds may be lost by a crash.
        """
        self._add(tenant, rule, revision, {UNCHANGED: evaluations})

    def count_shadow(self, tenant: str, rule: str, revision: str, *, evaluations: int, different: int) -> None:
        """Count label sets that the rules of a revision judged in the shadow, and those about which they said something
        else than the active ones. As `count`."""
        self._add(tenant, rule, revision, {SHADOWED: evaluations, DIFFERENT: different})

    def _add(self, tenant: str, rule: str, revision: str, counts: Mapping[str, int]) -> None:
        hour_us = self._clock() // HOUR_US * HOUR_US
        with self._buffer:
            for what, count in counts.items():
                if count:
                    self._counts[tenant, rule, revision, hour_us, what] += count

    def flush(self) -> None:
        """Move everything that waits to the warehouse.

        Raises:
            StoreError: the warehouse or the state database failed; what waited waits on.

        """
        self._flush(counts=True)

    def get(self, tenant: str, decision_id: str) -> Decision:
        """A decision by its id.

        Raises:
            TruelineError: UNKNOWN_DECISION.

        """
        found = self._store.get(tenant, decision_id)
        if found is None:
            # It may have been made within the last second.
            self._flush(counts=False)
            found = self._store.get(tenant, decision_id)
        if found is None:
            told = f"no decision {decision_id!r} is in the log; it may be older than the log, or of another tenant"
            raise TruelineError("NOT_FOUND", "UNKNOWN_DECISION", told, metadata={"decision": decision_id})
        return found

    def list(
        self,
        tenant: str,
        *,
        rule: str = "",
        kind: str = "",
        start_us: int | None = None,
        end_us: int | None = None,
        labels: Mapping[str, str] | None = None,
        after: str = "",
        decided_since_us: int | None = None,
        most: int = 100,
    ) -> Sequence[Decision]:
        """Decisions, those about the newest instants first.

        Args:
            tenant: whose.
            rule: only of this rule; "" = of all.
            kind: only of this kind; "" = of all.
            start_us: only about this instant or later (µs since 1970, UTC).
            end_us: only about an instant before.
            labels: only with these labels, among others.
            after: id of a decision (the last of the page before); only those behind it, i.e. older ones.
            decided_since_us: only made at this instant or later (µs since 1970, UTC).
            most: at most so many, 1 to MOST_LISTED.

        Raises:
            TruelineError: INVALID_FIELD, if `after` is no id or `most` out of range.

        """
        if after and (len(after) != ID_DIGITS or not set(after) <= set("0123456789abcdef")):
            raise invalid_field("after", f"is {after[:80]!r}; it must be the id of a decision")
        if not 1 <= most <= MOST_LISTED:
            raise invalid_field("most", f"is {most}; it must be 1 to {MOST_LISTED}")
        wanted = DecisionFilter(rule, kind, start_us, end_us, labels, after, decided_since_us)
        self._flush(counts=False)
        return self._store.select(tenant, wanted, most)

    def last_states(self, tenant: str, rule: str, end_us: int) -> Mapping[Labels, str]:
        """The state that each label set of a rule was in before an instant, by its last transition; those that never
        had one are left out."""
        self._flush(counts=False)
        return self._store.last_states(tenant, rule, end_us)

    def counts(self, tenant: str, *, start_us: int, end_us: int, rule: str = "") -> Sequence[DecisionCount]:
        """What rules did in each hour of a span of time, by hour, rule and revision.

        Args:
            tenant: whose.
            start_us: the hour that this instant lies in is the first (µs since 1970, UTC).
            end_us: the hour that begins at this instant or later is not told any more.
            rule: only of this rule; "" = of all.

        """
        self.flush()
        first_us, end_us = start_us // HOUR_US * HOUR_US, -(-end_us // HOUR_US) * HOUR_US
        return self._store.counts(tenant, first_us, end_us, rule)

    def state(self) -> LogState:
        """What it did, and what waits."""
        waiting = self._outbox.waiting()
        with self._buffer:
            return LogState(
                self._written.total(), self._dropped, waiting + len(self._noted), self._failure, dict(self._written)
            )

    def _flush(self, *, counts: bool) -> None:
        with self._flushing:
            self._move_kept()
            self._move_noted()
            if counts:
                self._move_counts()

    def _move_kept(self) -> None:
        while waiting := self._outbox.first(_BATCH):
            # A crash between the two statements below leaves decisions here that are in the warehouse already.
            there = self._store.found([(each.tenant, each.id) for each in waiting])
            new = {(each.tenant, each.id): each.columns for each in waiting if (each.tenant, each.id) not in there}
            self._store.write(list(new.values()))
            self._outbox.drop(waiting)
            self._written.update(columns[_KIND] for columns in new.values())

    def _move_noted(self) -> None:
        with self._buffer:
            batch = list(self._noted)
        if batch:
            self._store.write([columns for columns, _ in batch])
            with self._buffer:
                for _ in batch:
                    self._noted_bytes -= self._noted.popleft()[1]
            self._written.update(columns[_KIND] for columns, _ in batch)

    def _move_counts(self) -> None:
        with self._buffer:
            counts, self._counts = self._counts, Counter()
        try:
            self._store.add(counts)
        except Exception:
            with self._buffer:
                self._counts.update(counts)
            raise
        self._counted_us = self._clock()

    def _flush_or_log(self, *, counts: bool) -> None:
        try:
            self._flush(counts=counts)
        except Exception as error:  # noqa: BLE001 what waits waits on, and the next round tries again
            if not self._failure:
                _log.exception("decisions could not be written to the warehouse; the next round tries again")
            self._failure = str(error)
        else:
            self._failure = ""

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            self._flush_or_log(counts=self._clock() - self._counted_us >= COUNT_INTERVAL_US)


def _size(columns: Columns) -> int:
    """About how many bytes a decision takes while it waits; facts are all of it that can be large."""
    facts: Mapping[str, str] = columns[_FACTS]
    return 1000 + sum(len(name) + 2 * len(text) for name, text in facts.items())
