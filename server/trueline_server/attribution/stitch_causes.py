"""Which events joined or told apart the ids because of which conversions are attributed in another way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trueline_server.attribution.changed_conversions import MOST_EVENTS


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event; instants in µs since 1970 (UTC).

    Attributes:
        nodes: its ids beside the user, with their kinds before them: "device:d1".
        person: whose it is.
        before: whose it was, or would have been.

    """

    position: int
    source: str
    id: str
    name: str
    at_us: int
    accepted_at_us: int
    channel: str
    nodes: Sequence[str]
    person: str
    before: str


@dataclass(frozen=True, slots=True)
class Stitch:
    """An event that gave ids to another person: its log position, the person, the ids and whose they were."""

    position: int
    person: str
    nodes: Sequence[str]
    before: Sequence[str]


def stitches_of(persons: tuple[str, str], moved: Sequence[EventRow], stitches: Sequence[Stitch]) -> list[int]:
    """Log positions of the events that joined or told apart the ids of a conversion, the first MOST_EVENTS.

    Args:
        persons: whose the conversion was and is.
        moved: the conversion and what it has or has no longer, which may be another person's than before.
        stitches: events that gave ids to other persons, by position.

    """
    pairs = {(one.before, one.person) for one in moved if one.before != one.person} | {persons}
    nodes = {node for one in moved if one.before != one.person for node in one.nodes}
    found = [
        one.position
        for one in stitches
        if not nodes.isdisjoint(one.nodes) or any((before, one.person) in pairs for before in one.before)
    ]
    if not found:
        # A conversion that lies between is the person's now: no id of what it took says so.
        found = [one.position for one in stitches if one.person in persons or not set(persons).isdisjoint(one.before)]
    return found[:MOST_EVENTS]


def searched(moved: Mapping[int, Sequence[EventRow]]) -> tuple[list[str], list[str]]:
    """Persons and ids whose stitches matter to conversions."""
    rows = [row for some in moved.values() for row in some]
    persons = {person for row in rows for person in (row.person, row.before)}
    return sorted(persons), sorted({node for row in rows for node in row.nodes})
