"""Reads a cell's value from the points of a metric: the windows of the period, taken together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trueline_rules.checkpoint_model import CellSource, Taken
from trueline_rules.checkpoints.results import Reading
from trueline_rules.metric_labels import label_names
from trueline_rules.model import Aggregation, Metric, RuleSet

from trueline_server.errors import TruelineError
from trueline_server.metrics.points import Completeness, MetricPoint, PointKey
from trueline_server.metrics.windows import Windows
from trueline_server.rules.ports import PointReader

# Points of one cell: a year of windows of five minutes.
MOST_POINTS = 110_000
_PAGE = 50_000
# The least final first.
_ORDER = (Completeness.PARTIAL, Completeness.PROVISIONAL, Completeness.COMPLETE)


@dataclass(frozen=True, slots=True)
class _Points:
    """Points with a value, by the end of their window, and the metric's watermark."""

    points: tuple[MetricPoint, ...]
    watermark_us: int | None

    @property
    def events(self) -> int:
        return sum(point.events for point in self.points)

    @property
    def total(self) -> float:
        return math.fsum(point.value for point in self.points if point.value is not None)


class MetricReadings:
    """Reads metrics for cells. Methods block; thread-safe."""

    def __init__(self, points: PointReader) -> None:
        self._points = points

    def read(self, tenant: str, rules: RuleSet, source: CellSource, start_us: int, end_us: int) -> Reading:
        """What the windows come to that end in (start_us, end_us], µs since 1970 (UTC).

        Raises:
            TruelineError: TOO_MANY_POINTS.

        """
        metric = rules.metrics[source.name]
        for one in filter(None, (metric, rules.metrics.get(source.per))):
            if not rules.events_of(one):
                told = f"no event plays a role that metric {one.metadata.name} reads ({', '.join(one.roles)})"
                return Reading(missing=f"{told}; name one in the event mapping", source=str(source))
        found = self._chosen(tenant, metric, source, start_us, end_us)
        if not source.per:
            return _together(metric, source, found, start_us, end_us)
        divisor = self._chosen(tenant, rules.metrics[source.per], source, start_us, end_us)
        return _divided(source, found, divisor, start_us, end_us)

    def _chosen(self, tenant: str, metric: Metric, source: CellSource, start_us: int, end_us: int) -> _Points:
        found = self._read(tenant, metric, source, start_us, end_us)
        if source.agg in {Taken.SUM, Taken.AVG}:
            return _Points(_tiles(metric, found.points), found.watermark_us)
        return found

    def _read(self, tenant: str, metric: Metric, source: CellSource, start_us: int, end_us: int) -> _Points:
        groups = {label: group for group, label in label_names(metric.group_by).items()}
        wanted = {groups[label]: value for label, value in source.labels.items() if label in groups}
        points: list[MetricPoint] = []
        watermarks: list[int] = []
        after: PointKey | None = None
        while True:
            page = self._points.query(
                tenant,
                metric.metadata.name,
                start_us=start_us,
                end_us=end_us,
                labels=wanted,
                page_size=_PAGE,
                after=after,
            )
            points += [point for point in page.points if point.value is not None]
            watermarks += [] if page.watermark_us is None else [page.watermark_us]
            after = page.next_after
            if after is None:
                return _Points(tuple(points), min(watermarks, default=None))
            if len(points) > MOST_POINTS:
                name = metric.metadata.name
                raise TruelineError(
                    "INVALID_ARGUMENT",
                    "TOO_MANY_POINTS",
                    f"metric {name} has more than {MOST_POINTS} points in the period; take one with longer windows",
                    metadata={"points": f"> {MOST_POINTS}", "limit": str(MOST_POINTS)},
                )


def _tiles(metric: Metric, points: Sequence[MetricPoint]) -> tuple[MetricPoint, ...]:
    """Of windows that overlap those that tile the time up to the last one, so that no event counts twice."""
    windows = Windows.of(metric)
    if not windows.sliding or not points:
        return tuple(points)
    last_us = points[-1].window_end_us
    return tuple(point for point in points if (last_us - point.window_end_us) % windows.window_us == 0)


def _together(metric: Metric, source: CellSource, found: _Points, start_us: int, end_us: int) -> Reading:
    return Reading(
        value=_value(metric, source.agg, found) if found.points else None,
        missing="" if found.points else f"{source} has no window with events in the period; send such events",
        observations=found.events,
        period_start_us=start_us,
        period_end_us=end_us,
        watermark_us=found.watermark_us,
        completeness=_completeness(found.points),
        source=f"{source.agg} of {source}, {_windows(found)}",
    )


def _divided(source: CellSource, found: _Points, divisor: _Points, start_us: int, end_us: int) -> Reading:
    below = divisor.total
    missing = ""
    if not divisor.points:
        missing = f"metric {source.per} has no window with events in the period; send such events"
    elif below <= 0:
        missing = f"the sum of metric {source.per} is {below:g}, which nothing can be divided by"
    watermarks = [points.watermark_us for points in (found, divisor) if points.watermark_us is not None]
    return Reading(
        value=None if missing else found.total / below,
        missing=missing,
        observations=divisor.events,
        numerator=found.total,
        denominator=below,
        period_start_us=start_us,
        period_end_us=end_us,
        watermark_us=min(watermarks, default=None),
        completeness=_completeness((*found.points, *divisor.points)),
        source=f"sum of {source}, {_windows(divisor)}",
    )


def _value(metric: Metric, agg: Taken, found: _Points) -> float:
    values = [point.value for point in found.points if point.value is not None]
    match agg:
        case Taken.SUM:
            return found.total
        case Taken.MIN:
            return min(values)
        case Taken.MAX:
            return max(values)
        case Taken.LAST:
            last_us = found.points[-1].window_end_us
            ending = [point.value for point in found.points if point.window_end_us == last_us]
            # Several groups of one window are one window.
            return math.fsum(value for value in ending if value is not None)
    if metric.aggregation is Aggregation.AVG and found.events:
        weighed = math.fsum(point.value * point.events for point in found.points if point.value is not None)
        return weighed / found.events
    return found.total / len(values)


def _windows(found: _Points) -> str:
    count = len({point.window_end_us for point in found.points})
    return f"{count} window{'' if count == 1 else 's'}"


def _completeness(points: Sequence[MetricPoint]) -> str:
    """That of the least final window."""
    found = {point.completeness for point in points}
    return next((str(one) for one in _ORDER[:2] if one in found), "complete" if found else "")
