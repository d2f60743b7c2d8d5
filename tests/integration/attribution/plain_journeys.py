"""Journeys as one would make them by hand: a plain reference for the statements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from attribution_world import DAY_US, END_US, HOUR_US, START_US, Happening
from trueline_rules.attribution_model import Transform, TransformKind
from trueline_server.attribution.models import Model, Touches, weights

LOOKBACK_US = 30 * DAY_US
_ORDER = {"touched": 0, "became_lead": 1, "became_opportunity": 2, "ordered": 3, "refunded": 4}


@dataclass(slots=True)
class Journey:
    """A journey: its touches as (at, channel), when it converted (None = it did not), and its value."""

    touches: list[tuple[int, str]]
    converted_at_us: int | None
    value: float = 0.0
    lead: int = -1
    opportunity: int = -1


def plain_journeys(
    happenings: Sequence[Happening], *, split: bool = True, transforms: Sequence[Transform] = ()
) -> list[Journey]:
    """The journeys of March to orders, of users only; the order in the log is that of `happenings`."""
    found = []
    for user in sorted({happening.user for happening in happenings}):
        own = [(_at(one), _ORDER[one.name], place, one) for place, one in enumerate(happenings) if one.user == user]
        found += _of_person([(at, one) for at, _, _, one in sorted(own, key=lambda row: row[:3])], split)
    for journey in found:
        # Places of marks are those among the touches that stay.
        marks = (journey.lead, journey.opportunity)
        journey.touches = _transformed(journey.touches, transforms)
        journey.lead, journey.opportunity = (
            -1 if mark < 0 else sum(at <= mark for at, _ in journey.touches) - 1 for mark in marks
        )
    return [journey for journey in found if journey.converted_at_us is not None or journey.touches]


def plain_credits(journeys: Sequence[Journey], model: Model) -> dict[str, tuple[float, float]]:
    """Conversions and value of each channel; "" has those that nobody touched."""
    converted = [journey for journey in journeys if journey.converted_at_us is not None]
    channels = tuple(sorted({name for journey in converted for _, name in journey.touches}))
    touched = [journey for journey in converted if journey.touches]
    touches = Touches(
        channels,
        np.array([channels.index(name) for one in touched for _, name in one.touches], np.int32),
        np.cumsum([0, *(len(one.touches) for one in touched)], dtype=np.int64),
        np.array([at for one in touched for at, _ in one.touches], np.int64),
        np.array([one.converted_at_us for one in touched], np.int64),
        np.array([one.lead for one in touched], np.int64),
        np.array([one.opportunity for one in touched], np.int64),
    )
    totals: dict[str, tuple[float, float]] = {}
    earned = iter(weights(model, touches).tolist())
    for journey in converted:
        for name, weight in [(name, next(earned)) for _, name in journey.touches] or [("", 1.0)]:
            conversions, value = totals.get(name, (0.0, 0.0))
            totals[name] = (conversions + weight, value + weight * journey.value)
    return totals


def _at(happening: Happening) -> int:
    return START_US + round(happening.hours * HOUR_US)


def _of_person(moments: list[tuple[int, Happening]], split: bool) -> list[Journey]:
    orders = [place for place, (_, one) in enumerate(moments) if one.name == "ordered"]
    journeys = []
    used: set[int] = set()
    for nth, place in enumerate(orders):
        at = moments[place][0]
        begins = (orders[nth - 1] + 1 if nth else 0) if split else 0
        led = [i for i in range(begins, place) if _is_touch(moments[i]) and moments[i][0] >= at - LOOKBACK_US]
        used.update(led)
        if not START_US <= at < END_US:
            continue
        until = orders[nth + 1] if nth + 1 < len(orders) else len(moments)
        given_back = sum(abs(one.value or 0) for _, one in moments[place:until] if one.name == "refunded")
        value = (moments[place][1].value or 0.0) - given_back
        marks = [
            next((when for when, one in moments[begins:place] if one.name == name), -1)
            for name in ("became_lead", "became_opportunity")
        ]
        journeys.append(Journey([_touch(moments[i]) for i in led], at, value, *marks))
    gaps = [0, *(place + 1 for place in orders), len(moments)] if split else [0, len(moments)]
    for begins, ends in pairwise(gaps):
        lost = [i for i in range(begins, ends) if _is_touch(moments[i]) and i not in used]
        journeys.append(Journey([_touch(moments[i]) for i in lost if moments[i][0] >= START_US], None))
    return journeys


def _is_touch(moment: tuple[int, Happening]) -> bool:
    return moment[1].name == "touched" and START_US - LOOKBACK_US <= moment[0] < END_US


def _touch(moment: tuple[int, Happening]) -> tuple[int, str]:
    return moment[0], moment[1].properties["channel"]


def _transformed(touches: list[tuple[int, str]], transforms: Sequence[Transform]) -> list[tuple[int, str]]:
    for transform in transforms:
        names = [name for _, name in touches]
        match transform.kind:
            case TransformKind.EXPOSURE:
                touches = [one for i, one in enumerate(touches) if i == 0 or names[i] != names[i - 1]]
            case TransformKind.FIRST | TransformKind.FREQUENCY:
                touches = [one for i, one in enumerate(touches) if one[1] not in names[:i]]
            case TransformKind.TRIM:
                touches = touches[-transform.last :]
            case TransformKind.UNIQUE:
                pass
    return touches
