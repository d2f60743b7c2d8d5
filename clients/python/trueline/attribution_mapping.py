"""Answers about attribution from their messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
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
        left_out=_left_out(first.left_out),
        left_out_before=_left_out(first.left_out_before),
    )


def comparison(pages: Sequence[pb.CompareModelsResponse]) -> ModelComparison:
    """Channels by models from their pages."""
    first = pages[0]
    return ModelComparison(
        about=about(first.about),
        models=tuple(first.models),
        baseline=first.baseline,
        channels=tuple(
            ChannelComparison(one.channel, {share.model: _share(share) for share in one.shares}, one.spread)
            for page in pages
            for one in page.channels
        ),
        totals=_totals(first.totals),
        left_out=_left_out(first.left_out),
        next_page_token=pages[-1].next_page_token,
    )


def journey(pages: Sequence[pb.ExplainJourneyResponse]) -> ExplainedJourney:
    """A conversion, touch by touch, from its pages."""
    message = pages[0]
    return ExplainedJourney(
        about=about(message.about),
        person=message.person,
        stitched_by=message.stitched_by,
        converted_at=instant(message, "converted_at"),
        value=Decimal(message.value or 0),
        segment=message.segment,
        touches=tuple(_touch(touch) for page in pages for touch in page.touches),
    )


def paths(pages: Sequence[pb.ListPathsResponse], most: int = 0) -> ChannelPaths:
    """Paths from their pages, at most so many (0 = all), and the moves of all pages."""
    listed = [path for page in pages for path in page.paths]
    counts = accumulate(len(page.paths) for page in pages)
    # Pages after the last path that is wanted were fetched for their moves.
    last = next((page for page, count in zip(pages, counts, strict=True) if 0 < most <= count), pages[-1])
    return ChannelPaths(
        about=about(pages[0].about),
        paths=tuple(
            ChannelPath(
                tuple(path.channels), path.conversions, Decimal(path.value or 0), path.nulls, path.conversion_rate
            )
            for path in listed[: most or None]
        ),
        edges=tuple(
            PathEdge(
                edge.step, edge.channel, _ENDS.get(edge.end, PathEnd.UNSPECIFIED), edge.next_channel, edge.journeys
            )
            for page in pages
            for edge in page.edges
        ),
        total_paths=pages[0].total_paths,
        next_page_token=last.next_page_token,
    )


def funnel(pages: Sequence[pb.GetFunnelResponse]) -> Funnel:
    """A funnel from its pages."""
    return Funnel(
        about=about(pages[0].about),
        steps=_steps(pages[0].steps),
        channels={one.channel: _steps(one.steps) for page in pages for one in page.channels},
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


def _left_out(messages: Iterable[pb.LeftOutModel]) -> dict[str, str]:
    return {one.model: one.reason for one in messages}


def _given(message: Any, field: str) -> float | None:
    return getattr(message, field) if message.HasField(field) else None


def _decimal(text: str) -> Decimal | None:
    return Decimal(text) if text else None
