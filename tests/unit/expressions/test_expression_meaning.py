"""The closure means what docs/expressions.md says, and what rule-engine says wherever it gives a value."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import rule_engine
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from trueline_rules.expressions import Expression, FactValueError, compile_expression
from trueline_rules.expressions.closure import compile_value

from tests.unit.expressions.plain import meaning
from tests.unit.expressions.random_expressions import FACTS, NOW, conditions, fact_values

slow_ones = settings(
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much], deadline=None, max_examples=400
)


@slow_ones
@given(text=conditions(2, cased=True, exact=True), rows=st.lists(fact_values(), min_size=1, max_size=4))
def test_the_closure_is_the_meaning(text: str, rows: list[dict[str, Any]]) -> None:
    """Shortcut and statements give what the plain interpreter gives, for facts that are there and that are not."""
    expression = compile_expression(text, FACTS)
    statements = compile_value(expression.tree)
    for row in rows:
        expected = meaning(expression.tree, row, NOW)
        assert expression.evaluate(row, NOW) is expected
        assert statements(row, NOW) is expected


sixty_fourths = st.integers(-640, 640).map(lambda n: n / 64)
simple_numbers = st.sampled_from(["n1", "n2"]) | sixty_fourths.map(lambda n: f"({n!r})")
simple_conditions = st.one_of(
    st.tuples(
        st.tuples(simple_numbers, st.sampled_from("+-*"), simple_numbers).map(lambda p: f"({' '.join(p)})")
        | simple_numbers,
        st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
        simple_numbers
        | st.sampled_from(["(n1 / 4)", "(n2 / (-2))", "(n1 % 3)", "(n2 % (-0.5))", "(-n1)", "(b1 ? n1 : n2)"]),
    ).map(" ".join),
    st.sampled_from(
        [
            "b1",
            "b1 == true",
            "t1 == t2",
            "t1 < t2",
            "t1 == 'gold'",
            "t1 in ['gold', 'a']",
            "t1 not in ['gold', 'a']",
            "t1 in s1",
            "t1 =~ 'a'",
            "t1 =~~ 'b$'",
            "t1 !~ 'a.b'",
            "t1 !~~ '[ab]'",
            "t1.length > 2",
            "t1.as_lower == 'a'",
            "t1.as_upper == 'A'",
            "n1 in [1, 2, 0.5]",
            "d1 < d2",
            "d1 - d2 > t'P1D'",
            "d1 + t'P1D' <= d2",
            "d1 == d'1970-01-01T00:00:00Z'",
            "n1 == null",
            "t1 != null",
            "(n1 ?? 1) < n2",
        ]
    ),
)
nested_conditions = st.recursive(
    simple_conditions.map(lambda c: f"({c})"),
    lambda below: (
        st.tuples(below, st.sampled_from(["and", "or"]), below).map(lambda p: f"({' '.join(p)})")
        | below.map(lambda c: f"(not {c})")
    ),
    max_leaves=5,
)


@slow_ones
@given(text=nested_conditions, row=fact_values(), n1=sixty_fourths | st.none(), n2=sixty_fourths | st.none())
def test_rule_engine_agrees_where_it_gives_a_value(
    text: str, row: dict[str, Any], n1: float | None, n2: float | None
) -> None:
    """Where rule-engine gives a value and rounds no decimal, it decides alike; with nulls, too."""
    row = {name: row.get(name) for name in FACTS} | {"n1": n1, "n2": n2}
    expression = compile_expression(text, FACTS)
    ours = expression.evaluate(row, NOW)
    # A trailing line break is the one place where `$` of RE2 and of Python differ.
    assume(not str(row["t1"]).endswith("\n"))
    taken = {name: set(value) if isinstance(value, frozenset) else value for name, value in row.items()}
    try:
        theirs = rule_engine.Rule(text, context=rule_engine.Context(default_timezone="utc")).matches(taken)
    except (rule_engine.EngineError, TypeError):
        return
    if ours is not None:
        assert ours is theirs


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("n1 < 1", {"n1": 0}, True),
        ("n1 < 1", {"n1": None}, None),
        ("n1 < 1", {}, None),
        ("n1 < 1", {"n1": float("nan")}, None),
        ("n1 > 1", {"n1": float("inf")}, None),
        ("n1 < 1 and b1", {"b1": False}, False),
        ("n1 < 1 and b1", {"b1": True}, None),
        ("n1 < 1 or b1", {"b1": True}, True),
        ("n1 < 1 or b1", {"b1": False}, None),
        ("not (n1 < 1)", {}, None),
        ("n1 / n2 > 1", {"n1": 1, "n2": 0}, None),
        ("n1 % n2 == 1", {"n1": 1, "n2": 0}, None),
        ("n1 % 3 == -1", {"n1": -7}, True),
        ("n1 % (-3) == 1", {"n1": 7}, True),
        ("n1 * 10 > 1", {"n1": 1e308}, None),
        ("1 / (n1 * 10) < 1", {"n1": 1e308}, None),
        ("n1 / n2 < 1", {"n1": 1, "n2": float("inf")}, None),
        ("n1 == null", {"n1": float("nan")}, True),
        ("n1 != null", {"n1": 1}, True),
        ("n1 / n2 == null", {"n1": 1, "n2": 0}, True),
        ("(n1 < 1) == null", {}, True),
        ("n1 in [1, 2]", {}, None),
        ("n1 not in [1, 2]", {}, None),
        ("n1 not in [1, 2]", {"n1": 3}, True),
        ("t1 in s1", {"t1": "a"}, None),
        ("'a' in s1", {"s1": frozenset()}, False),
        ("t1 =~ 'a.b'", {"t1": "a\nb"}, False),
        ("t1 =~ 'a'", {"t1": "ba"}, False),
        ("t1 =~~ 'a'", {"t1": "ba"}, True),
        ("t1 !~~ 'a'", {}, None),
        ("t1 =~~ 'a$'", {"t1": "a\n"}, False),
        ("t1 < t2", {"t1": "\uffff", "t2": "\U0001f600"}, True),
        ("n1 == 9007199254740992", {"n1": 9007199254740993}, True),
        ("p1 == 9007199254740992", {"p1": 9007199254740993}, False),
        ("p1 + p2 == 0.3", {"p1": Decimal("0.1"), "p2": Decimal("0.2")}, True),
        ("n1 + n2 == 0.3", {"n1": 0.1, "n2": 0.2}, False),
        ("p1 == n1", {"p1": Decimal("0.1"), "n1": 0.1}, False),
        ("p1 / p2 > 1", {"p1": Decimal(1), "p2": Decimal(0)}, None),
        ("d1 + t'P366000D' + t'P366000D' + t'P366000D' + t'P366000D' + t'P366000D' + t'P366000D' + t'P366000D' + "
         "t'P366000D' > d1", {"d1": datetime(2026, 1, 1, tzinfo=UTC)}, None),
        ("$now - d1 >= t'PT1S'", {"d1": datetime(2026, 2, 28, 23, 59, 58, 999_999, tzinfo=UTC)}, True),
        ("(b1 ? n1 : n2) > 1", {"n1": 2, "n2": 2}, None),
        ("(n1 ?? 5) > 1", {}, True),
        ("t1.length == 1", {"t1": "\U0001f600"}, True),
    ],
)  # fmt: skip
def test_corners(text: str, row: dict[str, Any], expected: bool | None) -> None:
    """Each line of the table of docs/expressions.md where it matters."""
    assert compile_expression(text, FACTS).evaluate(row, NOW) is expected


@pytest.mark.parametrize(
    ("text", "row", "message"),
    [
        ("n1 < 1", {"n1": "0.5"}, "fact 'n1' is declared as number, but its value is ''0.5'' (str)"),
        ("t1 == 'a'", {"t1": 5}, "fact 't1' is declared as text, but its value is '5' (int)"),
        ("t1 in ['a']", {"t1": ["a"]}, "fact 't1' is declared as text, but its value is '['a']' (list)"),
        ("b1", {"b1": 1}, "fact 'b1' is declared as bool, but its value is '1' (int)"),
        ("p1 < 1", {"p1": 0.5}, "fact 'p1' is declared as decimal, but its value is '0.5' (float)"),
        ("'a' in s1", {"s1": "abc"}, "fact 's1' is declared as texts (a set of text), but its value is ''abc'' (str)"),
        ("d1 < $now", {"d1": "2026-01-01"},
         "fact 'd1' is declared as datetime (with its zone), but its value is ''2026-01-01'' (str)"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_named(text: str, row: dict[str, Any], message: str) -> None:
    """A value that is not of the declared type is an error that names the fact, never a wrong answer."""
    with pytest.raises(FactValueError) as raised:
        compile_expression(text, FACTS).evaluate(row, NOW)
    assert raised.value.message == message


def test_an_instant_without_zone_is_refused() -> None:
    """A naive instant could mean any hour of the day."""
    with pytest.raises(FactValueError):
        compile_expression("d1 < d'2026-01-01'", FACTS).evaluate({"d1": datetime(2025, 1, 1)})  # noqa: DTZ001


def test_now_must_be_given() -> None:
    """A condition with $now is judged at an instant, which the caller knows."""
    expression = compile_expression("d1 < $now", FACTS)
    assert expression.reads_now
    with pytest.raises(FactValueError, match=r"fact '\$now' is declared as datetime"):
        expression.evaluate({"d1": NOW})


def test_an_expression_tells_what_it_reads() -> None:
    """The facts read are sorted, each once, so that a rule set can index its rules by them."""
    expression: Expression = compile_expression("t1 == 'a' and (n2 < n1 or n1 > 1)", FACTS)
    assert expression.facts == ("n1", "n2", "t1")
    assert not expression.reads_now
