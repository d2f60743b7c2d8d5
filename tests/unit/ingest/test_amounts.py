"""Doubles become the decimal they are written as, rounded half to even to nine digits."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from trueline_server.ingest.amounts import amounts_of, scaled

_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)
_UNIT = Decimal("1e-9")


def exact(value: float) -> Decimal:
    """The decimal by Python's own arithmetic."""
    return Decimal(repr(value)).quantize(_UNIT, context=_EXACT)


NUMBERS = st.one_of(
    st.floats(-1e18, 1e18),
    st.floats(-1e7, 1e7),
    st.floats(2e6, 9.3e9),
    st.integers(-(10**18), 10**18).map(float),
    st.decimals(-(10**9), 10**9, places=2).map(float),
    st.decimals(-(10**7), 10**7, places=10).map(float),
    st.integers(0, 10**15).map(lambda units: units / 1e9),
)


@given(st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=30))
@example([2097152.0000000005, 8388608.12, 0.0000000005, 0.0000000015, -0.0000000025, 1e18, -1e18, 2.0**60, 4.2e-10])
def test_amount_is_the_decimal_as_written(values: list[float | None]) -> None:
    """Every double of the range equals Decimal(repr(x)) quantized; absent ones are null."""
    numbers = np.array([0.0 if value is None else value for value in values])
    present = np.array([value is not None for value in values])
    expected = [None if value is None else exact(value) for value in values]
    assert amounts_of(numbers, present).to_pylist() == expected


def test_what_is_absent_may_be_anything() -> None:
    """NaN and infinities stand where a refused or absent value was, and do not disturb the others."""
    values = np.array([np.nan, 1.5, np.inf, -np.inf, 1e300])
    amounts = amounts_of(values, np.array([False, True, False, False, False]))
    assert amounts.to_pylist() == [None, Decimal("1.5").quantize(_UNIT), None, None, None]


@pytest.mark.parametrize(("value", "units"), [(0.1, 10**8), (-0.0, 0), (1e18, 10**27), (0.5e-9, 0), (1.5e-9, 2)])
def test_scaled(value: float, units: int) -> None:
    """The slow way gives units of 1e-9, ties to even."""
    assert scaled(value) == units
