"""How well scores tell those who leave from those who stay: ranks, errors, calibration. Pure.

Labels are 1 (left) and 0 (stayed), scores probabilities; both (n,).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trueline_server.churn.columns import Flags, Floats

BINS = 10
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Accounts whose score is in a tenth of 0 to 1; the means are None where there are none."""

    accounts: int
    mean_score: float | None
    churn_rate: float | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """What comes of calling those from a score on likely to leave; a share of nobody is None."""

    threshold: float
    true_positives: int
    false_positives: int
    true_negatives: int
    false_negatives: int

    @property
    def precision(self) -> float | None:
        """Of those called, the share that left."""
        called = self.true_positives + self.false_positives
        return self.true_positives / called if called else None

    @property
    def recall(self) -> float | None:
        """Of those that left, the share that was called."""
        left = self.true_positives + self.false_negatives
        return self.true_positives / left if left else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of both."""
        wrong = self.false_positives + self.false_negatives
        both = 2 * self.true_positives + wrong
        return 2 * self.true_positives / both if both else None


def roc_auc(labels: Flags, scores: Floats) -> float:
    """Probability that one who left has a higher score than one who stayed; ties count half. NaN with one class."""
    left = int(labels.sum())
    stayed = len(labels) - left
    if not left or not stayed:
        return math.nan
    ranks = _midranks(scores)
    return float((ranks[labels].sum() - left * (left + 1) / 2) / (left * stayed))


def auc_interval(labels: Flags, scores: Floats) -> tuple[float, float]:
    """95 % confidence interval of the AUC by DeLong's variance, within 0 and 1. NaN with one class."""
    left, stayed = scores[labels], scores[~labels]
    auc = roc_auc(labels, scores)
    if len(left) < 2 or len(stayed) < 2:
        return math.nan, math.nan
    all_ranks = _midranks(np.concatenate([left, stayed]))
    of_left = (all_ranks[: len(left)] - _midranks(left)) / len(stayed)
    of_stayed = 1 - (all_ranks[len(left) :] - _midranks(stayed)) / len(left)
    error = math.sqrt(float(of_left.var(ddof=1)) / len(left) + float(of_stayed.var(ddof=1)) / len(stayed))
    return max(0.0, auc - _Z95 * error), min(1.0, auc + _Z95 * error)


def _midranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share the mean of theirs."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def _cumulated(labels: Flags, scores: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """How many left and how many stayed among those with at least each distinct score, from the highest on."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(scores) - 1)
    left = np.cumsum(labels[order])[last]
    return left, last + 1 - left


def pr_auc(labels: Flags, scores: Floats) -> float:
    """Average precision: the precision at each score, weighed by the recall that it adds."""
    left, stayed = _cumulated(labels, scores)
    return float(np.sum(np.diff(left, prepend=0) / left[-1] * left / (left + stayed))) if left[-1] else math.nan


def ks(labels: Flags, scores: Floats) -> float:
    """Kolmogorov-Smirnov: the greatest distance between the distributions of scores of both classes."""
    left, stayed = _cumulated(labels, scores)
    if not left[-1] or not stayed[-1]:
        return math.nan
    return float(np.max(np.abs(left / left[-1] - stayed / stayed[-1])))


def gini(labels: Flags, scores: Floats) -> float:
    """Twice the AUC less 1."""
    return 2 * roc_auc(labels, scores) - 1


def brier(labels: Flags, scores: Floats) -> float:
    """Mean squared error of the probabilities."""
    return float(np.mean((scores - labels) ** 2))


def row_losses(labels: Flags, scores: Floats) -> Floats:
    """Minus the logarithm of the probability of what came, (n,)."""
    tiny = np.finfo(np.float64).eps
    bounded = np.clip(scores, tiny, 1 - tiny)
    found: Floats = -np.where(labels, np.log(bounded), np.log(1 - bounded))
    return found


def log_loss(labels: Flags, scores: Floats) -> float:
    """Mean of `row_losses`."""
    return float(np.mean(row_losses(labels, scores)))


def lift(labels: Flags, scores: Floats, share: float = 0.1) -> float:
    """How much more often those with the highest scores left than all did; of equal scores the first counts."""
    top = max(1, int(len(scores) * share))
    highest = np.argsort(-scores, kind="stable")[:top]
    rate = float(labels.mean())
    return float(labels[highest].mean()) / rate if rate else math.nan


def calibration(labels: Flags, scores: Floats) -> tuple[CalibrationBin, ...]:
    """The reliability diagram: accounts, mean score and rate of churn of each tenth from 0 to 1."""
    places = np.minimum((scores * BINS).astype(np.intp), BINS - 1)
    accounts = np.bincount(places, minlength=BINS)
    scored = np.bincount(places, weights=scores, minlength=BINS)
    left = np.bincount(places, weights=labels, minlength=BINS)
    return tuple(
        CalibrationBin(int(n), float(s / n), float(c / n)) if n else CalibrationBin(0, None, None)
        for n, s, c in zip(accounts, scored, left, strict=True)
    )


def calibration_error(bins: tuple[CalibrationBin, ...]) -> float:
    """Expected calibration error: mean distance of score and rate over the bins, weighed by their accounts."""
    total = sum(one.accounts for one in bins)
    found = (one.accounts * abs((one.mean_score or 0.0) - (one.churn_rate or 0.0)) for one in bins)
    return sum(found) / total if total else math.nan


def confusion(labels: Flags, scores: Floats, threshold: float) -> Confusion:
    """Who is called likely to leave from a score on, and what came."""
    called = scores >= threshold
    return Confusion(
        threshold,
        int((called & labels).sum()),
        int((called & ~labels).sum()),
        int((~called & ~labels).sum()),
        int((~called & labels).sum()),
    )
