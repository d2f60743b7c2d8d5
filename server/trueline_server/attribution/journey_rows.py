"""Statements that read journeys one by one: how many there are, and each with its touches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.journeys import Journeys
from trueline_server.attribution.scope import instant, named

# What is sorted goes to the disk before it fills the memory, and comes back in blocks of a few megabytes.
STREAM_SETTINGS: Mapping[str, int] = {
    "max_bytes_before_external_sort": 256 << 20,
    "prefer_external_sort_block_bytes": 4 << 20,
    "max_block_size": 8192,
}


@dataclass(frozen=True, slots=True)
class CountConversions:
    """How many conversions the period has: each of them is a journey, with touches or without."""

    journeys: Journeys

    def to_sql(self) -> Sql:
        """The statement; one row (conversions)."""
        bound = Parameters()
        return f"SELECT count() FROM {EVENTS.full_name} WHERE {_conversions(self.journeys, bound)}", bound.values


@dataclass(frozen=True, slots=True)
class ReadJourneys:
    """The conversions of the period and what led to them, by time."""

    journeys: Journeys

    def to_sql(self) -> Sql:
        """The statement; rows (id, source, person, at in µs, value, segment, leads_place, opportunities_place, then of
        the touches, oldest first, ats in µs, channels and campaigns)."""
        bound = Parameters()
        clauses = replace(self.journeys, campaigns=True, lost=False).clauses(bound)
        where = _conversions(self.journeys, bound)
        return (
            "WITH " + ",\n".join(clauses) + "\n"
            "SELECT id, origin, person, converted_at, paid, segment, leads_place, opportunities_place,\n"
            "  arrayMap(t -> t.at, touches), arrayMap(t -> t.name, touches), arrayMap(t -> t.campaign, touches)\n"
            "FROM (SELECT ended.position AS position, person, ended.at AS converted_at, ended.value AS paid,\n"
            "  ended.name AS segment, leads_place, opportunities_place, touches FROM journeys\n"
            "  WHERE converted = 1) AS journey\n"
            f"JOIN (SELECT position, id, toString(source) AS origin FROM {EVENTS.full_name} WHERE {where}) AS event\n"
            "USING (position)\nORDER BY converted_at, position",
            bound.values,
        )


def _conversions(journeys: Journeys, bound: Parameters) -> str:
    """SQL that holds for the conversions of the period; what is a refund, too, is one only."""
    of, scope, mapping = journeys.converting, journeys.scope, journeys.mapping
    refunds = () if of.refunds is None else of.refunds.names(mapping)
    names = [name for name in of.of.names(mapping) if name not in refunds]
    return (
        f"{scope.bound(bound)} AND {named('only_conversions', names, bound)}\n"
        f"  AND occurred_at >= {instant('from_us', scope.start_us, bound)} "
        f"AND occurred_at < {instant('until_us', scope.end_us, bound)}"
    )
