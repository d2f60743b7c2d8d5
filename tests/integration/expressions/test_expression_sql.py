"""The SQL of an expression, run by a real ClickHouse, gives what the closure gives: row by row, unknown for unknown."""

from __future__ import annotations

import re
from decimal import Decimal
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from trueline_rules.expressions import Expression, PushdownError, compile_expression
from trueline_rules.expressions.closure import compile_value
from trueline_rules.expressions.sql import quote
from trueline_stores.warehouse.client import Warehouse

from tests.unit.expressions.random_expressions import (
    FACTS,
    INSTANTS,
    NOW,
    NUMBERS,
    PATTERNS,
    TEXTS,
    conditions,
    fact_values,
)

COLUMNS = {name: name for name in FACTS} | {"$now": f"toDateTime64('{NOW.replace(tzinfo=None)}', 6, 'UTC')"}
SCHEMA = pa.schema(
    [
        ("row", pa.uint64()),
        ("n1", pa.float64()),
        ("n2", pa.float64()),
        ("t1", pa.string()),
        ("t2", pa.string()),
        ("b1", pa.bool_()),
        ("d1", pa.timestamp("us", "UTC")),
        ("d2", pa.timestamp("us", "UTC")),
        ("s1", pa.list_(pa.string())),
        ("p1", pa.decimal128(38, 10)),
        ("p2", pa.decimal128(38, 10)),
    ]
)
TABLE = "trueline.expression_facts"


@pytest.fixture(scope="module")
def facts_table(warehouse: Warehouse) -> Warehouse:
    """A warehouse with a table that has a column of each type of fact."""
    warehouse.command(
        f"CREATE TABLE {TABLE} (row UInt64, n1 Nullable(Float64), n2 Nullable(Float64), t1 Nullable(String), "
        "t2 Nullable(String), b1 Nullable(Bool), d1 Nullable(DateTime64(6, 'UTC')), d2 Nullable(DateTime64(6, 'UTC')), "
        "s1 Array(Nullable(String)), p1 Nullable(Decimal(38, 10)), p2 Nullable(Decimal(38, 10))) ENGINE = Memory"
    )
    return warehouse


def fill(warehouse: Warehouse, rows: list[dict[str, Any]]) -> None:
    """Make these the rows of the table; a missing set of texts is an array with a NULL."""
    columns: dict[str, list[Any]] = {field.name: [] for field in SCHEMA}
    for number, row in enumerate(rows):
        for name in FACTS:
            value = row.get(name)
            if name == "s1":
                value = [None] if value is None else sorted(value)
            columns[name].append(float(value) if name in ("n1", "n2") and value is not None else value)
        columns["row"].append(number)
    warehouse.command(f"TRUNCATE TABLE {TABLE}")
    warehouse.insert("expression_facts", pa.table(columns, schema=SCHEMA))


def answers(warehouse: Warehouse, expressions: list[Expression]) -> list[tuple[bool | None, ...]]:
    """What ClickHouse answers: for each row of the table, one for each expression."""
    selected = ", ".join(expression.sql(COLUMNS).sql for expression in expressions)
    rows = warehouse.query(f"SELECT {selected} FROM {TABLE} ORDER BY row")
    return [tuple(None if value is None else bool(value) for value in row) for row in rows]


@settings(
    suppress_health_check=list(HealthCheck),
    deadline=None,
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(
    texts=st.lists(conditions(2), min_size=5, max_size=12, unique=True),
    rows=st.lists(fact_values(), min_size=4, max_size=12),
)
def test_sql_is_the_closure(facts_table: Warehouse, texts: list[str], rows: list[dict[str, Any]]) -> None:
    """Random conditions over random facts: nulls, NaN, infinities, any Unicode, dates, sets, regexes, corners."""
    compiled = [compile_expression(text, FACTS) for text in texts]
    pushed = [expression for expression in compiled if not expression.pushdown_problem]
    assert len(pushed) == len(compiled)
    fill(facts_table, rows)
    for row, found in zip(rows, answers(facts_table, pushed), strict=True):
        for expression, answer in zip(pushed, found, strict=True):
            assert (expression.text, answer) == (expression.text, expression.evaluate(row, NOW)), row


def agree(warehouse: Warehouse, texts: list[str], rows: list[dict[str, Any]]) -> None:
    """Assert that every condition gives the same by both ways, for every row."""
    compiled = [compile_expression(text, FACTS) for text in texts]
    fill(warehouse, rows)
    for row, found in zip(rows, answers(warehouse, compiled), strict=True):
        expected = tuple(expression.evaluate(row, NOW) for expression in compiled)
        assert dict(zip(texts, found, strict=True)) == dict(zip(texts, expected, strict=True)), row


def test_every_pattern_on_every_text(facts_table: Warehouse) -> None:
    """Dots, line breaks, anchors, flags and case mean the same in both RE2s."""
    patterns = [
        *PATTERNS,
        "(?m)^b$",
        "a$",
        "\\\\w+",
        "\\\\s",
        "[[:alpha:]]",
        "(?i)\u00c4",
        "\\\\x{1F600}",
        "a{2,3}",
        "\\\\bgold\\\\b",
    ]
    texts = [f't1 {operator} "{pattern}"' for operator in ("=~", "=~~", "!~", "!~~") for pattern in patterns]
    values = [*TEXTS, "a\nb\n", "b\na", "gold pro", "go.ld", "aa", "0", "\u0663", "\u00c4", None]
    agree(facts_table, texts, [{"t1": value} for value in values])


def test_arithmetic_to_the_last_bit(facts_table: Warehouse) -> None:
    """Sums, products, quotients and remainders are the same float64, or missing alike."""
    numbers = [*NUMBERS, 2.0**63, 1e22, 0.7, 1 / 3, -1e-9, 123456789.125, float("nan"), float("inf"), None]
    for operator in ("+", "-", "*", "/", "%"):
        computed = compile_value(compile_expression(f"(n1 {operator} n2) == null", FACTS).tree.operand)  # type: ignore[attr-defined]
        rows = [{"n1": left, "n2": right} for left, right in product(numbers, numbers)]
        # The result comes back as a text, since two facts of numbers are the operands.
        results = [computed(row, None) for row in rows]
        fill(facts_table, rows)
        sql = compile_expression(f"(n1 {operator} n2) < 0", FACTS).sql(COLUMNS).sql
        value = sql.removeprefix("CAST(less(").removesuffix(", toFloat64(0.0)), 'Nullable(UInt8)')")
        found = [value for (value,) in facts_table.query(f"SELECT {value} FROM {TABLE} ORDER BY row")]
        assert dict(enumerate(found)) == dict(enumerate(results)), operator


def test_corners(facts_table: Warehouse) -> None:
    """Zero with a sign, instants at the ends of the calendar, sets, and texts that would break out of their quotes."""
    far, almost = (" + ".join(["t'P366000D'"] * times) for times in (8, 7))
    agree(
        facts_table,
        ["n1 in [0]", "n1 not in [0, 1]", "n1 in [-0.0]", "n1 == 0", "-n1 in [0]"],
        [{"n1": value} for value in (0.0, -0.0, 1.0, None)],
    )
    ends = [
        f"d1 + {far} > d1",
        f"d1 - {far} < d1",
        "(d1 + t'P366000D') == null",
        "d1 - d2 > t'P1D'",
        "$now - d1 == t'PT0S'",
    ]
    agree(facts_table, ends, [{"d1": first, "d2": second} for first, second in product([*INSTANTS, None], INSTANTS)])
    edge = [f"d1 + {almost} + t'P{days}DT{hours}H' > d1" for days in range(331_400, 331_900, 20) for hours in (0, 23)]
    agree(facts_table, edge, [{"d1": value} for value in INSTANTS])
    sets: list[Any] = [None, frozenset(), *(frozenset([text]) for text in TEXTS)]
    members = ["t1 in s1", "t1 not in s1", "s1 == null", "s1 != null", "s1.length > 0", "'gold' in s1"]
    agree(facts_table, members, [{"t1": text, "s1": held} for text, held in product([*TEXTS, None], sets)])
    order = ["t1 < t2", "t1 == t2", "t1 >= t2", "t1.length > t2.length", "t1 != null", "(t1 ?? t2) == 'a'"]
    agree(facts_table, order, [{"t1": one, "t2": two} for one, two in product([*TEXTS, "\0", "a\0", None], TEXTS)])


def test_texts_cannot_leave_their_quotes(facts_table: Warehouse) -> None:
    """Whatever a text literal holds, it stays one literal, for the parser of SQL and for the driver's parameters."""
    for text in [*TEXTS, "'); DROP TABLE x; --", "\\'", "\0", "{a:UInt8}", "%(a)s", "\\", "\u2028"]:
        assert facts_table.query(f"SELECT {quote(text)}, {{p:UInt8}}", {"p": 1}) == [(text, 1)]


@pytest.mark.parametrize(
    ("text", "problem", "part"),
    [
        (
            "b1 or t1.as_lower == 'a'",
            "'.as_lower' of ClickHouse differs from Unicode's in some letters: use =~ '(?i)…'",
            "t1.as_lower",
        ),
        ("p1 * p2 > 1", "'*' of decimals is exact only outside ClickHouse: declare the facts as number", "p1 * p2"),
        (
            "p1 < n1",
            "a decimal meets a float64 number, which ClickHouse does not compute exactly: declare both facts alike",
            "n1",
        ),
        (
            "p1 < 0.1234567890123456789",
            "0.1234567890123456789 has more than 18 decimal places or 38 digits: write fewer",
            "0.1234567890123456789",
        ),
        (
            f"b1 and {'(' * 15}b1{' ? b1 : b1)' * 15}",
            "it becomes too long in SQL: nest fewer '? :'",
            f"{'(' * 11}b1{' ? b1 : b1)' * 11} ? b1 : b1",
        ),
    ],
)
def test_what_cannot_be_pushed_down_says_why(text: str, problem: str, part: str) -> None:
    """A condition without an equal in SQL is told when it is compiled, with the part that has none, and evaluates."""
    expression = compile_expression(text, FACTS)
    assert expression.pushdown_problem == problem
    assert expression.text[slice(*expression.pushdown_place)] == part
    with pytest.raises(PushdownError, match=re.escape(problem)):
        expression.sql(COLUMNS)
    expression.evaluate({}, NOW)


def test_decimals_are_exact(facts_table: Warehouse) -> None:
    """Sums and comparisons of decimals keep every digit."""
    amounts = [Decimal("0.1"), Decimal("0.2"), Decimal("0.3"), Decimal("1234567890123456789012345678.0000000001"), None]
    texts = [
        "p1 + p2 == 0.3",
        "p1 - p2 < 0",
        "p1 == p2",
        "p1 >= 0.3",
        "p1 in [0.1, 0.3]",
        "-p1 < p2",
        "(p1 ?? p2) > 0.1",
    ]
    agree(facts_table, texts, [{"p1": one, "p2": two} for one, two in product(amounts, amounts)])
