"""How far accounts are from those that a model learned from: PSI and KS by feature, and of the score. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from trueline_server.churn.columns import Accounts, Floats
from trueline_server.churn.effects import NumberBins
from trueline_server.churn.fitted import FittedModel, Profile

SCORE = "score"
# A bin of nobody counts as one of so small a share, so that one account in it is no infinite distance.
_LEAST_SHARE = 1e-4


class Verdict(StrEnum):
    """How far it is."""

    STABLE = "stable"
    SHIFTED = "shifted"
    DRIFTED = "drifted"


@dataclass(frozen=True, slots=True)
class Drift:
    """How a feature, or the score, differs.

    Attributes:
        feature: which; "score" = the probability.
        psi: population stability index over the bins, from 0.
        ks: greatest distance of the distributions over the bins in their order, 0 to 1; of texts, which have none,
            half the sum of the distances.
        verdict: by the limits.
        moved: the bin that moved most, for people.
        share_then, share_now: of it.

    """

    feature: str
    psi: float
    ks: float
    verdict: Verdict
    moved: str
    share_then: float
    share_now: float


class DriftCount:
    """Counts accounts by bin, block after block, and compares in the end."""

    def __init__(self, model: FittedModel) -> None:
        self._model = model
        self._counts = [np.zeros(profile.bins.size) for profile in model.profiles]
        self._scores = np.zeros(len(model.score_edges) + 1)
        self.accounts = 0

    def add(self, accounts: Accounts) -> None:
        """Count some accounts."""
        columns = self._model.columns(accounts)
        for place, profile in enumerate(self._model.profiles):
            found = profile.bins.places(columns[profile.feature])
            self._counts[place] += np.bincount(found, minlength=profile.bins.size)
        scores = np.searchsorted(np.array(self._model.score_edges), self._model.probabilities(accounts), side="right")
        self._scores += np.bincount(scores, minlength=len(self._scores))
        self.accounts += len(accounts)

    def compared(self, shifted: float, drifted: float) -> tuple[Drift, ...]:
        """What differs, the greatest PSI first; there must be accounts."""
        limits = (shifted, drifted)
        found = [
            _compare(profile, counts / self.accounts, limits)
            for profile, counts in zip(self._model.profiles, self._counts, strict=True)
        ]
        score = Profile(SCORE, NumberBins(self._model.score_edges), (*self._model.score_shares, 0.0))
        found.append(_compare(score, np.append(self._scores / self.accounts, 0.0), limits))
        return tuple(sorted(found, key=lambda drift: (-drift.psi, drift.feature)))


def psi(then: Floats, now: Floats) -> float:
    """Population stability index of two distributions over the same bins; a bin of nobody in both adds nothing."""
    some = (then > 0) | (now > 0)
    first, second = (np.maximum(one[some], _LEAST_SHARE) for one in (then, now))
    return float(((second - first) * np.log(second / first)).sum())


def worst(drifts: tuple[Drift, ...]) -> Verdict:
    """The worst verdict."""
    order = list(Verdict)
    return max((drift.verdict for drift in drifts), key=order.index, default=Verdict.STABLE)


def _compare(profile: Profile, now: Floats, limits: tuple[float, float]) -> Drift:
    bins, then = profile.bins, np.array(profile.shares)
    found = psi(then, now)
    apart = now - then
    ordered = np.abs(np.cumsum(apart)).max() if isinstance(bins, NumberBins) else np.abs(apart).sum() / 2
    shifted, drifted = limits
    verdict = Verdict.DRIFTED if found >= drifted else Verdict.SHIFTED if found >= shifted else Verdict.STABLE
    most = int(np.abs(apart).argmax())
    moved = bins.labels(profile.way)[most]
    return Drift(profile.feature, found, float(ordered), verdict, moved, float(then[most]), float(now[most]))
