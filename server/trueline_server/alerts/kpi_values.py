"""Values of KPIs as they were kept at an instant: the newest of each, whichever revision of the rules computed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trueline_rules.digest import kpi_definition_of
from trueline_rules.model import RuleSet

# Older values say nothing about an instant: KPIs are computed every minute, or as seldom as their cost allows.
LOOKBACK_US = 15 * 60 * 1_000_000
_VALUES = (
    "SELECT kpi, rule_revision, value, missing, toUnixTimestamp64Micro(watermark), toUnixTimestamp64Micro(at) "
    "FROM trueline.kpi_values "
    "WHERE tenant = {tenant:String} AND kpi IN {kpis:Array(String)} "
    "AND at > fromUnixTimestamp64Micro({start_us:Int64}, 'UTC') "
    "AND at <= fromUnixTimestamp64Micro({end_us:Int64}, 'UTC') "
    "ORDER BY kpi, at DESC, computed_at DESC LIMIT 1 BY kpi, rule_revision"
)


class Rows(Protocol):
    """Reads rows; the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...


@dataclass(frozen=True, slots=True)
class KeptValue:
    """A KPI's value as it was kept, and the instant that it is of; None = it had none, and `missing` says why."""

    value: float | None
    missing: str
    watermark_us: int
    at_us: int


# Answers the rule set of a revision of a tenant, or None if it is not kept.
RulesAt = Callable[[str, str], RuleSet | None]


class KeptKpis:
    """Reads kept values. Methods block; thread-safe."""

    def __init__(self, rows: Rows, rules_at: RulesAt, active: Callable[[str], RuleSet]) -> None:
        """`active` answers the rules whose KPIs are computed for a tenant."""
        self._rows = rows
        self._rules_at = rules_at
        self._active = active

    def read(self, tenant: str, rules: RuleSet, names: Sequence[str], instant_us: int) -> Mapping[str, KeptValue]:
        """The newest value of each KPI at an instant, if one was kept within the look-back.

        A value that another revision of the rules computed counts if it defined the KPI alike.

        Raises:
            StoreError: the warehouse cannot answer.

        """
        found: dict[str, KeptValue] = {}
        if not names:
            return found
        asked = {
            "tenant": tenant,
            "kpis": list(names),
            "start_us": instant_us - LOOKBACK_US,
            "end_us": instant_us,
        }
        for kpi, revision, value, missing, watermark_us, at_us in self._rows.query(_VALUES, asked):
            if kpi not in found and self._same(tenant, rules, str(kpi), str(revision)):
                found[kpi] = KeptValue(
                    None if value is None else float(value), str(missing), int(watermark_us), int(at_us)
                )
        return found

    def defined_alike(self, tenant: str, rules: RuleSet, kpi: str) -> bool:
        """Whether the active rules compute a KPI as these rules define it. Does not block."""
        active = self._active(tenant)
        return kpi in active.kpis and kpi_definition_of(active, kpi) == kpi_definition_of(rules, kpi)

    def _same(self, tenant: str, rules: RuleSet, kpi: str, revision: str) -> bool:
        if revision == rules.revision:
            return True
        other = self._rules_at(tenant, revision)
        return (
            other is not None and kpi in other.kpis and kpi_definition_of(other, kpi) == kpi_definition_of(rules, kpi)
        )
