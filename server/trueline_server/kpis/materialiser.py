"""Computes the KPIs of all tenants in the background, so that reading them is a lookup."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from trueline_rules.model import RuleSet
from trueline_stores.errors import StoreClosedError

from trueline_server.clock import Clock
from trueline_server.kpis.board import TenantKpis
from trueline_server.kpis.evaluate import Evaluator, KpiResult
from trueline_server.kpis.instants import DAY_US, Clocks, Instant, TenantClock
from trueline_server.kpis.store import KpiValues
from trueline_server.rules.in_force import RulesOf

_log = logging.getLogger(__name__)

Listener = Callable[[TenantKpis], None]

# Of the time, at most one part in so many goes into computing, however much data there is.
_REST_FACTOR = 4
# How often the thread looks whether it is time: the clock is an argument and cannot be slept on.
_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class _State:
    """What a tenant's values were computed from."""

    judged_at_us: int
    position: int
    watermark_us: int
    rule_revision: str


class Materialiser:
    """Computes KPIs every `interval_s` and when a day (and with it a week or month) ends, for tenants that changed.

    One computation at a time. The values in memory are replaced whole, so a reader sees those of one instant.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        values: KpiValues,
        clocks: Clocks,
        rules: RulesOf,
        clock: Clock,
        *,
        interval_s: float = 60.0,
    ) -> None:
        self._evaluator = evaluator
        self._values = values
        self._clocks = clocks
        self._rules = rules
        self._clock = clock
        self._interval_us = round(interval_s * 1_000_000)
        self._due_us = 0
        self._hurried = False
        self._computing = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._current: dict[str, TenantKpis] = {}
        self._states: dict[str, _State] = {}
        self._started: dict[str, int] = {}
        self._finished: dict[str, int] = {}
        self._listeners: dict[int, Listener] = {}
        self._numbers = 0
        self._lock = threading.Lock()
        self.last_error: str = ""

    def start(self) -> None:
        """Begin to compute on a thread."""
        self._thread = threading.Thread(target=self._run, name="trueline-kpis", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the KPI at hand. Idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def current(self, tenant: str) -> TenantKpis | None:
        """The newest values; None before the first computation. A lookup in memory."""
        return self._current.get(tenant)

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call a listener with each new set of values, on the computing thread; it must return at once.

        The returned function removes it.
        """
        with self._lock:
            key, self._numbers = self._numbers, self._numbers + 1
            self._listeners[key] = listener

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.pop(key, None)

        return unsubscribe

    def load(self) -> None:
        """Take up the values that a former process computed by the same rules."""
        clocks = self._clocks.read(self._clock())
        values: dict[str, dict[str, dict[str, KpiResult]]] = {}
        for tenant, clock in clocks.items():
            rules = self._rules(tenant)
            if rules.revision not in values:
                values[rules.revision] = self._values.latest(rules.revision)
            results = values[rules.revision].get(tenant, {})
            newest = max((result.instant.at_us for result in results.values()), default=0)
            same = {name: result for name, result in results.items() if result.instant.at_us == newest}
            if same and same.keys() >= rules.kpis.keys():
                self._current.setdefault(tenant, _board(tenant, same, rules, clock.synthetic))

    def hurry(self) -> None:
        """Compute at the next look what has changed: other rules are in force. Does not block."""
        self._hurried = True

    def tick(self) -> None:
        """Compute what is due by the clock. The thread calls it; tests may.

        Raises:
            StoreError: the warehouse cannot tell the clocks or keep the values.

        """
        now_us = self._clock()
        if now_us < self._due_us and not self._hurried:
            return
        self._hurried = False
        try:
            for tenant, clock in self._clocks.read(now_us).items():
                if self._stopping.is_set():
                    return
                rules = self._rules(tenant)
                state = _State(clock.judged_at_us, clock.position, clock.watermark_us, rules.revision)
                if self._states.get(tenant) != state:
                    with self._computing:
                        self._compute(tenant, clock, rules)
        finally:
            done_us = self._clock()
            rest_us = max(self._interval_us, _REST_FACTOR * (done_us - now_us))
            # Periods end at midnight UTC, and what they say of a live tenant should not wait for the interval.
            midnight_us = (done_us // DAY_US + 1) * DAY_US
            self._due_us = min(done_us + rest_us, midnight_us)

    def refresh(self, tenant: str) -> TenantKpis:
        """Compute a tenant's values now. Callers that wait together share one computation. Blocks.

        Raises:
            StoreError: the warehouse cannot answer.

        """
        with self._lock:
            seen = self._started.get(tenant, 0)
        with self._computing:
            current = self._current.get(tenant)
            # One that began after this call was made has seen all that this call may rely on.
            if current is not None and self._finished.get(tenant, 0) > seen:
                return current
            now_us = self._clock()
            rules = self._rules(tenant)
            clock = self._clocks.read(now_us).get(tenant)
            if clock is None:
                return without_events(tenant, rules, now_us)
            return self._compute(tenant, clock, rules)

    def _compute(self, tenant: str, clock: TenantClock, rules: RuleSet) -> TenantKpis:
        with self._lock:
            number = self._started[tenant] = self._started.get(tenant, 0) + 1
        instant = Instant(clock.judged_at_us, None, clock.watermark_us, clock.position)
        results = self._evaluator.evaluate_all(rules, tenant, instant, stopped=self._stopping.is_set)
        if len(results) < len(rules.kpis):
            raise StoreClosedError("the server is stopping")
        board = _board(tenant, results, rules, clock.synthetic)
        self._values.write(tenant, results.values())
        self._current[tenant] = board
        self._states[tenant] = _State(clock.judged_at_us, clock.position, clock.watermark_us, rules.revision)
        self._finished[tenant] = number
        with self._lock:
            listeners = list(self._listeners.values())
        for listener in listeners:
            listener(board)
        return board

    def _run(self) -> None:
        loaded = False
        while not self._stopping.wait(_LOOK_EVERY_S if loaded else 0):
            try:
                if not loaded:
                    loaded = True
                    self.load()
                self.tick()
                self.last_error = ""
            except StoreClosedError:
                return
            except Exception as error:  # noqa: BLE001 the next interval tries again, whatever this one failed with
                if str(error) != self.last_error:
                    _log.exception("computing KPIs failed; the next interval tries again")
                self.last_error = str(error) or type(error).__name__


def without_events(tenant: str, rules: RuleSet, now_us: int, why: str = "there are no events yet") -> TenantKpis:
    """The values of a tenant that has no events: none, and each says so."""
    instant = Instant(now_us, None, 0, 0)
    results = {
        name: KpiResult(name, None, why, None, None, None, None, instant, now_us, rules.revision) for name in rules.kpis
    }
    return _board(tenant, results, rules, synthetic=False)


def _board(tenant: str, results: dict[str, KpiResult], rules: RuleSet, synthetic: bool) -> TenantKpis:
    """Values of one instant; the rules hold at least one KPI."""
    instant = next(iter(results.values())).instant
    return TenantKpis(
        tenant=tenant,
        results=results,
        rules=rules,
        at_us=instant.at_us,
        computed_at_us=max(result.computed_at_us for result in results.values()),
        watermark_us=instant.shown_watermark_us(),
        position=instant.position,
        synthetic=synthetic,
    )
