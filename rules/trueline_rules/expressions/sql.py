"""A tree as a condition of ClickHouse: NULL where the closure answers None, and the same meaning elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trueline_rules.expressions.regexes import full_pattern
from trueline_rules.expressions.tree import (
    Arithmetic,
    Attribute,
    Choice,
    Comparison,
    Constant,
    Exact,
    FactValue,
    Fallback,
    Literal,
    LiteralSet,
    Logic,
    Match,
    Membership,
    Minus,
    Node,
    Not,
    Now,
    Operator,
    Presence,
    TextAttribute,
    ValueType,
)

# `a ? b : c` names its condition twice, so nested ones grow fast.
LONGEST_SQL = 256 * 1024
DECIMAL_PLACES = 18
_DECIMAL_DIGITS = 38

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_LAST = (datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC) - _EPOCH) // _MICROSECOND
_FUNCTIONS = {
    "==": "equals",
    "!=": "notEquals",
    "<": "less",
    "<=": "lessOrEquals",
    ">": "greater",
    ">=": "greaterOrEquals",
    "+": "plus",
    "-": "minus",
    "*": "multiply",
    "/": "divide",
    "%": "modulo",
}


class PushdownError(Exception):
    """The condition has no equal in SQL; the text says why, and the way out.

    `start` and `end` are offsets into the text of the expression: of the part that has none.
    """

    def __init__(self, message: str, node: Node) -> None:
        super().__init__(message)
        self.start = node.start
        self.end = node.end


@dataclass(frozen=True, slots=True)
class SqlCondition:
    """A condition in SQL: an expression of type Nullable(UInt8), where NULL means unknown.

    It is plain ASCII without braces and percent signs but for what the columns bring, so that no driver takes a part of
    a literal for a parameter.
    """

    sql: str


def condition_sql(tree: Node, columns: Mapping[str, str]) -> SqlCondition:
    """Write a condition over columns.

    Args:
        tree: the condition.
        columns: SQL expression of each fact, and of `$now`. A number is a Float64, a decimal a Decimal with up to 18
            places and 38 digits, a text a String, an instant a DateTime64, each Nullable or not; a set of texts is an
            Array(String), or an Array(Nullable(String)) whose missing value is an array with a NULL.

    Raises:
        PushdownError: the condition has no equal in SQL.
        KeyError: a fact has no column.

    """
    return SqlCondition(f"CAST({_Writer(columns).value(tree)}, 'Nullable(UInt8)')")


def quote(text: str) -> str:
    """A text as a literal: whatever is not a plain letter, digit or space is written as the bytes of its UTF-8."""
    plain = {*range(0x30, 0x3A), *range(0x41, 0x5B), *range(0x61, 0x7B), *b" _-.,:"}
    return "'" + "".join(chr(byte) if byte in plain else f"\\x{byte:02X}" for byte in text.encode("utf-8")) + "'"


class _Writer:
    """Writes SQL from the inside out; every value is NULL where it is missing."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._columns = columns

    def value(self, node: Node) -> str:
        """The expression of a node."""
        written = self._write(node)
        if len(written) > LONGEST_SQL:
            raise PushdownError("it becomes too long in SQL: nest fewer '? :'", node)
        return written

    def _write(self, node: Node) -> str:  # noqa: PLR0911, PLR0912 - one case for each kind of node
        match node:
            case FactValue():
                return self._fact(node)
            case Now():
                return _instant(self._columns["$now"])
            case Literal():
                return _constant(node.value, node)
            case Exact():
                told = "a decimal meets a float64 number, which ClickHouse does not compute exactly"
                raise PushdownError(f"{told}: declare both facts alike", node)
            case Minus():
                return f"negate({self.value(node.operand)})"
            case Arithmetic():
                return self._arithmetic(node)
            case Attribute():
                return self._attribute(node)
            case Choice():
                condition = self.value(node.condition)
                branches = f"{self.value(node.then)}, {self.value(node.otherwise)}"
                return f"if(isNull({condition}), NULL, if({condition}, {branches}))"
            case Fallback():
                return f"ifNull({self.value(node.value)}, {self.value(node.otherwise)})"
            case Comparison():
                return f"{_FUNCTIONS[node.comparator]}({self.value(node.left)}, {self.value(node.right)})"
            case Presence():
                return self._presence(node)
            case Membership():
                return self._membership(node)
            case Match():
                pattern = quote(full_pattern(node.pattern, search=node.search))
                matched = f"match({self.value(node.operand)}, {pattern})"
                return f"not({matched})" if node.negated else matched
            case Not():
                return f"not({self.value(node.operand)})"
            case Logic():
                function = "and" if node.every else "or"
                return f"{function}({', '.join(self.value(operand) for operand in node.operands)})"
            case _:
                raise AssertionError(f"no SQL for {type(node).__name__}")

    def _fact(self, node: FactValue) -> str:
        column = self._columns[node.name]
        match node.type:
            case ValueType.NUMBER:
                return _finite(f"CAST({column}, 'Nullable(Float64)')")
            case ValueType.DECIMAL:
                return f"toDecimal256({column}, {DECIMAL_PLACES})"
            case ValueType.TEXT:
                return f"CAST({column}, 'Nullable(String)')"
            case ValueType.BOOL:
                return f"CAST({column}, 'Nullable(Bool)')"
            case ValueType.DATETIME:
                return _instant(column)
            case _:
                return f"({column})"

    def _arithmetic(self, node: Arithmetic) -> str:
        computed = f"{_FUNCTIONS[node.operator]}({self.value(node.left)}, {self.value(node.right)})"
        if node.type is ValueType.NUMBER:
            return _finite(computed)
        if node.type is ValueType.DATETIME:
            # Bound on both sides, then both bounds taken for missing: the value is named only once.
            bounded = f"least(greatest({computed}, toInt64({_FIRST - 1})), toInt64({_LAST + 1}))"
            return f"nullIf(nullIf({bounded}, toInt64({_FIRST - 1})), toInt64({_LAST + 1}))"
        if node.type is ValueType.DECIMAL and node.operator not in (Operator.ADD, Operator.SUB):
            told = f"'{node.operator}' of decimals is exact only outside ClickHouse: declare the facts as number"
            raise PushdownError(told, node)
        return computed

    def _attribute(self, node: Attribute) -> str:
        operand = self.value(node.operand)
        if node.attribute is not TextAttribute.LENGTH:
            told = f"'.{node.attribute}' of ClickHouse differs from Unicode's in some letters: use =~ '(?i)…'"
            raise PushdownError(told, node)
        if node.operand.type is ValueType.TEXTS:
            return f"if(has({operand}, NULL), NULL, toFloat64(length(arrayDistinct({operand}))))"
        return f"toFloat64(lengthUTF8({operand}))"

    def _presence(self, node: Presence) -> str:
        operand = self.value(node.operand)
        if node.operand.type is ValueType.TEXTS:
            return f"{'not' if node.present else ''}(has({operand}, NULL))"
        return f"{'isNotNull' if node.present else 'isNull'}({operand})"

    def _membership(self, node: Membership) -> str:
        item = self.value(node.item)
        if not isinstance(node.container, LiteralSet):
            texts = self.value(node.container)
            return f"if(or(isNull({item}), has({texts}, NULL)), NULL, has({texts}, {item}))"
        members = node.container.values
        if node.container.type is ValueType.NUMBER:
            # A set of ClickHouse tells -0.0 from 0.0; what is added to 0.0 is never -0.0.
            item = f"plus({item}, 0.0)"
            members = tuple(value + 0.0 for value in members if isinstance(value, float))
        return f"in({item}, tuple({', '.join(_constant(value, node.container) for value in members)}))"


def _finite(number: str) -> str:
    return f"nullIf(ifNotFinite({number}, inf), inf)"


def _instant(column: str) -> str:
    return f"toUnixTimestamp64Micro(CAST({column}, 'Nullable(DateTime64(6, \\'UTC\\'))'))"


def _constant(value: Constant, node: Node) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"toFloat64({value!r})"
        case Decimal():
            return _decimal(value, node)
        case str():
            return quote(value)
        case datetime():
            return f"toInt64({(value - _EPOCH) // _MICROSECOND})"
        case timedelta():
            return f"toInt64({value // _MICROSECOND})"


def _decimal(value: Decimal, node: Node) -> str:
    places = -int(value.normalize().as_tuple().exponent)
    if places > DECIMAL_PLACES or value.adjusted() >= _DECIMAL_DIGITS:
        told = f"{value} has more than {DECIMAL_PLACES} decimal places or {_DECIMAL_DIGITS} digits: write fewer"
        raise PushdownError(told, node)
    return f"toDecimal256('{value:f}', {DECIMAL_PLACES})"
