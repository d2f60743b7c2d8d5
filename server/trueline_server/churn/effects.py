"""What a value adds to the log-odds of churn, as tables: the parts of a fitted model. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from trueline_server.churn.columns import MISSING, Column, Floats, Numbers, Texts, number_shown

Places: TypeAlias = npt.NDArray[np.intp]
# A model knows so many texts of a feature, each of at least so many accounts; the others are one bin.
MOST_LEVELS = 63
FEWEST_OF_LEVEL = 5


@dataclass(frozen=True, slots=True)
class NumberBins:
    """Bins of numbers: bin k holds edges[k-1] <= x < edges[k]; behind the last bin there is one for missing values.

    Attributes:
        edges: ascending; () = one bin.

    """

    edges: tuple[float, ...]

    @property
    def size(self) -> int:
        """Bins with that of missing values, which is the last one."""
        return len(self.edges) + 2

    def places(self, column: Column) -> Places:
        """The bin of each value, (n,); a text is no number, which is missing."""
        if not isinstance(column, Numbers):
            return np.full(len(column), self.size - 1, dtype=np.intp)
        found = np.searchsorted(np.array(self.edges), column.values, side="right")
        return np.where(column.missing, self.size - 1, found)

    def labels(self, way: str = "") -> tuple[str, ...]:
        """Each bin for people; `way` is how the numbers were written, see Numbers."""
        edges = [number_shown(edge, way, edge=True) for edge in self.edges]
        if not edges:
            return ("any", "missing")
        inner = [f"{low} to {high}" for low, high in itertools.pairwise(edges)]
        return (f"below {edges[0]}", *inner, f"{edges[-1]} and more", "missing")


@dataclass(frozen=True, slots=True)
class LevelBins:
    """Bins of texts: one for each level, then one for all other texts, then one for missing values."""

    levels: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bins with those of other and missing values."""
        return len(self.levels) + 2

    def places(self, column: Column) -> Places:
        """The bin of each value, (n,); a number is none of the levels."""
        other, missing = len(self.levels), len(self.levels) + 1
        if not isinstance(column, Texts):
            return np.where(column.missing, missing, other)
        known = {level: place for place, level in enumerate(self.levels)}
        places = np.array([*(known.get(level, other) for level in column.levels), missing], dtype=np.intp)
        # MISSING is -1, the last place.
        assert MISSING == -1
        return places[column.codes]

    def labels(self, _way: str = "") -> tuple[str, ...]:
        """Each bin for people; texts are as they are."""
        return (*self.levels, "other", "missing")


Bins: TypeAlias = NumberBins | LevelBins


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line between two values, flat beyond them.

    Attributes:
        feature: which column.
        low, high: the values, low <= high.
        at_low: log-odds at `low`.
        slope: log-odds for each 1 beyond `low`.
        missing: log-odds where nothing is known.

    """

    feature: str
    low: float
    high: float
    at_low: float
    slope: float
    missing: float

    @property
    def name(self) -> str:
        """That of the feature."""
        return self.feature

    def add(self, columns: Mapping[str, Column]) -> Floats:
        """Log-odds of each account, (n,)."""
        column = columns[self.feature]
        if not isinstance(column, Numbers):
            return np.full(len(column), self.missing)
        found = self.at_low + self.slope * (np.minimum(np.maximum(column.values, self.low), self.high) - self.low)
        return np.where(column.missing, self.missing, found)


@dataclass(frozen=True, slots=True)
class Table:
    """Log-odds for each bin of a feature."""

    feature: str
    bins: Bins
    values: tuple[float, ...]

    @property
    def name(self) -> str:
        """That of the feature."""
        return self.feature

    def add(self, columns: Mapping[str, Column]) -> Floats:
        """Log-odds of each account, (n,)."""
        return np.array(self.values)[self.bins.places(columns[self.feature])]


@dataclass(frozen=True, slots=True)
class PairTable:
    """Log-odds for each pair of bins of two features, by the bins of the first, then of the second."""

    features: tuple[str, str]
    bins: tuple[Bins, Bins]
    values: tuple[tuple[float, ...], ...]

    @property
    def name(self) -> str:
        """Both features."""
        return " and ".join(self.features)

    def add(self, columns: Mapping[str, Column]) -> Floats:
        """Log-odds of each account, (n,)."""
        first, second = (of.places(columns[name]) for of, name in zip(self.bins, self.features, strict=True))
        return np.array(self.values)[first, second]


Effect: TypeAlias = Line | Table | PairTable


def features_of(effect: Effect) -> tuple[str, ...]:
    """Names of the features that an effect reads."""
    return effect.features if isinstance(effect, PairTable) else (effect.feature,)
