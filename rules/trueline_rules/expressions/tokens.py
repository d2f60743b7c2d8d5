"""The tokens of an expression with their places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trueline_rules.expressions.errors import ExpressionError


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind as rule-engine names it, and its place (`end` is exclusive)."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Source:
    """A text cut into tokens; `raw` are the lexer's own."""

    text: str
    tokens: tuple[Token, ...]
    raw: tuple[Any, ...]

    def show(self, token: Token) -> str:
        """What the token looks like in the text."""
        return self.text[token.start : token.end]

    def error(self, message: str, token: Token) -> ExpressionError:
        """An error at a token."""
        return error_at(self.text, message, token.start, token.end)


def error_at(text: str, message: str, start: int, end: int) -> ExpressionError:
    """An error at a place of a text."""
    return ExpressionError(message, start=start, length=end - start, fragment=text[start:end])
