"""Timers over a real state database: due after a restart, never twice, one that fails does not hold up the others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.strategies import integers, sampled_from
from sqlalchemy import Connection
from trueline_server.clock import ManualClock
from trueline_server.timers.store import Timer, clear_timer, find_timer, next_due, set_timer, set_timers
from trueline_server.timers.wheel import TimerWheel
from trueline_stores.state.database import StateDatabase

SECOND = 1_000_000


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateDatabase]:
    """A state database."""
    opened = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    yield opened
    opened.close()


def put(state: StateDatabase, *timers: Timer) -> None:
    """Set timers in a transaction of their own."""
    with state.writing() as connection:
        set_timers(connection, timers)


def test_a_timer_runs_when_it_is_due_and_once(state: StateDatabase) -> None:
    """Not before its instant, then once, with the instant at which it ran."""
    clock, ran = ManualClock(0), []
    wheel = TimerWheel(state, clock)
    wheel.handle("a", lambda _, timer, now_us: ran.append((timer.subject, now_us)))
    put(state, Timer("t", "a", "x", 10 * SECOND))
    assert wheel.tick() == 0
    clock.turn(12)
    assert wheel.tick() == 1
    assert wheel.tick() == 0
    assert ran == [("x", 12 * SECOND)]


def test_what_was_due_while_nothing_ran_is_done_after_a_restart(tmp_path: Path) -> None:
    """A timer outlives the process that set it."""
    first = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    put(first, Timer("t", "a", "x", 10 * SECOND))
    first.close()
    second, clock, ran = StateDatabase.sqlite(tmp_path / "state.sqlite3"), ManualClock(3600 * SECOND), []
    wheel = TimerWheel(second, clock)
    wheel.handle("a", lambda _, timer, __: ran.append(timer.subject))
    wheel.tick()
    second.close()
    assert ran == ["x"]


def test_what_a_handler_did_and_the_end_of_its_timer_are_one(state: StateDatabase) -> None:
    """A handler that fails half way has done nothing; it is tried again later, and then it is done once."""
    clock, broken = ManualClock(0), [True]
    wheel = TimerWheel(state, clock)

    def handle(connection: Connection, timer: Timer, now_us: int) -> None:
        set_timer(connection, Timer("t", "done", timer.subject, now_us + 10**15))
        if broken:
            raise RuntimeError("no")

    wheel.handle("a", handle)
    put(state, Timer("t", "a", "x", 0))
    wheel.tick()
    with state.reading() as connection:
        assert find_timer(connection, "t", "done", "x") is None
        again = find_timer(connection, "t", "a", "x")
    assert again is not None
    assert (again.attempts, again.due_us) == (1, SECOND)
    broken.clear()
    clock.turn(1)
    wheel.tick()
    with state.reading() as connection:
        assert find_timer(connection, "t", "a", "x") is None
        assert find_timer(connection, "t", "done", "x") is not None


def test_one_that_fails_leaves_the_others_theirs(state: StateDatabase) -> None:
    """Of a thousand that are due at once one fails: all others are done, each once."""
    clock, ran = ManualClock(0), []
    wheel = TimerWheel(state, clock)

    def handle(connection: Connection, timer: Timer, now_us: int) -> None:
        if timer.subject == "500":
            raise RuntimeError("no")
        set_timer(connection, Timer("t", "done", timer.subject, 10**15))
        ran.append(timer.subject)

    wheel.handle("a", handle)
    put(state, *(Timer("t", "a", str(number), number) for number in range(1000)))
    clock.turn(1)
    wheel.tick()
    with state.reading() as connection:
        done = [n for n in range(1000) if find_timer(connection, "t", "done", str(n)) is not None]
        assert next_due(connection) == 2 * SECOND
    assert done == [n for n in range(1000) if n != 500]


def test_a_timer_may_set_itself_again(state: StateDatabase) -> None:
    """A handler that sets the next instant runs again then."""
    clock, ran = ManualClock(0), []
    wheel = TimerWheel(state, clock)

    def handle(connection: Connection, timer: Timer, now_us: int) -> None:
        ran.append(now_us // SECOND)
        set_timer(connection, Timer("t", "a", "x", now_us + 60 * SECOND))

    wheel.handle("a", handle)
    put(state, Timer("t", "a", "x", 0))
    for _ in range(4):
        wheel.tick()
        clock.turn(45)
    assert ran == [0, 90]


def test_a_clock_that_is_set_back_makes_nobody_wait_for_hours(state: StateDatabase) -> None:
    """Every handler looks at once whether its time has come, and may set its timer anew."""
    clock, ran = ManualClock(10_000 * SECOND), []
    wheel = TimerWheel(state, clock)
    wheel.handle("a", lambda _, timer, now_us: ran.append((timer.subject, now_us)))
    put(state, Timer("t", "a", "x", 10_060 * SECOND))
    wheel.tick()
    clock.turn(-30)
    wheel.tick()
    assert ran == []
    clock.turn(-7200)
    wheel.tick()
    assert ran == [("x", 2770 * SECOND)]


class WheelMachine(RuleBasedStateMachine):
    """Timers set, moved, cleared, and a clock that jumps both ways: each is run as often as a plain dict says."""

    def __init__(self) -> None:
        super().__init__()
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.state = StateDatabase.sqlite(Path(self.folder.name) / "state.sqlite3")
        self.now = 0
        self.ran: list[str] = []
        self.expected: list[str] = []
        self.due: dict[str, int] = {}
        self._wheel()

    def _wheel(self) -> None:
        self.wheel = TimerWheel(self.state, lambda: self.now)
        self.wheel.handle("a", lambda _, timer, __: self.ran.append(timer.subject))

    @rule(subject=sampled_from("xyz"), due=integers(0, 100))
    def set(self, subject: str, due: int) -> None:
        """Set or move one."""
        put(self.state, Timer("t", "a", subject, due))
        self.due[subject] = due

    @rule(subject=sampled_from("xyz"))
    def clear(self, subject: str) -> None:
        """Clear one."""
        with self.state.writing() as connection:
            assert clear_timer(connection, "t", "a", subject) == (self.due.pop(subject, None) is not None)

    @rule(now=integers(0, 100))
    def turn(self, now: int) -> None:
        """Turn the clock a little, either way, and look."""
        self.now = now
        self.wheel.tick()
        for subject in [s for s, due in self.due.items() if due <= now]:
            del self.due[subject]
            self.expected.append(subject)

    @rule()
    def restart(self) -> None:
        """Forget what is in memory."""
        self.state.close()
        self.state = StateDatabase.sqlite(Path(self.folder.name) / "state.sqlite3")
        self._wheel()

    @invariant()
    def ran_what_was_due(self) -> None:
        """Nothing is lost, nothing runs twice."""
        assert sorted(self.ran) == sorted(self.expected)

    def teardown(self) -> None:
        """Close."""
        self.state.close()
        self.folder.cleanup()


TestWheelMachine = WheelMachine.TestCase
TestWheelMachine.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
