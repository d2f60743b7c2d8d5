"""Ids of decisions: the same for the same decision, in the order of instants, another one for each request."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from trueline_server.decisions.model import ID_DIGITS, decision_id, first_id

instants = st.integers(0, 16**14 - 1)
labels = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2).map(lambda d: tuple(sorted(d.items())))
whole = st.fixed_dictionaries(
    {
        "tenant": st.text(max_size=3),
        "kind": st.sampled_from(["transition", "shadow"]),
        "stage": st.sampled_from(["active", "shadow"]),
        "rule": st.text(max_size=3),
        "labels": labels,
        "at_us": instants,
        "revision": st.text(max_size=3),
    }
)


def make(**parts: Any) -> str:
    """An id of parts."""
    return decision_id(parts.pop("tenant"), parts.pop("kind"), **parts)


@given(whole, whole)
def test_ids_are_equal_where_all_parts_are(one: dict[str, Any], other: dict[str, Any]) -> None:
    """The same decision has the same id each time it is made; another one has another."""
    assert make(**one) == make(**one)
    assert (make(**one) == make(**other)) == (one == other)
    assert len(make(**one)) == ID_DIGITS


@given(whole, instants)
def test_ids_are_in_the_order_of_instants(parts: dict[str, Any], at_us: int) -> None:
    """Whoever sorts ids sorts instants, and the ids of a span of time lie between its ends."""
    early, late = sorted((parts["at_us"], at_us))
    if early < late:
        assert make(**{**parts, "at_us": early}) < make(**{**parts, "at_us": late})
    assert first_id(late) <= make(**{**parts, "at_us": late}) < first_id(late + 1) or late == 16**14 - 1


@given(whole)
def test_each_request_has_an_id_of_its_own(parts: dict[str, Any]) -> None:
    """Who asks twice made two decisions; both are in the order of instants."""
    asked = {**parts, "kind": "request"}
    one, other = make(**asked), make(**asked)
    assert one != other
    assert len(one) == ID_DIGITS
    assert one >= first_id(parts["at_us"])


def test_labels_and_names_do_not_run_together() -> None:
    """What is joined is told apart, wherever one part ends and the next begins."""
    parts = {"tenant": "t", "kind": "transition", "stage": "active", "at_us": 1, "revision": "r", "labels": ()}
    assert make(**parts, rule="ab") != make(**{**parts, "tenant": "ta"}, rule="b")


def test_an_instant_before_1970_has_an_id() -> None:
    """Imports may be old; their ids stand before all others."""
    parts = {"tenant": "t", "kind": "transition", "stage": "active", "rule": "r", "revision": "r", "labels": ()}
    assert make(**parts, at_us=-1) < first_id(1)
    assert make(**parts, at_us=-1) != make(**parts, at_us=-2)
