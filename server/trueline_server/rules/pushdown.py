"""What a rule decides about every subject of a kind as one expression of SQL, where its facts allow it. Pure."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trueline_rules.alert_model import FactSource
from trueline_rules.alert_rules import SEVERITIES, CompiledRule
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.vectors import Value, Vector
from trueline_rules.expressions import FactType, PushdownError
from trueline_rules.expressions.sql import quote
from trueline_rules.model import RuleSet

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The column of the table of facts that holds each type, and what a missing value of it is.
COLUMNS: Mapping[FactType, str] = {
    FactType.NUMBER: "number",
    FactType.DECIMAL: "decimal",
    FactType.TEXT: "text",
    FactType.BOOL: "flag",
    FactType.DATETIME: "instant",
    FactType.TEXTS: "texts",
}
_MISSING: Mapping[FactType, str] = {
    FactType.NUMBER: "CAST(NULL, 'Nullable(Float64)')",
    FactType.DECIMAL: "CAST(NULL, 'Nullable(Decimal(38, 9))')",
    FactType.TEXT: "CAST(NULL, 'Nullable(String)')",
    FactType.BOOL: "CAST(NULL, 'Nullable(Bool)')",
    FactType.DATETIME: "CAST(NULL, 'Nullable(DateTime64(6, \\'UTC\\'))')",
    FactType.TEXTS: "CAST([NULL], 'Array(Nullable(String))')",
}
_COUNTED = {"true": "ifNull({}, 1)", "false": "ifNull({}, 0)"}
# Decimals of more places or digits are not written as constants.
_PLACES, _LARGEST = 18, Decimal(10) ** 20
# What DateTime64 holds with six digits behind the second.
_FIRST, _LAST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2299, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pushdown:
    """A rule over all subjects of a kind.

    Attributes:
        subject: their kind, which is the name of the label of its rows.
        sources: the facts that are read of each subject, by name; never empty.
        constants: the other facts: the same value for every subject, None = missing.
        conditions: SQL of each severity's condition, Nullable(UInt8), over columns called like `column_of`.
        on_missing: of the rule.

    """

    subject: str
    sources: Mapping[str, FactSource]
    constants: Mapping[str, Value | None]
    conditions: Mapping[str, str]
    on_missing: str

    def rank(self) -> str:
        """SQL of the decision about a subject: 0 critical, 1 warning, 2 unknown, 3 none."""
        form = _COUNTED.get(self.on_missing, "{}")
        truths = {severity: form.format(severity) for severity in self.conditions}
        held = [f"{truths[severity]} = 1, {1 - SEVERITIES.index(severity)}" for severity in reversed(truths)]
        unknown = " OR ".join(f"isNull({truth})" for truth in truths.values())
        return f"multiIf({', '.join(held)}, {unknown}, 2, 3)"


def is_read_in_bulk(source: FactSource) -> bool:
    """Whether a fact is, of each subject, the last value that was put in."""
    operand = source.operand
    return source.kind == "fact" and operand.agg is Agg.LAST and not operand.over_us and operand.by is None


def column_of(number: int) -> str:
    """The column of the fact with a place among the sources: value, whether there is one, whether it has its type."""
    return f"f{number}"


def push_down(rule: CompiledRule, rules: RuleSet, others: Mapping[str, Vector]) -> Pushdown | str:
    """The decision of a rule in SQL, or for people why there is none.

    Args:
        rule: of which `is_read_in_bulk` holds for the facts that are not among `others`, and there are such.
        rules: the set that it is of.
        others: the other facts, as they were given or read.

    """
    known = {*others, *rule.looked_up}
    sources = {name: source for name, source in rule.rule.facts.items() if name not in known}
    subjects = sorted({rules.fact_types[source.name].subject for source in sources.values()})
    if len(subjects) > 1:
        return f"its facts are about several kinds of subject: {', '.join(subjects)}"
    columns = {}
    for number, (name, source) in enumerate(sources.items()):
        kind, column = FactType(rules.fact_types[source.name].type), column_of(number)
        has = f"{column}.2 AND {column}.3"
        columns[name] = f"if({has}, {column}.1, {_MISSING[kind]})" if kind is FactType.TEXTS else f"{column}.1"
    constants: dict[str, Value | None] = {}
    for name, vector in others.items():
        if vector.names:
            return f"fact {name} has label sets of its own"
        constants[name] = vector.rows.get(())
        written = constant_sql(rule.facts[name].type, constants[name])
        if written is None:
            return f"the value of fact {name} has no equal in SQL"
        columns[name] = written
    # The instant is a parameter of the statement, as long as it is asked for.
    columns["$now"] = "fromUnixTimestamp64Micro({now_us:Int64}, 'UTC')"
    conditions = {}
    for severity, condition in rule.conditions.items():
        try:
            conditions[severity] = condition.sql(columns).sql
        except PushdownError as error:
            return f"the {severity} condition: {error}"
    return Pushdown(subjects[0], sources, constants, conditions, rule.rule.on_missing)


def constant_sql(kind: FactType, value: Value | None) -> str | None:
    """A value of a type as SQL that is exactly it; None if there is none."""
    written: str | None = None
    match kind, value:
        case _, None:
            written = _MISSING[kind]
        case FactType.BOOL, bool():
            written = "true" if value else "false"
        case FactType.NUMBER, int() | float() if not isinstance(value, bool):
            written = f"reinterpretAsFloat64(unhex('{struct.pack('<d', value).hex()}'))"
        case FactType.DECIMAL, Decimal() if _fits(value):
            written = f"toDecimal256('{value:f}', {_PLACES})"
        case FactType.TEXT, str():
            written = quote(value)
        case FactType.DATETIME, datetime() if _FIRST <= value <= _LAST:
            written = f"fromUnixTimestamp64Micro(toInt64({(value - _EPOCH) // timedelta(microseconds=1)}), 'UTC')"
        case FactType.TEXTS, frozenset():
            written = f"CAST([{', '.join(map(quote, sorted(value)))}], 'Array(Nullable(String))')"
    return written


def _fits(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return value.is_finite() and isinstance(exponent, int) and exponent >= -_PLACES and abs(value) < _LARGEST
