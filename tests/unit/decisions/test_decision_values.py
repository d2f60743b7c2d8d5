"""Values in the decision log: what is read is what was written, of its type; digests tell facts apart."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.expressions.masking import MASKED, Masked
from trueline_server.decisions.values import digest_facts, read_value, write_value

values = (
    st.none()
    | st.floats()
    | st.booleans()
    | st.text()
    | st.frozensets(st.text())
    | st.datetimes(timezones=st.just(UTC))
    | st.decimals(allow_nan=False)
)


@given(values)
def test_values_survive(value: Any) -> None:
    """Every value of every type comes back exactly, also those that JSON has no word for."""
    back = read_value(write_value(value))
    assert type(back) is type(value)
    assert back == value or (math.isnan(value) and math.isnan(back))
    if isinstance(value, float) and not math.isnan(value):
        assert math.copysign(1, value) == math.copysign(1, back)


def test_a_masked_value_comes_back_masked() -> None:
    """The text of three dots is a text, the masked value is none."""
    assert isinstance(read_value(write_value(MASKED)), Masked)
    assert not isinstance(read_value(write_value("•••")), Masked)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (1.5, "1.5"),
        (math.inf, '{"number":"Infinity"}'),
        ("é", '"é"'),
        (True, "true"),
        (frozenset({"b", "a"}), '["a","b"]'),
        (Decimal("1.50"), '{"decimal":"1.50"}'),
        (datetime(2024, 1, 1, tzinfo=UTC), '{"datetime":"2024-01-01T00:00:00+00:00"}'),
        (MASKED, '{"masked":true}'),
    ],
    ids=["missing", "number", "infinity", "text", "bool", "texts", "decimal", "datetime", "masked"],
)
def test_values_read_well_in_sql(value: Any, written: str) -> None:
    """The form is the one of the documentation."""
    assert write_value(value) == written


@pytest.mark.parametrize("text", ['{"other":1}', '{"number":"many"}', '{"decimal":1}'])
def test_what_was_never_written_is_refused(text: str) -> None:
    """A row that somebody changed is an error, not a guess."""
    with pytest.raises(ValueError, match="no value of a fact"):
        read_value(text)


@given(
    st.dictionaries(st.text(max_size=2), values, max_size=3), st.dictionaries(st.text(max_size=2), values, max_size=3)
)
def test_digests_tell_facts_apart(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Equal facts have equal digests in any order, others have others; without the key none can be made."""
    assert digest_facts(b"k", one) == digest_facts(b"k", dict(reversed(one.items())))
    alike = {name: write_value(value) for name, value in one.items()} == {
        name: write_value(value) for name, value in other.items()
    }
    assert (digest_facts(b"k", one) == digest_facts(b"k", other)) == alike
    assert digest_facts(b"k", one) != digest_facts(b"l", one)
