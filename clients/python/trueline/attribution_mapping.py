"""Answers about attribution from their messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from trueline.attribution import (
    AttributionAbout,
    AttributionReport,
    AttributionRow,
    AttributionTotals,
    ChannelComparison,
    ChannelPath,
    ChannelPaths,
    ExplainedJourney,
    ExplainedTouch,
    Funnel,
    FunnelStep,
    ModelComparison,
    ModelCredit,
    ModelShare,
    PathEdge,
    PathEnd,
    TouchCredit,
)
from trueline.cause_mapping import cause_totals
from trueline.mapping import enum_names, instant
from trueline.v1 import attribution_service_pb2 as pb

_ENDS = enum_names(PathEnd, pb.PathEnd)


def about(message: pb.AttributionAbout) -> AttributionAbout:
    """What was answered about."""
    return AttributionAbout(
        document=message.document,
        rule_revision=message.rule_revision,
        conversion=message.conversion,
        currency=message.currency,
        start_time=instant(message, "start_time"),
        end_time=instant(message, "end_time"),
        known_at=instant(message, "known_at"),
        position=message.position,
    )


def report(pages: Sequence[pb.AttributeConversionsResponse]) -> AttributionReport:
    """A report from its pages; what it adds up to is on each."""
    first = pages[0]
    return AttributionReport(
        about=about(first.about),
        rows=tuple(_row(row) for page in pages for row in page.rows),
        totals=_totals(first.totals),
        totals_before=_totals(first.totals_before) if first.HasField("totals_before") else None,
        late_events={late.kind: late.events for late in first.late_events},
        next_page_token=pages[-1].next_page_token,
        causes=cause_totals(first.causes),
        left_out={one.model: one.reason for one in first.left_out},
    )


def comparison(message: pb.CompareModelsResponse) -> ModelComparison:
    """Channels by models."""
    return ModelComparison(
        about=about(message.about),
        models=tuple(message.models),
        baseline=message.baseline,
        channels=tuple(
            ChannelComparison(one.channel, {share.model: _share(share) for share in one.shares}, one.spread)
            for one in message.channels
        ),
        totals=_totals(message.totals),
        left_out={one.model: one.reason for one in message.left_out},
    )


def journey(message: pb.ExplainJourneyResponse) -> ExplainedJourney:
    """A conversion, touch by touch."""
    return ExplainedJourney(
        about=about(message.about),
        person=message.person,
        stitched_by=message.stitched_by,
        converted_at=instant(message, "converted_at"),
        value=Decimal(message.value or 0),
        segment=message.segment,
        touches=tuple(_touch(touch) for touch in message.touches),
    )


def paths(pages: Sequence[pb.ListPathsResponse]) -> ChannelPaths:
    """Paths from their pages; the moves are on the first."""
    return ChannelPaths(
        about=about(pages[0].about),
        paths=tuple(
            ChannelPath(
                tuple(path.channels), path.conversions, Decimal(path.value or 0), path.nulls, path.conversion_rate
            )
            for page in pages
            for path in page.paths
        ),
        edges=tuple(
            PathEdge(
                edge.step, edge.channel, _ENDS.get(edge.end, PathEnd.UNSPECIFIED), edge.next_channel, edge.journeys
            )
            for edge in pages[0].edges
        ),
        total_paths=pages[0].total_paths,
        next_page_token=pages[-1].next_page_token,
    )


def funnel(message: pb.GetFunnelResponse) -> Funnel:
    """A funnel."""
    return Funnel(
        about=about(message.about),
        steps=_steps(message.steps),
        channels={one.channel: _steps(one.steps) for one in message.channels},
    )


def _row(message: pb.AttributionRow) -> AttributionRow:
    return AttributionRow(
        channel=message.channel,
        campaign=message.campaign,
        day=message.day,
        segment=message.segment,
        unattributed=message.unattributed,
        touches=message.touches,
        cost=_decimal(message.cost),
        credits={
            credit.model: ModelCredit(
                conversions=credit.conversions,
                value=Decimal(credit.value or 0),
                roi=_given(credit, "roi"),
                conversions_before=_given(credit, "conversions_before"),
                value_before=_decimal(credit.value_before),
            )
            for credit in message.credits
        },
    )


def _totals(message: pb.AttributionTotals) -> AttributionTotals:
    return AttributionTotals(
        conversions=message.conversions,
        value=Decimal(message.value or 0),
        unattributed_conversions=message.unattributed_conversions,
        unattributed_value=Decimal(message.unattributed_value or 0),
        cost=_decimal(message.cost),
        unmatched_refunds=message.unmatched_refunds,
        unmatched_refund_value=_decimal(message.unmatched_refund_value),
    )


def _share(message: pb.ModelShare) -> ModelShare:
    return ModelShare(
        conversions=message.conversions,
        value=Decimal(message.value or 0),
        share=message.share,
        difference=message.difference,
        removal_conversions=_given(message, "removal_conversions"),
        removal_value=_given(message, "removal_value"),
    )


def _touch(message: pb.ExplainedTouch) -> ExplainedTouch:
    return ExplainedTouch(
        at=instant(message, "at"),
        before=message.before.ToTimedelta(),
        channel=message.channel,
        campaign=message.campaign,
        stitched_by=message.stitched_by,
        confidence=message.confidence,
        credits={
            credit.model: TouchCredit(credit.weight, Decimal(credit.value or 0), credit.reason)
            for credit in message.credits
        },
    )


def _steps(messages: Iterable[pb.FunnelStep]) -> tuple[FunnelStep, ...]:
    return tuple(FunnelStep(step.name, step.people, step.from_previous, step.from_first) for step in messages)


def _given(message: Any, field: str) -> float | None:
    return getattr(message, field) if message.HasField(field) else None


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None
