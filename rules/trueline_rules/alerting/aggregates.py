"""Many numbers as one: over the samples of a window, or over the label sets of a group."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from enum import StrEnum

from trueline_rules.alerting.vectors import AlertingError, Labels, Value, Vector, is_missing, kept

# Sums of Decimal(38, 9) stay exact.
_EXACT = Context(prec=76)


class Agg(StrEnum):
    """How an operand makes one value of samples; AVG, MAX, MIN, SUM and COUNT also join label sets."""

    LAST = "last"
    AVG = "avg"
    MAX = "max"
    MIN = "min"
    SUM = "sum"
    COUNT = "count"
    RATE = "rate"
    INCREASE = "increase"
    ABSENT = "absent"


def aggregate(agg: Agg, values: Sequence[Value]) -> Value:
    """Join at least one value by AVG, MAX, MIN, SUM or COUNT.

    As in Prometheus, NaN makes a sum or average NaN, while the largest and the smallest pass over it. Decimals alone
    stay exact; otherwise the answer is a float, whose sum is rounded once and so depends on no order.

    Raises:
        AlertingError: something else than COUNT of values that are no numbers.

    """
    if agg is Agg.COUNT:
        return float(len(values))
    decimals = [value for value in values if isinstance(value, Decimal)]
    if len(decimals) == len(values) and all(value.is_finite() for value in decimals):
        return _DECIMAL[agg](decimals)
    return _FLOAT[agg]([number_of(agg, value) for value in values])


def group_vector(vector: Vector, by: Sequence[str], agg: Agg) -> Vector:
    """Join the label sets of a vector that agree on the labels `by` (none = all of them); the other labels go.

    Raises:
        AlertingError: as `aggregate`.

    """
    groups: dict[Labels, list[Value]] = {}
    for labels, value in vector.rows.items():
        groups.setdefault(kept(labels, by), []).append(value)
    return Vector(tuple(by), {labels: aggregate(agg, values) for labels, values in groups.items()})


def number_of(agg: Agg, value: Value) -> float:
    """A number as a float.

    Raises:
        AlertingError: it is no number.

    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise AlertingError(f"{agg} needs numbers, one of the values is {value!r}")
    return float(value)


def _total(numbers: Sequence[float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        # Beyond the largest double, or Inf - Inf: what the hardware's addition answers.
        return sum(numbers)


def _known(numbers: Sequence[float]) -> Sequence[float]:
    return [number for number in numbers if not is_missing(number)] or numbers[:1]


def _exact_total(numbers: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for number in numbers:
        total = _EXACT.add(total, number)
    return total


_FLOAT: Mapping[Agg, Callable[[Sequence[float]], float]] = {
    Agg.AVG: lambda numbers: _total(numbers) / len(numbers),
    Agg.MAX: lambda numbers: max(_known(numbers)),
    Agg.MIN: lambda numbers: min(_known(numbers)),
    Agg.SUM: _total,
}
_DECIMAL: Mapping[Agg, Callable[[Sequence[Decimal]], Decimal]] = {
    Agg.AVG: lambda numbers: _EXACT.divide(_exact_total(numbers), len(numbers)),
    Agg.MAX: max,
    Agg.MIN: min,
    Agg.SUM: _exact_total,
}
JOINING_AGGS = frozenset({*_FLOAT, Agg.COUNT})
