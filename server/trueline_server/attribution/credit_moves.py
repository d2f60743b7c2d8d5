"""What channels earned of conversions before and now, by model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from trueline_server.attribution.models import Model, Touches, weights
from trueline_server.attribution.paths import offsets_of, summed
from trueline_server.attribution.rounding import rounded

# The channel of what no touch led to.
NOBODY = ""
# Weights that differ by less are the same.
_EQUAL = 1e-12
_Share = dict[str, tuple[float, Decimal]]


@dataclass(frozen=True, slots=True)
class Move:
    """What a channel earned of a conversion by a model; "" = nothing led to it."""

    model: str
    channel: str
    conversions_before: float
    conversions: float
    value_before: Decimal
    value: Decimal


@dataclass(frozen=True, slots=True)
class Side:
    """A conversion as it is or was.

    Attributes:
        there: whether it was.
        at_us: when it converted (µs since 1970, UTC).
        value: in whole minor units.
        touches: (at in µs, channel) of those that count, the oldest first.
        marks: places (from 1) of the touches that led to the lead and the opportunity; 0 = none.

    """

    there: bool
    at_us: int
    value: Decimal
    touches: Sequence[tuple[int, str]]
    marks: tuple[int, int]


def moves(pairs: Sequence[tuple[Side, Side]], models: Mapping[str, Model], digits: int) -> list[tuple[Move, ...]]:
    """What moved of each conversion, by model and channel; what differs only.

    Args:
        pairs: of each conversion what it was and what it is.
        models: that weigh touches, by name.
        digits: decimals of the currency.

    """
    found: list[list[Move]] = [[] for _ in pairs]
    sides = [[pair[place] for pair in pairs] for place in range(2)]
    columns = [_columns(side) for side in sides]
    for name, model in models.items():
        before, now = (_shares(side, touches, model, digits) for side, touches in zip(sides, columns, strict=True))
        for place, (old, new) in enumerate(zip(before, now, strict=True)):
            nothing = (0.0, Decimal(0).scaleb(-digits))
            for channel in sorted(old.keys() | new.keys()):
                was, now_is = old.get(channel, nothing), new.get(channel, nothing)
                if abs(was[0] - now_is[0]) > _EQUAL or was[1] != now_is[1]:
                    found[place].append(Move(name, channel, was[0], now_is[0], was[1], now_is[1]))
    return [tuple(one) for one in found]


def _columns(sides: Sequence[Side]) -> Touches:
    channels = tuple(sorted({channel for side in sides for _, channel in side.touches}))
    code_of = {channel: code for code, channel in enumerate(channels)}
    return Touches(
        channels,
        np.array([code_of[channel] for side in sides for _, channel in side.touches], np.int32),
        offsets_of(np.array([len(side.touches) for side in sides], np.int64)),
        np.array([at for side in sides for at, _ in side.touches], np.int64),
        np.array([side.at_us for side in sides], np.int64),
        np.array([side.marks[0] - 1 for side in sides], np.int64),
        np.array([side.marks[1] - 1 for side in sides], np.int64),
    )


def _shares(sides: Sequence[Side], touches: Touches, model: Model, digits: int) -> list[_Share]:
    """What each channel has of each conversion; values add up to that of the conversion."""
    k = max(len(touches.channels), 1)
    keys, places = np.unique(touches.rows() * k + touches.codes, return_inverse=True)
    parts = summed(weights(model, touches), places, len(keys)).tolist()
    earned: list[dict[str, float]] = [{} for _ in sides]
    for key, part in zip(keys.tolist(), parts, strict=True):
        earned[key // k][touches.channels[key % k]] = part
    return [_valued(side, one, digits) for side, one in zip(sides, earned, strict=True)]


def _valued(side: Side, earned: dict[str, float], digits: int) -> _Share:
    if not side.there:
        return {}
    if not earned:
        return {NOBODY: (1.0, side.value)}
    names = list(earned)
    amounts = np.array([earned[name] * float(side.value) for name in names])
    values = rounded(amounts, digits, total=side.value, names=names)
    return {name: (earned[name], value) for name, value in zip(names, values, strict=True)}
