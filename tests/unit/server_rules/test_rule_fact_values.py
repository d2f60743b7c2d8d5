"""Values of facts: over the wire and back, and against the types that facts declare."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline.v1 import fact_pb2
from trueline_rules.expressions import Fact, FactType
from trueline_server.errors import TruelineError
from trueline_server.rules.given import Given, typed_value
from trueline_server.rules.values import map_value_from_proto, map_value_to_proto

TYPED: Mapping[FactType, Given] = {
    FactType.NUMBER: 1.5,
    FactType.DECIMAL: Decimal("1.50"),
    FactType.TEXT: "a",
    FactType.BOOL: True,
    FactType.DATETIME: datetime(2024, 1, 1, tzinfo=UTC),
    FactType.TEXTS: frozenset({"a"}),
}
# A decimal is a number, and a number is the decimal that it is written as.
ALSO = {(FactType.NUMBER, FactType.DECIMAL): 1.5, (FactType.DECIMAL, FactType.NUMBER): Decimal("1.5")}


@pytest.mark.parametrize("kind", FactType)
@pytest.mark.parametrize("given_kind", FactType)
def test_values_have_the_type_of_their_fact(kind: FactType, given_kind: FactType) -> None:
    """Every other type is refused with the field; missing is a value of all types."""
    fact = Fact("f", kind)
    assert typed_value(fact, None) is None
    if kind is given_kind:
        assert typed_value(fact, TYPED[kind]) == TYPED[kind]
    elif (kind, given_kind) in ALSO:
        taken = typed_value(fact, TYPED[given_kind])
        assert (taken, type(taken)) == (ALSO[kind, given_kind], type(ALSO[kind, given_kind]))
    else:
        with pytest.raises(TruelineError, match=f"declared as {kind}") as refused:
            typed_value(fact, TYPED[given_kind])
        assert refused.value.metadata == {"field": "values[f]"}


@given(
    st.none()
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.text()
    | st.frozensets(st.text())
    | st.datetimes(timezones=st.just(UTC))
    | st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-(10**20), max_value=10**20)
)
def test_values_survive_the_wire(value: Any) -> None:
    """To protobuf and back is the same value of the same type."""
    back = map_value_from_proto(map_value_to_proto(value), "f")
    assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize("digits", ["", "1e3", "NaN", "1_0", " 1", "٣", "0x1", "+"])
def test_decimals_are_plain_digits(digits: str) -> None:
    """Everything else that Python reads as a decimal is refused."""
    with pytest.raises(TruelineError, match=r"12\.50"):
        map_value_from_proto(fact_pb2.FactValue(decimal_value=digits), "f")
