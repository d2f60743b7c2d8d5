"""Hypothesis strategies for events."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

# Few letters make keys and texts meet; the others try bytes against characters, and the end of C strings.
TEXT = st.text(alphabet=["a", "b", "é", "日", "😀", "\x00", "\x01"], max_size=4)
SOME_TEXT = TEXT.filter(bool)
NUMBER = st.one_of(
    st.floats(-1e18, 1e18),
    st.sampled_from([0.0, -0.0, 0.1, 139.12, 1e18, -1e18, 5e-324, 3500000.25]),
)
PROPERTIES = st.dictionaries(SOME_TEXT, st.one_of(TEXT, NUMBER, st.booleans()), max_size=4)


def events(ids: st.SearchStrategy[str] = SOME_TEXT) -> st.SearchStrategy[dict[str, Any]]:
    """Valid events."""
    optional = st.one_of(st.just(""), SOME_TEXT)
    return st.fixed_dictionaries(
        {
            "id": ids,
            "source": SOME_TEXT,
            "name": SOME_TEXT,
            "occurred_at_us": st.integers(0, 253_402_300_799_999_999),
            "user_id": optional,
            "account_id": optional,
            "anonymous_id": optional,
            "device_id": optional,
            "value": st.one_of(st.none(), NUMBER),
            "currency": st.sampled_from(["", "GBP", "EUR"]),
            "properties": PROPERTIES,
        }
    )


def batches(max_size: int = 8) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Batches of valid events."""
    return st.lists(events(), min_size=1, max_size=max_size)
