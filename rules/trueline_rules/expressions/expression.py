"""An expression compiled: its tree, its closure, its SQL, and how it explains itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from trueline_rules.expressions.checking import check
from trueline_rules.expressions.closure import Evaluate, compile_condition
from trueline_rules.expressions.explaining import Explanation, explain
from trueline_rules.expressions.facts import Fact
from trueline_rules.expressions.sql import PushdownError, SqlCondition, condition_sql
from trueline_rules.expressions.tree import Node, Now, facts_read, walk


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition over facts; what each construct means is in docs/expressions.md."""

    text: str
    tree: Node
    facts: tuple[str, ...]  # the names read, sorted
    evaluate: Evaluate = field(compare=False, repr=False)
    pushdown_problem: str  # why there is no SQL, and the way out; "" where there is
    pushdown_place: tuple[int, int] = (0, 0)  # where the part without SQL begins and ends in the text

    @property
    def reads_now(self) -> bool:
        """Whether the result changes with the instant alone."""
        return any(isinstance(node, Now) for node in walk(self.tree))

    def sql(self, columns: Mapping[str, str]) -> SqlCondition:
        """The condition in ClickHouse's SQL over columns by fact (and `$now`); see `condition_sql`.

        Raises:
            PushdownError: there is none; see `pushdown_problem`.

        """
        return condition_sql(self.tree, columns)

    def explain(self, values: Mapping[str, object], now: datetime | None = None) -> Explanation:
        """What the condition found in these values, and the nearest change that would turn it.

        Raises:
            FactValueError: a value has not the type that its fact declares.

        """
        return explain(self.text, self.tree, values, now)


def compile_expression(text: str, facts: Mapping[str, Fact]) -> Expression:
    """Compile a condition.

    Args:
        text: the expression, at most 4 KiB, 200 nodes and 32 levels deep.
        facts: the declared facts by name.

    Raises:
        ExpressionError: it is not of the language, reads a fact that is not declared, joins what cannot be joined, or
            is no condition; `start` and `fragment` say where.

    """
    tree = check(text, facts)
    read = facts_read(tree)
    problem, place = "", (0, 0)
    try:
        condition_sql(tree, dict.fromkeys((*read, "$now"), "x"))
    except PushdownError as error:
        problem, place = str(error), (error.start, error.end)
    return Expression(text, tree, read, compile_condition(tree), problem, place)
