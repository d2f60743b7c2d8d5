"""How much credit would move if other journeys of the same kind had been seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from trueline_server.attribution.paths import Floats, Paths
from trueline_server.attribution.validation.prediction import Crediting, with_counts
from trueline_server.errors import invalid_field


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """Bootstrap intervals of the credit of k channels.

    Attributes:
        channels: names.
        confidence: share of resamples within each interval, such as 0.95.
        conversions_low: float64[k], lower end.
        conversions_high: float64[k], upper end.
        value_low: float64[k], lower end.
        value_high: float64[k], upper end.

    """

    channels: tuple[str, ...]
    confidence: float
    conversions_low: Floats
    conversions_high: Floats
    value_low: Floats
    value_high: Floats


def stability_of(
    model: Crediting,
    paths: Paths,
    *,
    resamples: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
    before: Callable[[int], None] | None = None,
) -> Stability:
    """Percentile intervals over resampled journeys (Efron 1979, "Bootstrap Methods", Annals of Statistics 7(1)).

    Args:
        model: which credit it gives to paths.
        paths: of journeys, whose counts are whole numbers.
        resamples: how many, 2 or more; 1,000 make the ends of 95 % intervals steady.
        confidence: above 0 and below 1.
        seed: of the draws; the same one draws the same journeys.
        before: called before each resample with its number, from 1; what it raises ends the work.

    Raises:
        TruelineError: INVALID_ARGUMENT, there are too few resamples, or the confidence is none.

    """
    if resamples < 2:
        raise invalid_field("resamples", f"must be at least 2, got {resamples}")
    if not 0 < confidence < 1:
        raise invalid_field("confidence", f"must be above 0 and below 1, got {confidence:g}")
    conversions = np.zeros((resamples, len(paths.channels)))
    value = np.zeros_like(conversions)
    for number, drawn in enumerate(islice(resampled(paths, seed), resamples)):
        if before is not None:
            before(number + 1)
        credit = model(drawn)
        conversions[number], value[number] = credit.conversions, credit.value
    ends = [(1 - confidence) / 2, (1 + confidence) / 2]
    conversions_low, conversions_high = np.quantile(conversions, ends, axis=0)
    value_low, value_high = np.quantile(value, ends, axis=0)
    return Stability(paths.channels, confidence, conversions_low, conversions_high, value_low, value_high)


def resampled(paths: Paths, seed: int) -> Iterator[Paths]:
    """The same paths, time and again with as many journeys drawn from them, with replacement."""
    random = np.random.default_rng(seed)
    counts = np.concatenate([paths.conversions, paths.nulls])
    journeys = counts.sum()
    while True:
        drawn = random.multinomial(round(journeys), counts / journeys) if journeys > 0 else np.zeros(len(counts))
        yield with_counts(paths, *np.split(drawn.astype(np.float64), 2))
