"""From what a form learned to a model: calibrated, centred on the average account, rounded, with its profiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from trueline_server.churn.columns import Accounts, Column, Floats, Numbers, number_shown
from trueline_server.churn.effects import Bins, Effect, Line, NumberBins, PairTable, Table
from trueline_server.churn.fitted import FittedModel, Profile
from trueline_server.churn.fitting.binning import bins_of, shares_of
from trueline_server.churn.fitting.candidates import Learned
from trueline_server.churn.model import Shape

# Log-odds are kept to a millionth: enough for every use, and short.
_DIGITS = 6
_PROFILE_BINS = 10
_TENTHS = 10
_MOST_CELLS = 12


def make_model(form: str, learned: Learned, platt: tuple[float, float], accounts: Accounts) -> FittedModel:
    """Make the model of what was learned from accounts.

    Args:
        form: its name.
        learned: its effects.
        platt: (a, b): the log-odds become a + b · log-odds.
        accounts: that it learned from; each effect is 0 on average over them.

    """
    moved, scale = platt
    intercept = moved + scale * learned.constant
    effects: list[Effect] = []
    for effect in learned.effects:
        scaled = _scaled(effect, scale)
        mean = float(scaled.add(accounts.columns).mean())
        intercept += mean
        effects.append(_rounded(_raised(scaled, -mean, accounts.columns)))
    profiles = tuple(_profile(name, column) for name, column in accounts.columns.items())
    model = FittedModel(form, round(intercept, _DIGITS), tuple(effects), profiles, (), ())
    scores = model.probabilities(accounts)
    edges = np.unique(np.round(np.quantile(scores, np.linspace(0, 1, _TENTHS + 1)[1:-1]), _DIGITS))
    counts = np.bincount(np.searchsorted(edges, scores, side="right"), minlength=len(edges) + 1)
    shares = tuple(float(count) / len(scores) for count in counts)
    return replace(model, score_edges=tuple(float(edge) for edge in edges), score_shares=shares)


def shapes_of(model: FittedModel, accounts: Accounts) -> tuple[Shape, ...]:
    """What the model learned, by importance."""
    added = model.explained(accounts)
    variances = added.var(axis=0)
    total = float(variances.sum()) or 1.0
    shapes = [
        _shape(effect, float(variance) / total, accounts.columns)
        for effect, variance in zip(model.effects, variances, strict=True)
    ]
    return tuple(sorted(shapes, key=lambda shape: (-shape.importance, shape.name)))


def _scaled(effect: Effect, scale: float) -> Effect:
    match effect:
        case Line():
            return replace(
                effect, at_low=effect.at_low * scale, slope=effect.slope * scale, missing=effect.missing * scale
            )
        case Table():
            return replace(effect, values=tuple(value * scale for value in effect.values))
        case PairTable():
            return replace(effect, values=tuple(tuple(cell * scale for cell in row) for row in effect.values))


def _raised(effect: Effect, by: float, columns: Mapping[str, Column]) -> Effect:
    """The effect with its average moved to 0; bins that nobody was in are the average."""
    match effect:
        case Line():
            missing = effect.missing + by if columns[effect.feature].missing.any() else 0.0
            return replace(effect, at_low=effect.at_low + by, missing=missing)
        case Table():
            seen = shares_of(effect.bins, columns[effect.feature]) > 0
            return replace(
                effect, values=tuple(v + by if known else 0.0 for v, known in zip(effect.values, seen, strict=True))
            )
        case PairTable():
            return replace(effect, values=tuple(tuple(cell + by for cell in row) for row in effect.values))


def _rounded(effect: Effect) -> Effect:
    match effect:
        case Line():
            # A slope times a large value needs more digits than a log-odds.
            slope = float(f"{effect.slope:.12g}")
            return replace(effect, at_low=_short(effect.at_low), slope=slope, missing=_short(effect.missing))
        case Table():
            return replace(effect, values=tuple(map(_short, effect.values)))
        case PairTable():
            return replace(effect, values=tuple(tuple(map(_short, row)) for row in effect.values))


def _short(value: float) -> float:
    # Minus zero would be other bytes than zero.
    return round(value, _DIGITS) + 0.0


def _profile(name: str, column: Column) -> Profile:
    bins = bins_of(column, _PROFILE_BINS)
    return Profile(name, bins, tuple(float(share) for share in shares_of(bins, column)), _way(column))


def _way(column: Column) -> str:
    return column.way if isinstance(column, Numbers) else ""


def _shape(effect: Effect, importance: float, columns: Mapping[str, Column]) -> Shape:
    match effect:
        case Line():
            return _line_shape(effect, importance, columns[effect.feature])
        case Table():
            labels, values = effect.bins.labels(_way(columns[effect.feature])), effect.values
            shares = shares_of(effect.bins, columns[effect.feature])
            kept = [place for place, share in enumerate(shares) if share > 0]
            return Shape(
                effect.name,
                importance,
                tuple(labels[place] for place in kept),
                tuple(values[place] for place in kept),
                tuple(float(shares[place]) for place in kept),
            )
        case PairTable():
            return _pair_shape(effect, importance, columns)


def _line_shape(effect: Line, importance: float, column: Column) -> Shape:
    """A line at its ends and its middle; the shares are of those nearer to each."""
    points = np.linspace(effect.low, effect.high, 3)
    found = effect.add({effect.feature: Numbers(np.append(points, np.nan))})
    bins: Bins = NumberBins(tuple(float(edge) for edge in (points[1:] + points[:-1]) / 2))
    shares = shares_of(bins, column)
    labels = [number_shown(float(point), _way(column)) for point in points]
    gaps = shares[-1] > 0
    return Shape(
        effect.name,
        importance,
        (*labels, *(("missing",) if gaps else ())),
        tuple(float(one) for one in (found if gaps else found[:-1])),
        tuple(float(share) for share in (shares if gaps else shares[:-1])),
    )


def _pair_shape(effect: PairTable, importance: float, columns: Mapping[str, Column]) -> Shape:
    """The cells with the strongest effect on the most accounts."""
    first, second = (of.places(columns[name]) for of, name in zip(effect.bins, effect.features, strict=True))
    counts: Floats = np.zeros((effect.bins[0].size, effect.bins[1].size))
    np.add.at(counts, (first, second), 1.0 / len(first))
    values = np.array(effect.values)
    order = np.argsort(-(counts * np.abs(values)), axis=None, kind="stable")[:_MOST_CELLS]
    cells = [divmod(int(cell), effect.bins[1].size) for cell in order if counts.flat[cell] > 0]
    labels = [of.labels(_way(columns[name])) for of, name in zip(effect.bins, effect.features, strict=True)]
    return Shape(
        effect.name,
        importance,
        tuple(f"{labels[0][row]}, {labels[1][cell]}" for row, cell in cells),
        tuple(float(values[row, cell]) for row, cell in cells),
        tuple(float(counts[row, cell]) for row, cell in cells),
    )
