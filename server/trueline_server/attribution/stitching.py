"""Ids that were seen together without a user, as persons: union-find, and the users whom a component adopts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from trueline_server.attribution.identity import MOST_USERS

# node, other, when they were seen together last (µs since 1970, UTC), the user of the other then or "".
Pair = tuple[str, str, int, str]


@dataclass(frozen=True, slots=True)
class Stitched:
    """An id without a user of its own.

    Attributes:
        node: the id, with its kind before it: "device:d1".
        root: the smallest id of its component: the person, if the component has no user.
        ats: until when it is of each of `users`, ascending (µs since 1970, UTC); the last one for good.
        users: whom ids of the component were seen with through others, none of them twice in a row.
        shares: share of those sightings that name the user, above 0 to 1.

    """

    node: str
    root: str
    ats: tuple[int, ...] = ()
    users: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()


def stitch(pairs: Iterable[Pair]) -> list[Stitched]:
    """The ids without a user, by id, from pairs; a pair of two of them stands in both orders or in one."""
    parent: dict[str, str] = {}
    adopted: list[tuple[str, int, str]] = []
    for node, other, at_us, user in pairs:
        parent.setdefault(node, node)
        if user:
            adopted.append((node, at_us, user))
        else:
            parent.setdefault(other, other)
            _join(parent, node, other)
    seen: dict[str, list[tuple[int, str]]] = {}
    for node, at_us, user in adopted:
        seen.setdefault(_root(parent, node), []).append((at_us, user))
    links = {root: _links(sightings) for root, sightings in seen.items()}
    return [Stitched(node, root, *links.get(root, ())) for node in sorted(parent) for root in (_root(parent, node),)]


def _links(sightings: list[tuple[int, str]]) -> tuple[tuple[int, ...], tuple[str, ...], tuple[float, ...]]:
    ordered = sorted(sightings)
    counts = Counter(user for _, user in ordered)
    if len(counts) > MOST_USERS:
        return (), (), ()
    last = [
        seen for seen, after in zip(ordered, [*ordered[1:], None], strict=True) if after is None or after[1] != seen[1]
    ]
    users = tuple(user for _, user in last)
    return tuple(at_us for at_us, _ in last), users, tuple(counts[user] / len(ordered) for user in users)


def _join(parent: dict[str, str], one: str, other: str) -> None:
    first, second = sorted((_root(parent, one), _root(parent, other)))
    parent[second] = first


def _root(parent: dict[str, str], node: str) -> str:
    """The smallest id of the component; paths are halved on the way, so that chains stay short."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node
