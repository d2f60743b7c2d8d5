"""SQL of refunds: which conversion each was paid back of, which nothing was bought before, and their currencies."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.identity import NODES
from trueline_server.attribution.journeys import Journeys
from trueline_server.attribution.money import money, without_rate
from trueline_server.attribution.scope import named


def settled(journeys: Journeys, bound: Parameters) -> str:
    """SQL of rows (conversion, paid_back), the positions of a conversion and of its refunds.

    A refund is of the person's last conversion of the type at or before it, as in the values of journeys. Conversions
    without refunds are not there; the document has refunds.
    """
    return (
        "SELECT anyIf(position, not refund) AS conversion,\n"
        "  groupArrayIf(position, refund) AS paid_back\n"
        "FROM (SELECT person, position, at, refund, countIf(not refund) OVER (PARTITION BY person\n"
        f"  ORDER BY at, refund, position ROWS UNBOUNDED PRECEDING) AS nth\n  FROM ({_rows(journeys, bound)}))\n"
        "WHERE nth > 0 GROUP BY person, nth HAVING notEmpty(paid_back)"
    )


@dataclass(frozen=True, slots=True)
class SumUnmatched:
    """Refunds of the period whose person had no conversion of the type before them; the document has refunds."""

    journeys: Journeys

    def to_sql(self) -> Sql:
        """The statement; one row (refunds, their value, 0 or more)."""
        bound = Parameters()
        start = bound.add("start_us", "Int64", self.journeys.scope.start_us)
        end = bound.add("end_us", "Int64", self.journeys.scope.end_us)
        value = self.journeys.converting.value
        amount = f"abs({money(value, self.journeys.model, bound)})" if value else "0."
        return (
            "SELECT count(), sum(paid.2)\n"
            "FROM (SELECT minIf(at, not refund) AS first_at, countIf(not refund) AS conversions,\n"
            f"  groupArrayIf((at, amount), refund AND at >= {start} AND at < {end}) AS refunds\n"
            f"  FROM ({_rows(self.journeys, bound, amount)}) GROUP BY person)\n"
            "ARRAY JOIN refunds AS paid WHERE conversions = 0 OR paid.1 < first_at",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class UnknownRefundCurrencies:
    """Currencies without a rate of refunds that an answer adds up; the document has refunds.

    These are refunds of conversions of the period, whenever they came, and those of the period that nothing was bought
    before.
    """

    journeys: Journeys

    def to_sql(self) -> Sql:
        """The statement; rows (currency, refunds), the most frequent first."""
        bound = Parameters()
        start = bound.add("start_us", "Int64", self.journeys.scope.start_us)
        end = bound.add("end_us", "Int64", self.journeys.scope.end_us)
        return (
            "SELECT amount AS currency, count() FROM (SELECT refund, amount,\n"
            "  if(countIf(not refund) OVER earlier = 0, at, maxIf(at, not refund) OVER earlier) AS counted_at\n"
            f"  FROM ({_rows(self.journeys, bound, 'toString(currency)')})\n"
            "  WINDOW earlier AS (PARTITION BY person ORDER BY at, refund, position ROWS UNBOUNDED PRECEDING))\n"
            f"WHERE refund AND counted_at >= {start} AND counted_at < {end}\n"
            f"  AND {without_rate('amount', self.journeys.model, bound)}\n"
            "GROUP BY currency ORDER BY count() DESC, currency",
            bound.values,
        )


def _rows(journeys: Journeys, bound: Parameters, amount: str = "0.") -> str:
    """SQL of rows (person, position, at, refund, amount) of all conversions of the type and refunds."""
    of = journeys.converting
    refunds = () if of.refunds is None else of.refunds.names(journeys.mapping)
    names = (*of.of.names(journeys.mapping), *refunds)
    return journeys.identity.rows(
        f"SELECT toUnixTimestamp64Micro(occurred_at) AS at, position, user_id, {NODES},\n"
        f"  {named('refunds', refunds, bound)} AS refund, {amount} AS amount FROM {EVENTS.full_name}\n"
        f"  WHERE {journeys.scope.bound(bound)} AND {named('conversions', names, bound)}"
    )
