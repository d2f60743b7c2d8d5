"""Rounds credits to a currency's minor unit so that they still add up to their total."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from trueline_server.attribution.paths import Floats

# Parts of a minor unit that differ by less are equal: what the last bits of a float say is no reason to be first.
_EQUAL_PARTS = 10**9


def rounded(
    amounts: Floats, minor_unit_digits: int, *, total: Decimal | None = None, names: Sequence[str] | None = None
) -> list[Decimal]:
    """Credits in whole minor units, by largest remainder (Hamilton's method).

    Each is cut toward zero, and the units that are then missing go one each to those that lost most. A refund is
    rounded as the sale that it takes back. Equal remainders go by place, which for touches is their order in time, or
    by name if there are names. What a total has beside that, as floats of the largest amounts have no minor units, goes
    to the largest one.

    Args:
        amounts: float64[n], finite.
        minor_unit_digits: decimals of the currency, such as 2 for USD and 0 for JPY.
        total: what they must add up to, where it is known exactly; else their sum. It is rounded to the
            minor unit, half to even.
        names: n of them.

    Returns:
        n decimals with so many digits; their sum is the rounded total, unless n is 0.

    """
    scale = 10**minor_unit_digits
    # A credit is `units / of` minor units exactly. Whole numbers are ten times as fast as fractions.
    exact = [(units * scale, of) for units, of in map(float.as_integer_ratio, amounts.tolist())]
    cut = [units // of if units >= 0 else -(-units // of) for units, of in exact]
    missing = round(_sum(exact) if total is None else Fraction(total) * scale) - sum(cut)
    beside = 0
    if abs(missing) > len(cut):
        beside = missing - round(_sum(exact)) + sum(cut)
        missing -= beside
    sign = 1 if missing > 0 else -1
    lost = [
        (2 * sign * (units - whole * of) * _EQUAL_PARTS + of) // (2 * of)
        for (units, of), whole in zip(exact, cut, strict=True)
    ]
    order = sorted(range(len(cut)), key=lambda i: (-lost[i], names[i] if names else "", i))
    for i in order[: abs(missing)]:
        cut[i] += sign
    if beside and cut:
        cut[max(order, key=lambda i: abs(cut[i]))] += beside
    return [Decimal(f"{units}E-{minor_unit_digits}") for units in cut]


def rounded_sum(amounts: Floats, minor_unit_digits: int) -> Decimal:
    """The sum of float64[n] in whole minor units, rounded once, half to even."""
    scale = 10**minor_unit_digits
    exact = [(units * scale, of) for units, of in map(float.as_integer_ratio, amounts.tolist())]
    return Decimal(f"{round(_sum(exact))}E-{minor_unit_digits}")


def _sum(exact: Sequence[tuple[int, int]]) -> Fraction:
    common = max((of for _, of in exact), default=1)
    # The parts of floats are powers of 2, so that the largest one is a multiple of all others.
    return Fraction(sum(units * (common // of) for units, of in exact), common)
