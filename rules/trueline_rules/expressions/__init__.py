"""Conditions of rules: text to a typed tree; the tree to a closure, to ClickHouse SQL and to an explanation."""

# Before anything here imports rule-engine.
import trueline_rules.expressions.parse_tables  # noqa: F401

# isort: split
from trueline_rules.expressions.errors import ExpressionError, FactValueError
from trueline_rules.expressions.expression import Expression, compile_expression
from trueline_rules.expressions.facts import Fact, FactType
from trueline_rules.expressions.sql import PushdownError, SqlCondition

__all__ = [
    "Expression",
    "ExpressionError",
    "Fact",
    "FactType",
    "FactValueError",
    "PushdownError",
    "SqlCondition",
    "compile_expression",
]
