"""Ids that were seen together: components as a plain search finds them, and the users that they adopt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from trueline_server.attribution.identity import MOST_USERS
from trueline_server.attribution.stitching import Pair, Stitched, stitch

_NODES = st.sampled_from([f"device:{letter}" for letter in "abcdefgh"])
_PAIRS = st.lists(st.tuples(_NODES, _NODES, st.integers(0, 9), st.just("")), max_size=20)


@given(_PAIRS)
def test_components_are_what_can_be_reached(pairs: list[Pair]) -> None:
    """An id's root is the smallest id that can be reached from it, whatever the order of the pairs."""
    near: dict[str, set[str]] = {}
    for node, other, *_ in pairs:
        near.setdefault(node, set()).add(other)
        near.setdefault(other, set()).add(node)
    roots = {}
    for start in near:
        reached, waiting = {start}, [start]
        while waiting:
            waiting += (found := near[waiting.pop()] - reached)
            reached |= found
        roots[start] = min(reached)
    assert {one.node: one.root for one in stitch(pairs)} == roots
    assert stitch(pairs) == stitch(list(reversed(pairs)))


def test_a_component_adopts_the_users_of_ids_beside_it() -> None:
    """By time, the last of each run of one user, with its share of the sightings; both ids are of the same."""
    pairs = [
        ("device:a", "device:b", 1, ""),
        ("device:b", "anonymous:x", 7, "v"),
        ("device:a", "anonymous:y", 3, "u"),
        ("device:a", "anonymous:z", 5, "u"),
    ]
    links = ((5, 7), ("u", "v"), (2 / 3, 1 / 3))
    assert stitch(pairs) == [Stitched("device:a", "device:a", *links), Stitched("device:b", "device:a", *links)]


def test_a_component_beside_too_many_users_is_nobodys() -> None:
    """It stays a person without a name."""
    pairs = [("device:a", f"anonymous:{place}", place, f"u{place}") for place in range(MOST_USERS + 1)]
    assert stitch(pairs) == [Stitched("device:a", "device:a")]
    assert stitch(pairs[1:])[0].users == tuple(f"u{place}" for place in range(1, MOST_USERS + 1))


def test_nothing_was_seen_together() -> None:
    """No pairs, no ids."""
    assert stitch([]) == []
