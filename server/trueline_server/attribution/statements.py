"""Statements over journeys: credits of the heuristics, paths, costs, and one journey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.attribution_model import CostEvents
from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.identity import NODES
from trueline_server.attribution.journeys import Journeys, event_text
from trueline_server.attribution.models import Model
from trueline_server.attribution.money import money
from trueline_server.attribution.scope import instant, named
from trueline_server.attribution.touch_weights import weight

# Large groups go to the disk before they fill the memory.
SETTINGS: Mapping[str, int] = {"max_bytes_before_external_group_by": 1 << 30}


class Dimension(StrEnum):
    """What a report is broken down by; the day (UTC) and the segment are those of the conversion."""

    CHANNEL = "channel"
    CAMPAIGN = "campaign"
    DAY = "day"
    SEGMENT = "segment"


_DIMENSIONS = {
    Dimension.CHANNEL: "touch.name",
    Dimension.CAMPAIGN: "touch.campaign",
    Dimension.DAY: "toString(toDate(fromUnixTimestamp64Micro(ended.at, 'UTC')))",
    Dimension.SEGMENT: "ended.name",
}


@dataclass(frozen=True, slots=True)
class SumCredits:
    """What the touches of journeys earned by heuristic models, several at once.

    Attributes:
        journeys: which; those that converted count.
        models: at least one.
        by: what the credits are broken down by, without repeats.

    """

    journeys: Journeys
    models: Sequence[Model]
    by: tuple[Dimension, ...] = (Dimension.CHANNEL,)

    def to_sql(self) -> Sql:
        """The statement; rows of a column for each of `by`, then alone, touches, and by model conversions and value.

        What converted without a touch is in rows of its own: `alone` is 1, channel and campaign are "", touches is 0.
        """
        bound = Parameters()
        clauses = self.journeys.clauses(bound)
        columns: dict[str, str] = {}
        sums: list[str] = []
        for place, model in enumerate(self.models):
            own, earned = weight(model, f"m{place}", bound)
            columns |= own
            sums.append(f"sum({earned} AS w{place}) AS conversions{place}, sum(w{place} * ended.value) AS value{place}")
        by = ", ".join(f"{_DIMENSIONS[dimension]} AS {dimension}" for dimension in self.by)
        names = ", ".join(self.by)
        inner = "".join(f",\n  {sql} AS {name}" for name, sql in columns.items())
        # A journey without touches counts as one touch of nothing.
        nothing = "[defaultValueOfTypeName(toTypeName(found[1]))]"
        return (
            f"{_with(clauses)}SELECT {by}, alone, if(alone, 0, count()) AS touched,\n  "
            + ",\n  ".join(sums)
            + f"\nFROM (SELECT ended, empty(found) AS alone, if(empty(found), {nothing}, found) AS touches,\n"
            + "  length(touches) AS n, touches[-1].at AS last_at, leads_place, opportunities_place"
            + f"{inner}\n  FROM (SELECT ended, touches AS found, leads_place, opportunities_place FROM journeys\n"
            + "    WHERE converted = 1))\n"
            + "ARRAY JOIN touches AS touch, arrayEnumerate(touches) AS i\n"
            + f"GROUP BY {names}, alone ORDER BY {names}, alone",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class CountPaths:
    """The distinct paths of channels, and what became of the journeys that took them."""

    journeys: Journeys

    def to_sql(self) -> Sql:
        """The statement; rows (path Array(String), conversions, value, nulls), the most frequent first."""
        bound = Parameters()
        clauses = self.journeys.clauses(bound)
        return (
            f"{_with(clauses)}SELECT arrayMap(t -> t.name, touches) AS path, countIf(converted = 1) AS conversions,\n"
            "  sumIf(ended.value, converted = 1) AS value, countIf(converted = 0) AS nulls\n"
            "FROM journeys GROUP BY path ORDER BY conversions + nulls DESC, path",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class SumCosts:
    """What was spent in the period, by channel, campaign and day."""

    journeys: Journeys
    costs: CostEvents

    def to_sql(self) -> Sql:
        """The statement; rows (channel, campaign, day, cost)."""
        bound = Parameters()
        scope, of = self.journeys.scope, self.costs
        names = of.of.names(self.journeys.mapping)
        channel = event_text(of.channel, bound, "channel")
        campaign = event_text(of.campaign, bound, "campaign")
        return (
            f"SELECT {channel} AS channel, {campaign} AS campaign, toString(toDate(occurred_at)) AS day,\n"
            f"  sum({money(of.value, self.journeys.model, bound)}) AS cost\n"
            f"FROM {EVENTS.full_name} WHERE {scope.bound(bound)} AND {named('costs', names, bound)}\n"
            f"  AND occurred_at >= {instant('start_us', scope.start_us, bound)} "
            f"AND occurred_at < {instant('end_us', scope.end_us, bound)}\n"
            "GROUP BY channel, campaign, day ORDER BY channel, campaign, day",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class CountLate:
    """Events behind a report that were accepted after an instant (µs since 1970, UTC)."""

    journeys: Journeys
    since_us: int

    def to_sql(self) -> Sql:
        """The statement; one row with a column for each of LATE_KINDS."""
        bound = Parameters()
        model, scope, mapping = self.journeys.model, self.journeys.scope, self.journeys.mapping
        since, start = scope.start_us - self.journeys.converting.lookback_us, scope.start_us
        refunds, costs = self.journeys.converting.refunds, None if model.costs is None else model.costs.of
        kinds = (
            ("touches", model.touches.of, since),
            ("conversions", self.journeys.converting.of, start),
            ("refunds", refunds, start),
            ("costs", costs, start),
            ("stitches", model.stitches, 0),
        )
        end = instant("end_us", scope.end_us, bound)
        counts = []
        for kind, of, from_us in kinds:
            names = () if of is None else of.names(mapping)
            # A refund that comes in after the period belongs to a conversion of it.
            until = "" if kind in ("refunds", "stitches") else f" AND occurred_at < {end}"
            begins = instant(f"{kind}_us", from_us, bound)
            counts.append(f"countIf({named(kind, names, bound)} AND occurred_at >= {begins}{until}) AS {kind}")
        return (
            f"SELECT {', '.join(counts)}\nFROM {EVENTS.full_name} WHERE {scope.bound(bound)} "
            f"AND accepted_at > {instant('late_us', self.since_us, bound)}",
            bound.values,
        )


LATE_KINDS = ("touches", "conversions", "refunds", "costs", "stitches")


@dataclass(frozen=True, slots=True)
class FindConversion:
    """Whose conversion an event is, and when it was."""

    journeys: Journeys
    id: str
    source: str = ""

    def to_sql(self) -> Sql:
        """The statement; rows (position, occurred_at in µs, source, person), at most two."""
        bound = Parameters()
        names = self.journeys.converting.of.names(self.journeys.mapping)
        source = f" AND source = {bound.add('source', 'String', self.source)}" if self.source else ""
        events = (
            "SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, toString(source) AS origin, user_id,\n"
            f"  {NODES}\n"
            f"  FROM {EVENTS.full_name} WHERE {self.journeys.scope.bound(bound)} "
            f"AND {named('conversions', names, bound)}\n  AND id = {bound.add('id', 'String', self.id)}{source}"
        )
        rows = self.journeys.identity.rows(events)
        return f"SELECT position, at, origin, person FROM ({rows}) ORDER BY position LIMIT 2", bound.values


@dataclass(frozen=True, slots=True)
class ReadJourney:
    """The journey of one conversion, touch by touch."""

    journeys: Journeys
    position: int

    def to_sql(self) -> Sql:
        """The statement; one row (person, at, value, segment, leads_place, opportunities_place, touches, stitch).

        Touches are (at, channel, campaign, stitch), `stitch` is (id that the person is known by, share of its
        sightings that say so).
        """
        bound = Parameters()
        clauses = self.journeys.clauses(bound)
        touch = "(t.at, t.name, t.campaign, (t.stitch.id, t.stitch.share))"
        return (
            f"{_with(clauses)}SELECT person, ended.at, ended.value, ended.name, leads_place, opportunities_place,\n"
            f"  arrayMap(t -> {touch}, touches), (ended.stitch.id, ended.stitch.share)\n"
            "FROM journeys WHERE converted = 1 AND ended.position = "
            f"{bound.add('position', 'UInt64', self.position)}",
            bound.values,
        )


def _with(clauses: list[str]) -> str:
    return "WITH " + ",\n".join(clauses) + "\n"
