"""Conditions over masked facts: replayed with recorded truths they come to what they came to, and tell no value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.expressions import compile_expression
from trueline_rules.expressions.masking import (
    MASKED,
    Masked,
    TruthsError,
    explain_masked,
    fold,
    record_truths,
    single_conditions,
)
from trueline_rules.expressions.showing import show_value

from tests.unit.expressions.random_expressions import FACTS, NOW, TYPES, conditions, fact_values

CANARY = "zz-canary-zz"
names = st.sets(st.sampled_from(sorted(TYPES)))


def masked(values: dict[str, Any], hidden: set[str]) -> dict[str, Any]:
    """Values as a log has them."""
    return {name: MASKED if name in hidden and value is not None else value for name, value in values.items()}


@settings(max_examples=1000, deadline=None)
@given(conditions(2, cased=True, exact=True), fact_values(), names)
def test_a_replay_comes_to_what_was_recorded(text: str, values: dict[str, Any], hidden: set[str]) -> None:
    """Whatever the condition, the values and the masked facts: the truth is that of the values unmasked."""
    condition = compile_expression(text, FACTS)
    truths = record_truths(condition.tree, values, NOW, hidden)
    explained = explain_masked(text, condition.tree, masked(values, hidden), truths, NOW)
    assert explained.truth is condition.evaluate(values, NOW)
    assert (truths == "") == hidden.isdisjoint(condition.facts)
    whole = condition.explain(values, NOW)
    assert shape(explained.finding) == shape(whole.finding)
    if not truths:
        assert explained == whole


def shape(finding: Any) -> Any:
    """A finding without its values."""
    return finding.text, finding.kind, finding.truth, tuple(shape(part) for part in finding.parts)


@settings(max_examples=300, deadline=None)
@given(conditions(2), fact_values())
def test_no_masked_value_is_told(text: str, values: dict[str, Any]) -> None:
    """Neither the tree nor the sentence nor the flip has the value, not even within what was computed of it."""
    condition = compile_expression(text, FACTS)
    values = {**values, "t1": CANARY, "s1": frozenset({CANARY})}
    hidden = {"t1", "s1"}
    truths = record_truths(condition.tree, values, NOW, hidden)
    explained = explain_masked(text, condition.tree, masked(values, hidden), truths, NOW)
    assert CANARY not in repr(explained)


def test_operands_of_masked_facts_are_shown_as_masked() -> None:
    """The condition keeps its text and truth; what it looked at is the name and three dots."""
    text = "t1 == 'gold' and n1 < 3 and n2 + 1 > 2"
    condition = compile_expression(text, FACTS)
    values = {"t1": "gold", "n1": 5.0, "n2": None}
    truths = record_truths(condition.tree, values, NOW, {"t1", "n2"})
    assert truths == "1.?"
    explained = explain_masked(text, condition.tree, {"t1": MASKED, "n1": 5.0, "n2": None}, truths, NOW)
    first, second, third = explained.finding.parts
    assert (first.truth, [(each.text, show_value(each.value)) for each in first.operands]) == (True, [("t1", "•••")])
    assert (second.truth, third.truth, third.missing) == (False, None, ("n2",))
    assert explained.sentence.startswith("does not fire, because n1 < 3 is false (n1 = 5)")
    assert explained.missing == ("n2",)


def test_a_flip_never_names_a_masked_fact() -> None:
    """What would turn the result is looked for among the other facts only."""
    text = "t1 == 'gold' or n1 < 3"
    tree = compile_expression(text, FACTS).tree
    flip = explain_masked(text, tree, {"t1": MASKED, "n1": 5.0}, "0.", NOW).flip
    assert flip is not None
    assert [change.fact for change in flip.changes] == ["n1"]
    assert explain_masked(text, tree, {"t1": MASKED, "n1": 5.0}, "1.", NOW).flip is None


@pytest.mark.parametrize("truths", ["1", "111", "1x", "10 "], ids=["short", "long", "unknown letter", "blank"])
def test_truths_of_another_condition_are_refused(truths: str) -> None:
    """As many characters as single conditions, and none but those that are written."""
    tree = compile_expression("t1 == 'gold' or n1 < 3", FACTS).tree
    with pytest.raises(TruthsError, match="another condition"):
        fold(tree, truths)


def test_a_condition_within_a_choice_is_part_of_a_single_one() -> None:
    """Only and, or and not are taken apart: what they join has a truth of its own."""
    tree = compile_expression("not (b1 ? n1 < 1 : b1) and (n1 < 2 or t1 in ['a'])", FACTS).tree
    assert len(list(single_conditions(tree))) == 3
    assert record_truths(tree, {"b1": True, "n1": 1.5, "t1": "a"}, NOW, {"b1"}) == "0.."


def test_a_masked_value_is_a_text_of_its_own_kind() -> None:
    """Who maps values takes it for a text; a text that reads the same is not taken for it."""
    assert MASKED == "•••"
    assert not isinstance("•••", Masked)
    assert show_value(MASKED) == "•••"
