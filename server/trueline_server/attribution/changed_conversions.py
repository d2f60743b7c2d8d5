"""SQL that compares the journeys of now with those that were known earlier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from trueline_stores.warehouse.statements import Sql
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.journeys import Journeys
from trueline_server.attribution.moments import at, position
from trueline_server.attribution.refunds import settled

# Events of one kind that are told of one conversion.
MOST_EVENTS = 20
_NOW, _THEN, _PAID_NOW, _PAID_THEN = range(4)
_NO_MARKS = "(toUInt32(0), toUInt32(0))"


@dataclass(frozen=True, slots=True)
class FindChanges:
    """Conversions whose person, touches, milestones or value differ; what was known then is known now.

    Attributes:
        now: journeys as they are.
        then: the same as they were known earlier.
        last_position: log position up to which events were known then.
        marked: whether it matters which touches led to the lead and the opportunity.
        skip: conversions whose touches are not told, from the first.
        page: how many come after them whose touches are told.

    """

    now: Journeys
    then: Journeys
    last_position: int
    marked: bool = False
    skip: int = 0
    page: int = 0

    def to_sql(self) -> Sql:
        """The statement; rows by time. All that did not change are one row, the first, with the position 0.

        Columns: position, at (µs), existed, person, person_before; value and value_before, alone and alone_before (the
        same where no touch counts), conversions and conversions_before, which are sums in the row 0. Then positions of
        events: late_touches and late_refunds came in since, the first MOST_EVENTS of each; moved_in were known and not
        its own; lost_touches and lost_refunds are its own no longer. Milestones are among the touches there if they
        matter. On the page only: touches and touches_before, those that count, oldest first, and marks and
        marks_before, (leads_place, opportunities_place).
        """
        bound = Parameters()
        earlier = _Earlier(bound.values)
        sides = [self._side(_NOW, self.now, bound), self._side(_THEN, self.then, earlier)]
        if self.now.converting.refunds is not None:
            sides += [_paid(_PAID_NOW, self.now, bound), _paid(_PAID_THEN, self.then, earlier)]
        nth_from = bound.add("skip", "UInt64", self.skip)
        nth_to = bound.add("until", "UInt64", self.skip + self.page)
        shown = f"nth > {nth_from} AND nth <= {nth_to}"
        merged = self._merged(bound.add("known_position", "UInt64", self.last_position), sides)
        return (
            "SELECT position, at, existed, person, person_before, value, value_before, alone, alone_before,\n"
            "  conversions, conversions_before, late_touches, late_refunds, moved_in, lost_touches, lost_refunds,\n"
            f"  if({shown}, kept, []) AS touches, if({shown}, kept_before, []) AS touches_before,\n"
            f"  if({shown}, marked, {_NO_MARKS}) AS marks, if({shown}, marked_before, {_NO_MARKS}) AS marks_before\n"
            "FROM (SELECT *, countIf(position != 0) OVER (ORDER BY position != 0, at, position\n"
            "  ROWS UNBOUNDED PRECEDING) AS nth\n"
            f"FROM ({merged}))\nORDER BY nth",
            bound.values,
        )

    def _side(self, side: int, journeys: Journeys, bound: Parameters) -> str:
        """The conversions of one time: whose, what worth, their touches and milestones, and the touches that count."""
        own, marks, read = f"arrayMap(m -> {position('m')}, path0)", _NO_MARKS, "person, worth, path0, path"
        if self.marked:
            own = f"arrayConcat({own}, arrayMap(t -> t.position, arrayConcat(leads, opportunities)))"
            marks = "(toUInt32(leads_place), toUInt32(opportunities_place))"
            read += ", leads, opportunities, leads_place, opportunities_place"
        return (
            "WITH "
            + ",\n".join(replace(journeys, lost=False).clauses(bound))
            + f"\nSELECT {side} AS side, {position('moment')} AS conversion, {at('moment')} AS ended_at,\n"
            f"  person AS whose, worth, {own} AS own,\n"
            f"  arrayMap(m -> {position('m')}, path) AS counting, {marks} AS marks\n"
            f"FROM (SELECT conversion AS moment, {read} FROM journeys WHERE converted = 1)"
        )

    @staticmethod
    def _merged(last: str, sides: list[str]) -> str:
        """One row for each conversion that changed, and one for all others."""

        def told(name: str, sql: str, empty: str = "[]") -> str:
            return f"any(if(changed, {sql}, {empty})) AS {name}"

        def late(own: str) -> str:
            return f"arraySlice(arraySort(arrayFilter(p -> p > {last}, {own})), 1, {MOST_EVENTS})"

        def gone(own_then: str, own_now: str) -> str:
            return f"if(was, arrayExcept({own_then}, {own_now}), [])"

        came = f"arrayFilter(p -> p <= {last}, arrayConcat({gone('own_now', 'own_then')}, {gone('paid', 'paid_then')}))"
        columns = (
            "if(changed, conversion, 0) AS position",
            told("at", "ended_at", "0"),
            "any(was) AS existed",
            told("person", "whose_now", "''"),
            told("person_before", "whose_then", "''"),
            "sum(worth_now) AS value, sum(worth_then) AS value_before",
            "sumIf(worth_now, empty(counting_now)) AS alone, sumIf(worth_then, empty(counting_then)) AS alone_before",
            "count() AS conversions, sum(was) AS conversions_before",
            told("late_touches", late("own_now")),
            told("late_refunds", late("paid")),
            told("moved_in", came),
            told("lost_touches", gone("own_then", "own_now")),
            told("lost_refunds", gone("paid_then", "paid")),
            told("kept", "counting_now"),
            told("kept_before", "counting_then"),
            told("marked", "marks_now", _NO_MARKS),
            told("marked_before", "marks_then", _NO_MARKS),
        )
        return "SELECT " + ",\n  ".join(columns) + f"\nFROM ({_compared(sides)}) GROUP BY position"


def _paid(side: int, journeys: Journeys, bound: Parameters) -> str:
    return (
        f"SELECT {side} AS side, conversion, toInt64(0) AS ended_at, '' AS whose, 0. AS worth, paid_back AS own,\n"
        f"  emptyArrayUInt64() AS counting, {_NO_MARKS} AS marks FROM ({settled(journeys, bound)})"
    )


def _compared(sides: list[str]) -> str:
    """One row for each conversion: what it is, what it was, and whether this differs.

    Sides are grouped and not joined, because groups that are too large for the memory go to the disk.
    """
    columns = [f"anyIf(ended_at, side = {_NOW}) AS ended_at", f"countIf(side = {_THEN}) > 0 AS was"]
    for name in ("whose", "worth", "own", "counting", "marks"):
        columns += [f"anyIf({name}, side = {side}) AS {name}_{time}" for side, time in ((_NOW, "now"), (_THEN, "then"))]
    columns += [f"anyIf(own, side = {_PAID_NOW}) AS paid", f"anyIf(own, side = {_PAID_THEN}) AS paid_then"]
    # Sums of floats may differ in their last bits from run to run.
    unequal = "abs(worth_now - worth_then) > 1e-9 * greatest(1, abs(worth_now), abs(worth_then))"
    # The touch that a mark is on, not its place, which other touches change.
    now, then = (f"arrayMap(i -> counting_{time}[i], [marks_{time}.1, marks_{time}.2])" for time in ("now", "then"))
    changed = f"NOT was OR whose_now != whose_then OR counting_now != counting_then OR {unequal}\n  OR {now} != {then}"
    rows = "\nUNION ALL ".join(f"SELECT * FROM (\n{side})" for side in sides)
    # Refunds are of conversions of other times, too.
    return (
        "SELECT conversion, " + ",\n  ".join(columns) + f",\n  {changed} AS changed\n"
        f"FROM ({rows})\nGROUP BY conversion HAVING countIf(side = {_NOW}) > 0"
    )


class _Earlier(Parameters):
    """Parameters of the journeys that are compared with, beside those of the others in one statement."""

    def add(self, name: str, kind: str, value: Any) -> str:
        """See Parameters."""
        return Parameters.add(self, f"earlier_{name}", kind, value)
