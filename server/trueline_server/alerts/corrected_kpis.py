"""KPIs of the past as they come out now that late events are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from trueline_rules.model import RuleSet

from trueline_server.alerts.kpi_values import KeptKpis, KeptValue
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Instant

# Live evaluation waits meanwhile, so the KPIs of a look get no more than this.
BUDGET_S = 10.0


class CorrectedKpis:
    """Computes values that were kept anew, for the same instants. Methods block; used by one thread."""

    def __init__(
        self, kept: KeptKpis, evaluator: Evaluator, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept = kept
        self._evaluator = evaluator
        self._monotonic = monotonic
        self._until_s = 0.0

    def begin(self) -> None:
        """Begin to spend the time of a look."""
        self._until_s = self._monotonic() + BUDGET_S

    @property
    def spent(self) -> bool:
        """Whether the time of this look is over; what is read then was not computed anew."""
        return self._monotonic() >= self._until_s

    def read(self, tenant: str, rules: RuleSet, names: Sequence[str], instant_us: int) -> Mapping[str, KeptValue]:
        """The value of each KPI that was kept at an instant, with all events that are known by now.

        Raises:
            StoreError: the warehouse cannot answer.

        """
        found: dict[str, KeptValue] = {}
        for name, kept in self._kept.read(tenant, rules, names, instant_us).items():
            left_s = self._until_s - self._monotonic()
            if left_s <= 0:
                break
            instant = Instant(kept.at_us, None, kept.watermark_us, 0)
            result = self._evaluator.evaluate(rules, rules.kpis[name], tenant, instant, seconds=left_s)
            found[name] = KeptValue(result.value, result.missing, kept.watermark_us, kept.at_us)
        return found
