"""A model, a fallback rule and segments as ClickHouse's SQL over columns of features. Pure.

Sums are taken in the order of `FittedModel.log_odds`, so that both come to the same log-odds to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from trueline_rules.expressions import Expression
from trueline_rules.expressions.sql import quote

from trueline_server.churn.effects import Bins, Effect, LevelBins, Line, NumberBins, PairTable, Table
from trueline_server.churn.fitted import FittedModel


def log_odds_sql(model: FittedModel, columns: Mapping[str, str]) -> str:
    """Log-odds of churn as a Float64.

    Args:
        model: which.
        columns: feature -> the name of its column, a Nullable(Float64) without NaN, or a Nullable(String).

    """
    return reduce(
        lambda total, effect: f"{total} + {_effect(effect, columns)}", model.effects, f"({model.intercept!r})"
    )


def probability_sql(log_odds: str) -> str:
    """The probability of log-odds, as `sigmoid`."""
    return f"1 / (1 + exp(-least(greatest({log_odds}, -700.), 700.)))"


def holds_sql(condition: Expression | None, columns: Mapping[str, str]) -> str:
    """Whether a condition holds, 1 or 0; it may be unknown, which is not to hold. None always does."""
    return "1" if condition is None else f"ifNull({condition.sql(columns).sql}, 0)"


def first_sql(conditions: Sequence[str], values: Sequence[str], otherwise: str) -> str:
    """The value of the first condition that holds; a condition may be unknown, which is not to hold."""
    if not conditions:
        return otherwise
    parts = [f"ifNull({one}, 0), {value}" for one, value in zip(conditions, values, strict=True)]
    return f"multiIf({', '.join(parts)}, {otherwise})"


def _effect(effect: Effect, columns: Mapping[str, str]) -> str:
    match effect:
        case Line():
            column = columns[effect.feature]
            bounded = f"least(greatest(assumeNotNull({column}), {effect.low!r}), {effect.high!r})"
            line = f"({effect.at_low!r}) + ({effect.slope!r}) * ({bounded} - ({effect.low!r}))"
            return f"if(isNull({column}), {effect.missing!r}, {line})"
        case Table():
            return _looked_up(effect.bins, columns[effect.feature], [repr(value) for value in effect.values])
        case PairTable():
            first, second = (
                _looked_up(bins, columns[name], list(map(str, range(bins.size))))
                for bins, name in zip(effect.bins, effect.features, strict=True)
            )
            cells = ", ".join(repr(cell) for row in effect.values for cell in row)
            return f"arrayElement([{cells}], toUInt32({first}) * {effect.bins[1].size} + toUInt32({second}) + 1)"


def _looked_up(bins: Bins, column: str, values: Sequence[str]) -> str:
    """The value of the bin that a column's value is in; the last one is that of missing values."""
    match bins:
        case NumberBins():
            below = [f"{column} < {edge!r}, {value}" for edge, value in zip(bins.edges, values)]  # noqa: B905
            return f"multiIf({', '.join([f'isNull({column}), {values[-1]}', *below])}, {values[-2]})"
        case LevelBins(levels=()):
            return f"if(isNull({column}), {values[-1]}, {values[-2]})"
        case LevelBins():
            levels = ", ".join(map(quote, bins.levels))
            known = ", ".join(values[:-2])
            found = f"transform(assumeNotNull({column}), [{levels}], [{known}], {values[-2]})"
            return f"if(isNull({column}), {values[-1]}, {found})"
