"""Changes of attribution and journeys from their messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from trueline.attribution_changes import (
    AttributionChanges,
    CausingEvent,
    ConversionChange,
    CreditMove,
    Journey,
    JourneyTouch,
)
from trueline.attribution_mapping import about
from trueline.cause_mapping import cause, cause_totals
from trueline.mapping import instant
from trueline.v1 import attribution_service_pb2 as pb


def changes(pages: Sequence[pb.ListAttributionChangesResponse]) -> AttributionChanges:
    """Changed conversions from their pages; what they come to is on each."""
    return AttributionChanges(
        about=about(pages[0].about),
        changes=tuple(_change(one) for page in pages for one in page.changes),
        causes=cause_totals(pages[0].causes),
        total_changes=pages[0].total_changes,
    )


class JourneyReader:
    """Makes journeys of messages; one that is parted is whole again."""

    def __init__(self, models: Sequence[str]) -> None:
        self._models = tuple(models)
        self._begun: list[JourneyTouch] = []

    def read(self, message: pb.StreamJourneysResponse) -> Iterator[Journey]:
        """The journeys that end in a message."""
        for one in message.journeys:
            self._begun += [
                JourneyTouch(
                    instant(touch, "at"),
                    touch.channel,
                    touch.campaign,
                    dict(zip(self._models, touch.weights, strict=False)),
                )
                for touch in one.touches
            ]
            if one.continues:
                continue
            touches, self._begun = tuple(self._begun), []
            yield Journey(
                one.conversion_id,
                one.source,
                one.person,
                instant(one, "converted_at"),
                Decimal(one.value or 0),
                one.segment,
                touches,
            )


def _change(message: pb.ConversionChange) -> ConversionChange:
    return ConversionChange(
        conversion_id=message.conversion_id,
        source=message.source,
        converted_at=instant(message, "converted_at"),
        existed=message.existed,
        person=message.person,
        person_before=message.person_before,
        value=Decimal(message.value or 0),
        value_before=Decimal(message.value_before or 0),
        channels=tuple(message.channels),
        channels_before=tuple(message.channels_before),
        causes=tuple(map(cause, message.causes)),
        events=tuple(_event(one) for one in message.events),
        moves=tuple(
            CreditMove(
                one.model,
                one.channel,
                one.conversions_before,
                one.conversions,
                Decimal(one.value_before or 0),
                Decimal(one.value or 0),
            )
            for one in message.moves
        ),
    )


def _event(message: pb.CausingEvent) -> CausingEvent:
    return CausingEvent(
        id=message.id,
        source=message.source,
        name=message.name,
        occurred_at=instant(message, "occurred_at"),
        accepted_at=instant(message, "accepted_at"),
        cause=cause(message.cause),
    )
