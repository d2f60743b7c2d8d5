"""Values that a fact cannot have: beyond the bounds of a number, or of what has been, ahead."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest
from trueline_rules.alert_model import FactType
from trueline_rules.errors import RuleFileError
from trueline_rules.fact_bounds import AHEAD, out_of_bounds
from trueline_rules.loader import load_rules, load_texts

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def _type(spec: str) -> FactType:
    text = f"apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: told}}\nspec: {{subject: parcel, {spec}}}\n"
    return cast(FactType, load_texts([("facts.yaml", text)]).fact_types["told"])


@pytest.mark.parametrize("kind", ["number", "decimal"])
def test_bounds_of_numbers_are_inclusive(kind: str) -> None:
    """What is beyond is told with the bound and the value; without bounds any number can be."""
    share = _type(f"type: {kind}, least: 0, most: 1")
    number = float if kind == "number" else Decimal
    assert [out_of_bounds(share, number(value), NOW) for value in (0, 1)] == [None, None]
    assert out_of_bounds(share, number(95), NOW) == "must be at most 1, is 95"
    assert out_of_bounds(share, number(-1), NOW) == "must be at least 0, is -1"
    assert out_of_bounds(share, None, NOW) is None
    assert out_of_bounds(_type(f"type: {kind}"), number(-1), NOW) is None


def test_what_has_been_does_not_lie_ahead() -> None:
    """But for clocks that go an hour ahead; of other instants any can be."""
    tested = _type("type: datetime, past: true")
    assert out_of_bounds(tested, NOW + AHEAD, NOW) is None
    told = out_of_bounds(tested, NOW + timedelta(days=30), NOW)
    assert told == "must have been by 2026-03-01T00:00:00Z, is 2026-03-31T00:00:00Z"
    assert out_of_bounds(_type("type: datetime"), NOW + timedelta(days=30), NOW) is None


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("type: text, least: 0", "a text has no bounds"),
        ("type: number, past: true", "a number is no instant"),
        ("type: number, least: 2, most: 1", "no value could be right"),
    ],
)
def test_bounds_that_say_nothing_are_refused(spec: str, told: str) -> None:
    """With what is wrong."""
    with pytest.raises(RuleFileError, match=told):
        _type(spec)


def test_facts_of_compliance_are_bounded() -> None:
    """A number of days is not negative, a share is none of a hundred, and a test of next year has not been."""
    types = load_rules([]).fact_types
    read = [fact for fact in types.values() if fact.subject in {"pattern", "tenant"}]
    instants = [fact for fact in read if fact.type == "datetime"]
    numbers = [fact for fact in read if fact.type == "number"]
    assert instants
    assert numbers
    assert [fact.metadata.name for fact in instants if not fact.past] == []
    assert [fact.metadata.name for fact in numbers if fact.least is None] == []
    assert types["training_completion_share"].most == 1
