"""The use cases of KPIs: current values by lookup, past instants computed when asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable

from trueline_rules.model import RuleSet, Scorecard
from trueline_rules.names import nearest

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.kpis.board import ALIGNMENT, AlignmentScore, TenantKpis, score_of
from trueline_server.kpis.evaluate import Evaluator, KpiResult
from trueline_server.kpis.instants import FINISHED_US, FIRST_US, Clocks, Instant
from trueline_server.kpis.materialiser import Materialiser, without_events
from trueline_server.rules.in_force import RulesOf

# Past instants whose values are kept: tenant, instant, revision of the rules.
_CACHED_INSTANTS = 64

_Key = tuple[str, Instant, str]


class KpiService:
    """Answers about KPIs. Methods block unless they say otherwise; thread-safe."""

    def __init__(
        self,
        materialiser: Materialiser,
        evaluator: Evaluator,
        clocks: Clocks,
        rules: RulesOf,
        clock: Clock,
    ) -> None:
        self._materialiser = materialiser
        self._evaluator = evaluator
        self._clocks = clocks
        self._rules = rules
        self._clock = clock
        self._lock = threading.Lock()
        self._past: OrderedDict[_Key, dict[str, KpiResult]] = OrderedDict()

    def lookup(self, tenant: str) -> TenantKpis | None:
        """The current values, if they were computed by the rules in force. Does not block."""
        found = self._materialiser.current(tenant)
        return found if found is not None and found.rules.revision == self._rules(tenant).revision else None

    def current(self, tenant: str) -> TenantKpis:
        """The current values, computed if they are not there yet."""
        return self.lookup(tenant) or self._materialiser.refresh(tenant)

    def refreshed(self, tenant: str) -> TenantKpis:
        """The current values, computed from all that is in the warehouse now."""
        return self._materialiser.refresh(tenant)

    def at(
        self,
        tenant: str,
        at_us: int | None,
        known_at_us: int | None,
        names: Iterable[str] | None = None,
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> TenantKpis:
        """The values at an instant, as corrected since or as known then; times in microseconds since 1970 (UTC).

        Args:
            tenant: whose.
            at_us: the instant judged; None = the default of the tenant.
            known_at_us: what was known then; None = now.
            names: which KPIs; None = all.
            stopped: asked before each KPI; once it says yes, the work ends.

        Raises:
            TruelineError: INVALID_FIELD, for instants before 1971 or after 2100; NOT_SERVING, if it was stopped.

        """
        for field, instant_us in (("at", at_us), ("known_at", known_at_us)):
            if instant_us is not None and not FIRST_US <= instant_us < FINISHED_US:
                raise invalid_field(field, "is not a time between the years 1971 and 2100")
        now_us = self._clock()
        rules = self._rules(tenant)
        clock = self._clocks.read(now_us).get(tenant)
        if clock is None:
            return without_events(tenant, rules, now_us if at_us is None else at_us)
        instant = self._clocks.instant(tenant, clock, at_us, known_at_us)
        if instant is None:
            judged_us = known_at_us if at_us is None else at_us
            return without_events(tenant, rules, judged_us or now_us, "nothing had been accepted by then")
        results = self._results(rules, tenant, instant, list(rules.kpis if names is None else names), stopped)
        return TenantKpis(
            tenant=tenant,
            results=results,
            rules=rules,
            at_us=instant.at_us,
            computed_at_us=max((result.computed_at_us for result in results.values()), default=now_us),
            watermark_us=instant.shown_watermark_us(),
            position=instant.position,
            synthetic=clock.synthetic,
        )

    def scorecard(self, tenant: str, name: str = "") -> Scorecard:
        """A scorecard of the rules in force for a tenant; "" = alignment. Does not block.

        Raises:
            TruelineError: UNKNOWN_KPI.

        """
        scorecards = self._rules(tenant).scorecards
        found = scorecards.get(name or ALIGNMENT)
        if found is None:
            near = nearest(name, scorecards) or ""
            raise TruelineError(
                "NOT_FOUND",
                "UNKNOWN_KPI",
                f"there is no scorecard '{name or ALIGNMENT}'" + (f"; did you mean '{near}'?" if near else ""),
                metadata={"kpi": name or ALIGNMENT, "nearest": near},
            )
        return found

    def score(self, scorecard: Scorecard, kpis: TenantKpis) -> AlignmentScore:
        """The score of a scorecard over values; the scorecard of the values' own rules wins over a newer one."""
        return score_of(kpis.rules.scorecards.get(scorecard.metadata.name, scorecard), kpis)

    def _results(
        self, rules: RuleSet, tenant: str, instant: Instant, names: list[str], stopped: Callable[[], bool]
    ) -> dict[str, KpiResult]:
        """From the cache, whose key holds the log position: what came later computes anew."""
        key = (tenant, instant, rules.revision)
        with self._lock:
            known = dict(self._past.get(key, {}))
        lacking = [name for name in names if name not in known]
        known |= self._evaluator.evaluate_all(rules, tenant, instant, lacking, stopped=stopped)
        if any(name not in known for name in names):
            raise TruelineError("UNAVAILABLE", "NOT_SERVING", "the computation was stopped before it was done")
        with self._lock:
            self._past[key] = {**self._past.pop(key, {}), **known}
            while len(self._past) > _CACHED_INSTANTS:
                self._past.popitem(last=False)
        return {name: known[name] for name in names}
