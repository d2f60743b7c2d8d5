"""The forms that a churn model may have, from the simplest on: each fits, and says what it learned as tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trueline_server.churn.columns import Accounts, Flags, Floats
from trueline_server.churn.effects import Effect


@dataclass(frozen=True, slots=True)
class Learned:
    """What a form learned from accounts: its effects as tables, not yet centred, and the constant beside them."""

    constant: float
    effects: tuple[Effect, ...]


class Form(Protocol):
    """A form of model with the settings that are to be chosen among."""

    @property
    def name(self) -> str:
        """ "logistic", "additive" or "pairwise"."""
        ...

    def tried(self, train: Accounts, labels: Flags, held: Accounts, *, seed: int) -> Iterator[tuple[float, Floats]]:
        """Fit with every setting; each with the log-odds of the accounts that were held back, (m,)."""
        ...

    def learn(self, accounts: Accounts, labels: Flags, setting: float, *, seed: int) -> Learned:
        """Fit with one setting."""
        ...


def added(learned: Learned, accounts: Accounts) -> Floats:
    """Log-odds by what was learned, (n,)."""
    found = np.full(len(accounts), learned.constant)
    for effect in learned.effects:
        found = found + effect.add(accounts.columns)
    return found
