"""The value of a point from merged columns."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.metrics.values import Value, empty_row, mean_of, plain_text, value_of

from tests.unit.streams.support import metric_of

amounts = st.decimals(-(10**18), 10**18, places=9)


@pytest.mark.parametrize(
    ("aggregation", "columns", "expected"),
    [
        ("count", {"value_count": 3}, Value(3.0, "", exact=True)),
        ("sum", {"total": "19.990000000"}, Value(19.99, "19.99", exact=True)),
        ("avg", {"total": "1.000000000", "value_count": 3}, Value(1 / 3, "", exact=True)),
        ("avg", {"total": "0.000000000", "value_count": 0}, Value(None, "", exact=True)),
        ("min", {"smallest": "-5.000000000"}, Value(-5.0, "-5", exact=True)),
        ("max", {"largest": None}, Value(None, "", exact=True)),
        ("latest", {"latest": "0.000000001"}, Value(1e-9, "0.000000001", exact=True)),
        ("count_distinct", {"distinct": 7, "sketched": 0}, Value(7.0, "", exact=True)),
        ("count_distinct", {"distinct": 70_000, "sketched": 1}, Value(70_000.0, "", exact=False)),
        ("quantile", {"bins": {}}, Value(None, "", exact=False)),
    ],
)
def test_values(aggregation: str, columns: dict[str, object], expected: Value) -> None:
    """Each aggregation reads its columns, tells its exact decimal where there is one, and says what is estimated."""
    assert value_of(metric_of("m", aggregation, field="value"), columns) == expected


@pytest.mark.parametrize(
    ("aggregation", "number"),
    [("count", 0.0), ("sum", 0.0), ("count_distinct", 0.0), ("avg", None), ("min", None), ("latest", None)],
)
def test_windows_without_events(aggregation: str, number: float | None) -> None:
    """Counts and sums of nothing are 0, the others have no value."""
    metric = metric_of("m", aggregation, field="value")
    assert value_of(metric, empty_row(metric)).number == number


@given(amounts, st.integers(1, 10**9))
def test_means_are_rounded_once(total: Decimal, count: int) -> None:
    """A mean is the double nearest to the exact quotient."""
    assert mean_of(total, count) == float(Fraction(total) / count)


@given(amounts)
def test_exact_texts_say_the_same(amount: Decimal) -> None:
    """Zeros are cut off, nothing else."""
    text = plain_text(format(amount, "f"))
    assert Decimal(text) == amount
    assert not ("." in text and text.endswith(("0", ".")))
