"""Facts become rows: on the labels they share, with holes where one is missing, and never by guessing."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.vectors import AlertingError, Labels, Row, Value, Vector, is_missing, labels_of


def _l(**labels: str) -> Labels:
    return labels_of(labels)


def _scalar(value: Value | None) -> Vector:
    return Vector((), {} if value is None else {(): value})


def test_same_labels() -> None:
    """Facts of the same labels meet; what only one of them has is missing in the other."""
    errors = Vector.of({_l(svc="a"): 1.0, _l(svc="b"): 2.0})
    requests = Vector.of({_l(svc="b"): 20.0, _l(svc="c"): 30.0})

    assert join_facts({"errors": errors, "requests": requests}) == (
        Row(_l(svc="a"), {"errors": 1.0, "requests": None}),
        Row(_l(svc="b"), {"errors": 2.0, "requests": 20.0}),
        Row(_l(svc="c"), {"errors": None, "requests": 30.0}),
    )


def test_shared_labels() -> None:
    """Facts of different labels meet on those that all have, which are the labels of the row."""
    errors = Vector.of({_l(svc="a", pod="1"): 1.0})
    requests = Vector.of({_l(svc="a", region="eu"): 10.0})

    assert join_facts({"e": errors, "r": requests}) == (Row(_l(svc="a"), {"e": 1.0, "r": 10.0}),)


def test_a_fact_without_labels_joins_all() -> None:
    """It has its value in every row, and makes no row."""
    errors = Vector.of({_l(svc="a"): 1.0, _l(svc="b"): 2.0})

    joined = join_facts({"errors": errors, "deploying": _scalar(True)})
    assert [row.values["deploying"] for row in joined] == [True, True]
    assert join_facts({"errors": Vector(("svc",), {}), "deploying": _scalar(True)}) == ()
    assert [row.values["deploying"] for row in join_facts({"errors": errors, "deploying": _scalar(None)})] == [None] * 2


def test_only_facts_without_labels() -> None:
    """They are one row, whether they have values or not."""
    assert join_facts({"a": _scalar(1.0), "b": _scalar(None)}) == (Row((), {"a": 1.0, "b": None}),)


def test_a_fact_without_rows_keeps_the_shape() -> None:
    """The labels of rows do not change because a fact has no value for a while."""
    by_pod = {_l(svc="a", pod="1"): 1.0}
    by_service = Vector(("svc",), {})

    assert join_facts({"e": Vector.of(by_pod), "r": by_service}) == (Row(_l(svc="a"), {"e": 1.0, "r": None}),)


@pytest.mark.parametrize("nan", [math.nan, Decimal("NaN")])
def test_nan_is_missing(nan: Value) -> None:
    """A condition sees NaN as a missing value; the row is there."""
    assert is_missing(nan)
    assert join_facts({"a": Vector.of({_l(svc="a"): nan})}) == (Row(_l(svc="a"), {"a": None}),)


def test_an_empty_label_is_none() -> None:
    """An empty value and a missing label are the same."""
    assert labels_of({"b": "2", "a": "1", "c": ""}) == (("a", "1"), ("b", "2"))


def test_many_to_one() -> None:
    """Several label sets of one fact for one row are refused, with the label sets and the way out."""
    errors = Vector.of({_l(svc="a", pod="1"): 1.0, _l(svc="a", pod="2"): 2.0})
    requests = Vector.of({_l(svc="a"): 10.0})
    message = (
        'errors has several label sets for {svc="a"}, among them {pod="1", svc="a"} and {pod="2", svc="a"}, '
        "so that the join is many-to-one; join them with by: [svc]"
    )
    with pytest.raises(AlertingError, match=re.escape(message)):
        join_facts({"errors": errors, "requests": requests})


def test_nothing_shared() -> None:
    """Facts that share no label cannot meet."""
    message = "the facts share no label to join on (errors by svc, tier by account); keep a common one with by"
    with pytest.raises(AlertingError, match=re.escape(message)):
        join_facts({"tier": Vector.of({_l(account="1"): "pro"}), "errors": Vector.of({_l(svc="a"): 1.0})})


def test_what_is_looked_up_makes_no_rows() -> None:
    """A tier is known of each row that the other facts make, and of no other; one that nobody put in is missing."""
    errors = Vector.of({_l(svc="a"): 1.0, _l(svc="b"): 2.0})
    tiers = Vector.of({_l(svc="b"): "gold", _l(svc="c"): "free"})
    assert join_facts({"errors": errors, "tier": tiers}, {"tier"}) == (
        Row(_l(svc="a"), {"errors": 1.0, "tier": None}),
        Row(_l(svc="b"), {"errors": 2.0, "tier": "gold"}),
    )
    assert join_facts({"errors": errors, "here": _scalar("eu")}, {"here"})[1].values == {"errors": 2.0, "here": "eu"}


def test_what_cannot_be_looked_up() -> None:
    """A fact by account says nothing about a service."""
    facts = {"errors": Vector.of({_l(svc="a"): 1.0}), "tier": Vector.of({_l(account="1"): "pro"})}
    with pytest.raises(AlertingError, match=re.escape('tier is known by account, which {svc="a"} does not have')):
        join_facts(facts, {"tier"})


_services = st.dictionaries(st.sampled_from("abcde").map(lambda svc: _l(svc=svc)), st.floats(-9, 9), max_size=5)


@given(_services, _services, _services, st.permutations(["x", "y", "z"]))
def test_the_join_is_plain(
    x: dict[Labels, float], y: dict[Labels, float], z: dict[Labels, float], order: list[str]
) -> None:
    """Whatever the order of facts, rows are the union of their label sets, in order, each with what the facts have."""
    facts = {"x": x, "y": y, "z": z}
    joined = join_facts({name: Vector(("svc",), facts[name]) for name in order})
    assert [row.labels for row in joined] == sorted({*x, *y, *z})
    assert all(row.values[name] == facts[name].get(row.labels) for row in joined for name in facts)
