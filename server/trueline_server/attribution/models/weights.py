"""The share of its journey's conversion that each touch earned, over many journeys at once.

The models are those that Berman (2018, "Beyond the Last Touch: Attribution in Online Advertising", Marketing Science
37(5)) calls rule-based: they look at the places and times of touches, not at what touches change.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trueline_server.attribution.models.spec import (
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
from trueline_server.attribution.models.touches import NO_TOUCH, Touches
from trueline_server.attribution.paths import Floats
from trueline_server.errors import invalid_field


def weights(model: Model, touches: Touches) -> Floats:
    """The weight of each touch, float64[m]: 0 to 1, and 1 in all for each journey that has a touch.

    Raises:
        TruelineError: INVALID_ARGUMENT, the model needs times and the touches have none.

    """
    match model:
        case FirstTouch():
            found = _all_to(touches, touches.offsets[:-1])
        case LastTouch():
            found = _all_to(touches, touches.offsets[1:] - 1)
        case Linear():
            found = np.repeat(1.0 / np.maximum(touches.lengths, 1), touches.lengths)
        case LastNonDirect(direct):
            found = _all_to(touches, _last_non_direct(touches, direct))
        case TimeDecay(half_life_us):
            found = _decayed(touches, half_life_us)
        case WShaped():
            found = _w_shaped(touches, model)
        case PositionBased(first, last):
            found = _placed(touches, CustomWeights((first,), (last,), max(0.0, 1.0 - first - last)))
        case CustomWeights():
            found = _placed(touches, model)
    return found


def _all_to(touches: Touches, chosen: npt.NDArray[np.int64]) -> Floats:
    found = np.zeros(len(touches.codes))
    found[chosen[touches.lengths > 0]] = 1.0
    return found


def _last_non_direct(touches: Touches, direct: frozenset[str]) -> npt.NDArray[np.int64]:
    is_direct = np.array([name in direct for name in touches.channels], dtype=bool)
    places = np.arange(len(touches.codes))
    # The last touch so far that is not direct; it may lie in an earlier journey.
    seen = np.maximum.accumulate(np.where(is_direct[touches.codes], NO_TOUCH, places)) if len(places) else places
    last = touches.offsets[1:] - 1
    found = last.copy()
    some = touches.lengths > 0
    found[some] = seen[last[some]]
    return np.where(found >= touches.offsets[:-1], found, last)


def _decayed(touches: Touches, half_life_us: int) -> Floats:
    if touches.at_us is None:
        raise invalid_field("touches.at_us", "is needed by the time-decay model")
    lengths = touches.lengths
    some = lengths > 0
    last = touches.at_us[touches.offsets[1:][some] - 1]
    # Relative to the last touch of the journey, whose factor cancels: old journeys do not underflow to 0 / 0.
    raw = np.exp2((touches.at_us - np.repeat(last, lengths[some])) / half_life_us)
    totals = np.zeros(len(touches))
    if some.any():
        totals[some] = np.add.reduceat(raw, touches.offsets[:-1][some])
    return raw / np.repeat(totals, lengths)


def _w_shaped(touches: Touches, model: WShaped) -> Floats:
    none = np.full(len(touches), NO_TOUCH)
    marks = [
        (np.where(touches.lengths > 0, 0, NO_TOUCH), model.first),
        (none if touches.lead is None else touches.lead, model.lead),
        (none if touches.opportunity is None else touches.opportunity, model.opportunity),
    ]
    base = np.zeros(len(touches.codes))
    marked = np.zeros(len(touches.codes), dtype=bool)
    rest = np.ones(len(touches))
    for mark, share in marks:
        has = mark != NO_TOUCH
        places = touches.offsets[:-1][has] + mark[has]
        base[places] += share
        marked[places] = True
        rest[has] -= share
    return base + _shared(touches, np.maximum(rest, 0.0), marked)


def _placed(touches: Touches, model: CustomWeights) -> Floats:
    lengths = touches.lengths
    ends = [(touches.offsets[:-1] + place, lengths > place, weight) for place, weight in enumerate(model.from_first)]
    ends += [(touches.offsets[1:] - 1 - place, lengths > place, weight) for place, weight in enumerate(model.from_last)]
    totals = np.full(len(touches), model.between)
    for _, has, weight in ends:
        totals[has] += weight
    # What comes to nothing is even.
    scale = 1.0 / np.where(totals == 0, 1.0, totals)
    free = np.maximum(lengths - len(ends), 0)
    each = np.where(totals == 0, 1.0, model.between * scale) / np.maximum(
        np.where((free > 0) & (totals != 0), free, lengths), 1
    )
    found = np.repeat(each, lengths)
    for at, has, _ in ends:
        # What lies between is shared by the others, where there are any.
        found[at[has & (free > 0) & (totals != 0)]] = 0.0
    for at, has, weight in ends:
        found[at[has]] += weight * scale[has]
    return found


def _shared(touches: Touches, rest: Floats, taken: npt.NDArray[np.bool_]) -> Floats:
    """`rest` of each journey, evenly over those of its touches that are not taken; over all where all are."""
    rows = touches.rows()
    free = np.bincount(rows[~taken], minlength=len(touches))
    shares = rest / np.maximum(np.where(free > 0, free, touches.lengths), 1)
    return np.where(taken & (free[rows] > 0), 0.0, shares[rows])
