"""Doubles as Decimal(38, 9): the decimal number that a double is written as, rounded half to even."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
import pyarrow as pa
from trueline_stores.event_schema import AMOUNT

from trueline_server.ingest.batch import Floats, Mask

_UNIT = Decimal("1e-9")
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


def amounts_of(values: Floats, present: Mask) -> pa.Array:
    """Values as an AMOUNT array; null where not present.

    Args:
        values: finite and at most 1e18 in magnitude where present, anything elsewhere.
        present: which values there are.

    """
    if not present.any():
        return pa.nulls(len(values), AMOUNT)
    low, high, settled = _quick(values)
    for row in np.flatnonzero(present & ~settled):
        units = scaled(float(values[row]))
        low[row] = (units + 2**63) % 2**64 - 2**63
        high[row] = units >> 64
    words = np.column_stack([low, high])
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(AMOUNT, len(values), [validity, pa.py_buffer(words)])


def scaled(value: float) -> int:
    """A finite double in units of 1e-9: its shortest decimal form, rounded half to even."""
    return int(Decimal(repr(value)).quantize(_UNIT, context=_EXACT).scaleb(9, context=_EXACT))


def _quick(values: Floats) -> tuple[np.ndarray, np.ndarray, Mask]:
    """Low and high words of the units, and for which values they are known to be right.

    Two ways, each of which proves itself per value. d is the decimal that the double x is written as.

    - x * 1e9 is off from d * 1e9 by at most one unit in 2**52 (half from x to d, half from the product); if the nearest
      integer is closer than one half less that, it is the one.
    - q = rint(x * 1e4) with q / 1e4 == x and fewer than 15 digits: a decimal of at most 15 digits that reads as x is
      the only one, hence d = q / 1e4.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        product = values * 1e9
        nearest = np.rint(product)
        close = np.abs(product - nearest) + np.abs(product) * 2.0**-52 < 0.5
        low = np.where(close, nearest, 0.0).astype(np.int64)
        if not close.all():
            quotient = np.rint(values * 1e4)
            short = ~close & (quotient / 1e4 == values) & (np.abs(quotient) < 9e13)
            low = np.where(short, np.where(short, quotient, 0.0).astype(np.int64) * 100_000, low)
            close = close | short
    return low, low >> 63, close
