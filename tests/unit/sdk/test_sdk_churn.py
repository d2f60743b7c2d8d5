"""Tables of accounts as the SDK sends them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline import InvalidRequestError
from trueline.churn_calls import list_churn_models, predict_churn, table_to_proto


@given(st.lists(st.none() | st.text(max_size=5), max_size=30))
def test_a_column_has_each_text_once_and_reads_back(values: list[str | None]) -> None:
    """Codes are places from 1; 0 is missing."""
    (column,) = table_to_proto({"x": values}).columns
    assert len(set(column.levels)) == len(column.levels)
    assert [None if code == 0 else column.levels[code - 1] for code in column.codes] == values


def test_values_of_all_kinds_become_texts_that_say_what_they_were() -> None:
    """Numbers to their last digit, flags, days and times; what is no number is missing."""
    values = [0.1, 3, 1e300, True, False, date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), float("nan"), None, " "]
    (column,) = table_to_proto({"x": values}).columns
    told = ["0.1", "3", "1e+300", "true", "false", "2026-03-01", "2026-03-01T00:00:00+00:00", " "]
    assert list(column.levels) == told
    assert list(column.codes) == [1, 2, 3, 4, 5, 6, 7, 0, 0, 8]


def test_columns_of_different_lengths_are_refused_before_anything_is_sent() -> None:
    """With the lengths."""
    how = {"id": "", "document": "", "model_id": "", "at": None, "most_effects": 0}
    with pytest.raises(InvalidRequestError, match="these have: a 1, b 2"):
        predict_churn((), table={"a": [1], "b": [1, 2]}, **how)  # type: ignore[arg-type]
    assert list_churn_models("accounts").request.document == "accounts"
