"""Statements over journeys: credits of the heuristics, paths, costs, and one journey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from trueline_rules.attribution_model import CostEvents
from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.identity import NODES
from trueline_server.attribution.journeys import Journeys, event_text
from trueline_server.attribution.models import Model, TimeDecay
from trueline_server.attribution.moments import NOTHING, at, campaign, counted_label, counted_name, label
from trueline_server.attribution.money import money
from trueline_server.attribution.scope import instant, named
from trueline_server.attribution.touch_weights import weight


class Dimension(StrEnum):
    """What a report is broken down by; the day (UTC) and the segment are those of the conversion."""

    CHANNEL = "channel"
    CAMPAIGN = "campaign"
    DAY = "day"
    SEGMENT = "segment"


# What is grouped by, of a touch and its conversion, and the name that it stands for.
_DIMENSIONS = {
    Dimension.CHANNEL: ("channel_label", "labels[{}]"),
    Dimension.CAMPAIGN: ("campaign_label", "labels[{}]"),
    Dimension.DAY: (f"toDate(fromUnixTimestamp64Micro({at('conversion')}, 'UTC'))", "toString({})"),
    Dimension.SEGMENT: (label("conversion"), "labels[{}]"),
}


# Arrays of labels, and what each of them is called.
_JOINED = {Dimension.CHANNEL: ("channels", "channel_label"), Dimension.CAMPAIGN: ("campaigns", "campaign_label")}


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
        clauses = replace(self.journeys, lost=False).clauses(bound)
        columns: dict[str, str] = {}
        sums: list[str] = []
        for place, model in enumerate(self.models):
            own, earned = weight(model, f"m{place}", bound)
            columns |= own
            sums.append(f"sum({earned} AS w{place}) AS conversions{place}, sum(w{place} * worth) AS value{place}")
        keys = [f"{_DIMENSIONS[dimension][0]} AS key{place}" for place, dimension in enumerate(self.by)]
        told = [f"{_DIMENSIONS[one][1].format(f'key{place}')} AS {one}" for place, one in enumerate(self.by)]
        grouped = ", ".join(f"key{place}" for place in range(len(self.by)))
        inner = "".join(f",\n  {sql} AS {name}" for name, sql in columns.items())
        # What is joined is copied for each touch.
        joined = ["arrayEnumerate(touches) AS i"]
        joined += ["ats AS at"] if any(isinstance(model, TimeDecay) for model in self.models) else []
        joined += [f"{array} AS {key}" for of, (array, key) in _JOINED.items() if of in self.by]
        # A journey without touches counts as one touch of nothing.
        return (
            f"{_with(clauses)}SELECT {', '.join(told)}, * EXCEPT({grouped})\nFROM (SELECT {', '.join(keys)}, alone, "
            "if(alone, 0, count()) AS touched,\n  "
            + ",\n  ".join(sums)
            + "\nFROM (SELECT conversion, worth, empty(path) AS alone,\n"
            + f"  if(empty(path), [{NOTHING}], path) AS touches,\n"
            + f"  arrayMap(m -> {at('m')}, touches) AS ats, arrayMap(m -> {label('m')}, touches) AS channels,\n"
            + f"  arrayMap(m -> {campaign('m')}, touches) AS campaigns,\n"
            + f"  length(touches) AS n, ats[-1] AS last_at, leads_place, opportunities_place{inner}\n"
            + "  FROM journeys WHERE converted = 1)\n"
            + f"ARRAY JOIN {', '.join(joined)}\n"
            + f"GROUP BY {grouped}, alone)\nORDER BY {', '.join(self.by)}, alone",
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
        # Of a touch only what its name is made of, which is a shorter number.
        own, called = label("m"), "labels[m]"
        if self.journeys.counted:
            own, called = counted_label("m"), counted_name("m")
        return (
            f"{_with(clauses)}SELECT arrayMap(m -> {called}, moments) AS path, conversions, value, nulls\nFROM (\n"
            f"  SELECT arrayMap(m -> {own}, path) AS moments, countIf(converted = 1) AS conversions,\n"
            "  sumIf(worth, converted = 1) AS value, countIf(converted = 0) AS nulls\n"
            "  FROM journeys GROUP BY moments)\nORDER BY conversions + nulls DESC, path",
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


# An event with one id joins nothing.
_JOINS = " + ".join(f"({kind}_id != '')" for kind in ("user", "anonymous", "device", "account")) + " > 1"


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
            joins = f" AND {_JOINS}" if kind == "stitches" else ""
            counts.append(f"countIf({named(kind, names, bound)} AND occurred_at >= {begins}{until}{joins}) AS {kind}")
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
        """The statement; one row (person, at, value, segment, leads_place, opportunities_place, touches).

        Touches are (at, channel, campaign, position).
        """
        bound = Parameters()
        clauses = replace(self.journeys, lost=False).clauses(bound)
        return (
            f"{_with(clauses)}SELECT person, ended.at, ended.value, ended.name, leads_place, opportunities_place,\n"
            "  arrayMap(t -> (t.at, t.name, t.campaign, t.position), touches)\n"
            "FROM journeys WHERE converted = 1 AND ended.position = "
            f"{bound.add('position', 'UInt64', self.position)}",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class ReadStitches:
    """What the persons of events are known by."""

    journeys: Journeys
    positions: Sequence[int]

    def to_sql(self) -> Sql:
        """The statement; rows (position, id, share of the sightings of the id that say so); ("", 1) = by the user."""
        bound = Parameters()
        events = (
            f"SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, {NODES}\n"
            f"  FROM {EVENTS.full_name} WHERE {self.journeys.scope.bound(bound)} "
            f"AND position IN {bound.add('positions', 'Array(UInt64)', list(self.positions))}"
        )
        return f"SELECT position, stitch.1, stitch.2 FROM ({self.journeys.identity.rows(events)})", bound.values


def _with(clauses: list[str]) -> str:
    return "WITH " + ",\n".join(clauses) + "\n"
