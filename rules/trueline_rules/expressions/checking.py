"""Syntax to the closed tree: names and types checked against the declared facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from rule_engine import ast

from trueline_rules.expressions.errors import ExpressionError
from trueline_rules.expressions.facts import Fact
from trueline_rules.expressions.grammar import Parsed, parse_text, scan
from trueline_rules.expressions.literals import datetime_literal, duration_literal, number_literal, text_literal
from trueline_rules.expressions.mistakes import unquoted_date
from trueline_rules.expressions.regexes import RegexError, compile_regex
from trueline_rules.expressions.tokens import error_at
from trueline_rules.expressions.tree import (
    Arithmetic,
    Attribute,
    Choice,
    Comparator,
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
from trueline_rules.names import hint, nearest, quoted

MOST_NODES = 200

_NUMERIC = (ValueType.NUMBER, ValueType.DECIMAL)
_COMPARATORS = {
    "EQ": Comparator.EQ,
    "NE": Comparator.NE,
    "LT": Comparator.LT,
    "LE": Comparator.LE,
    "GT": Comparator.GT,
    "GE": Comparator.GE,
}
_OPERATORS = {"ADD": Operator.ADD, "SUB": Operator.SUB, "MUL": Operator.MUL, "TDIV": Operator.DIV, "MOD": Operator.MOD}
_MATCHES = {"EQ_FZM": (False, False), "EQ_FZS": (True, False), "NE_FZM": (False, True), "NE_FZS": (True, True)}
# Instants and spans: what becomes of two of them.
_TIMES = {
    (Operator.ADD, ValueType.DATETIME, ValueType.DURATION): ValueType.DATETIME,
    (Operator.ADD, ValueType.DURATION, ValueType.DATETIME): ValueType.DATETIME,
    (Operator.ADD, ValueType.DURATION, ValueType.DURATION): ValueType.DURATION,
    (Operator.SUB, ValueType.DATETIME, ValueType.DURATION): ValueType.DATETIME,
    (Operator.SUB, ValueType.DATETIME, ValueType.DATETIME): ValueType.DURATION,
    (Operator.SUB, ValueType.DURATION, ValueType.DURATION): ValueType.DURATION,
}
_REFUSED: dict[type[object], str] = {
    ast.ComprehensionExpression: "a comprehension is not part of the language: test the set with 'in'",
    ast.FunctionCallExpression: "a function call is not part of the language: put the result in as a fact",
    ast.GetItemExpression: "an item in brackets is not part of the language: declare it as a fact of its own",
    ast.GetSliceExpression: "a slice is not part of the language: use '=~' with a regular expression",
    ast.BytesExpression: "bytes are not part of the language: write a text",
    ast.MappingExpression: "a mapping is not part of the language: write a set as ['a', 'b']",
    ast.BitwiseExpression: "bitwise operators are not part of the language: write 'and', 'or' or '!='",
    ast.BitwiseShiftExpression: "bitwise operators are not part of the language: use '*' or '/'",
}
_IN_QUOTES = frozenset({"STRING", "DATETIME", "TIMEDELTA", "BYTES"})
_TRUE_WORDS = {"True": "true", "False": "false", "None": "null", "NULL": "null", "TRUE": "true", "FALSE": "false"}


def check(text: str, facts: Mapping[str, Fact]) -> Node:
    """Parse and type an expression; the answer is a condition.

    Raises:
        ExpressionError: see `compile_expression`.

    """
    try:
        return _Checking(text, facts).condition(parse_text(text))
    except ExpressionError as error:
        raise _better(text, error) from None


def _better(text: str, error: ExpressionError) -> ExpressionError:
    """The error, or the one behind it: a date without quotes reads as a subtraction, and is told as what it is."""
    try:
        strings = [(token.start, token.end) for token in scan(text).tokens if token.kind in _IN_QUOTES]
    except ExpressionError:
        strings = []
    return unquoted_date(text, error, strings) or error


class _Checking:
    """Builds the tree of one text; every method raises ExpressionError."""

    def __init__(self, text: str, facts: Mapping[str, Fact]) -> None:
        self._text = text
        self._facts = facts
        self._nodes = 0

    def condition(self, parsed: Parsed) -> Node:
        """A construct that must be true or false."""
        node = self.node(parsed)
        if node.type is not ValueType.BOOL:
            shown = self._fragment(parsed)
            raise self._fail(f"{shown} is {_a(node.type)}, not a condition: compare it with a value", parsed)
        return node

    def node(self, parsed: Parsed) -> Node:  # noqa: PLR0911 - one case for each construct
        """Any construct that has a value."""
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise self._fail(f"the expression has more than {MOST_NODES} nodes: split it into several rules", parsed)
        construct, parts = parsed.construct, parsed.parts
        if construct in _REFUSED:
            raise self._fail(_REFUSED[construct], parsed)
        if construct is ast.LogicExpression:
            return self._logic(parsed)
        if construct is ast.UnaryExpression:
            return self._not(parsed) if parts[0] == "NOT" else self._minus(parsed)
        if construct in (ast.ComparisonExpression, ast.ArithmeticComparisonExpression):
            return self._comparison(parsed)
        if construct is ast.FuzzyComparisonExpression:
            return self._match(parsed)
        if construct is ast.ContainsExpression:
            return self._membership(parsed)
        if construct in (ast.AddExpression, ast.SubtractExpression, ast.ArithmeticExpression):
            return self._arithmetic(parsed)
        if construct is ast.TernaryExpression:
            return self._choice(parsed)
        if construct is ast.CoalesceExpression:
            return self._fallback(parsed)
        if construct is ast.GetAttributeExpression:
            return self._attribute(parsed)
        if construct is ast.SymbolExpression:
            return self._symbol(parsed)
        return self._literal(parsed)

    def _literal(self, parsed: Parsed) -> Node:
        construct = parsed.construct
        if construct is ast.FloatExpression:
            return number_literal(parsed, self._fail)
        if construct is ast.StringExpression:
            return text_literal(parsed, self._fail)
        if construct is ast.DatetimeExpression:
            return datetime_literal(parsed, self._fail)
        if construct is ast.TimedeltaExpression:
            return duration_literal(parsed, self._fail)
        if construct is ast.BooleanExpression:
            return Literal(type=ValueType.BOOL, start=parsed.start, end=parsed.end, value=bool(parsed.parts[0]))
        if construct is ast.NullExpression:
            raise self._fail("null can only be compared: write 'fact == null' or 'fact != null'", parsed)
        if construct in (ast.ArrayExpression, ast.SetExpression):
            raise self._fail("a set can only stand after 'in' or 'not in'", parsed)
        raise self._fail(f"{construct.__name__} is not part of the language", parsed)

    def _symbol(self, parsed: Parsed) -> Node:
        name = str(parsed.parts[0])
        if parsed.options.get("scope"):
            if name == "now":
                return Now(type=ValueType.DATETIME, start=parsed.start, end=parsed.end)
            if name == "random":
                raise self._fail(
                    "$random is refused, because a decision must give the same when it is replayed", parsed
                )
            raise self._fail(f"'${name}' is not part of the language; '$now' is", parsed)
        fact = self._facts.get(name)
        if fact is None:
            if name in _TRUE_WORDS:
                raise self._fail(f"unknown fact '{name}'; write {_TRUE_WORDS[name]}", parsed)
            raise self._fail(f"unknown fact {quoted(name)}{hint(name, self._facts)}", parsed)
        return FactValue(type=ValueType(fact.type.value), start=parsed.start, end=parsed.end, name=name)

    def _logic(self, parsed: Parsed) -> Node:
        connective = parsed.parts[0]
        operands: list[Parsed] = []
        left = parsed
        while left.construct is ast.LogicExpression and left.parts[0] == connective:
            operands.append(left.parts[2])
            left = left.parts[1]
        operands.append(left)
        built = tuple(self.condition(operand) for operand in reversed(operands))
        return Logic(type=ValueType.BOOL, start=parsed.start, end=parsed.end, every=connective == "AND", operands=built)

    def _not(self, parsed: Parsed) -> Node:
        operand = self.condition(parsed.parts[1])
        return Not(type=ValueType.BOOL, start=parsed.start, end=parsed.end, operand=operand)

    def _minus(self, parsed: Parsed) -> Node:
        operand = self.node(parsed.parts[1])
        if operand.type not in (*_NUMERIC, ValueType.DURATION):
            raise self._fail(f"'-' needs a number, not {_a(operand.type)}", parsed)
        if isinstance(operand, Literal) and not isinstance(operand.value, str):
            exact = None if operand.exact is None else operand.exact.copy_negate()
            return replace(operand, value=-operand.value, exact=exact, start=parsed.start)  # type: ignore[operator]
        return Minus(type=operand.type, start=parsed.start, end=parsed.end, operand=operand)

    def _comparison(self, parsed: Parsed) -> Node:
        comparator = _COMPARATORS[parsed.parts[0]]
        ordered = comparator not in (Comparator.EQ, Comparator.NE)
        sides = [side for side in parsed.parts[1:] if side.construct is not ast.NullExpression]
        if len(sides) < 2:
            if ordered or not sides:
                raise self._fail("null has no order and no value: write 'fact == null' or 'fact != null'", parsed)
            present = comparator is Comparator.NE
            operand = self.node(sides[0])
            return Presence(type=ValueType.BOOL, start=parsed.start, end=parsed.end, operand=operand, present=present)
        self._bare_words(sides)
        left, right = self._alike(parsed, self.node(sides[0]), self.node(sides[1]), f"'{comparator}'")
        if left.type is ValueType.TEXTS:
            raise self._fail("sets are not compared: test a member with 'in'", parsed)
        if ordered and left.type is ValueType.BOOL:
            raise self._fail(f"true and false have no order: '{comparator}' cannot compare them", parsed)
        return Comparison(
            type=ValueType.BOOL, start=parsed.start, end=parsed.end, comparator=comparator, left=left, right=right
        )

    def _bare_words(self, sides: list[Parsed]) -> None:
        """Refuse a text that lacks its quotes: an unknown name beside a fact that is a text."""
        for one, other in (sides, reversed(sides)):
            fact = self._facts.get(str(other.parts[0])) if other.construct is ast.SymbolExpression else None
            if fact is not None and fact.type.value == ValueType.TEXT:
                self._bare_word(one)

    def _bare_word(self, parsed: Parsed) -> None:
        name = str(parsed.parts[0])
        bare = parsed.construct is ast.SymbolExpression and not parsed.options.get("scope")
        if bare and name not in self._facts and name not in _TRUE_WORDS:
            close = nearest(name, self._facts)
            meant = f"; did you mean '{close}'?" if close is not None else ""
            raise self._fail(f"unknown fact {quoted(name)}{meant}; if it is a text, quote it: '{name}'", parsed)

    def _match(self, parsed: Parsed) -> Node:
        search, negated = _MATCHES[parsed.parts[0]]
        operand = self.node(parsed.parts[1])
        if operand.type is not ValueType.TEXT:
            raise self._fail(f"a regular expression needs a text, not {_a(operand.type)}", parsed.parts[1])
        if parsed.parts[2].construct is not ast.StringExpression:
            raise self._fail("a regular expression must be written out as a text", parsed.parts[2])
        pattern = str(text_literal(parsed.parts[2], self._fail).value)
        try:
            compile_regex(pattern, search=search)
        except RegexError as problem:
            raise self._fail(
                f"RE2 does not take this regular expression: {problem}",
                parsed.parts[2],
            ) from None
        return Match(
            type=ValueType.BOOL,
            start=parsed.start,
            end=parsed.end,
            operand=operand,
            pattern=pattern,
            search=search,
            negated=negated,
        )

    def _membership(self, parsed: Parsed) -> Node:
        container, item = parsed.parts
        member = self.node(item)
        built: Node
        if container.construct in (ast.ArrayExpression, ast.SetExpression):
            built = self._set(container, member, item)
        else:
            built = self.node(container)
            if built.type is ValueType.TEXT:
                raise self._fail("'in' does not search within a text: write text =~~ 'part'", parsed)
            if built.type is not ValueType.TEXTS:
                raise self._fail(f"'in' needs a set, not {_a(built.type)}", container)
            if member.type is not ValueType.TEXT:
                raise self._fail(f"{self._fragment(container)} holds texts, {_a(member.type)} is never in it", parsed)
        return Membership(type=ValueType.BOOL, start=parsed.start, end=parsed.end, item=member, container=built)

    def _set(self, parsed: Parsed, item: Node, item_parsed: Parsed) -> LiteralSet:
        if item.type is ValueType.TEXTS:
            raise self._fail("a set is not in a set: test its members one by one", item_parsed)
        values: dict[Constant, None] = {}
        for member in parsed.parts[0]:
            if item.type is ValueType.TEXT:
                self._bare_word(member)
            if member.construct is ast.NullExpression:
                raise self._fail("null is in no set: write 'or fact == null'", member)
            # A set is one node however many members it has: the size of the text bounds them.
            nodes = self._nodes
            built = self.node(member)
            self._nodes = nodes
            if not isinstance(built, Literal):
                raise self._fail("a set holds constants only: compare with '==' and 'or'", member)
            if item.type is ValueType.DECIMAL and built.exact is not None:
                built = replace(built, type=ValueType.DECIMAL, value=built.exact)
            if built.type is not item.type:
                looked_for = f"{self._fragment(item_parsed)} is {_a(item.type)}"
                raise self._fail(f"{self._fragment(member)} is {_a(built.type)}, but {looked_for}", member)
            values[built.value] = None
        if not values:
            raise self._fail("nothing is in an empty set: name its members", parsed)
        return LiteralSet(type=item.type, start=parsed.start, end=parsed.end, values=tuple(values))

    def _arithmetic(self, parsed: Parsed) -> Node:
        operator = _OPERATORS.get(parsed.parts[0])
        if operator is None:
            sign = {"POW": "**", "FDIV": "//"}[parsed.parts[0]]
            raise self._fail(f"'{sign}' is not part of the language: there are + - * / %", parsed)
        left, right = self.node(parsed.parts[1]), self.node(parsed.parts[2])
        of_times = _TIMES.get((operator, left.type, right.type))
        if of_times is not None:
            made = of_times
        elif left.type in _NUMERIC and right.type in _NUMERIC:
            left, right = self._alike(parsed, left, right, f"'{operator}'")
            made = left.type
        else:
            raise self._fail(f"'{operator}' cannot compute with {_a(left.type)} and {_a(right.type)}", parsed)
        return Arithmetic(type=made, start=parsed.start, end=parsed.end, operator=operator, left=left, right=right)

    def _choice(self, parsed: Parsed) -> Node:
        condition = self.condition(parsed.parts[0])
        then, otherwise = self._alike(parsed, self.node(parsed.parts[1]), self.node(parsed.parts[2]), "'? :'")
        self._no_sets(then, parsed)
        return Choice(
            type=then.type, start=parsed.start, end=parsed.end, condition=condition, then=then, otherwise=otherwise
        )

    def _fallback(self, parsed: Parsed) -> Node:
        value, otherwise = self._alike(
            parsed,
            self.node(parsed.parts[0]),
            self.node(parsed.parts[1]),
            "'??' (put it in brackets: it binds loosely)",
        )
        self._no_sets(value, parsed)
        return Fallback(type=value.type, start=parsed.start, end=parsed.end, value=value, otherwise=otherwise)

    def _no_sets(self, node: Node, parsed: Parsed) -> None:
        if node.type is ValueType.TEXTS:
            raise self._fail("a set of texts can only be tested with 'in', '== null' and '.length'", parsed)

    def _attribute(self, parsed: Parsed) -> Node:
        operand, name = self.node(parsed.parts[0]), str(parsed.parts[1])
        if parsed.options.get("safe"):
            raise self._fail("'&.' is not needed: write '.', which is missing where the text is missing", parsed)
        allowed: dict[ValueType, list[TextAttribute]] = {
            ValueType.TEXT: list(TextAttribute),
            ValueType.TEXTS: [TextAttribute.LENGTH],
        }
        known = [attribute.value for attribute in allowed.get(operand.type, [])]
        if name not in known:
            way_out = hint(name, known) or "; there are attributes of texts and sets only: compare the value itself"
            raise self._fail(f"{_a(operand.type)} has no attribute {quoted(name)}{way_out}", parsed)
        attribute = TextAttribute(name)
        made = ValueType.NUMBER if attribute is TextAttribute.LENGTH else ValueType.TEXT
        return Attribute(type=made, start=parsed.start, end=parsed.end, attribute=attribute, operand=operand)

    def _alike(self, parsed: Parsed, left: Node, right: Node, what: str) -> tuple[Node, Node]:
        """Bring two operands to one type: beside a decimal, numbers are exact."""
        if left.type is right.type:
            return left, right
        if left.type in _NUMERIC and right.type in _NUMERIC:
            return _as_decimal(left), _as_decimal(right)
        parts = [part for part in parsed.parts if isinstance(part, Parsed)][-2:]
        raise self._fail(
            f"{what} cannot join {_a(left.type)} and {_a(right.type)}: {self._fragment(parts[0])} is {_a(left.type)}, "
            f"{self._fragment(parts[1])} is {_a(right.type)}{_way_out(self._text, left, right)}",
            parsed,
        )

    def _fragment(self, parsed: Parsed) -> str:
        return quoted(self._text[parsed.start : parsed.end])

    def _fail(self, message: str, parsed: Parsed) -> ExpressionError:
        return error_at(self._text, message, parsed.start, parsed.end)


def _way_out(text: str, *sides: Node) -> str:
    """What to write instead where two types do not go together."""
    for literal, other in (sides, reversed(sides)):
        if not isinstance(literal, Literal):
            continue
        value, kind = literal.value, other.type
        if isinstance(value, str):
            if kind is ValueType.DATETIME and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}.{0,24}", value):
                return f"; write d'{value}'"
            if kind in _NUMERIC and re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", value):
                return f"; write {value} without quotes"
            if kind is ValueType.BOOL and value in _TRUE_WORDS.values():
                return f"; write {value} without quotes"
        return f"; write {_a(kind)} instead of {quoted(text[literal.start : literal.end])}"
    return "; both sides must be of one type"


def _as_decimal(node: Node) -> Node:
    if node.type is ValueType.DECIMAL:
        return node
    if isinstance(node, Literal) and node.exact is not None:
        return replace(node, type=ValueType.DECIMAL, value=node.exact)
    return Exact(type=ValueType.DECIMAL, start=node.start, end=node.end, operand=node)


def _a(kind: ValueType) -> str:
    return _NAMES[kind]


_NAMES = {
    ValueType.NUMBER: "a number",
    ValueType.DECIMAL: "a decimal",
    ValueType.TEXT: "a text",
    ValueType.BOOL: "true or false",
    ValueType.DATETIME: "an instant",
    ValueType.TEXTS: "a set of texts",
    ValueType.DURATION: "a span of time",
}
