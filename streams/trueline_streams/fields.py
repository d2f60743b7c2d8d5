"""What a field of an event is worth as text and as a number: one definition for streams and for recomputation."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

from trueline_stores.event_schema import LARGEST_VALUE

PROPERTY_PREFIX = "properties."
# Fields other than properties that have a text.
TEXT_FIELDS = ("id", "source", "name", "user_id", "account_id", "anonymous_id", "device_id", "currency")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ONE = Decimal(1)
# Wide enough that only the last step rounds: 64 characters, exponents within three digits.
_WIDE = Context(prec=1200, rounding=ROUND_HALF_EVEN)


def text_of_number(number: float) -> str:
    """The shortest decimal that reads back as the number, as ClickHouse's toString writes a Float64.

    Integers have no ".0"; from 1e21 and below 1e-6 there is an exponent ("1e21", "1e-7").
    """
    if number == 0:
        return "-0" if math.copysign(1.0, number) < 0 else "0"
    decimal = Decimal(repr(number))
    if 1e-6 <= abs(number) < 1e21:
        text = format(decimal, "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    sign, digits, _ = decimal.as_tuple()
    written = "".join(map(str, digits)).rstrip("0")
    mantissa = written[0] + ("." + written[1:] if len(written) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{decimal.adjusted()}"


def text_of_flag(flag: bool) -> str:
    """`true` or `false`."""
    return "true" if flag else "false"


def units_of_text(text: str) -> int | None:
    """The number that a text property says, in units of 1e-9, half even; None if it is not a finite decimal number.

    No blanks, no thousands separators; an exponent is fine. Beyond LARGEST_VALUE there is no number.
    """
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    return _units(Decimal(text))


def units_of_number(number: float) -> int | None:
    """A number property in units of 1e-9: its shortest decimal, rounded half even; None beyond LARGEST_VALUE."""
    if not abs(number) <= LARGEST_VALUE:
        return None
    return _units(Decimal(repr(number)))


def _units(decimal: Decimal) -> int | None:
    if abs(decimal) > LARGEST_VALUE:
        return None
    return int(decimal.scaleb(9, _WIDE).quantize(_ONE, context=_WIDE))
