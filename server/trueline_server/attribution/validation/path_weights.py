"""Statements for validation: how much there is to read, and paths with what times and milestones say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_stores.warehouse.statements import Sql
from trueline_streams.pane_statements import Parameters

from trueline_server.attribution.journeys import Journeys


@dataclass(frozen=True, slots=True)
class CountTouches:
    """How many journeys there are, and how many touches they have."""

    journeys: Journeys

    def to_sql(self) -> Sql:
        """The statement; one row (conversions without a touch, touches)."""
        bound = Parameters()
        clauses = ",\n".join(self.journeys.clauses(bound))
        return (
            f"WITH {clauses}\nSELECT countIf(converted = 1 AND empty(touches)), sum(length(touches)) FROM journeys",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class SumDecay:
    """Paths of journeys that have a touch, with their milestones, what came of them, and the weights of time decay.

    Sums are of decimals, so that they do not depend on the order in which journeys are read.

    Attributes:
        journeys: which.
        half_lives_us: of the models whose weights are told.
        every: one in so many persons, 1 or more; the same ones whatever is asked.

    """

    journeys: Journeys
    half_lives_us: Sequence[int] = ()
    every: int = 1

    def to_sql(self) -> Sql:
        """The statement; rows (path, lead, opportunity, conversions, value, nulls, and two more for each half-life).

        Lead and opportunity are places of touches from 1, 0 = none or no conversion. The two are Array(Float64): for
        each touch the sum of its weights on journeys that converted, and of its weights times the value of the
        conversion; both are empty where none converted.
        """
        bound = Parameters()
        clauses = ",\n".join(self.journeys.clauses(bound))
        weights, sums = "", ""
        for place, half_life_us in enumerate(self.half_lives_us):
            half = bound.add(f"half_life_{place}_us", "Int64", half_life_us)
            # From the last touch, whose factor cancels, so that old journeys do not come to 0 / 0.
            raw = f"arrayMap(t -> exp2((t.at - touches[-1].at) / {half}), touches)"
            weights += f",\n  {raw} AS raw{place}, arrayMap(r -> r / arraySum(raw{place}), raw{place}) AS w{place}"
            earned = f"arrayMap(w -> toDecimal128(w * ended.value, 9), w{place})"
            for each in (f"arrayMap(w -> toDecimal128(w, 18), w{place})", earned):
                sums += f",\n  arrayMap(s -> toFloat64(s), sumForEachIf({each}, converted = 1))"
        return (
            f"WITH {clauses}\n"
            "SELECT path, lead, opportunity, countIf(converted = 1) AS conversions,\n"
            "  toFloat64(sumIf(toDecimal128(ended.value, 9), converted = 1)) AS value,\n"
            f"  countIf(converted = 0) AS nulls{sums}\n"
            "FROM (SELECT converted, ended, arrayMap(t -> t.name, touches) AS path,\n"
            "  if(converted = 1, leads_place, 0) AS lead, if(converted = 1, opportunities_place, 0) AS opportunity"
            f"{weights}\n"
            "  FROM journeys WHERE notEmpty(touches) "
            f"AND sipHash64(person) % {bound.add('every', 'UInt64', self.every)} = 0)\n"
            "GROUP BY path, lead, opportunity ORDER BY conversions + nulls DESC, path, lead, opportunity",
            bound.values,
        )
