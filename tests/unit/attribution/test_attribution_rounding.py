"""Rounding to minor units: nothing is lost and nothing is made."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.attribution.rounding import rounded, rounded_sum

amounts = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=20)


def texts(found: list[Decimal]) -> list[str]:
    """Decimals as they are written."""
    return [str(amount) for amount in found]


@pytest.mark.parametrize(
    ("given_amounts", "digits", "expected"),
    [
        ([10 / 3, 10 / 3, 10 / 3], 2, ["3.34", "3.33", "3.33"]),
        ([-10 / 3, -10 / 3, -10 / 3], 2, ["-3.34", "-3.33", "-3.33"]),
        ([0.005, 0.015, 0.98], 2, ["0.01", "0.01", "0.98"]),
        ([100 / 3, 200 / 3], 0, ["33", "67"]),
        ([1.0004, 1.0007], 3, ["1.000", "1.001"]),
        ([1.004, -0.996], 2, ["1.00", "-0.99"]),
        ([0.0, 0.0], 2, ["0.00", "0.00"]),
        ([], 2, []),
    ],
)
def test_by_hand(given_amounts: list[float], digits: int, expected: list[str]) -> None:
    """The units that cutting leaves over go to those that lost most; equal losses by place."""
    assert texts(rounded(np.array(given_amounts), digits)) == expected


def test_ties_by_name() -> None:
    """Credit of channels has no order of touch: of equal losses the first name gets the unit."""
    thirds = np.array([1 / 3, 1 / 3, 1 / 3])
    assert texts(rounded(thirds, 2, names=["c", "a", "b"])) == ["0.33", "0.34", "0.33"]


def test_ties_are_told_from_noise() -> None:
    """What the last bits of a float say is no reason to be first."""
    later_by_a_bit = np.array([1 / 3, np.nextafter(1 / 3, 1), 1 / 3])
    assert texts(rounded(later_by_a_bit, 2)) == ["0.34", "0.33", "0.33"]


@given(found=amounts, digits=st.integers(0, 4))
def test_sum_and_distance(found: list[float], digits: int) -> None:
    """They add up to their rounded sum, and none is a whole unit away from what it was."""
    result = rounded(np.array(found), digits)
    exact = [Fraction(amount) * 10**digits for amount in found]
    units = [Fraction(amount) * 10**digits for amount in result]

    assert sum(units) == round(sum(exact))
    assert all(abs(got - amount) < 1 for got, amount in zip(units, exact, strict=True))
    assert all(amount.as_tuple().exponent == -digits for amount in result)


@given(found=amounts, digits=st.integers(0, 3))
def test_refunds_mirror_sales(found: list[float], digits: int) -> None:
    """What takes a sale back is rounded as the sale was, so that together they are nothing."""
    sale = rounded(np.array(found), digits)
    refund = rounded(-np.array(found), digits)
    assert [one + other for one, other in zip(sale, refund, strict=True)] == [0] * len(found)


def test_what_floats_cannot_hold_changes_the_largest_only() -> None:
    """A sale of 10^17 has no cents as a float; what the total has of them is not taken from small sales."""
    found = rounded(np.array([9.0, 1e17, 1.0, 1 / 3, 2 / 3]), 2, total=Decimal("100000000000000016.00"))
    assert texts(found) == ["9.00", "100000000000000005.00", "1.00", "0.33", "0.67"]


@given(found=amounts, digits=st.integers(0, 4))
def test_a_sum_is_rounded_once(found: list[float], digits: int) -> None:
    """It is what the rounded amounts add up to, whatever floats make of it on the way."""
    assert rounded_sum(np.array(found), digits) == sum(rounded(np.array(found), digits))
    assert str(rounded_sum(np.array([]), 2)) == "0.00"


@given(found=amounts, cents=st.integers(-500, 500))
def test_exact_total(found: list[float], cents: int) -> None:
    """Where the total is known exactly, they add up to that, even if floats could not hold it."""
    total = sum(Decimal(amount) for amount in found).quantize(Decimal("0.01")) + Decimal(cents).scaleb(-2)
    assert sum(rounded(np.array(found), 2, total=total)) == total
    huge = Decimal("100000000000000002.37")
    assert sum(rounded(np.array([1e17, 2.0]), 2, total=huge)) == huge
