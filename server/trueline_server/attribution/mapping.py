"""Maps answers about attribution to protobuf, and questions from it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.asking import Asked, Question
from trueline_server.attribution.comparing import Compared, Comparison
from trueline_server.attribution.explaining import ExplainedJourney, ExplainedTouch
from trueline_server.attribution.funnel import Funnel
from trueline_server.attribution.path_listing import CONVERSION, NULL, TOUCH, Edge, PathRow
from trueline_server.attribution.reporting import Report, Row, Totals
from trueline_server.attribution.statements import Dimension
from trueline_server.errors import invalid_field
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import duration_of, microseconds_of, timestamp_of

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
        known_at=None if question.known_us is None else timestamp_of(question.known_us),
        position=asked.journeys.scope.position or 0,
    )


def map_row_to_proto(row: Row, before: Row | None, *, changed: bool) -> pb.AttributionRow:
    """A line of a report; `changed` = beside what it was before, which may be nothing."""
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
        credit = message.credits.add(
            model=model, conversions=earned.conversions, value=_decimal(earned.value), roi=row.roi(model)
        )
        if changed:
            credit.conversions_before = 0.0 if before is None else before.earned[model].conversions
            credit.value_before = _decimal(0 * earned.value if before is None else before.earned[model].value)
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


def map_funnel_to_proto(funnel: Funnel) -> pb.GetFunnelResponse:
    """A funnel."""
    return pb.GetFunnelResponse(
        about=map_about_to_proto(funnel.asked),
        steps=_steps(funnel.steps, funnel.people),
        channels=[
            pb.FunnelChannel(channel=channel, steps=_steps(funnel.steps, people)) for channel, people in funnel.channels
        ],
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


def _steps(names: tuple[str, ...], people: tuple[int, ...]) -> list[pb.FunnelStep]:
    steps = []
    before = first = people[0]
    for name, count in zip(names, people, strict=True):
        shares = {"from_previous": count / before if before else 0.0, "from_first": count / first if first else 0.0}
        steps.append(pb.FunnelStep(name=name, people=count, **shares))
        before = count
    return steps


def _decimal(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
