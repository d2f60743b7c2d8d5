"""Reads the value of a cell, with all that tells how far it can be trusted: from KPIs, metrics and facts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from trueline_rules.checkpoint_model import Cell, CellSource
from trueline_rules.checkpoints.results import Reading
from trueline_rules.model import RuleSet

from trueline_server.checkpoints.fact_readings import FactReadings, FactsAsOf
from trueline_server.checkpoints.metric_readings import MetricReadings
from trueline_server.errors import TruelineError
from trueline_server.kpis.evaluate import KpiResult
from trueline_server.rules.ports import KpiReader, PointReader

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Period:
    """What is judged: the time in (start_us, end_us], µs since 1970 (UTC)."""

    start_us: int
    end_us: int

    @classmethod
    def before(cls, end_us: int, days: int) -> Period:
        """So many days up to an instant."""
        return cls(max(0, end_us - days * DAY_US), end_us)


@dataclass(frozen=True, slots=True)
class ToRead:
    """Whose cells are read, by which rules, of which period.

    Attributes:
        tenant: whose.
        rules: that define the sources.
        period: what is judged.
        stopped: asked before each long step; once it says yes, the work ends.

    """

    tenant: str
    rules: RuleSet
    period: Period
    stopped: Callable[[], bool] = field(default=lambda: False, compare=False)


class CellReader:
    """Reads cells. Methods block; thread-safe."""

    def __init__(self, kpis: KpiReader, points: PointReader, facts: FactsAsOf) -> None:
        self._kpis = kpis
        self._metrics = MetricReadings(points)
        self._facts = FactReadings(facts)

    def read(self, asked: ToRead, cell: Cell) -> Reading:
        """The reading of a cell; what cannot be read is missing with the reason.

        Raises:
            StoreError: a store cannot answer.
            TruelineError: NOT_SERVING, if it was stopped.

        """
        source = cell.value
        known: Mapping[str, object] = {
            "kpi": asked.rules.kpis,
            "metric": asked.rules.metrics,
            "fact": asked.rules.fact_types,
        }[source.kind]
        if source.name not in known or (source.per and source.per not in asked.rules.metrics):
            # The rules changed between the question and the answer.
            return Reading(missing=f"no {source.kind} {source.name} is in force any more", source=str(source))
        try:
            reading = self._read(asked, source)
        except OverflowError:
            return Reading(missing=f"{source} comes to more than a number can hold", source=str(source))
        except TruelineError as error:
            if error.reason == "NOT_SERVING":
                raise
            return Reading(missing=f"it cannot be read: {error.message}", source=str(source))
        if reading.value is not None and not math.isfinite(reading.value):
            return replace(reading, value=None, missing=f"{reading.source} is no finite number")
        return reading

    def _read(self, asked: ToRead, source: CellSource) -> Reading:
        period = asked.period
        if source.kind == "kpi":
            return self._kpi(asked, source.name)
        if source.kind == "metric":
            return self._metrics.read(asked.tenant, asked.rules, source, period.start_us, period.end_us)
        fact = asked.rules.fact_types[source.name]
        return self._facts.read(asked.tenant, fact.subject, source, period.start_us, period.end_us)

    def _kpi(self, asked: ToRead, name: str) -> Reading:
        """A KPI judges the period that its own statement says, as of the end of what is judged."""
        found = self._kpis.at(asked.tenant, asked.period.end_us, None, [name], stopped=asked.stopped)
        result = found.results[name]
        told = f"kpi {name}"
        return Reading(
            value=result.value,
            missing=result.missing and f"{told} has no value: {result.missing}",
            observations=_observations(result),
            numerator=result.numerator,
            denominator=result.denominator,
            period_start_us=result.period_start_us,
            period_end_us=result.period_end_us,
            watermark_us=found.watermark_us or None,
            completeness=_completeness(result, found.watermark_us),
            source=told,
        )


def _observations(result: KpiResult) -> int | None:
    """Of a share, what it is a share of."""
    return None if result.denominator is None else max(0, int(result.denominator))


def _completeness(result: KpiResult, watermark_us: int) -> str:
    if result.partial:
        return "partial"
    end_us = result.instant.at_us if result.period_end_us is None else result.period_end_us
    return "complete" if end_us <= watermark_us else "provisional"
