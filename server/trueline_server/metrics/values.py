"""The value of a point from the merged columns of its panes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trueline_rules.model import Aggregation, Metric
from trueline_streams.quantiles import quantile_of

_EXACT_COLUMN = {
    Aggregation.SUM: "total",
    Aggregation.MIN: "smallest",
    Aggregation.MAX: "largest",
    Aggregation.LATEST: "latest",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A value: as a double (None = not defined), as an exact decimal ("" = none), and whether it is no estimate."""

    number: float | None
    exact_text: str
    exact: bool


def value_of(metric: Metric, row: Mapping[str, Any]) -> Value:
    """The value of a point.

    Args:
        metric: the metric.
        row: columns of WindowPoints, with `distinct` and `sketched` for count_distinct.

    """
    match metric.aggregation:
        case Aggregation.COUNT:
            return Value(float(row["value_count"]), "", exact=True)
        case Aggregation.COUNT_DISTINCT:
            return Value(float(row["distinct"]), "", exact=not row["sketched"])
        case Aggregation.QUANTILE:
            return Value(quantile_of(row["bins"], metric.quantile), "", exact=False)
        case Aggregation.AVG:
            count = int(row["value_count"])
            return Value(mean_of(Decimal(row["total"]), count) if count else None, "", exact=True)
        case aggregation:
            text = row[_EXACT_COLUMN[aggregation]]
            if text is None:
                return Value(None, "", exact=True)
            return Value(float(text), plain_text(text), exact=True)


def empty_row(metric: Metric) -> dict[str, Any]:
    """What the columns of WindowPoints are for a window without events."""
    sums = {"events": 0, "value_count": 0, "late_events": 0, "revision": 0, "total": "0", "bins": {}}
    nothing = {"smallest": None, "largest": None, "latest": None, "distinct": 0, "sketched": 0}
    return {**sums, **nothing, "groups": [""] * len(metric.group_by)}


def mean_of(total: Decimal, count: int) -> float:
    """The double nearest to total / count: integers divide exactly before they round."""
    numerator, denominator = total.as_integer_ratio()
    return numerator / (denominator * count)


def plain_text(decimal: str) -> str:
    """A decimal without zeros at its end, and without an exponent."""
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal
