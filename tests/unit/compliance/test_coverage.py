"""Which controls others cover, by chains of mappings whose weakest link counts."""

from __future__ import annotations

from itertools import pairwise

from trueline_rules.compliance_model import ControlMapping, ControlPair, MappedFramework, Relation
from trueline_rules.model import Metadata
from trueline_server.compliance.coverage import cover

EQUAL, SUPERSET, SUBSET, INTERSECTS = Relation.EQUAL, Relation.SUPERSET, Relation.SUBSET, Relation.INTERSECTS


def _mapping(source: str, target: str, *pairs: tuple[str, str, Relation]) -> ControlMapping:
    return ControlMapping(
        Metadata(f"{source}-{target}"),
        MappedFramework(source),
        MappedFramework(target),
        tuple(ControlPair(start, end, relation, 5, f"{start} to {end}") for start, end, relation in pairs),
    )


def test_shares_are_of_the_controls_that_are_mapped() -> None:
    """One of two in place covers half; all in place cover it all; what no mapping leads to is no target."""
    mapping = _mapping(
        "a", "b", ("a1", "b1", EQUAL), ("a2", "b1", INTERSECTS), ("a1", "b2", SUBSET), ("a3", "b3", EQUAL)
    )
    found = cover([mapping], "b", "a", ["a1"], order=["b3", "b2", "b1"])
    assert [(each.control, each.share) for each in found.controls] == [("b3", 0.0), ("b2", 1.0), ("b1", 0.5)]
    assert (found.covered_any, found.covered_all, found.mean_share, found.uncovered) == (2, 1, 0.5, ("b3",))


def test_in_full_covers_only_what_asks_for_all_of_it() -> None:
    """Equal or superset; a part of it, or something in common, is not full."""
    relations = {"b1": EQUAL, "b2": SUPERSET, "b3": SUBSET, "b4": INTERSECTS}
    mapping = _mapping("a", "b", *(("a1", control, relation) for control, relation in relations.items()))
    found = cover([mapping], "b", "a", ["a1"])
    assert {each.control: each.relation for each in found.controls} == relations
    assert [each.full for each in found.controls] == [True, True, False, False]


def test_a_mapping_holds_from_the_other_side_too() -> None:
    """There a superset is a subset, and the other way round."""
    mapping = _mapping("b", "a", ("b1", "a1", SUPERSET), ("b2", "a1", SUBSET))
    found = cover([mapping], "b", "a", ["a1"])
    assert [(each.control, each.relation, each.full) for each in found.controls] == [
        ("b1", SUBSET, False),
        ("b2", SUPERSET, True),
    ]


def test_the_weakest_link_of_a_chain_counts() -> None:
    """The chain is told hop by hop, with the reason of each."""
    mappings = [
        _mapping("a", "m", ("a1", "m1", EQUAL)),
        _mapping("m", "n", ("m1", "n1", INTERSECTS)),
        _mapping("n", "b", ("n1", "b1", SUPERSET)),
    ]
    (covered,) = cover(mappings, "b", "a", ["a1"]).controls
    assert (covered.relation, covered.full) == (INTERSECTS, False)
    told = [(hop.framework, hop.control, hop.relation, hop.rationale) for hop in covered.hops]
    assert told == [
        ("a", "a1", EQUAL, "a1 to m1"),
        ("m", "m1", INTERSECTS, "m1 to n1"),
        ("n", "n1", SUPERSET, "n1 to b1"),
    ]


def test_the_best_of_several_chains_is_told() -> None:
    """A longer chain wins if its weakest link is stronger; of equal ones the shorter."""
    mappings = [
        _mapping("a", "b", ("a1", "b1", INTERSECTS), ("a1", "b2", EQUAL)),
        _mapping("a", "m", ("a1", "m1", EQUAL), ("a1", "m2", EQUAL)),
        _mapping("m", "b", ("m1", "b1", SUPERSET), ("m2", "b2", EQUAL)),
    ]
    first, second = cover(mappings, "b", "a", ["a1"]).controls
    assert ([hop.framework for hop in first.hops], first.full) == (["a", "m"], True)
    assert [hop.framework for hop in second.hops] == ["a"]


def test_chains_are_as_long_as_asked_for_and_three_hops_at_most() -> None:
    """What is further away is no target."""
    names = ["a", "m", "n", "o", "b"]
    mappings = [_mapping(start, end, (f"{start}1", f"{end}1", EQUAL)) for start, end in pairwise(names)]
    assert cover(mappings, "b", "a", ["a1"]).controls == ()
    assert [each.control for each in cover(mappings, "o", "a", ["a1"]).controls] == ["o1"]
    assert cover(mappings, "o", "a", ["a1"], hops=2).controls == ()


def test_no_chain_goes_through_its_ends() -> None:
    """A control that another one of its own framework would lead to is not counted for it."""
    mapping = _mapping("a", "b", ("a1", "b1", EQUAL), ("a2", "b1", EQUAL), ("a2", "b2", EQUAL))
    found = cover([mapping], "b", "a", ["a1"])
    assert [(each.control, each.share) for each in found.controls] == [("b1", 0.5), ("b2", 0.0)]


def test_without_mappings_nothing_is_covered() -> None:
    """There is no mean of nothing."""
    found = cover([], "b", "a", ["a1"])
    assert (found.controls, found.mean_share) == ((), None)
