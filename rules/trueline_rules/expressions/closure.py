"""A tree as a Python function: generated source, compiled once, with a shortcut for the usual case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from types import CodeType
from typing import Any, Protocol, cast

from trueline_rules.expressions.shortcut import NoShortcutError, ShortcutWriter
from trueline_rules.expressions.source import Names, StatementWriter
from trueline_rules.expressions.tree import Node

Values = Mapping[str, object]
Computed = Callable[[Values, datetime | None], Any]

# What a value that is missing or of another type may raise in the shortcut; the statements then tell which it is.
_OUT_OF_THE_ORDINARY = (KeyError, TypeError, ArithmeticError)


class Evaluate(Protocol):
    """A compiled condition."""

    def __call__(self, facts: Values, now: datetime | None = None) -> bool | None:
        """True, False, or None where it is unknown.

        Args:
            facts: values by name; a missing key and None mean that nothing is known.
            now: the instant of the decision, aware; needed by conditions with `$now`.

        Raises:
            FactValueError: a value has not the type that its fact declares.

        """
        ...


def compile_condition(tree: Node) -> Evaluate:
    """Compile a condition; its statements are compiled when the shortcut first does not do."""
    names = Names()
    try:
        shortcut = ShortcutWriter(names).write(tree)
    except NoShortcutError:
        return cast(Evaluate, compile_value(tree))
    general = names.add(_when_needed(tree))
    failures = names.add(_OUT_OF_THE_ORDINARY)
    body = [
        "    try:",
        *(f"        {line}" for line in shortcut),
        f"    except {failures}: pass",
        f"    return {general}(facts, now)",
    ]
    return cast(Evaluate, _made(body, names))


def compile_value(tree: Node) -> Computed:
    """Compile any node to the function that computes its value; None is missing or unknown."""
    writer = StatementWriter()
    result = writer.write(tree)
    return cast(Computed, _made(["    get = facts.get", *writer.lines, f"    return {result}"], writer.names))


def _when_needed(tree: Node) -> Computed:
    compiled: Computed | None = None

    def compute(facts: Values, now: datetime | None) -> Any:
        nonlocal compiled
        if compiled is None:
            compiled = compile_value(tree)
        return compiled(facts, now)

    return compute


def _made(body: list[str], names: Names) -> object:
    lines = [f"def make({', '.join(names.values)}):", " def evaluate(facts, now=None):"]
    source = "\n".join([*lines, *(f" {line}" for line in body), " return evaluate"])
    namespace: dict[str, Any] = {"__builtins__": {}}
    exec(_code(source), namespace)  # noqa: S102 - the source has no text of the expression, see `source`
    return namespace["make"](*names.values.values())


@lru_cache(maxsize=4096)
def _code(source: str) -> CodeType:
    # Rules of the same shape have the same source, since all that differs is passed to it.
    return compile(source, "<expression>", "exec")
