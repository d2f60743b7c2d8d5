"""Values of facts as a caller gives them, taken by the types that the rule declares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.vectors import Value, Vector
from trueline_rules.expressions import Fact, FactType
from trueline_rules.names import hint, nearest, quoted

from trueline_server.errors import TruelineError, invalid_field

# What comes over the wire; None = missing.
Given: TypeAlias = float | Decimal | str | bool | datetime | frozenset[str] | None

_TYPES: Mapping[FactType, type] = {
    FactType.NUMBER: float,
    FactType.DECIMAL: Decimal,
    FactType.TEXT: str,
    FactType.BOOL: bool,
    FactType.DATETIME: datetime,
    FactType.TEXTS: frozenset,
}
_NAMES: Mapping[type, str] = {
    float: "a number",
    Decimal: "a decimal",
    str: "a text",
    bool: "true or false",
    datetime: "a timestamp",
    frozenset: "a set of texts",
}


def given_vectors(rule: CompiledRule, given: Mapping[str, Given]) -> dict[str, Vector]:
    """The values given, as facts without labels: each has its value in every row, or is missing in every row.

    Raises:
        TruelineError: INVALID_FIELD, for a fact that the rule does not have and a value of another type.

    """
    found: dict[str, Vector] = {}
    for name, value in given.items():
        if name not in rule.facts:
            raise _unknown_fact(rule, name)
        typed = typed_value(rule.facts[name], value)
        found[name] = Vector((), {} if typed is None else {(): typed})
    return found


def typed_value(fact: Fact, value: Given) -> Value | None:
    """A value as the fact's type has it; None = missing.

    Raises:
        TruelineError: INVALID_FIELD, if it is of another type.

    """
    match fact.type, value:
        case _, None:
            return None
        case FactType.NUMBER, float() | Decimal():
            return float(value)
        case FactType.DECIMAL, float():
            # The shortest text that reads as this float is what was written.
            return Decimal(repr(value))
    if not isinstance(value, _TYPES[fact.type]):
        raise invalid_field(f"values[{fact.name}]", f"is {_NAMES[type(value)]}; the fact is declared as {fact.type}")
    return value


def _unknown_fact(rule: CompiledRule, name: str) -> TruelineError:
    field = f"values[{name}]"
    told = f"is no fact of the rule {quoted(rule.rule.metadata.name)}{hint(name, rule.facts)}"
    return TruelineError(
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        f"{quoted(name)} {told}",
        metadata={"field": field, "nearest": nearest(name, rule.facts) or ""},
        violations=[(field, told)],
    )
