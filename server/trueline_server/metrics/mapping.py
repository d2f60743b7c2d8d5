"""Maps metrics and points to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from trueline.v1 import metric_service_pb2 as pb
from trueline_rules.model import Aggregation

from trueline_server.metrics.points import Completeness, MetricInfo, MetricPoint
from trueline_server.transport.times import timestamp_if, timestamp_of

_AGGREGATIONS: Mapping[Aggregation, pb.Aggregation.ValueType] = {
    Aggregation.COUNT: pb.AGGREGATION_COUNT,
    Aggregation.SUM: pb.AGGREGATION_SUM,
    Aggregation.AVG: pb.AGGREGATION_AVG,
    Aggregation.MIN: pb.AGGREGATION_MIN,
    Aggregation.MAX: pb.AGGREGATION_MAX,
    Aggregation.COUNT_DISTINCT: pb.AGGREGATION_COUNT_DISTINCT,
    Aggregation.QUANTILE: pb.AGGREGATION_QUANTILE,
    Aggregation.LATEST: pb.AGGREGATION_LATEST,
}
COMPLETENESS: Mapping[Completeness, pb.Completeness.ValueType] = {
    Completeness.PARTIAL: pb.COMPLETENESS_PARTIAL,
    Completeness.PROVISIONAL: pb.COMPLETENESS_PROVISIONAL,
    Completeness.COMPLETE: pb.COMPLETENESS_COMPLETE,
    Completeness.CORRECTED: pb.COMPLETENESS_CORRECTED,
}


def map_point_to_proto(point: MetricPoint) -> pb.MetricPoint:
    """A point as it is sent."""
    return pb.MetricPoint(
        metric=point.metric,
        window_start=timestamp_of(point.window_start_us),
        window_end=timestamp_of(point.window_end_us),
        labels=point.labels,
        value=point.value,
        exact_value=point.exact_value,
        events=point.events,
        exact=point.exact,
        completeness=COMPLETENESS[point.completeness],
        revision=point.revision,
        late_events=point.late_events,
        watermark=timestamp_if(point.watermark_us),
    )


def map_metric_to_proto(metric: MetricInfo) -> pb.Metric:
    """A metric's definition and state as they are sent."""
    return pb.Metric(
        name=metric.name,
        description=metric.description,
        unit=metric.unit,
        aggregation=_AGGREGATIONS[metric.aggregation],
        window=metric.window,
        step=metric.step,
        group_by=metric.group_by,
        unavailable=metric.unavailable,
        watermark=timestamp_if(metric.watermark_us),
        too_late=metric.too_late,
        overflowed=metric.overflowed,
        max_groups=metric.max_groups,
    )
