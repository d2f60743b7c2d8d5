"""A decision explains itself: what it saw, what was missing, and the nearest change that turns it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from trueline_rules.expressions import Fact, FactType, compile_expression

from tests.unit.expressions.random_expressions import FACTS as RANDOM_FACTS
from tests.unit.expressions.random_expressions import NOW, conditions, fact_values

T = FactType
FACTS = {
    name: Fact(name, kind)
    for name, kind in {
        "activation_rate": T.NUMBER,
        "paid": T.NUMBER,
        "signups": T.NUMBER,
        "tier": T.TEXT,
        "active": T.BOOL,
        "tags": T.TEXTS,
        "price": T.DECIMAL,
        "seen_at": T.DATETIME,
    }.items()
}


@pytest.mark.parametrize(
    ("text", "values", "sentence"),
    [
        ("activation_rate < 0.20", {"activation_rate": 0.21},
         "does not fire, because activation_rate < 0.20 is false (activation_rate = 0.21); "
         "fires at activation_rate < 0.20; now 0.21"),
        ("activation_rate < 0.20 and tier in ['gold', 'pro']", {"activation_rate": 0.15, "tier": "gold"},
         "fires, because activation_rate < 0.20 is true (activation_rate = 0.15) and tier in ['gold', 'pro'] is true "
         "(tier = 'gold'); stops at activation_rate >= 0.20; now 0.15"),
        ("activation_rate < 0.20 and tier == 'gold'", {"activation_rate": 0.25, "tier": "pro"},
         "does not fire, because activation_rate < 0.20 is false (activation_rate = 0.25); "
         "fires at activation_rate < 0.20 (now 0.25) and tier == 'gold' (now 'pro')"),
        ("activation_rate < 0.20", {},
         "unknown, because activation_rate is missing; fires at activation_rate < 0.20; now missing"),
        ("paid / signups < 0.5 or active", {"paid": 6, "signups": 10, "active": False},
         "does not fire, because paid / signups < 0.5 is false (paid / signups = 0.6, paid = 6, signups = 10) and "
         "active is false; fires at paid / signups < 0.5; now 0.6"),
        ("paid / signups < 0.5", {"paid": 6, "signups": 0},
         "unknown, because paid / signups < 0.5 has no value; fires at paid / signups < 0.5; now missing"),
        ("not active", {"active": True},
         "does not fire, because active is true; fires at active == false; now true"),
        ("'eu' in tags", {"tags": frozenset({"us"})},
         "does not fire, because 'eu' in tags is false (tags = ['us']); fires at 'eu' in tags; now ['us']"),
        ("tier =~ 'go'", {"tier": "pro"},
         "does not fire, because tier =~ 'go' is false (tier = 'pro'); fires at tier =~ 'go'; now 'pro'"),
        ("seen_at < d'2026-01-01'", {"seen_at": datetime(2026, 2, 1, tzinfo=UTC)},
         "does not fire, because seen_at < d'2026-01-01' is false (seen_at = 2026-02-01T00:00:00Z); "
         "fires at seen_at < d'2026-01-01'; now 2026-02-01T00:00:00Z"),
        ("activation_rate > 1 and activation_rate < 0", {"activation_rate": 0.5},
         "does not fire, because activation_rate > 1 is false (activation_rate = 0.5)"),
    ],
)  # fmt: skip
def test_one_plain_sentence(text: str, values: dict[str, Any], sentence: str) -> None:
    """The sentence names the conditions that decided, what they saw, and the nearest change."""
    assert compile_expression(text, FACTS).explain(values).sentence == sentence


def test_the_tree_for_programs() -> None:
    """Each condition has its truth, its operands with values and the facts that were missing."""
    text = "activation_rate < 0.20 and (tier == 'gold' or active)"
    explanation = compile_expression(text, FACTS).explain({"activation_rate": 0.1, "tier": "pro"})
    assert (explanation.truth, explanation.missing) == (None, ("active",))
    rate, either = explanation.finding.parts
    assert (rate.text, rate.truth, rate.missing) == ("activation_rate < 0.20", True, ())
    assert [(operand.text, operand.value) for operand in rate.operands] == [("activation_rate", 0.1)]
    assert (either.kind, either.truth) == ("or", None)
    assert [part.truth for part in either.parts] == [False, None]
    assert explanation.flip is not None
    assert explanation.flip.truth is True


@pytest.mark.parametrize(
    ("text", "values", "fact", "value"),
    [
        ("price >= 10.50", {"price": Decimal("9.99")}, "price", Decimal("10.50")),
        ("tier in ['gold', 'pro']", {"tier": "golf"}, "tier", "gold"),
        ("paid in [1, 5, 9]", {"paid": 6}, "paid", 5.0),
        ("paid > signups", {"paid": 1, "signups": 3}, "paid", 3.0000000000000004),
        ("tags == null", {"tags": frozenset({"a"})}, "tags", None),
        ("paid < 10 or signups < 10", {"paid": 100, "signups": 11}, "signups", 9.999999999999998),
    ],
)
def test_the_nearest_change_is_named(text: str, values: dict[str, Any], fact: str, value: object) -> None:
    """Where a value would do, it is named: the nearest by relative distance."""
    flip = compile_expression(text, FACTS).explain(values).flip
    assert flip is not None
    assert [(change.fact, change.value) for change in flip.changes] == [(fact, value)]


@settings(suppress_health_check=list(HealthCheck), deadline=None, max_examples=100)
@given(text=conditions(2, cased=True, exact=True), row=fact_values())
def test_a_flip_that_names_values_flips(text: str, row: dict[str, Any]) -> None:
    """Every condition explains itself as it was decided, and a named change really turns it."""
    expression = compile_expression(text, RANDOM_FACTS)
    explanation = expression.explain(row, NOW)
    assert explanation.truth is expression.evaluate(row, NOW)
    assert explanation.sentence
    flip = explanation.flip
    if flip is not None and all(change.fact for change in flip.changes):
        changed = row | {change.fact: change.value for change in flip.changes}
        assert expression.evaluate(changed, NOW) is flip.truth
        assert flip.truth is not explanation.truth


def test_a_flip_can_be_read_as_a_condition() -> None:
    """Brackets that a side of a comparison needs are told, and no flip is claimed while the other side is missing."""
    facts = {name: Fact(name, FactType.NUMBER) for name in "ab"} | {"ok": Fact("ok", FactType.BOOL)}
    flip = compile_expression("(a ?? 5) < 3", facts).explain({}).flip
    assert flip is not None
    assert [change.text for change in flip.changes] == ["(a ?? 5) < 3"]
    assert compile_expression("a > b", facts).explain({"a": 1.0}).flip is None


def test_not_in_is_one_condition_to_people() -> None:
    """The sentence says of the whole what it came to."""
    explained = compile_expression("a not in [1, 2]", {"a": Fact("a", FactType.NUMBER)}).explain({"a": 1.0})
    assert explained.sentence.startswith("does not fire, because a not in [1, 2] is false (a = 1)")


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("x - x > 1", False),
        ("x * 0 > 1", False),
        ("x + 1 < x", False),
        ("x * x < 0", False),
        ("t.length < 0", False),
        ("t.as_lower == 'GOLD'", False),
        ("x - y > 1", True),
        ("x / y > 10", True),
        ("x * 100 - 7 == 5", True),
        ("x * 100 < 5", True),
        ("-x > 5", True),
        ("t.length > 5", True),
        ("t.as_lower == 'gold'", True),
        ("$now - at > t'P7D'", True),
        ("(gone ?? 0) > 5", True),
        ("x + gone > 100", True),
    ],
)
def test_only_what_can_be_is_offered(text: str, offered: bool) -> None:
    """A change of what is computed is told where a value of a fact was found that brings it about."""
    kinds = {"x": FactType.NUMBER, "y": FactType.NUMBER, "t": FactType.TEXT, "at": FactType.DATETIME}
    facts = {name: Fact(name, kind) for name, kind in (kinds | {"gone": FactType.NUMBER}).items()}
    values = {"x": 3.0, "y": 4.0, "t": "abc", "at": datetime(2025, 1, 1, tzinfo=UTC)}
    explained = compile_expression(text, facts).explain(values, datetime(2025, 1, 2, tzinfo=UTC))
    assert explained.truth is not True
    assert (explained.flip is not None) == offered, explained.sentence
