"""Predicts from a model which journeys convert, for journeys that the model has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, logit, xlogy

from trueline_server.attribution.credit import ChannelCredit
from trueline_server.attribution.paths import Floats, Paths, summed
from trueline_server.attribution.transforms import Transform, TransformKind, kept_touches
from trueline_server.errors import invalid_field

# A model: credit from paths. It is asked about the same paths with other counts, so weights of touches may be fixed.
Crediting: TypeAlias = Callable[[Paths], ChannelCredit]
# Odds of 1 to a million: nobody knows more from a path.
_SURE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """Journeys that a model was not fitted on, and what it says of them.

    Attributes:
        paths: the n paths with the journeys that were held out.
        predicted: float64[n], probability that a journey on the path converts, above 0 and below 1.
        base_rate: share of the other journeys that converted, which knows nothing of paths.

    """

    paths: Paths
    predicted: Floats
    base_rate: float


def held_out(model: Crediting, paths: Paths, *, share: float = 0.2, seed: int = 0) -> HeldOut:
    """Fit the model on most journeys and predict the others.

    Args:
        model: which credit it gives to paths.
        paths: with null paths; without them there is nothing to predict.
        share: of the journeys that is held out, above 0 and below 1.
        seed: of the draw; the same one draws the same journeys.

    Raises:
        TruelineError: INVALID_ARGUMENT, the share is none, or no journey converted, or all did.

    """
    fitted, rest = divided(paths, share, seed)
    for which in (fitted, rest):
        if not which.conversions.sum() or not which.nulls.sum():
            raise invalid_field("paths", "must have enough journeys with and without conversion to hold some out")
    return predicted(model, fitted, rest)


def divided(paths: Paths, share: float, seed: int) -> tuple[Paths, Paths]:
    """The same paths with the journeys that a model is fitted on, and with those that are held out.

    Raises:
        TruelineError: INVALID_ARGUMENT, the share is none.

    """
    if not 0 < share < 1:
        raise invalid_field("share", f"must be above 0 and below 1, got {share:g}")
    random = np.random.default_rng(seed)
    conversions, nulls = np.rint(paths.conversions).astype(np.int64), np.rint(paths.nulls).astype(np.int64)
    held_conversions = random.binomial(conversions, share).astype(np.float64)
    held_nulls = random.binomial(nulls, share).astype(np.float64)
    fitted = with_counts(paths, conversions - held_conversions, nulls - held_nulls)
    return fitted, with_counts(paths, held_conversions, held_nulls)


def predicted(model: Crediting, fitted: Paths, rest: Paths) -> HeldOut:
    """What the model says of the journeys that were held out; both have journeys with and without conversion.

    A channel converts a journey by the credit that it earned for each journey that it was part of, whatever other
    channels do (a noisy OR: Pearl 1988, "Probabilistic Reasoning in Intelligent Systems", section 4.3). The log odds of
    all journeys are then scaled (by 0 to 1) and shifted alike, as is most likely for the fitted journeys (Platt 1999,
    "Probabilistic Outputs for Support Vector Machines"): as many conversions are predicted as these had, and credit
    that tells nothing apart predicts the same of all. The order of journeys stays that of the credit.
    """
    converted, journeys = fitted.conversions, fitted.conversions + fitted.nulls
    odds = logit(_clipped(_noisy_or(model(fitted), fitted)))

    def shift(scale: float) -> float:
        return float(brentq(lambda by: float(journeys @ expit(scale * odds + by) - converted.sum()), -40.0, 40.0))

    def unlikely(scale: float) -> float:
        chance = _clipped(expit(scale * odds + shift(scale)))
        return -float((xlogy(converted, chance) + xlogy(fitted.nulls, 1 - chance)).sum())

    scale = minimize_scalar(unlikely, bounds=(0.0, 1.0), method="bounded").x
    chance = _clipped(expit(scale * odds + shift(scale)))
    return HeldOut(rest, chance, float(converted.sum() / journeys.sum()))


def with_counts(paths: Paths, conversions: Floats, nulls: Floats) -> Paths:
    """The same paths with other numbers of journeys, each conversion worth what it was on average on its path."""
    worth = paths.value / np.where(paths.conversions > 0, paths.conversions, 1.0)
    return replace(paths, conversions=conversions, value=worth * conversions, nulls=nulls)


def _clipped(chance: Floats) -> Floats:
    return np.clip(chance, _SURE, 1 - _SURE)


def _noisy_or(credit: ChannelCredit, paths: Paths) -> Floats:
    """Probability that each path converts, from the credit of its channels."""
    first = Transform(TransformKind.FIRST)
    kept = kept_touches(paths.codes, paths.offsets, first, paths.channels)
    codes, rows = paths.codes[kept], paths.rows()[kept]
    journeys = paths.conversions + paths.nulls
    with_channel = summed(journeys[rows], codes, len(paths.channels))
    rates = np.clip(credit.conversions / np.maximum(with_channel, 1.0), 0.0, 1.0 - _SURE)
    return -np.expm1(summed(np.log1p(-rates)[codes], rows, len(paths)))
