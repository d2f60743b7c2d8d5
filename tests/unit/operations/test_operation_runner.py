"""Operations on threads: their turn, their end, what is stored of their progress, and what a restart does with them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from trueline_server.clock import ManualClock
from trueline_server.errors import TruelineError
from trueline_server.operations.model import Operation, State, Work
from trueline_server.operations.runner import MOST_ATTEMPTS, Operations, Runner
from trueline_server.operations.store import OperationStore
from trueline_stores.state.database import StateDatabase

LONG_S = 30.0


@pytest.fixture
def clock() -> ManualClock:
    """A clock that a test turns."""
    return ManualClock(1_700_000_000_000_000)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[OperationStore]:
    """A store in a database of its own."""
    database = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    yield OperationStore(database, clock)
    database.close()


Started = Callable[..., Operations]


@pytest.fixture
def started(store: OperationStore, clock: ManualClock) -> Iterator[Started]:
    """Makes operations that run, with one runner; they are closed in the end."""
    made: list[Operations] = []

    def start(runner: Runner, *, resumable: bool = True, run_at_once: int = 2) -> Operations:
        operations = Operations(store, clock, run_at_once=run_at_once)
        operations.register("Work", runner, resumable=resumable)
        made.append(operations)
        operations.begin()
        return operations

    yield start
    for operations in made:
        operations.close()


class Gate:
    """A runner that says that it runs, and goes on when it is let."""

    def __init__(self) -> None:
        self.order: list[tuple[str, bytes]] = []
        self.runs = threading.Semaphore(0)
        self.free = threading.Semaphore(0)

    def __call__(self, work: Work) -> bytes:
        """Run until let, or until it is to stop."""
        self.order.append((work.tenant, work.request))
        self.runs.release()
        assert self.free.acquire(timeout=LONG_S)
        work.go_on()
        return b"done " + work.request

    def wait(self) -> None:
        """Until one more runs."""
        assert self.runs.acquire(timeout=LONG_S)


def test_it_runs_and_has_its_result(started: Started) -> None:
    """What the runner answers is the result; a wait returns as soon as it is there."""
    operations = started(lambda work: b"done " + work.request)
    begun = operations.start("t", "Work", b"x")
    ended = operations.wait("t", begun.id, LONG_S)
    assert (ended.state, ended.result, ended.attempts) == (State.SUCCEEDED, b"done x", 1)
    assert operations.wait("t", begun.id, 0).result == b"done x"
    with pytest.raises(TruelineError, match="is kept"):
        operations.wait("u", begun.id, 0)


def test_one_of_a_kind_for_a_tenant(started: Started) -> None:
    """The second of a tenant waits for its first, that of another tenant does not; then it is the next one's turn."""
    gate = Gate()
    operations = started(gate)
    first, second = operations.start("t", "Work", b"1"), operations.start("t", "Work", b"2")
    other = operations.start("u", "Work", b"3")
    gate.wait()
    gate.wait()
    assert sorted(gate.order) == [("t", b"1"), ("u", b"3")]
    assert operations.get("t", second.id).state is State.WAITING
    gate.free.release(3)
    for tenant, one in (("t", first), ("u", other), ("t", second)):
        assert operations.wait(tenant, one.id, LONG_S).state is State.SUCCEEDED
    assert gate.order[2] == ("t", b"2")


def test_few_run_at_once(started: Started) -> None:
    """More than that wait in the order of their start."""
    gate = Gate()
    operations = started(gate, run_at_once=1)
    begun = [operations.start(tenant, "Work", b"") for tenant in "abc"]
    gate.free.release(3)
    for tenant, one in zip("abc", begun, strict=True):
        operations.wait(tenant, one.id, LONG_S)
    assert [tenant for tenant, _ in gate.order] == ["a", "b", "c"]


def test_cancelling_ends_it_after_the_step_at_hand(started: Started) -> None:
    """The runner sees that it is to stop; the operation says that it was cancelled, and has no result."""
    gate = Gate()
    operations = started(gate, run_at_once=1)
    running, waiting = operations.start("t", "Work", b"1"), operations.start("t", "Work", b"2")
    gate.wait()
    assert operations.cancel("t", waiting.id).state is State.CANCELLED
    assert operations.cancel("t", running.id).state is State.RUNNING
    gate.free.release()
    ended = operations.wait("t", running.id, LONG_S)
    assert ended.error is not None
    assert (ended.state, ended.error.reason, ended.result) == (State.CANCELLED, "OPERATION_CANCELLED", None)
    assert [request for _, request in gate.order] == [b"1"]


def test_an_error_is_that_of_the_operation(started: Started) -> None:
    """One that says what it is comes as it is, of another only the number of an incident is told."""

    def refuse(work: Work) -> bytes:
        if work.request == b"known":
            raise TruelineError("INVALID_ARGUMENT", "TOO_MANY_POINTS", "too many", metadata={"limit": "5"})
        raise RuntimeError("secret")

    operations = started(refuse)
    known, unknown = (operations.start(tenant, "Work", what) for tenant, what in (("t", b"known"), ("u", b"")))
    error = operations.wait("t", known.id, LONG_S).error
    assert error is not None
    assert (error.code, error.reason, error.message) == ("INVALID_ARGUMENT", "TOO_MANY_POINTS", "too many")
    assert error.metadata == {"limit": "5"}
    hidden = operations.wait("u", unknown.id, LONG_S).error
    assert hidden is not None
    assert (hidden.code, "incident" in hidden.message, "secret" in hidden.message) == ("INTERNAL", True, False)


def test_progress_is_stored_at_most_every_second(started: Started, clock: ManualClock) -> None:
    """Steps within a second of the last one stored are not stored; listeners hear of those that are."""
    heard: list[Operation] = []
    free = threading.Event()

    def count(work: Work) -> bytes:
        assert free.wait(LONG_S)
        for step in range(10):
            work.progress(step, 10, f"at {step}")
            clock.turn(0.4)
        return b""

    operations = started(count)
    begun = operations.start("t", "Work", b"")
    operations.listen("t", begun.id, heard.append)
    free.set()
    operations.wait("t", begun.id, LONG_S)
    assert [(one.done, one.message) for one in heard if one.state is State.RUNNING and one.total] == [
        (3, "at 3"),
        (6, "at 6"),
        (9, "at 9"),
    ]
    assert heard[-1].state is State.SUCCEEDED


def test_a_stop_in_good_order_is_no_failure(started: Started) -> None:
    """What ran when the server stopped runs again from its beginning, under its name, as if it never had."""
    gate = Gate()
    first = started(gate)
    begun = first.start("t", "Work", b"x")
    gate.wait()
    closing = threading.Thread(target=first.close)
    closing.start()
    # Let only once it was told to stop, as a step under way would find out.
    assert closing_seen(first)
    gate.free.release()
    closing.join(LONG_S)
    left = first.get("t", begun.id)
    assert (left.state, left.attempts) == (State.WAITING, 0)
    again = started(lambda work: b"again " + work.request)
    assert again.wait("t", begun.id, LONG_S).result == b"again x"


def closing_seen(operations: Operations) -> bool:
    """Whether the work under way knows that the server stops, as soon as it does."""
    (work,) = operations._running.values()
    return work.closing.wait(LONG_S)


def test_after_a_crash(store: OperationStore, started: Started) -> None:
    """What can be done again is done again; what cannot is lost, says so, and never runs; what waited just runs."""
    cut, waited = store.add("t", "Work", b"cut"), store.add("u", "Work", b"waited")
    store.begin("t", cut.id)
    ran: list[bytes] = []

    def run(work: Work) -> bytes:
        ran.append(work.request)
        return b"done"

    operations = started(run, resumable=False)
    lost = operations.wait("t", cut.id, LONG_S)
    assert lost.error is not None
    assert (lost.error.code, lost.error.reason) == ("ABORTED", "OPERATION_LOST")
    assert operations.wait("u", waited.id, LONG_S).result == b"done"
    again = store.add("v", "Work", b"again")
    store.begin("v", again.id)
    assert started(run).wait("v", again.id, LONG_S).result == b"done"
    assert ran == [b"waited", b"again"]


def test_work_that_kills_the_server_is_given_up(store: OperationStore, started: Started) -> None:
    """The server died so often while it ran that it is not begun once more."""
    added = store.add("t", "Work", b"")
    for _ in range(MOST_ATTEMPTS):
        store.begin("t", added.id)
        store.release("t", added.id, began=True)
    ended = started(lambda work: b"").wait("t", added.id, LONG_S)
    assert ended.error is not None
    assert (ended.error.reason, f"{MOST_ATTEMPTS} times" in ended.error.message) == ("OPERATION_LOST", True)


def test_a_cancellation_that_a_crash_cut_off_holds(store: OperationStore, started: Started) -> None:
    """One that was asked to end and did not get to it has ended after the restart."""
    added = store.add("t", "Work", b"")
    store.begin("t", added.id)
    store.cancel("t", added.id)
    assert started(lambda work: b"").wait("t", added.id, LONG_S).state is State.CANCELLED
