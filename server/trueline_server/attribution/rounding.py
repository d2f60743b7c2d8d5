"""Rounds credits to a currency's minor unit so that they still add up to their total."""

from __future__ import annotations

import math
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
    by name if there are names.

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
    exact = [Fraction(credit) * scale for credit in amounts.tolist()]
    cut = [math.trunc(part) for part in exact]
    missing = round(sum(exact) if total is None else Fraction(total) * scale) - sum(cut)
    sign = 1 if missing > 0 else -1
    lost = [round((part - whole) * sign * _EQUAL_PARTS) for part, whole in zip(exact, cut, strict=True)]
    order = sorted(range(len(cut)), key=lambda i: (-lost[i], names[i] if names else "", i))
    # More than one unit each is missing only where the total is not what the credits add up to.
    each, further = divmod(abs(missing), max(len(order), 1))
    for place, i in enumerate(order):
        cut[i] += sign * (each + (place < further))
    return [Decimal(f"{units}E-{minor_unit_digits}") for units in cut]
