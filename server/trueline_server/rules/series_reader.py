"""Reads the series that alert rules judge, live and in backtests: points of metrics, and facts that were put in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trueline_rules.alert_model import FactType
from trueline_rules.alerting.operands import LOOKBACK_US
from trueline_rules.alerting.series import STALE, Sample, Series
from trueline_rules.alerting.vectors import Labels
from trueline_rules.model import Metric

from trueline_server.errors import TruelineError
from trueline_server.facts.store import FactRow
from trueline_server.metrics.points import PointKey
from trueline_server.metrics.windows import Windows
from trueline_server.rules.point_series import PointSeries
from trueline_server.rules.ports import FactReader, PointReader

# Windows that one query fills; beyond so many it would be refused.
_WINDOWS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class SeriesLimit:
    """How many values one source may come to, and what to do about it."""

    most: int
    way_out: str

    def refuse(self, kind: str, name: str) -> TruelineError:
        """The error for a source that comes to more."""
        return TruelineError(
            "INVALID_ARGUMENT",
            "TOO_MANY_POINTS",
            f"{kind} {name} has more than {self.most} values {self.way_out}",
            metadata={"points": f"> {self.most}", "limit": str(self.most)},
        )


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """Points of a metric as series, and up to where they are complete (µs since 1970, UTC; None before any event)."""

    series: list[Series]
    watermark_us: int | None


def lookback_of(metric: Metric) -> int:
    """The age up to which the last window of a metric counts, in µs: until the next one should long have ended."""
    return Windows.of(metric).step_us + LOOKBACK_US


class SeriesReader:
    """Reads series. Methods block; thread-safe."""

    def __init__(self, points: PointReader, facts: FactReader) -> None:
        self._points = points
        self._facts = facts

    def metric(
        self,
        tenant: str,
        metric: Metric,
        start_us: int,
        end_us: int,
        limit: SeriesLimit,
        *,
        go_on: Callable[[], None] = lambda: None,
    ) -> MetricSeries:
        """Points of the windows that end in (start_us, end_us]; a metric without groups is filled where nothing was.

        Args:
            tenant: whose.
            metric: of the rules in force.
            start_us: µs since 1970 (UTC), not negative.
            end_us: not before `start_us`.
            limit: on the points.
            go_on: called before each page; what it raises ends the read.

        Raises:
            TruelineError: TOO_MANY_POINTS.

        """
        gathered = PointSeries(metric)
        watermarks: list[int] = []
        step_us = Windows.of(metric).step_us
        while True:
            # A grouped metric is not filled, and read in one go.
            until_us = end_us if metric.group_by else min(end_us, start_us + _WINDOWS_AT_ONCE * step_us)
            after: PointKey | None = None
            while True:
                go_on()
                page = self._points.query(
                    tenant,
                    metric.metadata.name,
                    start_us=start_us,
                    end_us=until_us,
                    fill_empty=not metric.group_by,
                    after=after,
                )
                gathered.add(page.points)
                watermarks += [] if page.watermark_us is None else [page.watermark_us]
                after = page.next_after
                if after is None:
                    break
                if gathered.count > limit.most:
                    raise limit.refuse("metric", metric.metadata.name)
            if until_us >= end_us:
                return MetricSeries(gathered.series(), min(watermarks, default=None))
            start_us = until_us

    def fact(self, tenant: str, fact: FactType, start_us: int, end_us: int, limit: SeriesLimit) -> list[Series]:
        """What was observed of a fact in (start_us, end_us], and before it the last: a series for each subject.

        Where a subject's fact was put in as absent, its series ends.

        Raises:
            TruelineError: TOO_MANY_POINTS.

        """
        name = fact.metadata.name
        rows = self._facts.as_of(tenant, fact.subject, start_us, names=[name], most=limit.most + 1)
        if len(rows) <= limit.most:
            rows += self._facts.between(tenant, fact.subject, name, start_us, end_us, most=limit.most + 1 - len(rows))
        if len(rows) > limit.most:
            raise limit.refuse("fact", name)
        return _fact_series(fact.subject, rows)


def _fact_series(subject: str, rows: list[FactRow]) -> list[Series]:
    """Rows, of each subject by the instant of their observation, as a series of each subject."""
    found: dict[str, list[FactRow]] = {}
    for row in rows:
        found.setdefault(row.subject_id, []).append(row)
    return [Series(_labels(subject, one), *_columns(own)) for one, own in sorted(found.items())]


def _labels(subject: str, subject_id: str) -> Labels:
    return ((subject, subject_id),)


def _columns(rows: list[FactRow]) -> tuple[tuple[int, ...], tuple[Sample, ...]]:
    samples: tuple[Sample, ...] = tuple(STALE if row.value is None else row.value for row in rows)
    return tuple(row.observed_at_us for row in rows), samples
