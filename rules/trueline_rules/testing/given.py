"""Values of facts as people write them, in a test or on a command line."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation

from trueline_rules.alert_model import Given
from trueline_rules.expressions import Fact, FactType


def fact_value(fact: Fact, given: Given) -> object:
    """A value as the fact's type has it; None = missing.

    Raises:
        ValueError: it cannot be read as that type.

    """
    value: object = None
    if given is None:
        return value
    match fact.type:
        case FactType.TEXTS if isinstance(given, tuple):
            value = frozenset(given)
        case FactType.DATETIME if isinstance(given, str):
            value = _instant(fact, given)
        case FactType.DECIMAL if isinstance(given, str | int | float) and not isinstance(given, bool):
            value = _decimal(str(given))
        case FactType.NUMBER if isinstance(given, int | float) and not isinstance(given, bool):
            value = float(given)
        case FactType.TEXT if isinstance(given, str):
            value = given
        case FactType.BOOL if isinstance(given, bool):
            value = given
    if value is None:
        raise ValueError(_wrong(fact, given))
    return value


def _wrong(fact: Fact, given: Given) -> str:
    return f"the fact {fact.name!r} is a {fact.type}, {given!r} is none"


def _instant(fact: Fact, given: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        return None
    if instant.tzinfo is None:
        raise ValueError(f"{_wrong(fact, given)} without a time zone; write it like 2025-01-31T12:00:00Z")
    return instant


def _decimal(given: str) -> Decimal | None:
    try:
        return Decimal(given)
    except InvalidOperation:
        return None
