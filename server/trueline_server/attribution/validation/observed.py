"""The journeys that models are checked against, read once; each model has a credit for any number of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from trueline_rules.attribution_model import Formula, ModelSpec

from trueline_server.attribution.asking import Asked, Asking
from trueline_server.attribution.choosing import channel_credit, touch_model
from trueline_server.attribution.credit import ChannelCredit
from trueline_server.attribution.models import Touches, weights
from trueline_server.attribution.paths import Floats, Paths, summed
from trueline_server.attribution.validation.path_weights import CountTouches, SumDecay
from trueline_server.attribution.validation.prediction import Crediting

# Names and numbers of so many are some 500 MB.
MOST_TOUCHES = 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class TouchCredits:
    """What the touches of paths earn by a model for each conversion on their path.

    Attributes:
        weights: float64[m], parts of a conversion, 0 to 1.
        values: float64[m], parts of its value.

    """

    weights: Floats
    values: Floats

    def credit(self, paths: Paths) -> ChannelCredit:
        """What channels earn of the same paths with any number of journeys."""
        conversions, k = paths.conversions[paths.rows()], len(paths.channels)
        return ChannelCredit(
            paths.channels,
            summed(self.weights * conversions, paths.codes, k),
            summed(self.values * conversions, paths.codes, k),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Journeys that have a touch.

    Attributes:
        paths: of them; one path may be there several times, apart by its milestones.
        touch_credits: by half-life (µs) those of time decay, averaged over the journeys of a path.
        lead, opportunity: int64[n], place of the touch that led to it, from 0; -1 = none.
        untouched: conversions that no touch led to.
        every: the journeys are those of one in so many persons.

    """

    paths: Paths
    touch_credits: Mapping[int, TouchCredits]
    lead: np.ndarray[tuple[int], np.dtype[np.int64]]
    opportunity: np.ndarray[tuple[int], np.dtype[np.int64]]
    untouched: int
    every: int

    @property
    def journeys(self) -> int:
        """How many there are."""
        return round(float(self.paths.conversions.sum() + self.paths.nulls.sum()))

    @property
    def conversions(self) -> int:
        """How many of them converted."""
        return round(float(self.paths.conversions.sum()))

    def touch_credits_of(self, spec: ModelSpec) -> TouchCredits | None:
        """What touches earn by a model; None of one that knows channels only."""
        if not spec.formula.by_touch:
            return None
        if spec.formula is Formula.TIME_DECAY:
            return self.touch_credits[spec.half_life_us]
        paths = self.paths
        touches = Touches(paths.channels, paths.codes, paths.offsets, lead=self.lead, opportunity=self.opportunity)
        parts = weights(touch_model(spec), touches)
        worth = paths.value / np.maximum(paths.conversions, 1.0)
        return TouchCredits(parts, parts * worth[paths.rows()])

    def crediting(self, spec: ModelSpec) -> Crediting:
        """The model's credit of these paths, with any number of journeys."""
        of_touches = self.touch_credits_of(spec)
        if of_touches is not None:
            return of_touches.credit
        return lambda paths: channel_credit(spec, paths)


def observe(
    asking: Asking, asked: Asked, models: Mapping[str, ModelSpec], most_touches: int = MOST_TOUCHES
) -> Observed:
    """Read journeys; of more touches than `most_touches` those of some persons. Blocks.

    Raises:
        StoreError: the warehouse cannot answer.

    """
    ((untouched, touches),) = asking.rows(CountTouches(asked.journeys))
    every = max(1, -(-int(touches) // most_touches))
    half_lives = sorted({spec.half_life_us for spec in models.values() if spec.formula is Formula.TIME_DECAY})
    rows = asking.rows(SumDecay(asked.journeys, half_lives, every))
    # In an order of their own, so that codes do not depend on what is the most frequent.
    channels = sorted({str(channel) for path, *_ in rows for channel in path})
    paths = Paths.of(
        [(tuple(map(str, path)), float(n), float(value), float(nulls)) for path, _, _, n, value, nulls, *_ in rows],
        channels,
    )
    return Observed(
        paths,
        {us: _touch_credits(paths, rows, 6 + 2 * place) for place, us in enumerate(half_lives)},
        np.array([int(row[1]) - 1 for row in rows], np.int64),
        np.array([int(row[2]) - 1 for row in rows], np.int64),
        int(untouched),
        every,
    )


def _touch_credits(paths: Paths, rows: list[tuple[object, ...]], column: int) -> TouchCredits:
    per_conversion = 1 / np.maximum(paths.conversions, 1.0)[paths.rows()]
    # Of a path that did not convert nothing is told; its touches earn nothing, alike.
    even = 1 / np.maximum(paths.lengths, 1.0)[paths.rows()]
    converted = (paths.conversions > 0)[paths.rows()]
    found = []
    for place, default in ((column, even), (column + 1, np.zeros_like(even))):
        amounts = default.copy()
        told = [one for row, n in zip(rows, paths.conversions.tolist(), strict=True) if n for one in row[place]]  # type: ignore[attr-defined]
        amounts[converted] = np.array(told, np.float64)
        found.append(np.where(converted, amounts * per_conversion, default))
    return TouchCredits(found[0], found[1])
