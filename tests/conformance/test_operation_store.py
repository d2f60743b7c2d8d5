"""What every store of operations does: states follow each other, ids repeat, tenants see their own, old ones go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_server.clock import ManualClock
from trueline_server.errors import TruelineError
from trueline_server.operations.model import OperationError, State
from trueline_server.operations.store import OperationStore
from trueline_stores.state.database import StateDatabase

DAY_S = 86_400
FAILURE = OperationError("FAILED_PRECONDITION", "STATEMENT_REFUSED", "no", {"kpi": "k"}, (("a", "is b"),))


@pytest.fixture
def clock() -> ManualClock:
    """A clock that a test turns."""
    return ManualClock(1_700_000_000_000_000)


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateDatabase]:
    """Each kind of state database."""
    assert request.param == "sqlite"
    opened = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def store(database: StateDatabase, clock: ManualClock) -> OperationStore:
    """A store that keeps operations for 30 days and three of a tenant at once."""
    return OperationStore(database, clock, keep_days=30, most_open=3)


def test_an_operation_goes_its_way(store: OperationStore, clock: ManualClock) -> None:
    """It waits, runs, tells how far it is, and has its result; each with its instant, and it is read back so."""
    added = store.add("t", "Work", b"todo")
    assert (added.state, added.request, added.name) == (State.WAITING, b"", f"operations/{added.id}")
    clock.turn(1)
    begun = store.begin("t", added.id)
    assert begun is not None
    assert (begun.state, begun.request, begun.attempts) == (State.RUNNING, b"todo", 1)
    assert (begun.created_us, begun.updated_us - begun.created_us) == (added.created_us, 1_000_000)
    store.progress("t", added.id, 3, 10, "at three")
    found = store.get("t", added.id)
    assert (found.done, found.total, found.message, found.ended) == (3, 10, "at three", False)
    clock.turn(1)
    ended = store.succeed("t", added.id, b"done")
    assert ended is not None
    found = store.get("t", added.id)
    assert (found.state, found.result, found.error) == (State.SUCCEEDED, b"done", None)
    assert found.expires_us == clock() + 30 * DAY_S * 1_000_000


def test_an_error_is_kept_whole(store: OperationStore) -> None:
    """Code, reason, message, metadata and broken rules come back as they were."""
    added = store.add("t", "Work", b"")
    store.begin("t", added.id)
    store.fail("t", added.id, FAILURE)
    found = store.get("t", added.id)
    assert (found.state, found.error, found.result) == (State.FAILED, FAILURE, None)


def test_what_has_ended_stays_so(store: OperationStore) -> None:
    """No progress, no other end, no cancellation changes an operation that has ended."""
    added = store.add("t", "Work", b"")
    assert store.succeed("t", added.id, b"early") is None
    assert store.progress("t", added.id, 1, 1, "") is None
    store.begin("t", added.id)
    assert store.begin("t", added.id) is None
    store.succeed("t", added.id, b"done")
    assert store.fail("t", added.id, FAILURE) is None
    assert store.release("t", added.id, began=True) is None
    assert store.cancel("t", added.id).state is State.SUCCEEDED
    assert store.get("t", added.id).result == b"done"


def test_cancelling(store: OperationStore) -> None:
    """One that waits has ended; one that runs is asked to end, and may still come to a result."""
    waiting, running = store.add("t", "Work", b""), store.add("t", "Work", b"")
    store.begin("t", running.id)
    told = store.cancel("t", waiting.id)
    assert told.error is not None
    assert (told.state, told.error.code, told.error.reason) == (State.CANCELLED, "CANCELLED", "OPERATION_CANCELLED")
    asked = store.cancel("t", running.id)
    assert (asked.state, asked.cancelled) == (State.RUNNING, True)
    store.succeed("t", running.id, b"done")
    assert store.get("t", running.id).state is State.SUCCEEDED


def test_a_request_id_stands_for_one_operation(store: OperationStore, clock: ManualClock) -> None:
    """Asked again it is the same, also once it has ended; for another request it is refused; forgotten, it is new."""
    added = store.add("t", "Work", b"x", request_id="r", asked="1")
    assert store.add("t", "Work", b"other", request_id="r", asked="1").id == added.id
    assert store.add("u", "Work", b"x", request_id="r", asked="1").id != added.id
    assert store.add("t", "Other", b"x", request_id="r", asked="1").id != added.id
    with pytest.raises(TruelineError, match="with other arguments") as refused:
        store.add("t", "Work", b"x", request_id="r", asked="2")
    assert refused.value.reason == "INVALID_FIELD"
    store.begin("t", added.id)
    store.succeed("t", added.id, b"done")
    assert store.add("t", "Work", b"x", request_id="r", asked="1").state is State.SUCCEEDED
    clock.turn(30 * DAY_S)
    assert store.add("t", "Work", b"x", request_id="r", asked="2").state is State.WAITING


def test_tenants_see_their_own(store: OperationStore) -> None:
    """To others an operation is not there: not by its id, not in lists, not to be cancelled."""
    added = store.add("t", "Work", b"")
    assert [one.id for one in store.list("t")] == [added.id]
    assert store.list("u") == []
    for call in (store.get, store.cancel):
        with pytest.raises(TruelineError) as refused:
            call("u", added.id)
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "UNKNOWN_OPERATION")
    assert store.get("t", added.id).cancelled is False


def test_lists_are_paged_newest_first(store: OperationStore) -> None:
    """By id, behind an id, of a kind; a clock that stands still does not shuffle them."""
    ids = [store.add("t", kind, b"").id for kind in ("Work", "Other", "Work")]
    assert [one.id for one in store.list("t")] == ids[::-1]
    assert [one.id for one in store.list("t", before=ids[2], most=1)] == [ids[1]]
    assert [one.id for one in store.list("t", kind="Work")] == [ids[2], ids[0]]
    assert [one.id for one in store.open()] == ids


def test_too_many_are_refused(store: OperationStore) -> None:
    """What waits and runs counts, for each tenant by itself; what has ended does not."""
    ids = [store.add("t", "Work", b"").id for _ in range(3)]
    with pytest.raises(TruelineError) as refused:
        store.add("t", "Work", b"")
    assert (refused.value.code, refused.value.reason) == ("RESOURCE_EXHAUSTED", "TOO_MANY_OPERATIONS")
    assert refused.value.metadata == {"limit": "3"}
    store.add("u", "Work", b"")
    store.cancel("t", ids[0])
    assert store.add("t", "Work", b"").state is State.WAITING


def test_operations_are_kept_for_their_days(store: OperationStore, clock: ManualClock) -> None:
    """30 days after its end one is gone; one that still runs stays, however long it takes."""
    ended, running = store.add("t", "Work", b""), store.add("t", "Work", b"")
    store.begin("t", running.id)
    clock.turn(5 * DAY_S)
    store.cancel("t", ended.id)
    clock.turn(30 * DAY_S - 1)
    assert store.get("t", ended.id).ended
    clock.turn(1)
    with pytest.raises(TruelineError, match="is kept"):
        store.get("t", ended.id)
    assert [one.id for one in store.list("t")] == [running.id]


def test_released_work_waits_again(store: OperationStore) -> None:
    """From its beginning; an attempt that a stop in good order ended does not count."""
    added = store.add("t", "Work", b"todo")
    store.begin("t", added.id)
    store.progress("t", added.id, 5, 9, "x")
    released = store.release("t", added.id, began=False)
    assert released is not None
    assert (released.state, released.done, released.total, released.attempts) == (State.WAITING, 0, 0, 0)
    again = store.begin("t", added.id)
    assert again is not None
    assert (again.request, again.attempts) == (b"todo", 1)


def test_what_was_written_is_there_after_a_restart(store: OperationStore, database: StateDatabase) -> None:
    """Another store over the same database tells the same."""
    added = store.add("t", "Work", b"todo", request_id="r", asked="1")
    store.begin("t", added.id)
    store.progress("t", added.id, 2, 4, "half")
    other = OperationStore(database, ManualClock())
    assert other.get("t", added.id) == store.get("t", added.id)
    assert [one.id for one in other.open()] == [added.id]
