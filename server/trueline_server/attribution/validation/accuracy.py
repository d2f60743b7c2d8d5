"""How well a model's credit tells journeys that convert from those that do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from scipy.special import xlogy

from trueline_server.attribution.paths import Floats
from trueline_server.attribution.validation.prediction import HeldOut


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Measured on journeys that were held out.

    Attributes:
        journeys: how many were held out.
        conversions: how many of them converted.
        auc: probability that a journey that converted was given a higher chance than one that did not, 0 to 1; 0.5 is
            no better than chance.
        p_value: probability of such a distance from 0.5 if the prediction said nothing (Mann-Whitney U test).
        log_loss: mean of -ln of the probability that was given to what happened, nats a journey; less is better.
        base_log_loss: the same of one probability for all journeys.
        brier: mean squared distance of the probability from what happened, 0 to 1; less is better.

    """

    journeys: int
    conversions: int
    auc: float
    p_value: float
    log_loss: float
    base_log_loss: float
    brier: float


def accuracy_of(held: HeldOut) -> Accuracy:
    """The accuracy of a prediction of journeys that were held out."""
    converted, not_converted = held.paths.conversions, held.paths.nulls
    journeys = float(converted.sum() + not_converted.sum())
    test = scipy.stats.mannwhitneyu(
        np.repeat(held.predicted, converted.astype(np.int64)),
        np.repeat(held.predicted, not_converted.astype(np.int64)),
        method="asymptotic",
    )
    squares = converted @ (1 - held.predicted) ** 2 + not_converted @ held.predicted**2
    return Accuracy(
        journeys=int(journeys),
        conversions=int(converted.sum()),
        auc=float(test.statistic / (converted.sum() * not_converted.sum())),
        p_value=float(test.pvalue),
        log_loss=_log_loss(held, held.predicted) / journeys,
        base_log_loss=_log_loss(held, np.full(len(held.paths), held.base_rate)) / journeys,
        brier=float(squares / journeys),
    )


def _log_loss(held: HeldOut, predicted: Floats) -> float:
    told = xlogy(held.paths.conversions, predicted) + xlogy(held.paths.nulls, 1 - predicted)
    return -float(told.sum())
