"""What attribution models say, as frozen values: which events are touches and conversions, and who earns what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from trueline_rules.model import ANY, EventMapping, Metadata


class Formula(StrEnum):
    """How a model shares a conversion out among the touches or channels of its journey."""

    FIRST = "first"
    LAST = "last"
    LAST_NON_DIRECT = "last_non_direct"
    LINEAR = "linear"
    TIME_DECAY = "time_decay"
    POSITION = "position"
    W_SHAPED = "w_shaped"
    CUSTOM = "custom"
    MARKOV = "markov"
    SHAPLEY = "shapley"

    @property
    def by_touch(self) -> bool:
        """Whether it weighs the touches of a journey, and not channels over all paths."""
        return self not in (Formula.MARKOV, Formula.SHAPLEY)


class TransformKind(StrEnum):
    """Which touches of a journey count."""

    UNIQUE = "unique"
    EXPOSURE = "exposure"
    FIRST = "first"
    FREQUENCY = "frequency"
    TRIM = "trim"


@dataclass(frozen=True, slots=True)
class Transform:
    """One step that a journey's touches go through.

    Attributes:
        kind: `unique` keeps all; `exposure` the first of a channel's touches in a row; `first` the first of each
            channel; `frequency` too, and paths name the channel with its number of touches; `trim` keeps the last.
        last: how many touches `trim` keeps, from 1; 0 for the others.

    """

    kind: TransformKind
    last: int = 0


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events are meant: names, or roles of the event mapping; one of the two is ().

    Attributes:
        events: event names.
        roles: roles, resolved through the event mapping in force.

    """

    events: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()

    def names(self, mapping: EventMapping) -> tuple[str, ...]:
        """Names of the events; () if none plays its roles. Roles with an occurrence serve KPIs only."""
        if self.events:
            return self.events
        found: dict[str, None] = {}
        for role in self.roles:
            known = mapping.roles.get(role)
            if known is not None and known.occurrence is None:
                found.update(dict.fromkeys(known.events))
        return (ANY,) if ANY in found else tuple(found)


@dataclass(frozen=True, slots=True)
class TouchEvents:
    """Events that are touches, and the event fields (as in metrics) with their channel and campaign; "" = none."""

    of: Selection
    channel: str
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class ConversionEvents:
    """Events that are conversions.

    Attributes:
        of: the events.
        lookback_us: how long before a conversion a touch may be to have a part in it, above 0.
        value: event field with its value; "" = conversions are only counted.
        refunds: events that take value back from the person's last conversion before them; None = there are none.
        segment: event field that reports may be broken down by; "" = none.

    """

    of: Selection
    lookback_us: int
    value: str = "value"
    refunds: Selection | None = None
    segment: str = ""


@dataclass(frozen=True, slots=True)
class CostEvents:
    """Events with what was spent on a channel, and the event fields that say how much and on what; "" = none."""

    of: Selection
    channel: str
    campaign: str = ""
    value: str = "value"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model with its parameters; those that its formula does not have are as they are here.

    Attributes:
        formula: which model.
        half_life_us: time_decay: a touch so much older earns half.
        shares: position: of the first, the middle and the last touches; w_shaped: of the first touch, the lead's, the
            opportunity's and all others. They add up to 1.
        from_first: custom: weights of the first touch, the second, …
        from_last: custom: weights of the last touch, the last but one, …
        between: custom: weight that all other touches share.
        direct: last_non_direct: channels that nobody chose.
        order: markov: touches that the next one depends on, from 1.
        form: shapley: "subset" = v(S) counts the conversions of paths within S; "conversion_rate" = their share.

    """

    formula: Formula
    half_life_us: int = 0
    shares: tuple[float, ...] = ()
    from_first: tuple[float, ...] = ()
    from_last: tuple[float, ...] = ()
    between: float = 0.0
    direct: tuple[str, ...] = ()
    order: int = 0
    form: str = ""


@dataclass(frozen=True, slots=True)
class AttributionModel:
    """Journeys and the models that share out their conversions.

    Attributes:
        metadata: name and description.
        touches: what touches are.
        conversions: what conversions are, by type.
        models: by name, in the order of the file.
        currency: ISO 4217, of all values that are told.
        rates: currency -> how much of `currency` one unit of it is worth, above 0.
        costs: what was spent; None = nobody says.
        stitches: events whose ids belong to one person; None = people are known by one id alone.
        lead: events that make a lead of a person, for w_shaped.
        opportunity: events that make an opportunity of a person, for w_shaped.
        transforms: steps that the touches of a journey go through.
        split: whether a journey begins anew after each conversion.

    """

    metadata: Metadata
    touches: TouchEvents
    conversions: Mapping[str, ConversionEvents]
    models: Mapping[str, ModelSpec]
    currency: str
    rates: Mapping[str, float] = field(default_factory=dict)
    costs: CostEvents | None = None
    stitches: Selection | None = None
    lead: Selection | None = None
    opportunity: Selection | None = None
    transforms: tuple[Transform, ...] = ()
    split: bool = True
