"""Errors of expressions: a text that cannot be compiled, and a value that has not the declared type."""

from __future__ import annotations

from trueline_rules.names import quoted


class ExpressionError(Exception):
    """An expression does not compile.

    `start` and `length` are offsets in characters into the text of the expression, `fragment` is what stands there.
    `start` is None where the expression as a whole is meant.
    """

    code = "INVALID_ARGUMENT"
    reason = "INVALID_EXPRESSION"

    def __init__(self, message: str, *, start: int | None = None, length: int = 0, fragment: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.length = length
        self.fragment = fragment
        self.metadata = {"fragment": fragment, "start": "" if start is None else str(start)}


class FactValueError(Exception):
    """A value given to an expression has not the type that its fact declares."""

    code = "INVALID_ARGUMENT"
    reason = "INVALID_FACT_VALUE"

    def __init__(self, name: str, expected: str, value: object) -> None:
        shown = quoted(repr(value)[:200])
        super().__init__(f"fact '{name}' is declared as {expected}, but its value is {shown} ({type(value).__name__})")
        self.message = str(self)
        self.metadata = {"fact": name, "expected": expected}
