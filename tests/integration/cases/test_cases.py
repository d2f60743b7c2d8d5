"""Cases over a real state database: one open case a key, a timeline for each change, and a plain model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_server.cases import changes, store
from trueline_server.cases.model import Case, CaseKind, CaseState, NewCase
from trueline_server.errors import TruelineError
from trueline_stores.errors import StoreError
from trueline_stores.state.database import StateDatabase


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDatabase]:
    """A state database."""
    opened = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    yield opened
    opened.close()


def new(key: str = "k", kind: CaseKind = CaseKind.ALERT) -> NewCase:
    """A case to open."""
    return NewCase(kind, key, "warning", "Busy", labels={"plan": "pro"}, details={"values": {"n": 2.5}})


def opened(state: StateDatabase, *cases: NewCase) -> list[Case]:
    """Open cases in a transaction of their own."""
    with state.writing() as connection:
        return store.insert_cases(connection, "t", cases, 1)


def written(state: StateDatabase, changed: changes.Changed) -> Case:
    """Write a change."""
    with state.writing() as connection:
        store.update_cases(connection, [changed[0]])
        store.insert_events(connection, "t", [changed[1]], changed[0].changed_us)
    return changed[0]


def test_cases_are_numbered_by_kind(state: StateDatabase) -> None:
    """Each kind counts for itself, and what is written is read alike."""
    first, second = opened(state, new("a"), new("b"))
    (backlog,) = opened(state, new("a", CaseKind.BACKLOG))
    (third,) = opened(state, new("c"))
    assert [case.id for case in (first, second, backlog, third)] == ["alert-1", "alert-2", "backlog-1", "alert-3"]
    with state.reading() as connection:
        assert store.find_case(connection, "t", "alert-2") == second
        assert store.find_case(connection, "other", "alert-2") is None
        assert store.list_cases(connection, "t", CaseKind.ALERT, most=2) == [third, second]
        assert store.list_cases(connection, "t", CaseKind.ALERT, before=3) == [second, first]


def test_one_case_about_a_thing_is_open_at_most(state: StateDatabase) -> None:
    """The database refuses a second one; after the first is resolved there may be another."""
    (first,) = opened(state, new())
    with pytest.raises(StoreError, match="UNIQUE"):
        opened(state, new())
    written(state, changes.resolve(first, "anna", 5, "mended"))
    (second,) = opened(state, new())
    with state.reading() as connection:
        assert store.find_open(connection, "t", CaseKind.ALERT, ["k"]) == {"k": second}


def test_every_change_is_in_the_timeline(state: StateDatabase) -> None:
    """Acknowledged, given to somebody, worse, taken back, resolved: who, when, what."""
    (case,) = opened(state, new())
    case = written(state, changes.acknowledge(case, "anna", 10, "I look"))
    assert (case.state, case.acknowledged_by, case.version) == (CaseState.ACKNOWLEDGED, "anna", 2)
    case = written(state, changes.assign(case, "ben", "anna", 11))
    case = written(state, changes.change_severity(case, "critical", 12))
    case = written(state, changes.unacknowledge(case, "trueline", 13, "not resolved in 30 m"))
    assert (case.state, case.acknowledged_us, case.acknowledged_by) == (CaseState.OPEN, None, "")
    case = written(state, changes.resolve(case, "anna", 14, ends_us=3))
    with state.reading() as connection:
        assert store.find_case(connection, "t", case.id) == case
        told = [(event.kind.value, event.actor, event.at_us) for event in store.events_of(connection, "t", case.id)]
    assert told == [
        ("acknowledged", "anna", 10),
        ("owner_changed", "anna", 11),
        ("severity_changed", "trueline", 12),
        ("unacknowledged", "trueline", 13),
        ("resolved", "anna", 14),
    ]


def test_what_is_resolved_stays_so(state: StateDatabase) -> None:
    """Every change of a resolved case is refused, with the way out; so is one decided on an older state."""
    (case,) = opened(state, new())
    with pytest.raises(TruelineError, match="read it again") as mismatch:
        changes.refuse_other_version(case, "7")
    assert (mismatch.value.reason, mismatch.value.metadata) == ("ETAG_MISMATCH", {"etag": "1"})
    case, _ = changes.resolve(case, "anna", 5)
    for change in (
        lambda: changes.acknowledge(case, "ben", 6),
        lambda: changes.resolve(case, "ben", 6),
        lambda: changes.assign(case, "ben", "anna", 6),
    ):
        with pytest.raises(TruelineError) as refused:
            change()
        assert (refused.value.code, refused.value.reason) == ("FAILED_PRECONDITION", "CASE_RESOLVED")
