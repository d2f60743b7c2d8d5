"""Why a touch earned what it did, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_server.attribution.models import (
    CustomWeights,
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    Model,
    PositionBased,
    TimeDecay,
    WShaped,
)

_UNITS = ((86_400_000_000, "day"), (3_600_000_000, "hour"), (60_000_000, "minute"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a touch stands: the i-th of n (from 1), so long before the conversion (µs), and what it led to."""

    i: int
    n: int
    before_us: int
    lead: bool
    opportunity: bool


def reason(model: Model, place: Place, channel: str) -> str:
    """The reason for the weight of a touch."""
    match model:
        case FirstTouch():
            return f"the first touch has all{'' if place.i == 1 else ', this one came later'}"
        case LastTouch():
            return f"the last touch has all{'' if place.i == place.n else ', this one came earlier'}"
        case LastNonDirect(direct):
            kind = "direct" if channel in direct else "not direct"
            return f"touch {place.i} of {place.n}, {kind}; the last one that is not direct has all, else the last"
        case TimeDecay(half_life_us):
            return f"{length(place.before_us)} before the conversion; {length(half_life_us)} earlier is worth half"
        case WShaped():
            return _w_shaped(place, model)
        case _:
            return _by_place(model, place)


def _by_place(model: Linear | PositionBased | CustomWeights, place: Place) -> str:
    match model:
        case Linear():
            return f"one of {place.n} equal parts"
        case PositionBased(first, last):
            return _position(place, first, last)
        case CustomWeights():
            return f"touch {place.i} from the first, {place.n + 1 - place.i} from the last"


def length(us: int) -> str:
    """A length of time in its largest unit, for people."""
    for unit, name in _UNITS:
        if us >= unit:
            count = round(us / unit, 1)
            return f"{count:g} {name}{'' if count == 1 else 's'}"
    return f"{us / 1_000_000:g} seconds"


def _position(place: Place, first: float, last: float) -> str:
    if place.n == 1:
        return "the only touch has all"
    if place.i in (1, place.n):
        share = first if place.i == 1 else last
        name = "first" if place.i == 1 else "last"
        rest = "" if place.n > 2 else ", and half of what touches between would have"
        return f"the {name} touch has {share:.4g}{rest}"
    return f"one of {place.n - 2} between the first and the last, which share {max(0.0, 1 - first - last):.4g}"


def _w_shaped(place: Place, model: WShaped) -> str:
    marks = (
        (place.i == 1, "the first touch", model.first),
        (place.lead, "led to the lead", model.lead),
        (place.opportunity, "led to the opportunity", model.opportunity),
    )
    told = [f"{what}: {share:.4g}" for holds, what, share in marks if holds]
    return "; ".join(told) if told else "shares what the first touch, the lead's and the opportunity's leave"
