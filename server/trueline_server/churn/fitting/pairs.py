"""The pairwise form: on top of tables of one feature, tables of some pairs of features, by ridge regression."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trueline_server.churn.columns import Accounts, Flags, Floats
from trueline_server.churn.effects import Bins, Effect, PairTable, Places
from trueline_server.churn.fitted import sigmoid
from trueline_server.churn.fitting.binning import bins_of
from trueline_server.churn.fitting.boosted import Boosted
from trueline_server.churn.fitting.candidates import Learned, added

MOST_PAIRS = 8
PAIR_ROUNDS = (60, 120, 180, 240, 300)
_BINS = 10
# A cell's log-odds are drawn to 0 as if they had a standard deviation of a third.
_RIDGE = 10.0
_SWEEPS = 12


class Pairwise:
    """Tables of one feature, then of pairs; its setting is the number of boosting rounds before the pairs."""

    name = "pairwise"

    def tried(self, train: Accounts, labels: Flags, held: Accounts, *, seed: int) -> Iterator[tuple[float, Floats]]:
        """See Form."""
        boosted = Boosted.fit(train, labels, max(PAIR_ROUNDS), seed)
        cells, apart = _Cells.of(train), dict(boosted.staged(held))
        for rounds, log_odds in boosted.staged(train):
            if rounds in PAIR_ROUNDS:
                effects = cells.fit(labels, log_odds)
                yield float(rounds), apart[rounds] + sum((effect.add(held.columns) for effect in effects), np.zeros(1))

    def learn(self, accounts: Accounts, labels: Flags, setting: float, *, seed: int) -> Learned:
        """See Form."""
        alone = Boosted.fit(accounts, labels, int(setting), seed).learned()
        effects = _Cells.of(accounts).fit(labels, added(alone, accounts))
        return Learned(alone.constant, (*alone.effects, *effects))


@dataclass(frozen=True, slots=True)
class _Cells:
    """Features in coarse bins, and the place of each account in them."""

    names: tuple[str, ...]
    bins: Mapping[str, Bins]
    places: Mapping[str, Places]

    @classmethod
    def of(cls, accounts: Accounts) -> _Cells:
        bins = {name: bins_of(column, _BINS) for name, column in accounts.columns.items()}
        places = {name: bins[name].places(column) for name, column in accounts.columns.items()}
        return cls(tuple(accounts.columns), bins, places)

    def fit(self, labels: Flags, log_odds: Floats) -> tuple[Effect, ...]:
        """Tables of the pairs that explain most of what given log-odds leave: cell by cell the step of Newton's with a
        ridge, over and over."""
        pairs = self._best(labels, log_odds)
        cells = [self._cells(*pair) for pair in pairs]
        values = [np.zeros(self._size(*pair)) for pair in pairs]
        for _ in range(_SWEEPS):
            for place, own in enumerate(cells):
                probability = sigmoid(log_odds)
                size = len(values[place])
                left = np.bincount(own, weights=labels - probability, minlength=size)
                weight = np.bincount(own, weights=probability * (1 - probability), minlength=size)
                step = (left - _RIDGE * values[place]) / (weight + _RIDGE)
                values[place] = values[place] + step
                log_odds = log_odds + step[own]
        return tuple(self._table(pair, found) for pair, found in zip(pairs, values, strict=True))

    def _best(self, labels: Flags, log_odds: Floats) -> Sequence[tuple[str, str]]:
        """The pairs with the greatest gain beyond what chance gives to so many cells."""
        probability = sigmoid(log_odds)
        left, weight = labels - probability, probability * (1 - probability)
        gains: dict[tuple[str, str], float] = {}
        for pair in itertools.combinations(self.names, 2):
            own, size = self._cells(*pair), self._size(*pair)
            over = np.bincount(own, weights=left, minlength=size)
            held = np.bincount(own, weights=weight, minlength=size)
            gains[pair] = float(((over**2 - held) / (held + _RIDGE)).sum())
        best = sorted(gains, key=lambda pair: (-gains[pair], pair))[:MOST_PAIRS]
        return sorted(pair for pair in best if gains[pair] > 0)

    def _cells(self, first: str, second: str) -> Places:
        found: Places = self.places[first] * self.bins[second].size + self.places[second]
        return found

    def _size(self, first: str, second: str) -> int:
        return self.bins[first].size * self.bins[second].size

    def _table(self, pair: tuple[str, str], values: Floats) -> PairTable:
        bins = (self.bins[pair[0]], self.bins[pair[1]])
        joint = values.reshape(bins[0].size, bins[1].size)
        return PairTable(pair, bins, tuple(tuple(float(cell) for cell in row) for row in joint))
