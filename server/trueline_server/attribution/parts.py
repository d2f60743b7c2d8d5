"""SQL of what led to each conversion of a person, from `people`: rows (person, moments) with the moments in order.

Rows are (person, conversion, paid_back, ends, led, others, leads, opportunities): a conversion of any time or another
moment, what was paid back of it (0 or below), whether it is a conversion, the touches within its lookback, those of the
period that led to none, and the milestones before it.
"""

from __future__ import annotations

from dataclasses import dataclass

from trueline_server.attribution.limits import COPIES
from trueline_server.attribution.moments import NOTHING, TYPE, Kind, at, begin, is_kind, value

_TOUCH = is_kind("m", Kind.TOUCH)


@dataclass(frozen=True, slots=True)
class Parts:
    """How moments are parted.

    Attributes:
        lookback: SQL of how long before a conversion a touch may be (µs).
        start: SQL of the begin of the period (µs since 1970, UTC).
        end: SQL of its end.
        refunds: whether there are any.

    """

    lookback: str
    start: str
    end: str
    refunds: bool

    def at_conversions(self) -> str:
        """Each moment is of the next conversion at most."""
        near = "ends AND m >= since"
        joined, paid = "pieces AS part", "toFloat64(0) AS paid_back"
        pieces = f"{_pieces()} AS pieces"
        if self.refunds:
            joined, paid = "pieces AS part, paid AS paid_back", "paid_back"
            pieces += f", {_paid('pieces')} AS paid"
        return (
            f"SELECT person, part[-1] AS conversion, {paid}, {is_kind('conversion', Kind.CONVERSION)} AS ends,\n"
            f"  {self._since('conversion')} AS since, arrayFilter(m -> {_TOUCH} AND {near}, part) AS led,\n"
            f"  arrayFilter(m -> {_TOUCH} AND m >= {begin(self.start)} AND NOT ({near}), part) AS others,\n"
            f"  {_milestones('part')}\n"
            f"FROM (SELECT person, {pieces} FROM people) ARRAY JOIN {joined}"
        )

    def in_common(self) -> str:
        """Each touch is of all conversions that look back to it; `others` are in a row of their own."""
        ended = self._ended("m")
        pieces, paid = "", "arrayMap(c -> toFloat64(0), conversions)"
        if self.refunds:
            pieces = f"  {_pieces()} AS pieces,\n"
            paid = f"arrayFilter((paid, piece) -> {self._ended('piece[-1]')}, {_paid('pieces')}, pieces)"
        # Where the lookback of the n-th conversion begins: its place among all such and the moments, less n.
        begins = f"arrayFilter((i, m) -> {is_kind('m', Kind.BEGIN)}, arrayEnumerate(merged), merged)"
        near = f"{is_kind('next', Kind.CONVERSION)} AND {at('m')} >= {at('next')} - {self.lookback}"
        people = (
            "SELECT person, moments,\n"
            f"  arrayFilter(m -> {ended}, moments) AS conversions,\n"
            f"  arrayFilter((i, m) -> {ended}, arrayEnumerate(moments), moments) AS lasts,\n"
            f"  arraySort(arrayConcat(moments, arrayMap(c -> {self._since('c')}, conversions))) AS merged,\n"
            f"  arrayMap((i, n) -> i - n, {begins}, arrayEnumerate(conversions)) AS befores,\n{pieces}"
            f"  {paid} AS paid, {_milestones('moments', 'person_')},\n"
            f"  arrayReverseFill(m -> {is_kind('m', Kind.CONVERSION)}, moments) AS nexts,\n"
            f"  arrayFilter((m, next) -> {_TOUCH} AND m >= {begin(self.start)} AND NOT ({near}), moments, nexts)\n"
            "    AS lost\n"
            "FROM people\n"
            f"WHERE {COPIES.exceeded('arraySum(lasts) - arraySum(befores)')} = 0"
        )
        return (
            f"SELECT person, conversion, paid_back, conversion != {NOTHING} AS ends,\n"
            f"  arrayFilter(m -> {_TOUCH}, arraySlice(moments, before + 1, last - before)) AS led,\n"
            f"  if(conversion = {NOTHING}, lost, CAST([], 'Array({TYPE})')) AS others,\n"
            "  arrayFilter(m -> m < conversion, person_leads) AS leads,\n"
            "  arrayFilter(m -> m < conversion, person_opportunities) AS opportunities\n"
            f"FROM (\n{people})\n"
            f"ARRAY JOIN arrayPushBack(conversions, {NOTHING}) AS conversion, arrayPushBack(paid, 0.) AS paid_back,\n"
            "  arrayPushBack(befores, 0) AS before, arrayPushBack(lasts, 0) AS last"
        )

    def _ended(self, moment: str) -> str:
        """SQL that holds for conversions of the period."""
        return (
            f"{is_kind(moment, Kind.CONVERSION)} AND {moment} >= {begin(self.start)} AND {moment} < {begin(self.end)}"
        )

    def _since(self, conversion: str) -> str:
        return begin(f"{at(conversion)} - {self.lookback}")


def _pieces() -> str:
    return f"arrayReverseSplit(m -> {is_kind('m', Kind.CONVERSION)}, moments)"


def _paid(pieces: str) -> str:
    """SQL of what was paid back of each piece's conversion: refunds until the next one lie in the piece after it."""
    back = f"arraySum(m -> if({is_kind('m', Kind.REFUND)}, {value('m')}, 0.), piece)"
    return f"arrayPushBack(arrayPopFront(arrayMap(piece -> {back}, {pieces})), 0.)"


def _milestones(moments: str, owner: str = "") -> str:
    return (
        f"arrayFilter(m -> {is_kind('m', Kind.LEAD)}, {moments}) AS {owner}leads, "
        f"arrayFilter(m -> {is_kind('m', Kind.OPPORTUNITY)}, {moments}) AS {owner}opportunities"
    )
