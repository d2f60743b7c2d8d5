"""Points of a metric as the series that rules read: one for each label set, labelled as rules write labels."""

from __future__ import annotations

from collections.abc import Iterable

from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import Labels, labels_of
from trueline_rules.metric_labels import label_names
from trueline_rules.model import Metric

from trueline_server.metrics.points import MetricPoint


class PointSeries:
    """Gathers points that come in the order of their windows; a point stands at the end of its window.

    Attributes:
        count: points with a value so far.

    """

    def __init__(self, metric: Metric) -> None:
        self.count = 0
        self._names = label_names(metric.group_by)
        self._found: dict[Labels, tuple[list[int], list[float]]] = {}

    def add(self, points: Iterable[MetricPoint]) -> None:
        """Add points; those without a value are left out."""
        for point in points:
            if point.value is not None:
                labels = labels_of({self._names[group]: value for group, value in point.labels.items()})
                instants, values = self._found.setdefault(labels, ([], []))
                instants.append(point.window_end_us)
                values.append(point.value)
                self.count += 1

    def series(self) -> list[Series]:
        """A series of each label set."""
        return [Series(labels, tuple(instants), tuple(values)) for labels, (instants, values) in self._found.items()]
