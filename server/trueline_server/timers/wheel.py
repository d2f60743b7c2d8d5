"""Runs what is due: each timer's handler in the transaction that removes the timer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sqlalchemy import Connection
from trueline_stores.errors import StoreClosedError
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.timers.store import Timer, due_timers, find_timer, hasten_timers, set_timer, take_timer

_log = logging.getLogger(__name__)

# Does what a timer is for, at an instant; it may set the timer again, and does if it was called before its time. What
# it writes and the removal of the timer are
# one transaction. It runs again if it raises, so it does nothing outside of the transaction.
Handler = Callable[[Connection, Timer, int], None]

_LOOK_EVERY_S = 0.25
# Timers that are taken at once; between them the thread looks whether it is to stop.
_AT_ONCE = 200
_MOST_ROUNDS = 10
# Clocks are corrected by less; one that is further back was set back.
SET_BACK_US = 60_000_000
_FIRST_PAUSE_US = 1_000_000
_LONGEST_PAUSE_US = 300_000_000


class TimerWheel:
    """Runs handlers when their timers are due, also those that were due while nothing ran. One thread."""

    def __init__(self, state: StateDatabase, clock: Clock, after: Callable[[], None] = lambda: None) -> None:
        """`after` is called when timers have run, and what they did is durable."""
        self._after = after
        self._state = state
        self._clock = clock
        self._handlers: dict[str, Handler] = {}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._seen_us = clock()
        self.last_error = ""

    def handle(self, kind: str, handler: Handler) -> None:
        """Have a handler for the timers of a kind. Call it before `start`."""
        self._handlers[kind] = handler

    def start(self) -> None:
        """Begin to run timers on a thread.

        Raises:
            StoreError: the state database failed.

        """
        self.hasten()
        self._thread = threading.Thread(target=self._run, name="trueline-timers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the timer at hand. Idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def hasten(self) -> None:
        """Have each handler look in the next tick, and set its timer again if it has time.

        When the clock is set back, what is waited for may be hours too far; while nothing ran, it may have been.
        """
        with self._state.writing() as connection:
            hasten_timers(connection, self._clock())

    def tick(self) -> int:
        """Run everything that is due by the clock; answers how many timers that were. The thread calls it; tests may.

        What handlers set for now runs in the same tick, unless they go on setting each other; then the next tick goes
        on. What fails is tried again later, ever more seldom.

        Raises:
            StoreError: the state database failed.

        """
        done = rounds = 0
        now_us = self._clock()
        if now_us < self._seen_us - SET_BACK_US:
            self.hasten()
        self._seen_us = now_us
        while not self._stopping.is_set() and rounds < _MOST_ROUNDS:
            with self._state.reading() as connection:
                due = due_timers(connection, now_us, _AT_ONCE)
            if not due:
                break
            done += self._run_all(due, now_us)
            rounds += len(due) < _AT_ONCE
            self._after()
        return done

    def _run_all(self, due: list[Timer], now_us: int) -> int:
        """Run timers in one transaction, which thousands of them share the cost of; one by one if one of them fails."""
        if len(due) > 1:
            try:
                with self._state.writing() as connection:
                    for timer in due:
                        self._handle(connection, timer, now_us)
            except StoreClosedError:
                raise
            except Exception as error:  # noqa: BLE001 which of them it is shows when they run one by one
                self.last_error = str(error) or type(error).__name__
            else:
                return len(due)
        for number, timer in enumerate(due):
            if self._stopping.is_set():
                return number
            self._run_one(timer, now_us)
        return len(due)

    def _handle(self, connection: Connection, timer: Timer, now_us: int) -> None:
        # Somebody may have moved or cleared it since it was read.
        if not take_timer(connection, timer):
            return
        handler = self._handlers.get(timer.kind)
        if handler is not None:
            handler(connection, timer, now_us)

    def _run_one(self, timer: Timer, now_us: int) -> None:
        try:
            with self._state.writing() as connection:
                self._handle(connection, timer, now_us)
        except StoreClosedError:
            raise
        except Exception as error:  # noqa: BLE001 one timer that fails leaves the others theirs
            pause_us = min(_FIRST_PAUSE_US << min(timer.attempts, 30), _LONGEST_PAUSE_US)
            told = "timer %s of %s failed (%d. time); next try in %.0f s"
            _log.exception(told, timer.kind, timer.subject, timer.attempts + 1, pause_us / 1e6)
            self.last_error = str(error) or type(error).__name__
            with self._state.writing() as connection:
                if find_timer(connection, timer.tenant, timer.kind, timer.subject) == timer:
                    later = Timer(timer.tenant, timer.kind, timer.subject, now_us + pause_us, timer.attempts + 1)
                    set_timer(connection, later)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self.tick()
            except StoreClosedError:
                return
            except Exception as error:  # noqa: BLE001 the next look tries again, whatever this one failed with
                if str(error) != self.last_error:
                    _log.exception("running timers failed; the next look tries again")
                self.last_error = str(error) or type(error).__name__
