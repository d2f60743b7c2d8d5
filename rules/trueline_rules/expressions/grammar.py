"""Text to syntax: rule-engine's grammar, with the place of every construct and without running any of it.

rule-engine computes constant parts while it parses (`9 ** 9 ** 9` included). Here its tables run with actions that only
note what was read, so nothing is computed, and the place of each construct is known.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import rule_engine
import rule_engine.errors
from rule_engine import ast

from trueline_rules.expressions.errors import ExpressionError
from trueline_rules.expressions.mistakes import check_brackets, illegal_character, unexpected
from trueline_rules.expressions.tokens import Source, Token, error_at
from trueline_rules.names import quoted

LONGEST_TEXT_BYTES = 4096
DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Parsed:
    """A construct of rule-engine's grammar: its class there, its parts (Parsed or plain values), and its place."""

    construct: type[Any]
    parts: tuple[Any, ...]
    options: dict[str, Any]
    start: int
    end: int
    depth: int


def parse_text(text: str) -> Parsed:
    """Parse an expression.

    Raises:
        ExpressionError: it is empty, longer than 4 KiB, nested deeper than 32, or not of the grammar.

    """
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST_TEXT_BYTES:
        size = len(text.encode("utf-8", "surrogatepass"))
        raise ExpressionError(
            f"the expression has {size} bytes, {LONGEST_TEXT_BYTES} are allowed: split it into several rules"
        )
    source = scan(text)
    check_brackets(source, DEEPEST)
    # A copy, because the machine keeps the state of its run in itself.
    machine = copy.copy(_machine())
    try:
        parsed = machine.parse(text, lexer=_Reading(source), tracking=True)
    except rule_engine.RuleSyntaxError as error:
        position = None if error.token is None else error.token.lexpos
        raise unexpected(source, position) from None
    if not isinstance(parsed, Parsed):
        raise unexpected(source, None)
    return parsed


@cache
def _machine() -> Any:
    # With the tables that rule-engine was imported with: a parser of our own would make them again (0.2 s).
    machine = copy.copy(rule_engine.Rule.parser._parser)
    machine.productions = [_noting(production) for production in machine.productions]
    return machine


def scan(text: str) -> Source:
    """Cut a text into tokens.

    Raises:
        ExpressionError: a character is none of the language.

    """
    lexer = rule_engine.Rule.parser._lexer.clone()
    lexer.input(text)
    found: list[Token] = []
    tokens: list[Any] = []
    while True:
        try:
            token = lexer.token()
        except rule_engine.RuleSyntaxError as error:
            at = lexer.lexpos if error.token is not None else lexer.lexmatch.start()
            raise illegal_character(text, at) from None
        if token is None:
            return Source(text=text, tokens=tuple(found), raw=tuple(tokens))
        found.append(Token(kind=token.type, start=token.lexpos, end=lexer.lexpos))
        tokens.append(token)


class _Reading:
    """One run of the parser: a lexer that plays the tokens once more, and turns what actions answer into Parsed."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ends = {token.start: token.end for token in source.tokens}
        self._tokens = iter(source.raw)
        self.lineno = 1

    def input(self, text: str) -> None:
        """Nothing: the text has been read."""

    def token(self) -> Any:
        """The next token; None at the end."""
        return next(self._tokens, None)

    def note(self, action: Callable[[Any], None], production: Any) -> None:
        """Run an action of the grammar and note what it made."""
        start = production.lexspan(1)[0]
        end = self._ends[production.lexspan(len(production) - 1)[1]]
        try:
            action(production)
        except rule_engine.errors.SyntaxError as error:
            text = self._source.text
            raise error_at(text, f"{quoted(text[start:end])} cannot be read: {error.message}", start, end) from None
        made = production[0]
        if not hasattr(made, "cls"):
            return
        if made.cls is ast.Statement:
            production[0] = made.args[1]
            return
        parsed = _located(made, start, end)
        if parsed.depth > DEEPEST:
            message = f"the expression is nested deeper than {DEEPEST}: split it into several rules"
            raise error_at(self._source.text, message, start, end)
        production[0] = parsed


def _noting(production: Any) -> Any:
    if not getattr(production, "callable", None):
        return production
    noting = copy.copy(production)
    action = production.callable
    noting.callable = lambda found: found.lexer.note(action, found)
    return noting


def _located(made: Any, start: int, end: int) -> Parsed:
    # `not in` makes two constructs at once.
    parts = tuple(_located(part, start, end) if hasattr(part, "cls") else part for part in made.args[1:])
    return Parsed(made.cls, parts, dict(made.kwargs), start, end, _depth(made.cls, parts))


def _depth(construct: type[Any], parts: Any) -> int:
    deepest = 0
    chained: Any = parts[1] if construct is ast.LogicExpression and isinstance(parts, tuple) else None
    for part in parts:
        if isinstance(part, Parsed):
            # A chain of one connective is one node with many operands.
            same = part is chained and (part.construct, part.parts[0]) == (construct, parts[0])
            deepest = max(deepest, part.depth - (1 if same else 0))
        elif isinstance(part, Iterable) and not isinstance(part, str):
            deepest = max(deepest, _depth(list, part))
    return deepest + 1 if construct is not list else deepest
