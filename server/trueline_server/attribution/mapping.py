"""Maps answers about attribution to protobuf, and questions from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.asking import Asked, Question
from trueline_server.attribution.comparing import Compared, Comparison
from trueline_server.attribution.explaining import ExplainedJourney, ExplainedTouch
from trueline_server.attribution.path_listing import CONVERSION, NULL, TOUCH, Edge, PathRow
from trueline_server.attribution.reporting import Report, Row, Totals
from trueline_server.attribution.statements import Dimension
from trueline_server.errors import invalid_field
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import duration_of, microseconds_of, timestamp_if, timestamp_of

_DIMENSIONS: Mapping[int, Dimension] = {
    pb.ATTRIBUTION_DIMENSION_CHANNEL: Dimension.CHANNEL,
    pb.ATTRIBUTION_DIMENSION_CAMPAIGN: Dimension.CAMPAIGN,
    pb.ATTRIBUTION_DIMENSION_DAY: Dimension.DAY,
    pb.ATTRIBUTION_DIMENSION_SEGMENT: Dimension.SEGMENT,
}
_ENDS = {TOUCH: pb.PATH_END_TOUCH, CONVERSION: pb.PATH_END_CONVERSION, NULL: pb.PATH_END_NULL}


def map_question_from_proto(message: pb.AttributionQuestion) -> Question:
    """A question of the caller's tenant."""
    known = None
    if message.HasField("known_at"):
        known = microseconds_of(message.known_at, "question.known_at")
    return Question(
        current_tenant(),
        microseconds_of(message.start_time, "question.start_time"),
        microseconds_of(message.end_time, "question.end_time"),
        message.document,
        message.conversion,
        known,
    )


def map_dimensions_from_proto(numbers: list[int]) -> tuple[Dimension, ...]:
    """Dimensions without repeats, in their order."""
    for place, number in enumerate(numbers):
        if number not in _DIMENSIONS:
            raise invalid_field(f"by[{place}]", f"is {number}, which is no AttributionDimension")
    return tuple(dict.fromkeys(_DIMENSIONS[number] for number in numbers))


def map_about_to_proto(asked: Asked) -> pb.AttributionAbout:
    """What was answered about."""
    question = asked.question
    return pb.AttributionAbout(
        document=question.document,
        rule_revision=asked.rules.revision,
        conversion=question.conversion,
        currency=asked.document.currency,
        start_time=timestamp_of(question.start_us),
        end_time=timestamp_of(question.end_us),
        known_at=timestamp_if(question.known_us),
        position=asked.journeys.scope.position or 0,
    )


def map_row_to_proto(row: Row) -> pb.AttributionRow:
    """A line of a report."""
    message = pb.AttributionRow(
        channel=row.names.get(Dimension.CHANNEL, ""),
        campaign=row.names.get(Dimension.CAMPAIGN, ""),
        day=row.names.get(Dimension.DAY, ""),
        segment=row.names.get(Dimension.SEGMENT, ""),
        unattributed=row.unattributed,
        touches=row.touches,
        cost=_decimal(row.cost),
    )
    for model, earned in row.earned.items():
        message.credits.add(
            model=model, conversions=earned.conversions, value=_decimal(earned.value), roi=row.roi(model)
        )
    return message


def map_changed_row_to_proto(row: Row, before: Row | None, models_before: Collection[str]) -> pb.AttributionRow:
    """A line of a report beside what it was before, which may be nothing, by the models that had an answer then."""
    message = map_row_to_proto(row)
    for credit in message.credits:
        if credit.model in models_before:
            nothing = 0 * row.earned[credit.model].value
            credit.conversions_before = 0.0 if before is None else before.earned[credit.model].conversions
            credit.value_before = _decimal(nothing if before is None else before.earned[credit.model].value)
    return message


def map_totals_to_proto(totals: Totals) -> pb.AttributionTotals:
    """What a report adds up to."""
    return pb.AttributionTotals(
        conversions=totals.conversions,
        value=_decimal(totals.value),
        unattributed_conversions=totals.unattributed_conversions,
        unattributed_value=_decimal(totals.unattributed_value),
        cost=_decimal(totals.cost),
        unmatched_refunds=totals.unmatched_refunds,
        unmatched_refund_value=_decimal(totals.unmatched_refund_value),
    )


def map_comparison_to_proto(comparison: Comparison) -> pb.CompareModelsResponse:
    """Channels by models."""
    report: Report = comparison.report
    return pb.CompareModelsResponse(
        about=map_about_to_proto(report.asked),
        models=report.models,
        baseline=comparison.baseline,
        channels=[_compared(one, comparison.baseline) for one in comparison.channels],
        totals=map_totals_to_proto(report.totals),
        left_out=map_left_out_to_proto(report),
    )


def map_left_out_to_proto(report: Report) -> list[pb.LeftOutModel]:
    """Models without an answer."""
    return [pb.LeftOutModel(model=model, reason=reason) for model, reason in report.left_out.items()]


def map_journey_to_proto(journey: ExplainedJourney) -> pb.ExplainJourneyResponse:
    """A conversion, touch by touch."""
    return pb.ExplainJourneyResponse(
        about=map_about_to_proto(journey.asked),
        person=journey.person,
        stitched_by=journey.stitch.id,
        converted_at=timestamp_of(journey.converted_at_us),
        value=_decimal(journey.value),
        segment=journey.segment,
        touches=[_touch(touch, journey.converted_at_us) for touch in journey.touches],
        total_touches=len(journey.touches),
    )


def map_path_to_proto(path: PathRow) -> pb.ChannelPath:
    """A path."""
    journeys = path.conversions + path.nulls
    return pb.ChannelPath(
        channels=path.channels,
        conversions=path.conversions,
        value=_decimal(path.value),
        nulls=path.nulls,
        conversion_rate=path.conversions / journeys if journeys else 0.0,
    )


def map_edge_to_proto(edge: Edge) -> pb.PathEdge:
    """A move."""
    return pb.PathEdge(
        step=edge.step,
        channel=edge.channel,
        end=_ENDS[edge.end],
        next_channel=edge.next_channel,
        journeys=edge.journeys,
    )


def _compared(one: Compared, baseline: str) -> pb.ChannelComparison:
    message = pb.ChannelComparison(channel=one.row.names[Dimension.CHANNEL], spread=one.spread)
    for model, earned in one.row.earned.items():
        message.shares.add(
            model=model,
            conversions=earned.conversions,
            value=_decimal(earned.value),
            share=one.shares[model],
            difference=one.shares[model] - one.shares[baseline],
            removal_conversions=earned.removal_conversions,
            removal_value=earned.removal_value,
        )
    return message


def _touch(touch: ExplainedTouch, converted_at_us: int) -> pb.ExplainedTouch:
    return pb.ExplainedTouch(
        at=timestamp_of(touch.at_us),
        before=duration_of(converted_at_us - touch.at_us),
        channel=touch.channel,
        campaign=touch.campaign,
        stitched_by=touch.stitch.id,
        confidence=touch.stitch.confidence,
        credits=[
            pb.TouchCredit(model=model, weight=part.weight, value=_decimal(part.value), reason=part.reason)
            for model, part in touch.parts.items()
        ],
    )


def _decimal(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
