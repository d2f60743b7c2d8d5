"""Evaluates the alert rules of all tenants as their watermarks move on."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from trueline_rules.model import RuleSet
from trueline_stores.errors import StoreClosedError
from trueline_stores.state.database import StateDatabase

from trueline_server.alerts.corrections import Corrections, Look
from trueline_server.alerts.decisions import AlertDecisions
from trueline_server.alerts.evaluation import NOBODY
from trueline_server.alerts.instants import due_instants
from trueline_server.alerts.kpi_values import LOOKBACK_US
from trueline_server.alerts.reading import InstantReader
from trueline_server.alerts.states import ACTIVE, StageStates, read_states
from trueline_server.alerts.tenant import Inside, TenantAlerts
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError
from trueline_server.kpis.instants import Clocks, TenantClock

_log = logging.getLogger(__name__)

# How often the thread looks whether it is time: the clock is an argument and cannot be slept on.
_LOOK_EVERY_S = 1.0
DEFAULT_INTERVAL_US = 60_000_000


class Book(Protocol):
    """Which rules a tenant has; the RuleBook."""

    def of(self, tenant: str) -> RuleSet:
        """Those in force."""
        ...

    def shadow_of(self, tenant: str) -> RuleSet | None:
        """Those in the shadow."""
        ...


class LiveEvaluation:
    """Evaluates alert rules in event time: at the multiples of an interval that a tenant's watermark has passed.

    What an evaluation changed is written in one transaction: instances, decisions, and what others add. After a crash
    it is there, or the evaluation is done again. The shadow is evaluated at the same instants; where it says something
    else than the active rules, the decision log has it.
    """

    def __init__(
        self,
        book: Book,
        clocks: Clocks,
        readers: tuple[InstantReader, InstantReader],
        state: StateDatabase,
        decisions: AlertDecisions,
        *,
        clock: Clock,
        corrections: Corrections | None = None,
        interval_us: int = DEFAULT_INTERVAL_US,
    ) -> None:
        """`readers` read for the active rules, and for those in the shadow."""
        self._corrections = corrections
        self._book = book
        self._clocks = clocks
        self._readers = readers
        self._state = state
        self._decisions = decisions
        self._clock = clock
        self._interval_us = interval_us
        self._started_us = clock()
        self._tenants: dict[str, TenantAlerts] = {}
        self._first_us: dict[str, int] = {}
        self._inside: list[Inside] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # The thread of evaluations, and whoever asks for one.
        self._evaluating = threading.Lock()
        self.last_error = ""
        # Rules judged since the start, once for each instant, those among them that slept.
        self.judged = 0

    def start(self) -> None:
        """Begin to evaluate on a thread."""
        self._thread = threading.Thread(target=self._run, name="trueline-alerts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the read at hand. Idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def add_inside(self, inside: Inside) -> None:
        """Have something written within the transaction of each evaluation of active rules. Call it before `start`."""
        self._inside.append(inside)

    def states_of(self, tenant: str, stage: str = ACTIVE) -> StageStates:
        """What is known of a tenant's alert rules. Blocks if none of them was evaluated since the start."""
        known = self._tenants.get(tenant)
        return read_states(self._state, tenant, stage) if known is None else known.states(stage)

    def looked_at(self, tenant: str) -> int:
        """Rules of a tenant that were looked at since the start, once for each instant; the others judged slept."""
        known = self._tenants.get(tenant)
        return 0 if known is None else known.looked_at

    def tick(self) -> int:
        """Evaluate what is due by the clock; answers how many rules were judged. The thread calls it; tests may.

        Raises:
            StoreError: a store cannot answer; what was evaluated until then is kept.
            TruelineError: NOT_SERVING, if it was stopped.

        """
        now_us = self._clock()
        with self._evaluating:
            return sum(self._tick_tenant(name, clock, now_us) for name, clock in self._clocks.read(now_us).items())

    def evaluate(self, tenant: str, rules: frozenset[str]) -> None:
        """Evaluate what is due of a tenant, and some of its rules though they are not: at the newest instant there is.

        What was evaluated at that instant already stays as it is. A tenant without complete events has no such instant.

        Raises:
            StoreError: a store cannot answer; what was evaluated until then is kept.
            TruelineError: NOT_SERVING, if it was stopped.

        """
        now_us = self._clock()
        with self._evaluating:
            clock = self._clocks.read(now_us).get(tenant)
            if clock is not None:
                self._tick_tenant(tenant, clock, now_us, rules)

    def _tick_tenant(self, name: str, clock: TenantClock, now_us: int, asked: frozenset[str] = NOBODY) -> int:
        if name not in self._tenants:
            self._tenants[name] = TenantAlerts(name, self._state, self._readers, self._decisions, self._inside)
        tenant = self._tenants[name]
        last_us = tenant.evaluated_us
        # A tenant that is new has no data before its first events, which is nothing to tell anybody of.
        if last_us is None and clock.watermark_us < self._first_us.setdefault(name, clock.judged_at_us):
            return 0
        instants = due_instants(clock, last_us, self._interval_us)
        if not instants and (tenant.waiting or asked) and last_us is not None:
            instants = (last_us,)
        judged = 0
        seen = tenant.states(ACTIVE).position
        for instant_us in instants:
            # What was not computed yet may come while the server is young; of the past nothing comes any more.
            waits = now_us - self._started_us < LOOKBACK_US or instant_us != instants[-1]
            judged += tenant.evaluate(
                self._book.of(name),
                self._book.shadow_of(name),
                instant_us,
                watermark_us=min(clock.watermark_us, max(clock.judged_at_us, instant_us)),
                position=clock.position,
                waits=waits,
                stopped=self._stopping.is_set,
                asked=asked if instant_us == instants[-1] else NOBODY,
            )
        self.judged += judged
        if self._corrections is not None and instants and last_us is not None:
            look = Look(seen, clock.position, last_us, self._interval_us)
            self._corrections.look(name, self._book.of(name), look)
        return judged

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY_S):
            try:
                self.tick()
                self.last_error = ""
            except StoreClosedError:
                return
            except Exception as error:  # noqa: BLE001 the next look tries again, whatever this one failed with
                if isinstance(error, TruelineError) and error.reason == "NOT_SERVING":
                    return
                if str(error) != self.last_error:
                    _log.exception("evaluating alert rules failed; the next look tries again")
                self.last_error = str(error) or type(error).__name__
