"""Values of facts as expressions compute with them: checked, and None where nothing is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import inf, trunc

from trueline_rules.expressions.errors import FactValueError
from trueline_rules.expressions.tree import Operator, TextAttribute, ValueType

# Exact for sums and products of amounts; a quotient is rounded to 76 digits, half to even. Traps are off, so that
# what has no value becomes NaN or infinite, which counts as missing.
DECIMALS = Context(prec=76, rounding=ROUND_HALF_EVEN, Emin=-999_999, Emax=999_999, traps=[])


def as_number(name: str, value: object) -> float | None:
    """A float64, or None where it is NaN, infinite or beyond the range."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise FactValueError(name, "number", value)
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if -inf < number < inf else None


def as_decimal(name: str, value: object) -> Decimal | None:
    """A finite decimal, or None; a float is refused unless it is NaN, since it is not what was meant exactly."""
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - true for NaN alone
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        raise FactValueError(name, "decimal", value)
    return finite_decimal(Decimal(value))


def as_text(name: str, value: object) -> str:
    """A text."""
    if not isinstance(value, str):
        raise FactValueError(name, "text", value)
    return value


def as_bool(name: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise FactValueError(name, "bool", value)
    return value


def as_datetime(name: str, value: object) -> datetime:
    """An aware instant, in UTC."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise FactValueError(name, "datetime (with its zone)", value)
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def as_texts(name: str, value: object) -> frozenset[str]:
    """A set of texts."""
    if isinstance(value, (frozenset, set, list, tuple)) and all(isinstance(member, str) for member in value):
        return frozenset(value)
    raise FactValueError(name, "texts (a set of text)", value)


CONVERTERS: dict[ValueType, Callable[[str, object], object]] = {
    ValueType.NUMBER: as_number,
    ValueType.DECIMAL: as_decimal,
    ValueType.TEXT: as_text,
    ValueType.BOOL: as_bool,
    ValueType.DATETIME: as_datetime,
    ValueType.TEXTS: as_texts,
}


def finite_decimal(value: Decimal) -> Decimal | None:
    """The value, or None if it is NaN or infinite."""
    return value if value.is_finite() else None


def number_modulo(left: float, right: float) -> float:
    """What is left of a division: a - trunc(a / b) * b, each step rounded, as ClickHouse computes it.

    Raises:
        ZeroDivisionError: the divisor is 0.

    """
    quotient = left / right
    if not -inf < quotient < inf:
        return inf
    return left - float(trunc(quotient)) * right


def decimal_of(operator: Operator) -> Callable[[Decimal, Decimal], Decimal | None]:
    """The exact operation on decimals; None where it has no value."""
    operation = {
        Operator.ADD: DECIMALS.add,
        Operator.SUB: DECIMALS.subtract,
        Operator.MUL: DECIMALS.multiply,
        Operator.DIV: DECIMALS.divide,
        Operator.MOD: DECIMALS.remainder,
    }[operator]

    def compute(left: Decimal, right: Decimal) -> Decimal | None:
        return finite_decimal(operation(left, right))

    return compute


def attribute_of(attribute: TextAttribute) -> Callable[[str], object]:
    """The function of an attribute; a length counts code points."""
    return {
        TextAttribute.LENGTH: lambda text: float(len(text)),
        TextAttribute.LOWER: str.lower,
        TextAttribute.UPPER: str.upper,
    }[attribute]


def time_sum(left: datetime | timedelta, right: datetime | timedelta) -> datetime | timedelta | None:
    """An instant or span moved by a span; None beyond the years 1 to 9999."""
    try:
        return left + right  # type: ignore[operator]
    except OverflowError:
        return None


def time_difference(left: datetime | timedelta, right: datetime | timedelta) -> datetime | timedelta | None:
    """The span between two instants, or an instant moved back by a span; None beyond the years 1 to 9999."""
    try:
        return left - right  # type: ignore[operator]
    except OverflowError:
        return None
