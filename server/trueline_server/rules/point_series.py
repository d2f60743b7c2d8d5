"""Points of a metric as the series that rules read: one for each label set, labelled as rules write labels."""

from __future__ import annotations

from collections.abc import Sequence

from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import Labels, labels_of
from trueline_rules.metric_labels import label_names
from trueline_rules.model import Metric

from trueline_server.metrics.points import MetricPoint


def series_of(metric: Metric, points: Sequence[MetricPoint]) -> list[Series]:
    """Points, ascending by window end, as a series of each label set; a point stands at the end of its window."""
    names = label_names(metric.group_by)
    found: dict[Labels, list[MetricPoint]] = {}
    for point in points:
        labels = labels_of({names[group]: value for group, value in point.labels.items()})
        found.setdefault(labels, []).append(point)
    return [
        Series(
            labels,
            tuple(point.window_end_us for point in own),
            tuple(point.value for point in own if point.value is not None),
        )
        for labels, own in found.items()
    ]
