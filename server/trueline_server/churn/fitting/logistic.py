"""Logistic regression: numbers as straight lines, texts as one log-odds a level, missing values on their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from trueline_server.churn.columns import Accounts, Column, Flags, Floats, Numbers
from trueline_server.churn.effects import Effect, LevelBins, Line, Table
from trueline_server.churn.fitting.binning import bins_of
from trueline_server.churn.fitting.candidates import Learned, added

STRENGTHS = (0.01, 0.1, 1.0)
_ITERATIONS = 200
_TAIL = 0.001


@dataclass(frozen=True, slots=True)
class _Number:
    """How a number becomes columns: bounded, standardised, and whether it is missing."""

    low: float
    high: float
    mean: float
    deviation: float

    def design(self, column: Column) -> Floats:
        assert isinstance(column, Numbers)
        bounded = np.clip(column.values, self.low, self.high)
        standard = np.where(column.missing, 0.0, (bounded - self.mean) / self.deviation)
        return np.column_stack([standard, column.missing.astype(np.float64)])


@dataclass(frozen=True, slots=True)
class _Levels:
    """How a text becomes columns: one for each bin."""

    bins: LevelBins

    def design(self, column: Column) -> Floats:
        return np.eye(self.bins.size)[self.bins.places(column)]


class Logistic:
    """The simplest form; its setting is the inverse of the penalty's strength."""

    name = "logistic"

    def tried(self, train: Accounts, labels: Flags, held: Accounts, *, seed: int) -> Iterator[tuple[float, Floats]]:
        """See Form."""
        for strength in STRENGTHS:
            yield strength, added(self.learn(train, labels, strength, seed=seed), held)

    def learn(self, accounts: Accounts, labels: Flags, setting: float, *, seed: int) -> Learned:
        """See Form; nothing is drawn, so the seed changes nothing."""
        del seed
        parts = [_part(column) for column in accounts.columns.values()]
        blocks = [part.design(column) for part, column in zip(parts, accounts.columns.values(), strict=True)]
        fitted = LogisticRegression(C=setting, solver="newton-cholesky", max_iter=_ITERATIONS)
        fitted.fit(np.column_stack(blocks), labels)
        weights = np.split(fitted.coef_[0], np.cumsum([block.shape[1] for block in blocks])[:-1])
        effects = [
            _effect(name, part, weight) for name, part, weight in zip(accounts.columns, parts, weights, strict=True)
        ]
        return Learned(float(fitted.intercept_[0]), tuple(effects))


def _part(column: Column) -> _Number | _Levels:
    if not isinstance(column, Numbers):
        found = bins_of(column)
        assert isinstance(found, LevelBins)
        return _Levels(found)
    known = column.values[~column.missing]
    if not len(known):
        return _Number(0.0, 0.0, 0.0, 1.0)
    low, high = (float(found) for found in np.quantile(known, [_TAIL, 1 - _TAIL], method="nearest"))
    bounded = np.clip(known, low, high)
    return _Number(low, high, float(bounded.mean()), float(bounded.std()) or 1.0)


def _effect(name: str, part: _Number | _Levels, weights: Floats) -> Effect:
    if isinstance(part, _Levels):
        return Table(name, part.bins, tuple(float(weight) for weight in weights))
    slope = float(weights[0]) / part.deviation
    return Line(name, part.low, part.high, slope * (part.low - part.mean), slope, float(weights[1]))
