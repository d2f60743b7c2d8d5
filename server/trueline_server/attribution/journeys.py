"""SQL of journeys: the touches of a person that led to a conversion of one type, and those that led to none."""

from __future__ import annotations

from dataclasses import dataclass, replace

from trueline_rules.attribution_model import AttributionModel, ConversionEvents, Selection, Transform, TransformKind
from trueline_rules.model import EventMapping
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.fields import PROPERTY_PREFIX
from trueline_streams.pane_statements import Parameters, text_expression

from trueline_server.attribution.identity import NODES, OF_SOMEBODY, ONE_BY_ONE, Identity
from trueline_server.attribution.limits import NAMES
from trueline_server.attribution.moments import (
    Kind,
    at,
    begin,
    code,
    label,
    packed,
    told_conversion,
    told_touch,
    value,
    with_times,
)
from trueline_server.attribution.money import money
from trueline_server.attribution.parts import Parts
from trueline_server.attribution.scope import Scope, instant, named

# The channel of a touch that names none, and the campaign or segment of what has none.
NO_NAME = "(none)"

_AT = "toUnixTimestamp64Micro(occurred_at) AS at"


@dataclass(frozen=True, slots=True)
class Journeys:
    """The journeys to conversions of one type.

    Attributes:
        scope: whose, and conversions of which period.
        model: the document in force.
        mapping: the event mapping in force.
        conversion: type of conversion, one of the model's.
        identity: whose events are whose.
        campaigns: whether touches carry their campaign; without it they take less time.
        counted: whether the transform `frequency` tells the number of touches, in `path` alone.
        lost: whether there are journeys without conversion; without them the others take less time.
        person: only of this person; "" = of all.

    """

    scope: Scope
    model: AttributionModel
    mapping: EventMapping
    conversion: str
    identity: Identity = ONE_BY_ONE
    campaigns: bool = False
    counted: bool = False
    lost: bool = True
    person: str = ""

    @property
    def converting(self) -> ConversionEvents:
        """The conversions."""
        return self.model.conversions[self.conversion]

    def clauses(self, bound: Parameters) -> list[str]:
        """Common table expressions that end with `journeys`, one row for each; conversions without touches are there.

        converted UInt8; person String; ended, the conversion as a named tuple (at, position, name, campaign, value),
        its name is the segment and its value is less what was refunded; touches, such tuples, oldest first, and
        touches0, those before the transforms; leads and opportunities, too, and leads_place and opportunities_place,
        the places (from 1) of the touches that led to the first of them, 0 = none.

        Beside them the same as moments, with names as places in `labels`: conversion, path, and path0, that before the
        transforms; and worth, the value of the conversion. Only what a statement reads is computed, and moments take
        less time.
        """
        parts = Parts(
            bound.add("lookback_us", "Int64", self.converting.lookback_us),
            bound.add("start_us", "Int64", self.scope.start_us),
            bound.add("conversions_end_us", "Int64", self.scope.end_us),
            bool(self._refunds()),
        )
        return [
            f"({self._labels(bound)}) AS labels",
            f"moments AS (\n{self._moments(bound)}\n)",
            "people AS (SELECT person, arraySort(groupArray(moment)) AS moments FROM moments GROUP BY person)",
            f"parts AS (\n{parts.at_conversions() if self.model.split else parts.in_common()}\n)",
            f"journeys AS (\n{self._journeys(parts)}\n)",
        ]

    def _labels(self, bound: Parameters) -> str:
        """Channels, campaigns and segments, each once, NO_NAME first; those of events that do not count yet, too."""
        # A few names more take less time than to look which events count.
        known = replace(self, scope=replace(self.scope, known_us=None, position=None))
        touches, of = self.model.touches, self.converting
        named_by = [("channel", touches.channel), ("campaign", touches.campaign if self.campaigns else "")]
        read = [(known._touches(bound), named_by), (known._conversions(bound), [("segment", of.segment)])]
        texts = [
            f"SELECT [{', '.join(event_text(field, bound, key) for key, field in fields if field)}] AS texts\n"
            f"  FROM {EVENTS.full_name} WHERE {where}"
            for where, fields in read
            if any(field for _, field in fields)
        ]
        if not texts:
            return f"SELECT ['{NO_NAME}']"
        every = f"arrayDistinct(arrayPushFront(groupUniqArrayArray({NAMES.most + 1})(texts), '{NO_NAME}')) AS names"
        few = f"if({NAMES.exceeded('length(names)')} = 0, names, [])"
        return f"SELECT {few} FROM (SELECT {every} FROM (\n  " + "\n  UNION ALL ".join(texts) + "))"

    def _moments(self, bound: Parameters) -> str:
        """Rows (person, moment); an event may be several."""
        touches, of = self.model.touches, self.converting
        names = {"channel": touches.channel, "campaign": touches.campaign if self.campaigns else ""}
        columns = [f"{event_text(field, bound, key)} AS {key}" for key, field in names.items() if field]
        coded = [code(key if field else "") for key, field in names.items()]
        moment = packed(f"{Kind.TOUCH}", coded[0], f"toUInt64({coded[1]})")
        rows = [self._rows(self._touches(bound), columns, moment, bound, passing=True)]
        for key, kind, mark in (
            ("leads", Kind.LEAD, self.model.lead),
            ("opportunities", Kind.OPPORTUNITY, self.model.opportunity),
        ):
            if mark is not None:
                rows.append(self._rows(self._passing(key, mark, bound), [], packed(f"{kind}"), bound, passing=True))
        amount, kind_of = money(of.value, self.model, bound) if of.value else "0.", f"{Kind.CONVERSION}"
        if refunds := self._refunds():
            kind_of = f"if({named('refunds', refunds, bound)}, {Kind.REFUND}, {Kind.CONVERSION})"
            amount = f"if(kind = {Kind.REFUND}, -abs({amount}), {amount})"
        columns = [f"{kind_of} AS kind", f"{amount} AS amount"]
        columns += [f"{event_text(of.segment, bound, 'segment')} AS segment"] if of.segment else []
        moment = packed("kind", code("segment" if of.segment else ""), "reinterpretAsUInt64(toFloat64(amount))")
        rows.append(self._rows(self._conversions(bound), columns, moment, bound, passing=False))
        return "\nUNION ALL ".join(rows)

    def _rows(self, where: str, columns: list[str], moment: str, bound: Parameters, *, passing: bool) -> str:
        events = f"SELECT {', '.join([_AT, 'position', 'user_id', NODES, *columns])}\n  FROM {EVENTS.full_name}"
        # What nobody can be told to have done is on nobody's journey; a conversion counts all the same.
        known = f"\n  AND {OF_SOMEBODY}" if passing else ""
        whose = f" WHERE person = {bound.add('person', 'String', self.person)}" if self.person else ""
        rows = self.identity.rows(f"{events} WHERE {where}{known}")
        return f"SELECT person, {moment} AS moment\nFROM ({rows}){whose}"

    def _touches(self, bound: Parameters) -> str:
        return self._passing("touches", self.model.touches.of, bound)

    def _passing(self, key: str, of: Selection, bound: Parameters) -> str:
        """SQL that holds for touches or milestones that may be on a journey of the period."""
        since_us = self.scope.start_us - self.converting.lookback_us
        return (
            f"{self.scope.bound(bound)} AND {named(key, of.names(self.mapping), bound)}\n"
            f"  AND occurred_at >= {instant('since_us', since_us, bound)} "
            f"AND occurred_at < {instant('end_us', self.scope.end_us, bound)}"
        )

    def _conversions(self, bound: Parameters) -> str:
        """SQL that holds for conversions and refunds."""
        names = (*self.converting.of.names(self.mapping), *self._refunds())
        where = f"{self.scope.bound(bound)} AND {named('conversions', names, bound)}"
        if self._refunds():
            # All conversions count: one that was long ago may be paid back now.
            return where
        since_us = self.scope.start_us - self.converting.lookback_us
        return f"{where}\n  AND occurred_at >= {instant('since_us', since_us, bound)}"

    def _refunds(self) -> tuple[str, ...]:
        refunds = self.converting.refunds
        return () if refunds is None else refunds.names(self.mapping)

    def _journeys(self, parts: Parts) -> str:
        steps = ["way.2 AS path0"]
        for place, transform in enumerate(self.model.transforms):
            counted = self.counted and all(
                one.kind is not TransformKind.FREQUENCY for one in self.model.transforms[:place]
            )
            steps.append(f"{_transformed(f'path{place}', transform, counted)} AS path{place + 1}")
        steps.append(f"path{len(self.model.transforms)} AS path")
        places = ", ".join(
            f"if(empty({name}0), 0, arrayLastIndex(t -> {at('t')} <= {at(f'{name}0[1]')}, path)) AS {name}_place"
            for name in ("leads", "opportunities")
        )
        told = ", ".join(
            f"arrayMap(m -> {told_touch('m')}, {found}) AS {name}"
            for found, name in (("path0", "touches0"), ("path", "touches"))
        )
        milestones = ", ".join(
            f"arrayMap(m -> {told_touch('m')}, {name}0) AS {name}" for name in ("leads", "opportunities")
        )
        ended = f"ends AND conversion >= {begin(parts.start)} AND conversion < {begin(parts.end)}"
        ways = "arrayJoin([(toUInt8(1), led), (toUInt8(0), others)])" if self.lost else "(toUInt8(1), led)"
        return (
            f"SELECT person, way.1 AS converted, conversion, {value('conversion')} + paid_back AS worth,\n"
            f"  {told_conversion('conversion', 'worth')} AS ended,\n"
            f"  {', '.join(steps)},\n  {told},\n  {milestones},\n  {places}\n"
            "FROM (SELECT person, conversion, paid_back, leads AS leads0, opportunities AS opportunities0,\n"
            f"  {ended} AS ended_here, {ways} AS way FROM parts)\n"
            "WHERE if(way.1 = 1, ended_here, notEmpty(way.2))"
        )


def event_text(field: str, bound: Parameters, key: str) -> str:
    """SQL of an event field as text, NO_NAME where it is absent or empty, or there is no field."""
    if not field:
        return f"'{NO_NAME}'"
    # An empty text names nothing: "" stands for what no touch led to.
    told = f"ifNull(nullIf({text_expression(field, bound, key)}, ''), '{NO_NAME}')"
    if not field.startswith(PROPERTY_PREFIX):
        return told
    # Most have the property as a text, which is found at once; only for the others all is looked at.
    text = f"properties[{bound.add(key, 'String', field.removeprefix(PROPERTY_PREFIX))}]"
    return f"if({text} = '', {told}, {text})"


def _transformed(touches: str, transform: Transform, counted: bool) -> str:
    """SQL of the touches that stay."""
    names = f"arrayMap(t -> {label('t')}, {touches})"
    match transform.kind:
        case TransformKind.UNIQUE:
            return touches
        case TransformKind.EXPOSURE:
            # No label is 0. In this order it is as long as the path, also where there is none.
            before = f"arrayPopBack(arrayPushFront({names}, 0))"
            return f"arrayFilter((t, before) -> {label('t')} != before, {touches}, {before})"
        case TransformKind.TRIM:
            return f"arraySlice({touches}, -{transform.last})"
        case _:
            kept = touches
            if counted and transform.kind is TransformKind.FREQUENCY:
                # How many of a channel there are from here on; at its first touch these are all.
                times = f"arrayReverse(arrayEnumerateUniq(arrayReverse({names})))"
                kept = f"arrayMap((t, times) -> {with_times('t', 'times')}, {touches}, {times})"
            return f"arrayFilter((t, nth) -> nth = 1, {kept}, arrayEnumerateUniq({names}))"
