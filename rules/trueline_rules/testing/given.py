"""Values of facts as people write them, in a test or on a command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import cast

from trueline_rules.alert_model import Given
from trueline_rules.alerting.series import Sample, parse_samples
from trueline_rules.alerting.vectors import Value
from trueline_rules.expressions import Fact, FactType

_NO_VALUE = re.compile("_(x[0-9]+)?|stale")
_KINDS = {
    FactType.NUMBER: "a number",
    FactType.DECIMAL: "a decimal",
    FactType.TEXT: "a text",
    FactType.BOOL: "true or false",
    FactType.DATETIME: "an instant (2025-01-31T12:00:00Z, in quotes)",
    FactType.TEXTS: "a set of texts ([a, b])",
}


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


def in_notation(kind: FactType, written: str) -> bool:
    """Whether samples of a type can be what is written in promtool's notation, which has no values but numbers."""
    return kind in {FactType.NUMBER, FactType.DECIMAL} or all(map(_NO_VALUE.fullmatch, written.split()))


def samples_of(fact: Fact, written: str | Sequence[Given]) -> list[Sample | None]:
    """The samples of a series as a test gives it, in the type of its fact.

    Raises:
        NotationError: it is not in promtool's notation.
        ValueError: a value cannot be read as that type.

    """
    if not isinstance(written, str):
        return [cast(Value | None, fact_value(fact, value)) for value in written]
    samples: list[Sample | None] = list(parse_samples(written))
    if fact.type is not FactType.DECIMAL:
        return samples
    return [Decimal(repr(sample)) if isinstance(sample, float) else sample for sample in samples]


def _wrong(fact: Fact, given: Given) -> str:
    return f"the fact {fact.name!r} is {_KINDS[fact.type]}, {_written(given)} is none"


def _written(given: Given) -> str:
    if isinstance(given, bool):
        return "true" if given else "false"
    return f"[{', '.join(map(repr, given))}]" if isinstance(given, tuple) else repr(given)


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
