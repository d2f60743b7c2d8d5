"""Maps results from their protobuf messages, and events to theirs. The only place where the two meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from trueline.event import Event
from trueline.results import (
    Aggregation,
    AlignmentScore,
    Band,
    Completeness,
    DataQuality,
    Direction,
    EventMapping,
    FieldSource,
    IngestResult,
    KpiValue,
    Metric,
    MetricPoint,
    MetricSeries,
    PriorityAction,
    QualityCheck,
    Rejection,
    ScoreItem,
    SourceStatus,
    Status,
)
from trueline.v1 import (
    error_reason_pb2,
    event_pb2,
    ingest_service_pb2,
    kpi_service_pb2,
    metric_service_pb2,
    system_service_pb2,
)

_Enum = TypeVar("_Enum", bound=StrEnum)


def enum_names(enum: type[_Enum], wrapper: Any) -> dict[int, _Enum]:
    """Enum numbers of the wire to values; numbers of a newer server are missing here and read as UNSPECIFIED."""
    prefix = wrapper.DESCRIPTOR.values[0].name.removesuffix("UNSPECIFIED")
    return {item.number: enum(item.name.removeprefix(prefix).lower()) for item in wrapper.DESCRIPTOR.values}


_AGGREGATIONS = enum_names(Aggregation, metric_service_pb2.Aggregation)
_COMPLETENESS = enum_names(Completeness, metric_service_pb2.Completeness)
_DIRECTIONS = enum_names(Direction, kpi_service_pb2.Direction)
_BANDS = enum_names(Band, kpi_service_pb2.Band)
_REASONS = {
    item.number: item.name.removeprefix("ERROR_REASON_") for item in error_reason_pb2.ErrorReason.DESCRIPTOR.values
}


def timestamp(instant: datetime | None) -> Timestamp | None:
    """The message for an aware datetime; None stays None.

    Raises:
        ValueError: the datetime has no time zone.

    """
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; use an aware datetime")
    message = Timestamp()
    message.FromDatetime(instant)
    return message


def instant(message: Message, name: str) -> datetime | None:
    """The time in the field `name`, aware in UTC; None if it is not set."""
    if not message.HasField(name):
        return None
    value: datetime = getattr(message, name).ToDatetime(tzinfo=UTC)
    return value


def _optional(message: Message, name: str) -> Any:
    return getattr(message, name) if message.HasField(name) else None


def event_to_proto(event: Event) -> event_pb2.Event:
    """The event as a message of its own."""
    properties = {}
    for key, value in event.properties.items():
        if isinstance(value, bool):
            properties[key] = event_pb2.PropertyValue(bool_value=value)
        elif isinstance(value, str):
            properties[key] = event_pb2.PropertyValue(string_value=value)
        else:
            properties[key] = event_pb2.PropertyValue(double_value=value)
    return event_pb2.Event(
        id=event.id,
        source=event.source,
        name=event.name,
        occurred_at=timestamp(event.occurred_at),
        user_id=event.user_id or "",
        account_id=event.account_id or "",
        anonymous_id=event.anonymous_id or "",
        device_id=event.device_id or "",
        value=event.value,
        currency=event.currency or "",
        properties=properties,
    )


def ingest_result(outcome: ingest_service_pb2.IngestOutcome, origins: Sequence[Any] | None = None) -> IngestResult:
    """The outcome of a batch; `origins` says what each of its events stands for."""
    rejections = tuple(
        Rejection(
            index=item.index,
            field=item.field,
            reason=_REASONS.get(item.reason, "UNSPECIFIED"),
            message=item.message,
            origin=origins[item.index] if origins is not None else None,
        )
        for item in outcome.rejections
    )
    return IngestResult(
        accepted=outcome.accepted,
        duplicates=outcome.duplicates,
        rejections=rejections,
        position=outcome.position,
        accepted_at=instant(outcome, "accepted_at"),
    )


def merged(results: Sequence[IngestResult], sizes: Sequence[int]) -> IngestResult:
    """One result for batches sent one after the other, as if they had been one batch."""
    rejections: list[Rejection] = []
    start = 0
    for result, size in zip(results, sizes, strict=True):
        rejections += [replace(item, index=start + item.index) for item in result.rejections]
        start += size
    return IngestResult(
        accepted=sum(result.accepted for result in results),
        duplicates=sum(result.duplicates for result in results),
        rejections=tuple(rejections),
        position=max((result.position for result in results), default=0),
        accepted_at=max((r.accepted_at for r in results if r.accepted_at is not None), default=None),
    )


def metric(message: metric_service_pb2.Metric) -> Metric:
    """A metric's definition and state."""
    return Metric(
        name=message.name,
        description=message.description,
        unit=message.unit,
        aggregation=_AGGREGATIONS.get(message.aggregation, Aggregation.UNSPECIFIED),
        window=message.window,
        step=message.step,
        group_by=tuple(message.group_by),
        unavailable=message.unavailable,
        watermark=instant(message, "watermark"),
        too_late=message.too_late,
        overflowed=message.overflowed,
        max_groups=message.max_groups,
    )


def metric_point(message: metric_service_pb2.MetricPoint) -> MetricPoint:
    """A point."""
    return MetricPoint(
        metric=message.metric,
        window_start=instant(message, "window_start"),
        window_end=instant(message, "window_end"),
        labels=dict(message.labels),
        value=_optional(message, "value"),
        exact_value=message.exact_value,
        events=message.events,
        exact=message.exact,
        completeness=_COMPLETENESS.get(message.completeness, Completeness.UNSPECIFIED),
        revision=message.revision,
        late_events=message.late_events,
        watermark=instant(message, "watermark"),
    )


def metric_series(pages: Sequence[metric_service_pb2.QueryMetricResponse]) -> MetricSeries:
    """The points of all pages, with watermark and position of the last one."""
    points = tuple(metric_point(point) for page in pages for point in page.points)
    return MetricSeries(points=points, watermark=instant(pages[-1], "watermark"), position=pages[-1].position)


def kpi_value(message: kpi_service_pb2.KpiValue) -> KpiValue:
    """A KPI at an instant."""
    return KpiValue(
        name=message.name,
        description=message.description,
        unit=message.unit,
        direction=_DIRECTIONS.get(message.direction, Direction.UNSPECIFIED),
        target=message.target,
        value=_optional(message, "value"),
        missing=message.missing,
        numerator=_optional(message, "numerator"),
        denominator=_optional(message, "denominator"),
        period_start=instant(message, "period_start"),
        period_end=instant(message, "period_end"),
        completeness=_COMPLETENESS.get(message.completeness, Completeness.UNSPECIFIED),
        at=instant(message, "at"),
        computed_at=instant(message, "computed_at"),
        watermark=instant(message, "watermark"),
        attainment=_optional(message, "attainment"),
        band=_BANDS.get(message.band, Band.UNSPECIFIED),
        action=message.action,
        owner=message.owner,
        source=message.source,
        rule_revision=message.rule_revision,
    )


def alignment_score(message: kpi_service_pb2.AlignmentScore) -> AlignmentScore:
    """A score with its parts."""
    items = tuple(
        ScoreItem(
            kpi=kpi_value(item.kpi),
            weight=item.weight,
            effective_weight=item.effective_weight,
            contribution=item.contribution,
            missed=item.missed,
        )
        for item in message.items
    )
    return AlignmentScore(
        scorecard=message.scorecard,
        score=_optional(message, "score"),
        band=_BANDS.get(message.band, Band.UNSPECIFIED),
        coverage=message.coverage,
        items=items,
        at=instant(message, "at"),
        computed_at=instant(message, "computed_at"),
        watermark=instant(message, "watermark"),
        synthetic=message.synthetic,
    )


def priority_actions(message: kpi_service_pb2.ListPriorityActionsResponse) -> tuple[PriorityAction, ...]:
    """Actions, the most points first."""
    return tuple(
        PriorityAction(rank=item.rank, kpi=kpi_value(item.kpi), points=item.points, action=item.action)
        for item in message.actions
    )


def data_quality(message: kpi_service_pb2.GetDataQualityResponse) -> DataQuality:
    """The checks of data quality and their score."""
    return DataQuality(
        score=_optional(message, "score"),
        band=_BANDS.get(message.band, Band.UNSPECIFIED),
        coverage=message.coverage,
        checks=tuple(QualityCheck(kpi=kpi_value(check.kpi), passed=check.passed) for check in message.checks),
    )


def status(message: system_service_pb2.GetStatusResponse) -> Status:
    """The server's status."""
    sources = tuple(
        SourceStatus(
            source=item.source,
            events=item.events,
            latest_event_at=instant(item, "latest_event_at"),
            watermark=instant(item, "watermark"),
            last_accepted_at=instant(item, "last_accepted_at"),
            finished=item.finished,
        )
        for item in message.sources
    )
    return Status(
        version=message.version,
        started_at=instant(message, "started_at"),
        accepted_position=message.accepted_position,
        processed_position=message.processed_position,
        events=message.events,
        sources=sources,
        rule_revision=message.rule_revision,
        synthetic=message.synthetic,
    )


def event_mapping(message: system_service_pb2.ResolveEventMappingResponse) -> EventMapping:
    """How the columns of a file become events."""
    return EventMapping(
        name=message.name,
        fields=_sources(message.fields),
        properties=_sources(message.properties),
        properties_object=message.properties_object,
    )


def _sources(messages: Mapping[str, system_service_pb2.FieldSource]) -> dict[str, FieldSource]:
    return {
        key: FieldSource(
            column=item.column,
            constant=_optional(item, "constant"),
            required=item.required,
            type=item.type,
            format=item.format,
            absent=tuple(item.absent),
        )
        for key, item in sorted(messages.items())
    }
