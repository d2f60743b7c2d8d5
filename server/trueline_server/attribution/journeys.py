"""SQL of journeys: the touches of a person that led to a conversion of one type, and those that led to none."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_rules.attribution_model import AttributionModel, ConversionEvents, Transform, TransformKind
from trueline_rules.model import EventMapping
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters, text_expression

from trueline_server.attribution.identity import NODES, ONE_BY_ONE, Identity
from trueline_server.attribution.money import money
from trueline_server.attribution.scope import Scope, instant, named

# The channel of a touch that names none, and the campaign or segment of what has none.
NO_NAME = "(none)"

_AT = "toUnixTimestamp64Micro(occurred_at) AS at"
# Of things at one instant, in this order: a touch at the instant of a conversion is before it.
_TOUCH, _LEAD, _OPPORTUNITY, _CONVERSION, _REFUND = range(5)
# What a person did; sorted by it, it is in order. `stitch` is what the person is known by.
_MOMENT = (
    "Tuple(at Int64, kind UInt8, position UInt64, name String, campaign String, value Float64, "
    "stitch Tuple(id String, share Float32))"
)
_EMPTY = "''"
_NO_STITCH = "('', toFloat32(1))"


@dataclass(frozen=True, slots=True)
class Journeys:
    """The journeys to conversions of one type.

    Attributes:
        scope: whose, and conversions of which period.
        model: the document in force.
        mapping: the event mapping in force.
        conversion: type of conversion, one of the model's.
        identity: whose events are whose.
        campaigns: whether touches carry their campaign; without it they take less memory.
        stitched: whether touches and conversions carry what their person is known by.
        counted: whether the transform `frequency` puts the number of touches into the names of channels.
        person: only of this person; "" = of all.

    """

    scope: Scope
    model: AttributionModel
    mapping: EventMapping
    conversion: str
    identity: Identity = ONE_BY_ONE
    campaigns: bool = False
    stitched: bool = False
    counted: bool = False
    person: str = ""

    @property
    def converting(self) -> ConversionEvents:
        """The conversions."""
        return self.model.conversions[self.conversion]

    def clauses(self, bound: Parameters) -> list[str]:
        """Common table expressions that end with `journeys`, one row for each; conversions without touches are there.

        converted UInt8; person String; ended, the conversion as a moment, its name is the segment and its value is
        less what was refunded; touches, moments, oldest first; leads_place and opportunities_place, places (from 1) of
        the touches that led to the first of them, 0 = none.
        """
        return [
            f"moments AS (\n{self._passing(bound)}\nUNION ALL {self._settled(bound)}\n)",
            f"parts AS (\n{self._parts(bound)}\n)",
            f"journeys AS (\n{self._journeys(bound)}\n)",
        ]

    def _passing(self, bound: Parameters) -> str:
        """Touches and milestones; an event may be several of them."""
        touches, names = self.model.touches, self.mapping
        kinds = [(_TOUCH, "touches", touches.of), (_LEAD, "leads", self.model.lead)]
        kinds.append((_OPPORTUNITY, "opportunities", self.model.opportunity))
        played = {kind: named(key, of.names(names), bound) for kind, key, of in kinds if of is not None}
        each = ", ".join(f"if({holds}, [{kind}], [])" for kind, holds in played.items())
        every = [name for _, _, of in kinds if of is not None for name in of.names(names)]
        campaign = event_text(touches.campaign, bound, "campaign") if self.campaigns else _EMPTY
        since_us = self.scope.start_us - self.converting.lookback_us
        events = (
            f"SELECT {_AT}, position, user_id, {NODES}, arrayJoin(arrayConcat({each})) AS kind,\n"
            f"  {event_text(touches.channel, bound, 'channel')} AS label, {campaign} AS campaign\n"
            f"  FROM {EVENTS.full_name} WHERE {self.scope.bound(bound)} AND {named('moments', every, bound)}\n"
            f"  AND occurred_at >= {instant('since_us', since_us, bound)} "
            f"AND occurred_at < {instant('end_us', self.scope.end_us, bound)}"
        )
        # What nobody can be told to have done is on nobody's journey.
        return (
            f"SELECT person, {self._moment('campaign', '0.')}\n"
            f"FROM ({self.identity.rows(events)}) WHERE (user_id != '' OR notEmpty(nodes)){self._whose(bound)}"
        )

    def _settled(self, bound: Parameters) -> str:
        """Conversions, each with what was paid back until the person's next one of the type."""
        of = self.converting
        refunds = () if of.refunds is None else of.refunds.names(self.mapping)
        names = of.of.names(self.mapping)
        where = f"{self.scope.bound(bound)} AND {named('conversions', (*names, *refunds), bound)}"
        if not refunds:
            # With refunds all conversions count: one that was long ago may be paid back now.
            since_us = self.scope.start_us - of.lookback_us
            where += f" AND occurred_at >= {instant('since_us', since_us, bound)}"
        value = "0." if not of.value else money(of.value, self.model, bound)
        kind = f"{_CONVERSION}"
        if refunds:
            kind = f"if({named('refunds', refunds, bound)}, {_REFUND}, {_CONVERSION})"
            value = f"if(kind = {_REFUND}, -abs({value}), {value})"
        events = (
            f"SELECT {_AT}, position, user_id, {NODES}, {kind} AS kind, {value} AS amount,\n"
            f"  {event_text(of.segment, bound, 'segment')} AS label FROM {EVENTS.full_name}\n  WHERE {where}"
        )
        rows = f"SELECT * FROM ({self.identity.rows(events)}) WHERE true{self._whose(bound)}"
        if not refunds:
            return f"SELECT person, {self._moment(_EMPTY, 'amount')}\nFROM ({rows})"
        first = f"anyIf({self._moment(_EMPTY, '0.')}, kind = {_CONVERSION})"
        return (
            f"SELECT person, ({', '.join(f'c.{place}' for place in range(1, 6))}, sum, c.7)::{_MOMENT}\n"
            f"FROM (SELECT person, {first} AS c, sum(amount) AS sum FROM (\n"
            f"  SELECT *, countIf(kind = {_CONVERSION}) OVER (PARTITION BY person ORDER BY at, kind, position\n"
            f"    ROWS UNBOUNDED PRECEDING) AS nth FROM ({rows}))\n"
            "  WHERE nth > 0 GROUP BY person, nth)"
        )

    def _moment(self, campaign: str, value: str) -> str:
        stitch = "stitch" if self.stitched else _NO_STITCH
        return f"(at, kind, position, label, {campaign}, {value}, {stitch})::{_MOMENT}"

    def _whose(self, bound: Parameters) -> str:
        return f" AND person = {bound.add('person', 'String', self.person)}" if self.person else ""

    def _parts(self, bound: Parameters) -> str:
        """Rows (person, part, ended, led, others): what led to a conversion, if there is one, and what led to none."""
        lookback = bound.add("lookback_us", "Int64", self.converting.lookback_us)
        touch = f"m.kind = {_TOUCH}"
        lost = f"{touch} AND m.at >= {bound.add('start_us', 'Int64', self.scope.start_us)}"
        near = f"ended.kind = {_CONVERSION} AND m.at >= ended.at - {lookback}"
        whole = (
            "SELECT person, arraySort(groupArray(moment)) AS moments\n"
            "  FROM (SELECT * FROM moments) AS m (person, moment) GROUP BY person"
        )
        if self.model.split:
            after = f"arrayPopBack(arrayPushFront(arrayMap(m -> m.kind = {_CONVERSION}, moments), 0))"
            return (
                f"SELECT person, arrayJoin(arraySplit((m, after) -> after, moments,\n    {after})) AS part,\n"
                f"  part[-1] AS ended, arrayFilter(m -> {touch} AND {near}, part) AS led,\n"
                f"  arrayFilter(m -> {lost} AND NOT ({near}), part) AS others\nFROM ({whole})"
            )
        conversions = f"arrayFilter(i -> moments[i].kind = {_CONVERSION}, arrayEnumerate(moments))"
        later = f"arrayExists(c -> c.kind = {_CONVERSION} AND c.at >= m.at AND m.at >= c.at - {lookback}, moments)"
        # A person's touches that no conversion looks back to are one more part, without a conversion.
        return (
            f"SELECT person, arrayJoin(arrayPushBack({conversions}, 0)) AS last,\n"
            f"  arraySlice(moments, 1, last) AS part, part[-1] AS ended,\n"
            f"  arrayFilter(m -> {touch} AND {near}, part) AS led,\n"
            f"  if(last = 0, arrayFilter(m -> {lost} AND NOT {later}, moments), []) AS others\nFROM ({whole})"
        )

    def _journeys(self, bound: Parameters) -> str:
        start = bound.add("start_us", "Int64", self.scope.start_us)
        end = bound.add("conversions_end_us", "Int64", self.scope.end_us)
        steps = ["way.2 AS touches0"]
        for place, transform in enumerate(self.model.transforms):
            steps.append(f"{_transformed(f'touches{place}', transform, self.counted)} AS touches{place + 1}")
        touches = f"touches{len(self.model.transforms)}"
        places = ", ".join(
            f"if(empty({name}), 0, arrayLastIndex(t -> t.at <= {name}[1].at, {touches})) AS {name}_place"
            for name in ("leads", "opportunities")
        )
        converted = f"ended.kind = {_CONVERSION} AND ended.at >= {start} AND ended.at < {end}"
        return (
            f"SELECT person, way.1 AS converted, ended, {', '.join(steps)}, {touches} AS touches,\n"
            f"  arrayFilter(m -> m.kind = {_LEAD}, part) AS leads,\n"
            f"  arrayFilter(m -> m.kind = {_OPPORTUNITY}, part) AS opportunities,\n"
            f"  {places}\n"
            "FROM (SELECT person, part, ended,\n"
            "  arrayJoin([(toUInt8(1), led), (toUInt8(0), others)]) AS way FROM parts)\n"
            f"WHERE if(way.1 = 1, {converted}, notEmpty(way.2))"
        )


def event_text(field: str, bound: Parameters, key: str) -> str:
    """SQL of an event field as text, NO_NAME where it is absent or there is no field."""
    return f"ifNull({text_expression(field, bound, key)}, '{NO_NAME}')" if field else f"'{NO_NAME}'"


def _transformed(touches: str, transform: Transform, counted: bool) -> str:
    """SQL of the touches that stay."""
    names = f"arrayMap(t -> t.name, {touches})"
    match transform.kind:
        case TransformKind.UNIQUE:
            return touches
        case TransformKind.EXPOSURE:
            # In this order it is as long as the path, also where there is none.
            before = f"arrayPopBack(arrayPushFront({names}, ''))"
            first = f"arrayEnumerate({touches})"
            return f"arrayFilter((t, before, i) -> i = 1 OR t.name != before, {touches}, {before}, {first})"
        case TransformKind.TRIM:
            return f"arraySlice({touches}, -{transform.last})"
        case _:
            kept = f"arrayFilter((t, nth) -> nth = 1, {touches}, arrayEnumerateUniq({names}))"
            if not (counted and transform.kind is TransformKind.FREQUENCY):
                return kept
            number = f"toString(countEqual({names}, t.name))"
            return (
                f"arrayMap(t -> (t.at, t.kind, t.position, concat(t.name, '(', {number}, ')'), t.campaign, t.value, "
                f"t.stitch)::{_MOMENT}, {kept})"
            )
