"""What is forgotten of cases that were resolved long ago, and what never is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_server.cases import changes, store
from trueline_server.cases.model import Case, CaseKind, EventKind, NewCase, NewEvent
from trueline_server.cases.retention import CaseRetention, first_kept
from trueline_server.clock import ManualClock
from trueline_stores.state.database import StateDatabase

TENANT = "t"
DAY_S = 86_400.0


class World:
    """Cases and a clock."""

    def __init__(self, folder: Path, keep_days: int = 400) -> None:
        self.state = StateDatabase.sqlite(folder / "state.sqlite3")
        self.clock = ManualClock(1_770_000_000_000_000)
        self.retention = CaseRetention(self.state, self.clock, keep_days)

    def opened(self, *keys: str, kind: CaseKind = CaseKind.ALERT, tenant: str = TENANT) -> list[Case]:
        """New cases, each with the beginning of a timeline."""
        new = [NewCase(kind, key, "warning", "Busy") for key in keys]
        with self.state.writing() as connection:
            cases = store.insert_cases(connection, tenant, new, self.clock())
            events = [NewEvent(case.id, EventKind.OPENED) for case in cases]
            store.insert_events(connection, tenant, events, self.clock())
        return cases

    def resolve(self, *cases: Case) -> None:
        """They are over."""
        with self.state.writing() as connection:
            made = [changes.resolve(case, "ann", self.clock()) for case in cases]
            store.update_cases(connection, [case for case, _ in made])
            store.insert_events(connection, cases[0].tenant, [event for _, event in made], self.clock())

    def note(self, case: Case) -> None:
        """Somebody adds to its timeline."""
        with self.state.writing() as connection:
            store.insert_events(connection, case.tenant, [NewEvent(case.id, EventKind.NOTE, "x")], self.clock())

    def kept(self, kind: CaseKind = CaseKind.ALERT, tenant: str = TENANT) -> list[str]:
        """Ids of the cases that are there, the newest first."""
        with self.state.reading() as connection:
            return [case.id for case in store.list_cases(connection, tenant, kind)]

    def events(self) -> set[str]:
        """Ids of the cases that have a timeline."""
        with self.state.reading() as connection:
            return {event.case_id for event in store.changed_since(connection, TENANT, 0, 10_000)}

    def resumes(self, number: int) -> int | None:
        """See first_kept."""
        with self.state.reading() as connection:
            return first_kept(connection, TENANT, number, self.retention.kept_since_us)

    def last(self) -> int:
        """Number of the last event."""
        with self.state.reading() as connection:
            return store.last_event(connection, TENANT)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Cases that are kept for 400 days."""
    made = World(tmp_path)
    yield made
    made.state.close()


def test_resolved_cases_are_forgotten_after_their_time(world: World) -> None:
    """Both the case and its timeline, not a day too early; one that is open stays, however old it is."""
    first, open_one, last = world.opened("a", "b", "c")
    world.resolve(first)
    world.clock.turn(399 * DAY_S)
    world.resolve(last)
    assert world.retention.prune() == 0
    world.clock.turn(2 * DAY_S)
    assert world.retention.prune() == 1
    assert world.kept() == [last.id, open_one.id]
    assert world.events() == {last.id, open_one.id}
    world.clock.turn(5000 * DAY_S)
    world.retention.prune()
    assert open_one.id in world.kept()


def test_what_somebody_still_works_on_is_kept(world: World) -> None:
    """A note that comes late keeps a resolved case until it is as old."""
    noted, _ = world.opened("a", "b")
    world.resolve(noted)
    world.clock.turn(300 * DAY_S)
    world.note(noted)
    world.opened("c")
    world.clock.turn(200 * DAY_S)
    assert world.retention.prune() == 0
    world.clock.turn(201 * DAY_S)
    assert world.retention.prune() == 1


def test_numbers_never_come_again(world: World) -> None:
    """The newest case of each kind stays, so the next one has a number of its own; tenants count for themselves."""
    world.resolve(*world.opened("a", "b"))
    world.resolve(*world.opened("a", "b", kind=CaseKind.BACKLOG))
    world.resolve(*world.opened("a", tenant="other"))
    world.clock.turn(401 * DAY_S)
    assert world.retention.prune() == 2
    assert (world.kept(), world.kept(CaseKind.BACKLOG), world.kept(tenant="other")) == (
        ["alert-2"],
        ["backlog-2"],
        ["alert-1"],
    )
    (fresh,) = world.opened("a")
    assert fresh.id == "alert-3"


def test_thousands_go_in_pieces(world: World) -> None:
    """All that is old goes in one round, whatever fits into a transaction."""
    world.resolve(*world.opened(*(f"k{number}" for number in range(1201))))
    world.opened("last")
    world.clock.turn(401 * DAY_S)
    assert world.retention.prune() == 1201
    assert world.kept() == ["alert-1202"]


def test_kept_for_ever(tmp_path: Path) -> None:
    """With 0 days nothing is ever old."""
    world = World(tmp_path, keep_days=0)
    world.resolve(*world.opened("a", "b"))
    world.clock.turn(100_000 * DAY_S)
    assert world.retention.prune() == 0
    assert world.resumes(1) is None
    world.state.close()


def test_a_watch_resumes_only_where_nothing_is_missing(world: World) -> None:
    """One that stands before what was forgotten is told from where it can go on; that of a quiet tenant goes on."""
    old, _ = world.opened("a", "b")
    opened = world.last()
    world.resolve(old)
    quiet = world.last()
    world.clock.turn(401 * DAY_S)
    assert (world.resumes(quiet), world.resumes(0)) == (None, None)
    world.opened("c")
    first_new = world.last()
    world.retention.prune()
    assert world.kept() == ["alert-3", "alert-2"]
    assert world.resumes(opened) == first_new
    assert world.resumes(quiet) == first_new
    assert world.resumes(0) == first_new
    assert world.resumes(first_new) is None
