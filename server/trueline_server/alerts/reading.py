"""What the alert rules of a set read at an instant: each metric, KPI and fact once, whoever reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from trueline_rules.alert_model import FactSource
from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.columns import VectorColumn
from trueline_rules.alerting.operands import vector_at
from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import AlertingError
from trueline_rules.model import RuleSet

from trueline_server.alerts.kpi_values import KeptValue
from trueline_server.alerts.latest_points import LatestPoints
from trueline_server.errors import TruelineError
from trueline_server.rules.live_facts import Asked, LiveValues

# A value is read for a source: kind, name and what is taken of its samples.
SourceKey: TypeAlias = FactSource


# What tells one content of a fact that is put in from another.
Stamp: TypeAlias = tuple[int, ...]


class VectorReader(Protocol):
    """Reads facts at an instant; LiveFacts."""

    def stamps(self, asked: Asked, sources: Sequence[FactSource]) -> Mapping[FactSource, Stamp]:
        """What tells the contents of facts that were put in."""
        ...

    def read(self, asked: Asked, sources: Mapping[str, FactSource]) -> LiveValues:
        """The values of facts, one for each label set."""
        ...


# Answers kept values of KPIs: of a tenant, by a rule set, names, instant.
KpiReader = Callable[[str, RuleSet, list[str], int], Mapping[str, KeptValue]]


@dataclass(slots=True)
class InstantValues:
    """All that was read for an instant.

    Attributes:
        columns: by source.
        failures: why a source could not be read; its rules fail.
        waiting: sources that have no value yet; their rules are not evaluated.
        watermark_us: up to where the events behind it were complete; None if there are none.
        stamps: of facts that were put in, what tells their content.

    """

    columns: dict[SourceKey, VectorColumn] = field(default_factory=dict)
    failures: dict[SourceKey, str] = field(default_factory=dict)
    waiting: set[SourceKey] = field(default_factory=set)
    watermark_us: int | None = None
    stamps: dict[SourceKey, Stamp] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read last of each source. A source that answers the same again has the same column, the very object."""

    columns: Mapping[SourceKey, VectorColumn] = field(default_factory=dict)
    stamps: Mapping[SourceKey, Stamp] = field(default_factory=dict)

    def after(self, values: InstantValues) -> Seen:
        """What is known after something was read; what could not be is not known any more."""
        gone = {*values.failures, *values.waiting}
        columns = {one: column for one, column in {**self.columns, **values.columns}.items() if one not in gone}
        return Seen(columns, {**self.stamps, **values.stamps})

    def same(self, source: SourceKey, column: VectorColumn) -> VectorColumn:
        """The column that was read last if this one says the same."""
        known = self.columns.get(source)
        if known is None or known.names != column.names or known.labels != column.labels:
            return column
        return known if list(known.values) == list(column.values) else column


_NOTHING = Seen()


class InstantReader:
    """Reads what rules need. Methods block."""

    def __init__(self, vectors: VectorReader, kpis: KpiReader, points: LatestPoints) -> None:
        self._vectors = vectors
        self._kpis = kpis
        self._points = points

    def read(
        self,
        tenant: str,
        rules: RuleSet,
        compiled: Iterable[CompiledRule],
        instant_us: int,
        *,
        watermark_us: int,
        waits: bool,
        seen: Seen = _NOTHING,
        stopped: Callable[[], bool] = lambda: False,
    ) -> InstantValues:
        """The columns of all facts that the rules read.

        Args:
            tenant: whose.
            rules: the rule set.
            compiled: those of its rules that are due.
            instant_us: µs since 1970 (UTC).
            watermark_us: up to where the tenant's events are complete.
            waits: whether a KPI of which nothing was kept makes its rules wait; else it has no value.
            seen: what was read before; facts that were put in are not read again while nothing new was put.
            stopped: asked before each read; once it says yes, the work ends.

        Raises:
            StoreError: a store cannot answer.
            TruelineError: NOT_SERVING, if it was stopped.

        """
        sources = list(dict.fromkeys(source for rule in compiled for source in rule.rule.facts.values()))
        found = InstantValues()
        asked = Asked(tenant, rules, instant_us, False, stopped, reasons=False)
        plain = [each for each in sources if each.kind == "kpi" and not each.operand.over_us]
        self._read_kpis(asked, plain, found, waits=waits)
        latest = [source for source in sources if self._points.fits(rules, source)]
        columns, failures = self._points.read(tenant, rules, latest, instant_us)
        found.columns |= columns
        found.failures |= failures
        if latest:
            _trust(found, watermark_us)
        done = {*plain, *latest, *self._unchanged(asked, sources, seen, found)}
        for source in sources:
            if source in done:
                continue
            try:
                live = self._vectors.read(asked, {"value": source})
            except AlertingError as error:
                found.failures[source] = str(error)
            except TruelineError as error:
                if error.reason == "NOT_SERVING":
                    raise
                found.failures[source] = error.message
            else:
                found.columns[source] = VectorColumn.of(live.vectors["value"])
                _trust(found, live.watermark_us)
        found.columns = {source: seen.same(source, column) for source, column in found.columns.items()}
        return found

    def _unchanged(
        self, asked: Asked, sources: Sequence[FactSource], seen: Seen, found: InstantValues
    ) -> list[FactSource]:
        """Facts of which nothing was put since they were read; what is asked in one query for all."""
        put = [source for source in sources if source.kind == "fact" and not source.operand.over_us]
        # Taken before the values are read: what is put in between is read at once and once more.
        found.stamps = dict(self._vectors.stamps(asked, put))
        same = [source for source in put if source in seen.columns and seen.stamps.get(source) == found.stamps[source]]
        found.columns |= {source: seen.columns[source] for source in same}
        return same

    def _read_kpis(self, asked: Asked, sources: list[FactSource], found: InstantValues, *, waits: bool) -> None:
        """KPIs without a window, by their offset: one query each."""
        for offset_us in {source.operand.offset_us for source in sources}:
            own = [source for source in sources if source.operand.offset_us == offset_us]
            at_us = asked.at_us - offset_us
            kept = self._kpis(asked.tenant, asked.rules, sorted({source.name for source in own}), at_us)
            for source in own:
                value = kept.get(source.name)
                if value is None and waits:
                    found.waiting.add(source)
                    continue
                known = value is not None and value.value is not None
                series = Series((), (at_us,), (value.value,)) if known else Series((), (), ())  # type: ignore[union-attr, arg-type]
                found.columns[source] = VectorColumn.of(vector_at(source.operand, [series], asked.at_us))
                _trust(found, None if value is None else value.watermark_us)


def _trust(found: InstantValues, watermark_us: int | None) -> None:
    if watermark_us is not None and watermark_us > 0:
        found.watermark_us = watermark_us if found.watermark_us is None else min(found.watermark_us, watermark_us)
