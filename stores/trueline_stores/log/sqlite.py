"""The event log in one SQLite file: one thread writes; appends that wait together share one transaction and sync."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from trueline_stores.errors import LogFullError, StoreClosedError, StoreError
from trueline_stores.log import statements
from trueline_stores.log.identities import Identities, claims_of
from trueline_stores.log.port import AppendResult, LogEntry
from trueline_stores.log.runs import decode_run
from trueline_stores.log.tail import Tail, take_rows
from trueline_stores.log.transaction import State, Transaction
from trueline_stores.log.waiting import Waiting, WaitingAppend, WaitingJob, WaitingMark, WaitingQueue

# One transaction takes so many rows at most, so that the first of them does not wait long for the last.
COMMIT_ROWS = 50_000
PRUNE_ENTRIES = 64
SPACE_TO_WORK_BYTES = 256 * 1024
PRUNE_IDENTITIES = 20_000


class SqliteEventLog:
    """The embedded backend of EventLog.

    Args:
        path: the file; made if it is missing.
        clock: answers microseconds since 1970 (UTC).
        max_waiting_rows: rows that may wait for the committer before appends fail with BackpressureError.
        tail_rows: rows of the newest entries kept in memory; the entry that they begin in is kept whole.
        cache_bytes: memory for pages of the file.
        max_bytes: the file grows no further (SQLite rounds to pages); None = as far as the disk goes.

    Raises:
        StoreError: the file cannot be opened as an event log.

    """

    def __init__(
        self,
        path: Path | str,
        clock: Callable[[], int],
        *,
        max_waiting_rows: int = 100_000,
        tail_rows: int = 200_000,
        cache_bytes: int = 64 * 1024 * 1024,
        max_bytes: int | None = None,
    ) -> None:
        self._path = str(path)
        self._clock = clock
        with _store_errors(self._path):
            self._writer = _connect(self._path)
            self._writer.execute(f"PRAGMA cache_size = -{cache_bytes // 1024}")
            if max_bytes is not None:
                self._writer.execute(f"PRAGMA max_page_count = {max_bytes // statements.PAGE_BYTES}")
            self._writer.execute("BEGIN IMMEDIATE")
            for statement in statements.SCHEMA:
                self._writer.execute(statement)
            self._writer.execute("COMMIT")
            self._reader = _connect(self._path)
            self._reader.execute("PRAGMA query_only = 1")
            self._state = self._read_state()
        self._identities = Identities(self._writer)
        self._tail = Tail(tail_rows)
        self._reading = threading.Lock()
        self._grown = threading.Condition()
        self._closed = False
        self._commits = 0
        self._queue = WaitingQueue(max_waiting_rows)
        self._committer = threading.Thread(target=self._work, name="event-log-committer", daemon=True)
        self._committer.start()

    @property
    def commits(self) -> int:
        """Transactions that put something into the log since it was opened; each is one sync."""
        return self._commits

    def append(self, tenant: str, events: pa.RecordBatch, digests: bytes) -> Future[AppendResult]:
        """See EventLog.append. The ids are written down for SQLite here, on the caller's thread."""
        waiting = WaitingAppend(tenant, events, claims_of(events, digests))
        self._queue.put(waiting)
        return waiting.future

    def finish(self, tenant: str, source: str) -> Future[int]:
        """See EventLog.finish."""
        waiting = WaitingMark(tenant, source)
        self._queue.put(waiting)
        return waiting.future

    def read(self, after: int, max_events: int) -> list[LogEntry]:
        """See EventLog.read."""
        entries = self._tail.read(after, max_events)
        if entries is None:
            with self._reading, _store_errors(self._path):
                if self._closed:
                    raise StoreClosedError("the event log is closed")
                cursor = self._reader.execute(statements.READ_ENTRIES, (after + 1,))
                # The cursor is closed here, for an open one holds back checkpoints.
                entries = take_rows((_entry(row) for row in cursor), max_events)
                cursor.close()
        return entries

    def end(self) -> int:
        """See EventLog.end."""
        return self._state.end

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """See EventLog.wait_beyond."""
        with self._grown:
            self._grown.wait_for(lambda: self._state.end > position or self._closed, timeout_s)
            return self._state.end > position

    def start(self) -> int:
        """See EventLog.start."""
        with self._reading, _store_errors(self._path):
            end = self._state.end
            if self._closed:
                raise StoreClosedError("the event log is closed")
            (first,) = self._reader.execute(statements.FIRST_ENTRY).fetchone()
        return int(first) if first is not None else end + 1

    def prune(self, *, entries_before_us: int, identities_before_us: int) -> None:
        """See EventLog.prune. Works in chunks between the appends; returns when all of it is done."""
        while self._run_job(lambda: self._prune_entries(entries_before_us)):
            pass
        walk = [(0, "")]
        while self._run_job(lambda: self._prune_identities(walk, identities_before_us)):
            pass
        self._tail.forget_before(self.start())

    def close(self) -> None:
        """See EventLog.close."""
        self._queue.close()
        self._committer.join()
        with self._grown:
            self._closed = True
            self._grown.notify_all()
        with self._reading:
            self._reader.close()
        self._writer.close()

    def _run_job(self, run: Callable[[], object]) -> object:
        """Have the committer do something in a transaction of its own."""
        job = WaitingJob(run)
        self._queue.put(job)
        return job.future.result()

    def _prune_entries(self, before_us: int) -> bool:
        """Drop some of the oldest entries; whether there may be more."""
        oldest = self._writer.execute(statements.OLDEST_ENTRIES, (PRUNE_ENTRIES,)).fetchall()
        gone = [last for last, accepted_at in oldest if accepted_at < before_us]
        if gone:
            self._writer.execute(statements.DROP_ENTRIES, (gone[-1],))
        return len(gone) == PRUNE_ENTRIES

    def _prune_identities(self, walk: list[tuple[int, str]], before_us: int) -> bool:
        """Walk over some of the identities from the last place on; whether there are more."""
        ticket = self._identities.ticket_at(before_us, self._state.next_ticket)
        after = self._identities.prune_chunk(walk[0], ticket, PRUNE_IDENTITIES)
        if after is not None:
            walk[0] = after
        return after is not None

    def _work(self) -> None:
        """Commit what waits until the queue is closed and empty."""
        while items := self._queue.take(COMMIT_ROWS):
            try:
                with _store_errors(self._path):
                    resolve = self._commit(items)
            except BaseException as error:  # noqa: BLE001  whatever it is, those who wait must learn of it
                self._undo()
                for item in items:
                    item.future.set_exception(error)
            else:
                resolve()

    def _undo(self) -> None:
        """Bring memory back to what the file says. After a failed sync nobody knows what it says, so it is read."""
        try:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            self._identities.forget_streams()
            state = self._read_state()
        except sqlite3.Error:
            return
        if state.end != self._state.end:
            # The failed transaction is in the file after all: the tail lacks its entries, so it begins anew.
            self._tail.forget_before(state.end + 1)
        self._publish(state, [])

    def _commit(self, items: Sequence[Waiting]) -> Callable[[], None]:
        """One transaction; the returned function answers those who wait."""
        if isinstance(items[0], WaitingJob):
            job = items[0]
            self._writer.execute("BEGIN IMMEDIATE")
            result = job.run()
            self._writer.execute("COMMIT")
            return lambda: job.future.set_result(result)
        self._writer.execute("BEGIN IMMEDIATE")
        transaction = Transaction(self._writer, self._identities, self._state, self._clock())
        answers = transaction.put(items)
        if transaction.entries:
            transaction.seal()
            self._writer.execute("COMMIT")
            self._commits += 1
            self._publish(transaction.state(), transaction.entries)
        else:
            self._writer.execute("ROLLBACK")
            self._identities.forget_streams()

        def resolve() -> None:
            for answer in answers:
                answer()

        return resolve

    def _publish(self, state: State, entries: Sequence[LogEntry]) -> None:
        """Make what is durable visible: the entries first, so that a reader who saw the end finds them."""
        self._tail.add(entries)
        with self._grown:
            self._state = state
            self._grown.notify_all()

    def _read_state(self) -> State:
        return State(*self._writer.execute(statements.READ_STATE).fetchone())


def _connect(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in statements.PRAGMAS:
        connection.execute(pragma)
    return connection


def _entry(row: tuple[int, int, str, int, str | None, bytes | None]) -> LogEntry:
    first, last, tenant, accepted_at_us, finished_source, payload = row
    events = None if payload is None else decode_run(payload)
    return LogEntry(first, last, tenant, accepted_at_us, events, finished_source)


def _is_full(error: sqlite3.Error, path: str) -> bool:
    """Whether an error means that there is no space. Some of SQLite's files report that as a plain failure to write."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_IOERR:
        return shutil.disk_usage(Path(path).parent).free < SPACE_TO_WORK_BYTES
    return bool(code == sqlite3.SQLITE_FULL)


@contextmanager
def _store_errors(path: str) -> Iterator[None]:
    """Turn SQLite's errors into the stores' own."""
    try:
        yield
    except sqlite3.Error as error:
        if _is_full(error, path):
            raise LogFullError(
                f"the disk under {path} is full; nothing of the batch was accepted. Free some space and send it again",
                retry_after_s=10.0,
            ) from error
        raise StoreError(f"the event log in {path} failed: {error}") from error
