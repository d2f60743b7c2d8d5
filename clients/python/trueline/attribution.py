"""Attribution as values: what channels earned, the paths that people took, and where they stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline.attribution_changes import CauseTotal


class AttributionDimension(StrEnum):
    """What a report is broken down by; the day (UTC) and the segment are those of the conversion."""

    UNSPECIFIED = "unspecified"
    CHANNEL = "channel"
    CAMPAIGN = "campaign"
    DAY = "day"
    SEGMENT = "segment"


class PathEnd(StrEnum):
    """What came after a touch."""

    UNSPECIFIED = "unspecified"
    TOUCH = "touch"
    CONVERSION = "conversion"
    NULL = "null"


@dataclass(frozen=True, slots=True)
class AttributionAbout:
    """What was answered about: a type of conversion of a document, in a period.

    Attributes:
        known_at: with what had been accepted by then; None = all that is known now.
        position: log position up to which events count.

    """

    document: str
    rule_revision: str
    conversion: str
    currency: str
    start_time: datetime | None
    end_time: datetime | None
    known_at: datetime | None
    position: int


@dataclass(frozen=True, slots=True)
class ModelCredit:
    """What a line earned by one model.

    Attributes:
        conversions: parts of them, too.
        value: less refunds; may be below 0.
        roi: (value - cost) / cost; None without a cost.
        conversions_before, value_before: as they were at `changed_since`; None without it, or where the model had no
            answer then.

    """

    conversions: float
    value: Decimal
    roi: float | None
    conversions_before: float | None
    value_before: Decimal | None


@dataclass(frozen=True, slots=True)
class AttributionRow:
    """A line of a report; names that it is not broken down by are "".

    Attributes:
        unattributed: no touch led to its conversions.
        touches: on journeys that converted.
        cost: what was spent; None where nobody says, or the report is broken down by segment.
        credits: by model, in the order of the request.

    """

    channel: str
    campaign: str
    day: str
    segment: str
    unattributed: bool
    touches: int
    cost: Decimal | None
    credits: Mapping[str, ModelCredit]


@dataclass(frozen=True, slots=True)
class AttributionTotals:
    """What a report adds up to.

    Attributes:
        cost: what was spent; None where nobody says.
        unmatched_refunds: refunds of the period that no conversion of their person came before; they are in no value.
        unmatched_refund_value: theirs, 0 or more; None where the document has no refunds.

    """

    conversions: int
    value: Decimal
    unattributed_conversions: int
    unattributed_value: Decimal
    cost: Decimal | None
    unmatched_refunds: int = 0
    unmatched_refund_value: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AttributionReport:
    """What was earned and spent.

    Attributes:
        totals_before: as they were at `changed_since`; None without it.
        late_events: kind -> events behind the report that were accepted since.
        next_page_token: of an operation's report that has more rows: attribute_conversions with it has them; "" = all.
        causes: with `changed_since` what changed by cause; they add up to the difference of the totals.
        left_out: models without an answer to these paths -> why, and what can be done about it; only if none was named.
        left_out_before: with `changed_since` those without an answer to the paths of then -> why; all that they have
            now is new.

    """

    about: AttributionAbout
    rows: tuple[AttributionRow, ...]
    totals: AttributionTotals
    totals_before: AttributionTotals | None
    late_events: Mapping[str, int]
    next_page_token: str = ""
    causes: tuple[CauseTotal, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    left_out_before: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelShare:
    """A channel's part by one model.

    Attributes:
        share: of all conversions that a touch led to, 0 to 1.
        difference: the share less that of the baseline.
        removal_conversions, removal_value: share that would be lost without the channel; None = the model knows none.

    """

    conversions: float
    value: Decimal
    share: float
    difference: float
    removal_conversions: float | None
    removal_value: float | None


@dataclass(frozen=True, slots=True)
class ChannelComparison:
    """A channel by models; `spread` is the largest share less the smallest one."""

    channel: str
    shares: Mapping[str, ModelShare]
    spread: float


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Channels by models, those about which they differ most first.

    Attributes:
        left_out: models without an answer to these paths -> why, and what can be done about it; only if none was named.
        next_page_token: of an operation's comparison that has more channels: compare_models with it has them; "" = all.

    """

    about: AttributionAbout
    models: tuple[str, ...]
    baseline: str
    channels: tuple[ChannelComparison, ...]
    totals: AttributionTotals
    left_out: Mapping[str, str] = field(default_factory=dict)
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class TouchCredit:
    """What a touch earned by one model: its weight (0 to 1), its part of the value, and why."""

    weight: float
    value: Decimal
    reason: str


@dataclass(frozen=True, slots=True)
class ExplainedTouch:
    """A touch of a journey.

    Attributes:
        before: how long before the conversion.
        stitched_by: id that it was stitched to the person by; "" = the event names the user.
        confidence: share of the sightings of this id that name the person, 0 to 1.
        credits: by model.

    """

    at: datetime | None
    before: timedelta
    channel: str
    campaign: str
    stitched_by: str
    confidence: float
    credits: Mapping[str, TouchCredit]


@dataclass(frozen=True, slots=True)
class ExplainedJourney:
    """A conversion, touch by touch, the oldest first; `person` is e.g. "user:u1"."""

    about: AttributionAbout
    person: str
    stitched_by: str
    converted_at: datetime | None
    value: Decimal
    segment: str
    touches: tuple[ExplainedTouch, ...]


@dataclass(frozen=True, slots=True)
class ChannelPath:
    """A path of channels; () = conversions that no touch led to."""

    channels: tuple[str, ...]
    conversions: int
    value: Decimal
    nulls: int
    conversion_rate: float


@dataclass(frozen=True, slots=True)
class PathEdge:
    """Journeys that went from one touch to what came next; steps from the eleventh on are one."""

    step: int
    channel: str
    end: PathEnd
    next_channel: str
    journeys: int


@dataclass(frozen=True, slots=True)
class ChannelPaths:
    """Paths, the most frequent first, the moves between channels, and how many distinct paths there are in all.

    Attributes:
        next_page_token: for list_paths, if there are more, of paths or of an operation's moves; "" = these are all.

    """

    about: AttributionAbout
    paths: tuple[ChannelPath, ...]
    edges: tuple[PathEdge, ...]
    total_paths: int
    next_page_token: str = ""


@dataclass(frozen=True, slots=True)
class FunnelStage:
    """Which events are a step of a funnel: names or roles; `name` "" = these."""

    events: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """People who came to a step; shares are 0 to 1."""

    name: str
    people: int
    from_previous: float
    from_first: float


@dataclass(frozen=True, slots=True)
class Funnel:
    """People by step, in all and by the channel of their last touch before the first step ("" = none)."""

    about: AttributionAbout
    steps: tuple[FunnelStep, ...]
    channels: Mapping[str, tuple[FunnelStep, ...]]
