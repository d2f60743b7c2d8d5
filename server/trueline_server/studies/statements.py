"""Statements of studies: they aggregate in the warehouse, and answer a row for each group or campaign.

Amounts are decimals and so are their sums, which therefore do not depend on the order of events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trueline_rules.model import EventMapping
from trueline_rules.study_model import CampaignEvents, DealEvents, RevenueEvents, StudyModel
from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters, number_expression, text_expression

from trueline_server.attribution.scope import instant, named
from trueline_server.studies.model import Period

# Large groups go to the disk before they fill the memory.
SETTINGS: Mapping[str, int] = {"max_bytes_before_external_group_by": 1 << 30}
# Beyond these nobody reads a list; a study of so many is told to be narrowed.
MOST_CAMPAIGNS_READ = 20_000
MOST_GROUPS_READ = 10_000

# The group of what says none.
NO_NAME = "(none)"

_AT = "toUnixTimestamp64Micro(occurred_at)"
_BEFORE_ALL, _AFTER_ALL = -(1 << 61), 1 << 61


@dataclass(frozen=True, slots=True)
class Reading:
    """What all statements of a run read.

    Attributes:
        tenant: whose events.
        position: up to this log position, so that all see the same.
        study: with the breakdowns that are asked for.
        mapping: the event mapping in force.

    """

    tenant: str
    position: int
    study: StudyModel
    mapping: EventMapping

    def bound(self, bound: Parameters) -> str:
        """SQL that holds for the events that count."""
        tenant = bound.add("tenant", "String", self.tenant)
        return f"tenant = {tenant} AND position <= {bound.add('last_position', 'UInt64', self.position)}"

    def texts(self, bound: Parameters) -> list[str]:
        """SQL of the event's value of each breakdown, NULL where it has none."""
        fields = self.study.breakdowns.values()
        return [text_expression(field, bound, f"breakdown{place}") for place, field in enumerate(fields)]

    def slices(self, bound: Parameters, groups: str) -> str:
        """SQL of the (breakdown, group) pairs that a row counts in, of an array of its groups; ('', '') is all."""
        names = bound.add("breakdown_names", "Array(String)", list(self.study.breakdowns))
        return f"arrayPushFront(arrayZip({names}, {groups}), ('', ''))" if self.study.breakdowns else "[('', '')]"


def amount(field: str, study: StudyModel, bound: Parameters, key: str) -> str:
    """SQL of an event field in the currency of the study, Decimal(38, 9); 0 where there is none."""
    value = number(field, bound, key)
    if not study.rates:
        return value
    currencies = bound.add("currencies", "Array(String)", list(study.rates))
    rates = bound.add("rates", "Array(Float64)", list(study.rates.values()))
    # A value without a currency is in that of the study, and what has a rate of 1 stays as it is.
    rate = f"transform(toString(currency), {currencies}, {rates}, toFloat64(1))"
    return f"if({rate} = 1, {value}, toDecimal128(toFloat64({value}) * {rate}, 9))"


def number(field: str, bound: Parameters, key: str) -> str:
    """SQL of a number of an event, Decimal(38, 9); 0 where there is none. `key` is another one for each field."""
    found = number_expression(field, bound, key)
    # The expression names parts of itself, and a statement has several of them.
    for part in ("number_text", "wide_number"):
        found = found.replace(part, f"{key}_{part}")
    return f"ifNull({found}, toDecimal128(0, 9))"


@dataclass(frozen=True, slots=True)
class CountRenewals:
    """What became of the deals whose term ran out in a period, as of the period's end."""

    reading: Reading
    deals: DealEvents
    period: Period

    def to_sql(self) -> Sql:
        """The statement; rows (breakdown, group, renewed, ended, open, three values of these, two sums of squares)."""
        bound = Parameters()
        reading, deals, mapping = self.reading, self.deals, self.reading.mapping
        due = () if deals.due is None else deals.due.names(mapping)
        renewed, ended = deals.renewed.names(mapping), deals.ended.names(mapping)
        value = amount(deals.value, reading.study, bound, "value")
        texts = ", ".join(f"ifNull({text}, '{NO_NAME}')" for text in reading.texts(bound))
        moment = (
            f"({_AT} AS at, multiIf({named('due', due, bound)}, 0, {named('renewed', renewed, bound)}, 1, 2) AS kind,\n"
            f"  position, {value} AS amount, [{texts}]::Array(String))"
        )
        start = bound.add("start_us", "Int64", self.period.start_us)
        # Without events that say when a term runs out, whatever was decided in the period is a term.
        begins = "" if due else f" AND occurred_at >= fromUnixTimestamp64Micro({start}, 'UTC')"
        terms = _DUE_TERMS if due else _DECISIONS
        deal = f"ifNull({text_expression(deals.deal, bound, 'deal')}, '')"
        total = "sumIf({what}, outcome = {outcome})"
        counts = ", ".join(f"countIf(outcome = {outcome})" for outcome in (1, 2, 0))
        values = ", ".join(total.format(what="value", outcome=outcome) for outcome in (1, 2, 0))
        square = "toDecimal256(value, 9) * value"
        squares = ", ".join(total.format(what=square, outcome=outcome) for outcome in (1, 2))
        return (
            f"SELECT slice.1, slice.2, {counts},\n  {values},\n  {squares}\n"
            "FROM (SELECT term.2 AS outcome, term.3 AS value, term.4 AS groups FROM (\n"
            f"  {terms}\n  FROM (\n"
            f"    SELECT {deal} AS deal, arraySort(groupArray({moment})) AS moments\n"
            f"    FROM {EVENTS.full_name} WHERE {reading.bound(bound)}\n"
            f"    AND {named('names', (*due, *renewed, *ended), bound)}\n"
            f"    AND occurred_at < {instant('end_us', self.period.end_us, bound)}{begins} AND deal != ''\n"
            "    GROUP BY deal))\n"
            f"  ARRAY JOIN terms AS term WHERE term.1 >= {start})\n"
            f"ARRAY JOIN {reading.slices(bound, 'groups')} AS slice\n"
            f"GROUP BY slice ORDER BY slice LIMIT {MOST_GROUPS_READ + 1}",
            bound.values,
        )


# A renewal or an end belongs to the due instant of its deal that is nearest, the earlier one of two as near, and the
# first of those that belong to one decides: deals are renewed before their term runs out, and after it, too.
_DUE_TERMS = (
    "SELECT arrayFilter(m -> m.2 = 0, moments) AS dues, arrayFilter(m -> m.2 > 0, moments) AS decisions,\n"
    "    arrayMap(i -> intDiv(dues[i].1 + dues[i + 1].1, 2), range(1, length(dues))) AS middles,\n"
    f"    arrayPushFront(middles, toInt64({_BEFORE_ALL})) AS lower,\n"
    f"    arrayPushBack(middles, toInt64({_AFTER_ALL})) AS upper,\n"
    "    arrayMap(i -> (dues[i].1, arrayFirst(m -> m.1 > lower[i] AND m.1 <= upper[i], decisions).2,\n"
    "      dues[i].4, dues[i].5), arrayEnumerate(dues)) AS terms"
)
_DECISIONS = "SELECT arrayMap(m -> (m.1, m.2, m.4, m.5), moments) AS terms"


@dataclass(frozen=True, slots=True)
class SumRevenue:
    """What users paid in three periods, the latest first: sums over users, and sums of products."""

    reading: Reading
    revenue: RevenueEvents
    periods: Sequence[Period]

    def to_sql(self) -> Sql:
        """The statement; rows (breakdown, group, users, three times (users, total, gross, refunds), six sums of
        products: 00, 11, 22, 01, 02, 12, and twice (users, amount) of new, expanded, contracted, lost)."""
        bound = Parameters()
        reading, revenue, mapping = self.reading, self.revenue, self.reading.mapping
        paid, back = revenue.payments.names(mapping), () if revenue.refunds is None else revenue.refunds.names(mapping)
        value = amount(revenue.value, reading.study, bound, "value")
        inside = [
            f"(at >= {bound.add(f'start{place}_us', 'Int64', period.start_us)} "
            f"AND at < {bound.add(f'end{place}_us', 'Int64', period.end_us)})"
            for place, period in enumerate(self.periods)
        ]
        # Whose user is, is said by the last payment, of those without one by the last refund.
        groups = ", ".join(
            f"ifNull(argMax({text}, (refund = 0, {text} IS NOT NULL, at, position)), '{NO_NAME}')"
            for text in (f"text{place}" for place in range(len(reading.study.breakdowns)))
        )
        texts = "".join(f", {text} AS text{place}" for place, text in enumerate(reading.texts(bound)))
        sums = ",\n  ".join(
            f"sumIf(amount, {period} AND refund = 0) AS gross{place}, sumIf(abs(amount), {period} AND refund = 1) "
            f"AS back{place}, gross{place} - back{place} AS x{place}"
            for place, period in enumerate(inside)
        )
        return (
            f"SELECT slice.1, slice.2, count(), {_PER_PERIOD},\n  {_PRODUCTS},\n  {_moves(0, 1)},\n  {_moves(1, 2)}\n"
            f"FROM (SELECT {sums},\n  [{groups}]::Array(String) AS groups\n"
            f"  FROM (SELECT ifNull({text_expression(revenue.user, bound, 'user')}, '') AS payer, {_AT} AS at,\n"
            f"    position, {named('refunds', back, bound)} AS refund, {value} AS amount{texts}\n"
            f"    FROM {EVENTS.full_name} WHERE {reading.bound(bound)} AND {named('names', (*paid, *back), bound)}\n"
            f"    AND occurred_at >= {instant('first_us', min(p.start_us for p in self.periods), bound)}\n"
            f"    AND occurred_at < {instant('last_us', max(p.end_us for p in self.periods), bound)})\n"
            f"  WHERE payer != '' AND ({' OR '.join(inside)}) GROUP BY payer)\n"
            f"ARRAY JOIN {reading.slices(bound, 'groups')} AS slice\n"
            f"GROUP BY slice ORDER BY slice LIMIT {MOST_GROUPS_READ + 1}",
            bound.values,
        )


MOVES = ("new", "expanded", "contracted", "lost")
_PER_PERIOD = ", ".join(f"countIf(x{p} != 0), sum(x{p}), sum(gross{p}), sum(back{p})" for p in range(3))
PRODUCTS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
_PRODUCTS = ", ".join(f"sum(toDecimal256(x{i}, 9) * x{j})" for i, j in PRODUCTS)


def _moves(now: int, before: int) -> str:
    x, y = f"x{now}", f"x{before}"
    moves = {
        "new": (f"{y} = 0 AND {x} != 0", x),
        "expanded": (f"{y} != 0 AND {x} != 0 AND {x} > {y}", f"{x} - {y}"),
        "contracted": (f"{y} != 0 AND {x} != 0 AND {x} < {y}", f"{y} - {x}"),
        "lost": (f"{y} != 0 AND {x} = 0", y),
    }
    return ", ".join(f"countIf({holds}), sumIf({what}, {holds})" for holds, what in moves.values())


@dataclass(frozen=True, slots=True)
class SumCampaigns:
    """What campaigns of a period cost and brought in."""

    reading: Reading
    campaigns: CampaignEvents
    period: Period

    def to_sql(self) -> Sql:
        """The statement; rows (campaign, its groups, cost, value, conversions), the costliest first."""
        bound = Parameters()
        reading, of, mapping = self.reading, self.campaigns, self.reading.mapping
        spend, results = of.spend.names(mapping), of.results.names(mapping)
        finished = () if of.finished is None else of.finished.names(mapping)
        start = instant("start_us", self.period.start_us, bound)
        groups = ", ".join(
            f"ifNull(argMax({text}, ({text} IS NOT NULL, occurred_at, position)), '{NO_NAME}')"
            for text in reading.texts(bound)
        )
        is_spend, is_result = named("spend", spend, bound), named("results", results, bound)
        if finished:
            over = named("finished", finished, bound)
            begins, having = "", f" HAVING countIf({over}) > 0 AND minIf(occurred_at, {over}) >= {start}"
        else:
            begins, having = f" AND occurred_at >= {start}", ""
        counted = (
            f"sumIf({number(of.conversions, bound, 'conversions')}, {is_result})"
            if of.conversions
            else f"countIf({is_result})"
        )
        cost = amount(of.cost, reading.study, bound, "cost")
        value = amount(of.value, reading.study, bound, "value")
        return (
            f"SELECT ifNull({text_expression(of.campaign, bound, 'campaign')}, '') AS campaign,\n"
            f"  [{groups}]::Array(String) AS groups,\n"
            f"  sumIf({cost}, {is_spend}) AS cost, sumIf({value}, {is_result}) AS brought, {counted} AS conversions\n"
            f"FROM {EVENTS.full_name} WHERE {reading.bound(bound)}\n"
            f"  AND {named('names', (*spend, *results, *finished), bound)}{begins}\n"
            f"  AND occurred_at < {instant('end_us', self.period.end_us, bound)} AND campaign != ''\n"
            f"GROUP BY campaign{having} ORDER BY cost DESC, campaign LIMIT {MOST_CAMPAIGNS_READ + 1}",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class UnknownCurrencies:
    """Currencies of amounts that have no rate.

    Attributes:
        reading: with the study.
        names: names of the events with amounts.
        period: in which.

    """

    reading: Reading
    names: tuple[str, ...]
    period: Period

    def to_sql(self) -> Sql:
        """The statement; rows (currency, events), the most frequent first."""
        bound = Parameters()
        study = self.reading.study
        known = bound.add("known", "Array(String)", ["", study.currency, *study.rates])
        return (
            f"SELECT toString(currency), count() FROM {EVENTS.full_name}\n"
            f"WHERE {self.reading.bound(bound)} AND {named('names', self.names, bound)}\n"
            f"  AND occurred_at >= {instant('start_us', self.period.start_us, bound)}\n"
            f"  AND occurred_at < {instant('end_us', self.period.end_us, bound)} AND currency NOT IN {known}\n"
            "GROUP BY currency ORDER BY count() DESC, currency",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class FirstEvents:
    """When the events of a study begin: how much of the periods before there can be."""

    reading: Reading
    names: tuple[str, ...]

    def to_sql(self) -> Sql:
        """The statement; one row (µs since 1970 or NULL)."""
        bound = Parameters()
        return (
            f"SELECT toUnixTimestamp64Micro(minOrNull(occurred_at)) FROM {EVENTS.full_name}\n"
            f"WHERE {self.reading.bound(bound)} AND {named('names', self.names, bound)}",
            bound.values,
        )
