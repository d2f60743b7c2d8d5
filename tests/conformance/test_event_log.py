"""What every backend of the event log promises. A backend joins by a factory in BACKENDS."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

import pytest
from trueline_stores.errors import BackpressureError, StoreClosedError, UnknownSourceError
from trueline_stores.log import AppendResult, EventLog, InMemoryEventLog, LogEntry, LogMemory, SqliteEventLog
from trueline_stores.log.identities import DIGEST_BYTES

from tests.conformance.log_events import DAY_US, TurnedClock, batch_of, digests_for, ids_of, random_batch

Result = Future[AppendResult]


class OpenLog(Protocol):
    """Opens a log; the same place again when called again. The clock may block, which holds the committer back."""

    def __call__(self, *, clock: Callable[[], int] | None = None, max_waiting_rows: int = 100_000) -> EventLog:
        """Open it."""
        ...


def open_sqlite(tmp_path: Path) -> OpenLog:
    """Logs in one SQLite file. A small tail, so that reads come from memory and from the file."""

    def opened(*, clock: Callable[[], int] | None = None, max_waiting_rows: int = 100_000) -> EventLog:
        path = tmp_path / "log.sqlite3"
        return SqliteEventLog(path, clock or TurnedClock(), max_waiting_rows=max_waiting_rows, tail_rows=8)

    return opened


def open_memory(tmp_path: Path) -> OpenLog:
    """Logs in one place in memory."""
    memory = LogMemory()

    def opened(*, clock: Callable[[], int] | None = None, max_waiting_rows: int = 100_000) -> EventLog:
        return InMemoryEventLog(clock or TurnedClock(), memory, max_waiting_rows=max_waiting_rows)

    return opened


BACKENDS = {"sqlite": open_sqlite, "memory": open_memory}


@pytest.fixture(params=list(BACKENDS))
def open_log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenLog]:
    """The backend's factory; what a test opened is closed after it."""
    factory = BACKENDS[request.param](tmp_path)
    opened: list[EventLog] = []

    def remembered(*, clock: Callable[[], int] | None = None, max_waiting_rows: int = 100_000) -> EventLog:
        log = factory(clock=clock, max_waiting_rows=max_waiting_rows)
        opened.append(log)
        return log

    yield remembered
    for log in opened:
        log.close()


@pytest.fixture
def log(open_log: OpenLog) -> EventLog:
    """An empty log."""
    return open_log()


def append(log: EventLog, ids: str, content: str = "", tenant: str = "t", source: str = "s") -> AppendResult:
    """Append one event per letter; the content is what the digests differ by."""
    batch = batch_of(list(ids), source)
    return log.append(tenant, batch, digests_for(list(content or ids))).result(30)


def rows_of(entries: list[LogEntry]) -> list[tuple[int, str, str]]:
    """(position, tenant, id) of each event, (position, tenant, "end of SOURCE") of each mark."""
    rows = []
    for entry in entries:
        if entry.events is None:
            rows.append((entry.first_position, entry.tenant, f"end of {entry.finished_source}"))
            assert entry.first_position == entry.last_position
        else:
            assert entry.events.num_rows == entry.last_position - entry.first_position + 1
            rows += [(entry.first_position + n, entry.tenant, one) for n, one in enumerate(ids_of(entry.events))]
    return rows


class TestPositions:
    """Positions start at 1 and grow without gaps over everything that is kept."""

    def test_an_empty_log(self, log: EventLog) -> None:
        """It ends at 0, starts at 1, and has nothing to read."""
        assert (log.end(), log.start(), log.read(0, 10)) == (0, 1, [])

    def test_events_and_marks_share_positions(self, log: EventLog) -> None:
        """Accepted rows of all tenants and end marks are numbered in one row; refused ones take no number."""
        assert append(log, "ab").last_position == 2
        assert append(log, "ba").last_position == 0
        assert log.finish("t", "s").result(30) == 3
        assert append(log, "bc", tenant="u").last_position == 5
        assert append(log, "bcd").last_position == 7
        assert rows_of(log.read(0, 100)) == [
            (1, "t", "a"),
            (2, "t", "b"),
            (3, "t", "end of s"),
            (4, "u", "b"),
            (5, "u", "c"),
            (6, "t", "c"),
            (7, "t", "d"),
        ]
        assert log.end() == 7

    def test_a_mark_needs_a_source(self, open_log: OpenLog) -> None:
        """An end mark of a source that sent nothing is refused and takes no number; the error names those that did."""
        log = open_log()
        append(log, "a", source="shop")
        append(log, "a", source="web", tenant="u")
        for tenant, source, known in (("t", "web", ("shop",)), ("u", "shop", ("web",)), ("v", "shop", ())):
            with pytest.raises(UnknownSourceError) as caught:
                log.finish(tenant, source).result(30)
            assert (caught.value.known, caught.value.metadata) == (known, {"source": source})
        assert log.end() == 2
        log.close()
        assert open_log().finish("t", "shop").result(30) == 3

    def test_a_mark_behind_its_first_events(self, open_log: OpenLog) -> None:
        """Events that wait together with the mark of their source are before it."""
        clock = TurnedClock(held=True)
        log = open_log(clock=clock)
        first = log.append("t", batch_of(["a"], "s"), digests_for(["a"]))
        mark = log.finish("t", "s")
        early = log.finish("t", "r")
        late = log.append("t", batch_of(["a"], "r"), digests_for(["a"]))
        clock.release()
        assert (first.result(30).last_position, mark.result(30), late.result(30).last_position) == (1, 2, 3)
        assert isinstance(early.exception(30), UnknownSourceError)

    def test_a_mark_after_pruning(self, open_log: OpenLog) -> None:
        """A source is known for as long as the log lives, also when nothing of it is kept."""
        clock = TurnedClock()
        log = open_log(clock=clock)
        append(log, "a")
        log.prune(entries_before_us=DAY_US, identities_before_us=9 * DAY_US)
        assert log.read(0, 10) == []
        assert log.finish("t", "s").result(30) == 2

    def test_what_is_read_is_what_was_appended(self, open_log: OpenLog) -> None:
        """Every column comes back as it was, from memory and after a restart."""
        log = open_log()
        batch = random_batch(500, seed=1)
        log.append("t", batch, bytes(DIGEST_BYTES * 500)).result(30)
        assert log.read(0, 1)[0].events.equals(batch)
        log.close()
        assert open_log().read(0, 1)[0].events.equals(batch)

    def test_an_empty_batch_is_nothing(self, log: EventLog) -> None:
        """No rows: accepted at once, and the log stays as it is."""
        result = log.append("t", batch_of([], "s"), b"").result(30)
        assert (result.accepted, result.last_position, log.end()) == (0, 0, 0)

    def test_digests_must_fit_the_rows(self, log: EventLog) -> None:
        """A wrong number of digests is the caller's fault and is told at once."""
        with pytest.raises(ValueError, match="17 bytes for 1 rows"):
            log.append("t", batch_of(["a"], "s"), bytes(17))


class TestReading:
    """Reading answers whole entries, in order, from any position."""

    @pytest.mark.parametrize("reopen", [False, True], ids=["kept open", "reopened"])
    def test_limits(self, open_log: OpenLog, reopen: bool) -> None:
        """Entries are added until there are max_events rows; at least one comes if there is any."""
        log = open_log()
        for ids in ("abc", "def", "ghi", "jkl", "mno", "pqr", "stu"):
            append(log, ids)
        if reopen:
            log.close()
            log = open_log()
        for after in range(22):
            for limit in (1, 3, 4, 100):
                entries = log.read(after, limit)
                expected = [first for first in range(1, 22, 3) if first + 2 > after][: max(1, -(-limit // 3))]
                assert [entry.first_position for entry in entries] == expected, (after, limit)

    def test_waiting_for_growth(self, log: EventLog) -> None:
        """A wait ends with yes once the log is longer, with no at its time limit, and with no when the log closes."""
        assert not log.wait_beyond(0, 0.01)
        answers: list[bool] = []
        waiter = threading.Thread(target=lambda: answers.append(log.wait_beyond(0, 30)))
        waiter.start()
        append(log, "a")
        waiter.join(30)
        assert answers == [True]
        assert log.wait_beyond(0, 0)
        closing = threading.Thread(target=lambda: answers.append(log.wait_beyond(1, 30)))
        closing.start()
        log.close()
        closing.join(30)
        assert answers == [True, False]


class TestIdentity:
    """(tenant, source, id) is accepted once; the same content again is a duplicate, other content a conflict."""

    def test_within_a_batch(self, log: EventLog) -> None:
        """The first row wins."""
        result = append(log, "aabab", content="xxyzy")
        assert (result.accepted, result.duplicates, result.conflicts) == (2, (1, 4), (3,))
        assert [row[2] for row in rows_of(log.read(0, 10))] == ["a", "b"]

    def test_between_batches_and_restarts(self, open_log: OpenLog) -> None:
        """Rows that were there are told as duplicates or conflicts, also after a restart; the rest goes in."""
        log = open_log()
        append(log, "abc")
        assert append(log, "dcb", content="dcX") == AppendResult(1, (1,), (2,), 4, log.read(0, 9)[-1].accepted_at_us)
        log.close()
        log = open_log()
        result = append(log, "xad", content="xXd")
        assert (result.accepted, result.duplicates, result.conflicts, result.last_position) == (1, (2,), (1,), 5)

    def test_tenants_and_sources_are_apart(self, log: EventLog) -> None:
        """One id may stand once in each source of each tenant."""
        for tenant in ("t", "u"):
            for source in ("s", "r"):
                assert append(log, "a", content="x", tenant=tenant, source=source).accepted == 1
        assert append(log, "a", content="x", tenant="u", source="r").duplicates == (0,)

    def test_sources_mixed_in_one_batch(self, log: EventLog) -> None:
        """Rows of several sources are told apart, and their numbers are those of the batch."""
        sources = ["s", "r", "s", "r", "q", "s"]
        first = log.append("t", batch_of(list("abacaa"), sources), digests_for(list("123456"))).result(30)
        assert (first.accepted, first.conflicts) == (4, (2, 5))
        again = log.append("t", batch_of(list("abacaa"), sources), digests_for(list("123456"))).result(30)
        assert (again.accepted, again.duplicates, again.conflicts) == (0, (0, 1, 3, 4), (2, 5))

    def test_ids_of_any_characters(self, log: EventLog) -> None:
        """Ids that differ in any character are different: control characters, quotes, other planes, other cases."""
        ids = ["a", "A", "a\x00", "a\x00b", "a\x01", "a\x01\x02", "a\x02", "\x00", "\x01", '"', "\\", "\\u0000", "é"]
        ids += [
            "e\u0301",
            "😀",
            "\ud7ff",
            "\uffff",
            "1",
            "1.0",
            "01",
            " 1",
            "null",
            "\n",
            "\u2028",
            "'",
            "%",
            "x" * 128,
        ]
        digests = digests_for([str(n) for n in range(len(ids))])
        assert log.append("t", batch_of(ids, "s"), digests).result(30).accepted == len(ids)
        assert log.append("t", batch_of(ids, "s"), digests).result(30).duplicates == tuple(range(len(ids)))

    def test_duplicates_that_wait_together(self, open_log: OpenLog) -> None:
        """Batches that are committed at once follow the order in which they were appended."""
        clock = TurnedClock(held=True)
        log = open_log(clock=clock)
        results = [log.append("t", batch_of(list(ids), "s"), digests_for(list(ids))) for ids in ("ab", "bc", "ca")]
        conflict = log.append("t", batch_of(["d", "b"], "s"), digests_for(["d", "other"]))
        clock.release()
        assert [(r.result(30).accepted, r.result().duplicates) for r in results] == [(2, ()), (1, (0,)), (0, (0, 1))]
        assert (conflict.result(30).accepted, conflict.result().conflicts) == (1, (1,))
        assert [row[2] for row in rows_of(log.read(0, 10))] == ["a", "b", "c", "d"]

    def test_threads_that_append_the_same(self, log: EventLog) -> None:
        """Six threads append overlapping ids: each id is accepted by exactly one, and stands in the log once."""
        accepted: list[int] = []

        def work(number: int) -> None:
            for start in range(0, 400, 10):
                ids = [str(start + (n * 7 + number) % 30) for n in range(20)]
                accepted.append(log.append("t", batch_of(ids, "s"), digests_for(ids)).result(30).accepted)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = rows_of(log.read(0, 10_000))
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        names = [row[2] for row in rows]
        assert len(set(names)) == len(names) == sum(accepted) == log.end()


class TestTime:
    """accepted_at is the log's clock, and never runs backwards along positions."""

    def test_the_clock_may_run_backwards(self, open_log: OpenLog) -> None:
        """A clock that was set back does not set the log back, also not after a restart."""
        clock = TurnedClock(5 * DAY_US)
        log = open_log(clock=clock)
        assert append(log, "a").accepted_at_us == 5 * DAY_US
        clock.now_us = 4 * DAY_US
        assert append(log, "b").accepted_at_us == 5 * DAY_US
        log.close()
        log = open_log(clock=TurnedClock(DAY_US))
        assert append(log, "c").accepted_at_us == 5 * DAY_US
        assert [entry.accepted_at_us for entry in log.read(0, 10)] == [5 * DAY_US] * 3


class TestPruning:
    """What is older than asked for is forgotten; the rest and the numbering stay."""

    def test_entries(self, open_log: OpenLog) -> None:
        """Entries before the instant are gone; positions go on, also when nothing is left and after a restart."""
        clock = TurnedClock()
        log = open_log(clock=clock)
        for ids in ("ab", "cd", "ef"):
            append(log, ids)
            clock.now_us += DAY_US
        log.prune(entries_before_us=DAY_US, identities_before_us=0)
        assert (log.start(), log.read(0, 1)[0].first_position) == (3, 3)
        log.prune(entries_before_us=9 * DAY_US, identities_before_us=0)
        assert (log.start(), log.end(), log.read(0, 1)) == (7, 6, [])
        log.close()
        log = open_log(clock=clock)
        assert (log.start(), log.end()) == (7, 6)
        assert append(log, "ag").last_position == 7

    def test_identities(self, open_log: OpenLog) -> None:
        """Within the dedup horizon an id is known, beyond it the same id is new; entries are not touched by it."""
        clock = TurnedClock()
        log = open_log(clock=clock)
        append(log, "ab")
        clock.now_us = 10 * DAY_US
        append(log, "cd", source="r")
        append(log, "cd")
        clock.now_us = 35 * DAY_US
        log.prune(entries_before_us=0, identities_before_us=clock.now_us - 35 * DAY_US)
        assert append(log, "ab").duplicates == (0, 1)
        clock.now_us = 36 * DAY_US
        log.prune(entries_before_us=0, identities_before_us=clock.now_us - 35 * DAY_US)
        assert (append(log, "abcd").accepted, append(log, "cd", source="r").duplicates) == (2, (0, 1))
        clock.now_us = 46 * DAY_US
        log.prune(entries_before_us=0, identities_before_us=clock.now_us - 35 * DAY_US)
        assert (append(log, "abcd").accepted, log.start(), log.end()) == (2, 1, 10)


class TestLoad:
    """Much at once is either taken or refused, never kept without bound."""

    def test_too_much_waiting(self, open_log: OpenLog) -> None:
        """Rows beyond the bound are refused with a delay after which to try again; what waited goes in."""
        clock = TurnedClock(held=True)
        log = open_log(clock=clock, max_waiting_rows=10)
        log.append("t", batch_of(["first"], "s"), bytes(DIGEST_BYTES))
        assert clock.asked.wait(30)
        waiting = [
            log.append("t", batch_of([f"{n}{m}" for m in range(5)], "s"), bytes(DIGEST_BYTES * 5)) for n in range(3)
        ]
        with pytest.raises(BackpressureError) as caught:
            waiting[2].result(30)
        assert caught.value.retry_after_s is not None
        clock.release()
        assert [result.result(30).accepted for result in waiting[:2]] == [5, 5]
        assert (
            log.append("t", batch_of([f"2{m}" for m in range(5)], "s"), bytes(DIGEST_BYTES * 5)).result(30).accepted
            == 5
        )

    def test_cancelled_while_waiting(self, open_log: OpenLog) -> None:
        """An append that is cancelled before its turn leaves nothing behind."""
        clock = TurnedClock(held=True)
        log = open_log(clock=clock)
        first = log.append("t", batch_of(["first"], "s"), bytes(DIGEST_BYTES))
        assert clock.asked.wait(30)
        cancelled = log.append("t", batch_of(["gone"], "s"), bytes(DIGEST_BYTES))
        last = log.append("t", batch_of(["last"], "s"), bytes(DIGEST_BYTES))
        assert cancelled.cancel()
        clock.release()
        assert (first.result(30).last_position, last.result(30).last_position) == (1, 2)
        assert [row[2] for row in rows_of(log.read(0, 10))] == ["first", "last"]

    def test_closing(self, open_log: OpenLog) -> None:
        """Closing finishes what was appended; what comes later fails. Closing again does nothing."""
        log = open_log()
        results: list[Result] = [log.append("t", batch_of([str(n)], "s"), bytes(DIGEST_BYTES)) for n in range(50)]
        log.close()
        assert [result.result(0).last_position for result in results] == list(range(1, 51))
        with pytest.raises(StoreClosedError):
            append(log, "x")
        with pytest.raises(StoreClosedError):
            log.finish("t", "s").result(30)
        log.close()
        assert open_log().end() == 50
