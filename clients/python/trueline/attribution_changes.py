"""Attribution conversion by conversion, as values: journeys and what touches earned, and what changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline.attribution import AttributionAbout


class AttributionCause(StrEnum):
    """Why a conversion is attributed in another way than before."""

    UNSPECIFIED = "unspecified"
    CONVERSION = "conversion"
    """The conversion itself came in since."""
    REFUND = "refund"
    """A refund of it came in since."""
    TOUCH = "touch"
    """A touch, lead or opportunity on its journey came in since."""
    STITCH = "stitch"
    """Ids were joined or told apart since: the conversion or touches are of another person than before."""
    OTHER_CONVERSION = "other_conversion"
    """Another conversion of its person came in since, and has touches or refunds that were its own before."""


@dataclass(frozen=True, slots=True)
class CauseTotal:
    """What one cause did; a conversion with several of them counts for the first one, in the order of AttributionCause.

    Attributes:
        conversions: that are attributed in another way because of it.
        conversions_change: what it changed of the number of conversions of the period.
        value_change: what it changed of their value; all causes add up to the difference of totals.

    """

    cause: AttributionCause
    conversions: int
    conversions_change: int
    value_change: Decimal


@dataclass(frozen=True, slots=True)
class CausingEvent:
    """An event that came in since, and what it did."""

    id: str
    source: str
    name: str
    occurred_at: datetime | None
    accepted_at: datetime | None
    cause: AttributionCause


@dataclass(frozen=True, slots=True)
class CreditMove:
    """What a channel earned of a conversion by one model, before and now; `channel` "" = no touch led to it."""

    model: str
    channel: str
    conversions_before: float
    conversions: float
    value_before: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class ConversionChange:
    """A conversion that is attributed in another way than before.

    Attributes:
        existed: whether it was there before; without it what was before is "", 0 or ().
        person, person_before: whose it is and was, e.g. "user:u1".
        value, value_before: less refunds.
        channels, channels_before: of its touches, the oldest first, at most the last 1,000.
        causes: why, at least one.
        events: that did it, by the time at which they were accepted, at most 20.
        moves: what moved, by model and channel; what differs only.

    """

    conversion_id: str
    source: str
    converted_at: datetime | None
    existed: bool
    person: str
    person_before: str
    value: Decimal
    value_before: Decimal
    channels: tuple[str, ...]
    channels_before: tuple[str, ...]
    causes: tuple[AttributionCause, ...]
    events: tuple[CausingEvent, ...]
    moves: tuple[CreditMove, ...]


@dataclass(frozen=True, slots=True)
class AttributionChanges:
    """Changed conversions by time, what all of them come to by cause, and how many there are in all."""

    about: AttributionAbout
    changes: tuple[ConversionChange, ...]
    causes: tuple[CauseTotal, ...]
    total_changes: int


@dataclass(frozen=True, slots=True)
class JourneyTouch:
    """A touch of a journey, and its part of the conversion by model, 0 to 1."""

    at: datetime | None
    channel: str
    campaign: str
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Journey:
    """A conversion and the touches that led to it, the oldest first; () = nothing did. `value` is less refunds."""

    conversion_id: str
    source: str
    person: str
    converted_at: datetime | None
    value: Decimal
    segment: str
    touches: tuple[JourneyTouch, ...]
