"""Which heuristic model, with its parameters; each refuses parameters that could not share out a conversion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from trueline_server.errors import invalid_field

WEEK_US = 7 * 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class FirstTouch:
    """All to the first touch."""


@dataclass(frozen=True, slots=True)
class LastTouch:
    """All to the last touch."""


@dataclass(frozen=True, slots=True)
class LastNonDirect:
    """All to the last touch whose channel is not direct; to the last one where all are.

    Attributes:
        direct: names of the channels that say only that nobody knows where the visit came from.

    """

    direct: frozenset[str] = frozenset({"Direct"})


@dataclass(frozen=True, slots=True)
class Linear:
    """The same to every touch."""


@dataclass(frozen=True, slots=True)
class TimeDecay:
    """A touch earns half of what one does that is `half_life_us` nearer to the conversion; ages are not rounded.

    Attributes:
        half_life_us: microseconds, above 0; seven days by default.

    """

    half_life_us: int = WEEK_US

    def __post_init__(self) -> None:
        if self.half_life_us <= 0:
            raise invalid_field("half_life", f"must be above 0, got {self.half_life_us} µs")


@dataclass(frozen=True, slots=True)
class PositionBased:
    """The first and the last touch have a share each, those between them share the rest evenly.

    Without a touch between, the rest is shared evenly by all touches: the only one has all of it.

    Attributes:
        first: share of the first touch, 0 to 1.
        last: share of the last touch, 0 to 1; at most 1 together with the first.

    """

    first: float = 0.4
    last: float = 0.4

    def __post_init__(self) -> None:
        _check_shares(first=self.first, last=self.last)


@dataclass(frozen=True, slots=True)
class WShaped:
    """The first touch, the one that led to the lead and the one that led to the opportunity have a share each.

    Shares add up where these are one touch. All other touches share the rest evenly, and with it the share of a lead
    or opportunity that the journey did not have. Without other touches, the rest is shared evenly by all.

    Attributes:
        first: share of the first touch, 0 to 1.
        lead: share of the touch that led to the lead, 0 to 1.
        opportunity: share of the touch that led to the opportunity, 0 to 1; at most 1 together.

    """

    first: float = 0.3
    lead: float = 0.3
    opportunity: float = 0.3

    def __post_init__(self) -> None:
        _check_shares(first=self.first, lead=self.lead, opportunity=self.opportunity)


@dataclass(frozen=True, slots=True)
class CustomWeights:
    """Weights by place, counted from the first touch and from the last; what a journey has of them is scaled to 1.

    A touch that has a place from both ends has both weights. Touches without a place share `between` evenly; without
    such touches all do. Where nothing but zeros is left, every touch has the same.

    Attributes:
        from_first: weights of the first touch, the second, …; 0 or more.
        from_last: weights of the last touch, the last but one, …; 0 or more.
        between: weight that all other touches share; 0 or more. Not everything may be 0.

    """

    from_first: tuple[float, ...] = ()
    from_last: tuple[float, ...] = ()
    between: float = 0.0

    def __post_init__(self) -> None:
        _check_weights("from_first", self.from_first)
        _check_weights("from_last", self.from_last)
        _check_weights("between", (self.between,))
        if not any((*self.from_first, *self.from_last, self.between)):
            raise invalid_field("weights", "must not all be 0; give a touch some weight, or use the linear model")


Model: TypeAlias = FirstTouch | LastTouch | LastNonDirect | Linear | TimeDecay | PositionBased | WShaped | CustomWeights


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise invalid_field(name, f"must be a share from 0 to 1, got {share:g}")
    # Shares that are written as decimals, such as 0.7, 0.2 and 0.1, may add up to a little more than 1.
    if sum(shares.values()) > 1 + 1e-12:
        raise invalid_field(" + ".join(shares), f"must be at most 1 together, got {sum(shares.values()):g}")


def _check_weights(name: str, weights: Sequence[float]) -> None:
    for weight in weights:
        if not (math.isfinite(weight) and weight >= 0):
            raise invalid_field(name, f"must be finite weights of 0 or more, got {weight:g}")
