"""The closed tree of an expression: the only things from which code and SQL are made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum


class ValueType(StrEnum):
    """Types of values within an expression: those of facts, and durations."""

    NUMBER = "number"
    DECIMAL = "decimal"
    TEXT = "text"
    BOOL = "bool"
    DATETIME = "datetime"
    TEXTS = "texts"
    DURATION = "duration"


class Comparator(StrEnum):
    """Operators that compare two values."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


class Operator(StrEnum):
    """Operators that compute a value from two."""

    ADD = "+"
    SUB = "-"
    MUL = "*"
    DIV = "/"
    MOD = "%"


class TextAttribute(StrEnum):
    """Attributes of a text; `length` is one of sets of texts, too."""

    LENGTH = "length"
    LOWER = "as_lower"
    UPPER = "as_upper"


Constant = float | Decimal | str | bool | datetime | timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """Any node: the type of its value and where it stands in the text (`end` is exclusive)."""

    type: ValueType
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal(Node):
    """A constant. Numbers are float64; `exact` keeps what was written, for use beside a decimal."""

    value: Constant
    exact: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralSet(Node):
    """Constants of one type to look a value up in; `type` is theirs, `values` are in the order written, each once."""

    values: tuple[Constant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactValue(Node):
    """The value of a fact."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Now(Node):
    """`$now`: the instant of the decision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact(Node):
    """A float64 as the decimal that it exactly is, where it meets a decimal."""

    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Minus(Node):
    """The negative of a number, decimal or duration."""

    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic(Node):
    """Two values computed into one."""

    operator: Operator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute(Node):
    """An attribute of a text or a set of texts."""

    attribute: TextAttribute
    operand: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Node):
    """`condition ? then : otherwise`; missing where the condition is unknown."""

    condition: Node
    then: Node
    otherwise: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback(Node):
    """`value ?? otherwise`: the second where the first is missing."""

    value: Node
    otherwise: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Node):
    """Two values of one type compared; unknown if one is missing."""

    comparator: Comparator
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence(Node):
    """`operand != null` (present) or `operand == null`; always known."""

    operand: Node
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership(Node):
    """`item in container`: constants, or a fact that is a set of texts; unknown if one of them is missing."""

    item: Node
    container: Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Node):
    """A text against a regular expression of RE2: from the text's start, or anywhere in it (`search`)."""

    operand: Node
    pattern: str
    search: bool
    negated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Logic(Node):
    """`and` (every) or `or` over two operands or more, by Kleene."""

    every: bool
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Not(Node):
    """The negation, by Kleene: unknown stays unknown."""

    operand: Node


def children(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911 - one case for each shape
    """The nodes directly below, in the order of the text."""
    match node:
        case Arithmetic() | Comparison():
            return (node.left, node.right)
        case Exact() | Minus() | Attribute() | Presence() | Match() | Not():
            return (node.operand,)
        case Choice():
            return (node.condition, node.then, node.otherwise)
        case Fallback():
            return (node.value, node.otherwise)
        case Membership():
            return (node.item, node.container)
        case Logic():
            return node.operands
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, each before those below it."""
    yield node
    for child in children(node):
        yield from walk(child)


def facts_read(node: Node) -> tuple[str, ...]:
    """The names of the facts below a node, sorted."""
    return tuple(sorted({found.name for found in walk(node) if isinstance(found, FactValue)}))
