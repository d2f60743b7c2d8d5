"""Statements that read single events behind journeys: whose they are and were, and what they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.identity import NODES
from trueline_server.attribution.journeys import Journeys, event_text
from trueline_server.attribution.scope import Scope, instant, named

_AT = "toUnixTimestamp64Micro(occurred_at) AS at"


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """Events by their log positions, with the persons whose they are and were.

    Attributes:
        now: journeys as they are.
        then: the same as they were known earlier.
        positions: of the events.

    """

    now: Journeys
    then: Journeys
    positions: Sequence[int]

    def to_sql(self) -> Sql:
        """The statement; rows (position, source, id, name, at and accepted_at in µs, channel, nodes, person, before).

        `before` is the person that an event would have been of, also if it came in later.
        """
        bound = Parameters()
        channel = event_text(self.now.model.touches.channel, bound, "channel")
        events = (
            f"SELECT {_AT}, position, user_id, {NODES}, toString(source) AS origin, id, toString(name) AS called,\n"
            f"  toUnixTimestamp64Micro(accepted_at) AS accepted, {channel} AS channel FROM {EVENTS.full_name}\n"
            f"  WHERE {self.now.scope.bound(bound)} AND position IN "
            f"{bound.add('positions', 'Array(UInt64)', list(self.positions))}"
        )
        columns = "at, position, user_id, nodes, origin, id, called, accepted, channel"
        now = f"SELECT {columns}, person AS whose FROM ({self.now.identity.rows(events)})"
        return (
            "SELECT position, origin, id, called, at, accepted, channel, nodes, whose, person\n"
            f"FROM ({self.then.identity.rows(now)})",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class FindPosition:
    """The last log position of what had been accepted by an instant (µs since 1970, UTC)."""

    scope: Scope
    at_us: int

    def to_sql(self) -> Sql:
        """The statement; one row (position), 0 if there was nothing. The log's clock never runs backwards."""
        bound = Parameters()
        return (
            f"SELECT max(position) FROM {EVENTS.full_name} WHERE {self.scope.bound(bound)} "
            f"AND accepted_at <= {instant('at_us', self.at_us, bound)}",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class FindLateConversions:
    """Conversions of the type that came in after a log position."""

    journeys: Journeys
    last_position: int

    def to_sql(self) -> Sql:
        """The statement; rows (person, at in µs, position)."""
        bound = Parameters()
        of, scope = self.journeys.converting, self.journeys.scope
        events = (
            f"SELECT {_AT}, position, user_id, {NODES} FROM {EVENTS.full_name} WHERE {scope.bound(bound)}\n"
            f"  AND {named('conversions', of.of.names(self.journeys.mapping), bound)}\n"
            f"  AND occurred_at >= {instant('since_us', scope.start_us - of.lookback_us, bound)}\n"
            f"  AND position > {bound.add('known_position', 'UInt64', self.last_position)}"
        )
        return (
            f"SELECT person, at, position FROM ({self.journeys.identity.rows(events)}) ORDER BY position",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class FindStitches:
    """Events that came in after a log position and gave an id to another person than it was of.

    Attributes:
        now: journeys as they are.
        then: the same as they were known earlier.
        last_position: up to which events were known then.
        persons: only of these, now or then,
        nodes: or with one of these ids.

    """

    now: Journeys
    then: Journeys
    last_position: int
    persons: Sequence[str]
    nodes: Sequence[str]

    def to_sql(self) -> Sql:
        """The statement; rows (position, person, ids that were of another person, these persons), by position."""
        bound = Parameters()
        stitches = self.now.model.stitches
        names = () if stitches is None else stitches.names(self.now.mapping)
        events = (
            f"SELECT {_AT}, position, user_id, {NODES} FROM {EVENTS.full_name} WHERE {self.now.scope.bound(bound)}\n"
            f"  AND {named('stitches', names, bound)} AND notEmpty(nodes) AND length(nodes) + (user_id != '') > 1\n"
            f"  AND position > {bound.add('known_position', 'UInt64', self.last_position)}"
        )
        each = (
            "SELECT at, position, '' AS user_id, [node] AS nodes, whose\n"
            f"FROM (SELECT at, position, nodes AS ids, person AS whose FROM ({self.now.identity.rows(events)}))\n"
            "ARRAY JOIN ids AS node"
        )
        persons = bound.add("persons", "Array(String)", list(self.persons))
        ids = bound.add("nodes", "Array(String)", list(self.nodes))
        return (
            "SELECT position, any(whose) AS owner, groupArray(nodes[1]) AS ids, groupUniqArray(person) AS before\n"
            f"FROM ({self.then.identity.rows(each)}) WHERE person != whose GROUP BY position\n"
            f"HAVING has({persons}, owner) OR hasAny(before, {persons}) OR hasAny(ids, {ids}) ORDER BY position",
            bound.values,
        )
