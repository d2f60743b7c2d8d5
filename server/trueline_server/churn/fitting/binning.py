"""Bins of features and the places of accounts in them, from the accounts that a model learns from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trueline_server.churn.columns import Accounts, Column, Floats, Numbers
from trueline_server.churn.effects import FEWEST_OF_LEVEL, MOST_LEVELS, Bins, LevelBins, NumberBins

MOST_BINS = 48


def bins_of(column: Column, most: int = MOST_BINS) -> Bins:
    """Bins of a feature: of about equal size between the values there are, or one for each frequent text."""
    if not isinstance(column, Numbers):
        counts = column.counts()
        frequent = np.flatnonzero(counts >= FEWEST_OF_LEVEL)
        kept = sorted(frequent, key=lambda code: (-counts[code], column.levels[code]))[:MOST_LEVELS]
        return LevelBins(tuple(sorted(column.levels[code] for code in kept)))
    values = np.unique(column.values[~column.missing])
    if len(values) > most:
        cuts = np.quantile(column.values[~column.missing], np.linspace(0, 1, most + 1)[1:-1], method="lower")
        # A cut lies between two values that are there, so that no value is on it.
        places = np.unique(np.searchsorted(values, np.unique(cuts), side="right"))
        places = places[(places > 0) & (places < len(values))]
    else:
        places = np.arange(1, len(values))
    edges = (values[places - 1] + values[places]) / 2
    # Halfway between neighbours may round to the lower one, which then belongs above the edge.
    edges = np.where(edges > values[places - 1], edges, values[places])
    return NumberBins(tuple(float(edge) for edge in edges))


def placed(accounts: Accounts, bins: Sequence[Bins]) -> Floats:
    """Places as a matrix, (n, features), for trees that know missing values; NaN = missing."""
    columns = [_with_gaps(of, column) for of, column in zip(bins, accounts.columns.values(), strict=True)]
    return np.column_stack(columns)


def _with_gaps(bins: Bins, column: Column) -> Floats:
    places = bins.places(column)
    return np.where(places == bins.size - 1, np.nan, places.astype(np.float64))


def shares_of(bins: Bins, column: Column) -> npt.NDArray[np.float64]:
    """Share of the accounts in each bin, (size,)."""
    found: npt.NDArray[np.float64] = np.bincount(bins.places(column), minlength=bins.size) / max(1, len(column))
    return found
