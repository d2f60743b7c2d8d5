"""Additive boosting: trees that read one feature each, told as one table of log-odds a feature."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from trueline_server.churn.columns import Accounts, Flags, Floats, Texts
from trueline_server.churn.effects import Bins, Table
from trueline_server.churn.fitting.binning import bins_of, placed
from trueline_server.churn.fitting.candidates import Learned

MOST_ROUNDS = 300
ROUNDS = tuple(range(20, MOST_ROUNDS + 1, 20))
_RATE = 0.06
_LEAVES = 5
_PENALTY = 3.0


class Additive:
    """One table a feature; its setting is the number of boosting rounds."""

    name = "additive"

    def tried(self, train: Accounts, labels: Flags, held: Accounts, *, seed: int) -> Iterator[tuple[float, Floats]]:
        """See Form; one fit serves all settings."""
        boosted = Boosted.fit(train, labels, MOST_ROUNDS, seed)
        for rounds, log_odds in boosted.staged(held):
            yield float(rounds), log_odds

    def learn(self, accounts: Accounts, labels: Flags, setting: float, *, seed: int) -> Learned:
        """See Form."""
        return Boosted.fit(accounts, labels, int(setting), seed).learned()


@dataclass(frozen=True, slots=True)
class Boosted:
    """Trees over the places of accounts in bins."""

    trees: HistGradientBoostingClassifier
    names: tuple[str, ...]
    bins: tuple[Bins, ...]

    @classmethod
    def fit(cls, accounts: Accounts, labels: Flags, rounds: int, seed: int) -> Boosted:
        """Grow trees, at most 300 rounds of them."""
        columns = list(accounts.columns.values())
        bins = tuple(map(bins_of, columns))
        trees = HistGradientBoostingClassifier(
            learning_rate=_RATE,
            max_iter=rounds,
            max_leaf_nodes=_LEAVES,
            min_samples_leaf=max(10, len(labels) // 500),
            l2_regularization=_PENALTY,
            categorical_features=[isinstance(column, Texts) for column in columns],
            interaction_cst="no_interactions",
            early_stopping=False,
            random_state=seed,
        )
        trees.fit(placed(accounts, bins), labels)
        return cls(trees, tuple(accounts.columns), bins)

    def staged(self, accounts: Accounts) -> Iterator[tuple[int, Floats]]:
        """Log-odds of accounts after each of ROUNDS."""
        matrix = placed(accounts, self.bins)
        for number, log_odds in enumerate(self.trees.staged_decision_function(matrix), start=1):
            if number in ROUNDS:
                yield number, log_odds

    def learned(self) -> Learned:
        """What the trees add up to, read off by asking about one bin at a time.

        As every tree reads one feature, the differences to an account with the first bin of each are all there is.
        """
        constant = float(self.trees.decision_function(np.zeros((1, len(self.bins))))[0])
        tables = []
        for place, (name, bins) in enumerate(zip(self.names, self.bins, strict=True)):
            matrix = np.zeros((bins.size, len(self.bins)))
            # The last bin is that of missing values.
            matrix[:, place] = np.append(np.arange(bins.size - 1), np.nan)
            values = self.trees.decision_function(matrix) - constant
            tables.append(Table(name, bins, tuple(float(value) for value in values)))
        return Learned(constant, tuple(tables))
