"""KPIs of rules in the shadow: those that the active rules define alike were kept, the others are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueline_rules.model import RuleSet

from trueline_server.alerts.kpi_values import KeptKpis, KeptValue
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Instant


class ShadowKpis:
    """Reads KPIs for the shadow. Methods block; thread-safe."""

    def __init__(self, kept: KeptKpis, evaluator: Evaluator) -> None:
        self._kept = kept
        self._evaluator = evaluator

    def read(self, tenant: str, rules: RuleSet, names: Sequence[str], instant_us: int) -> Mapping[str, KeptValue]:
        """The value of each KPI at an instant.

        Raises:
            StoreError: the warehouse cannot answer.

        """
        found = dict(self._kept.read(tenant, rules, names, instant_us))
        instant = Instant(instant_us, None, instant_us, 0)
        for name in names:
            if name not in found and not self._kept.defined_alike(tenant, rules, name):
                result = self._evaluator.evaluate(rules, rules.kpis[name], tenant, instant)
                found[name] = KeptValue(result.value, result.missing, instant_us, instant_us)
        return found
