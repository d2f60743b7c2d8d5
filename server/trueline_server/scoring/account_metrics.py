"""Metrics of accounts as SQL over the stored events, whatever the dataflow groups them by. Pure.

The dataflow would have to keep a group in memory for each account and window. The windows that a profile reads are
computed from the events when they are asked for instead: the same windows, all events that are in them by now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trueline_rules.alert_model import FactSource
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.expressions.sql import quote
from trueline_rules.model import ANY, Aggregation, Metric, RuleSet
from trueline_stores.warehouse.tables import EVENTS
from trueline_streams.pane_statements import Parameters, number_expression, pane_bounds, text_expression

from trueline_server.metrics.windows import Windows
from trueline_server.rules.series_reader import lookback_of

_BITS = 64
_OUTER: Mapping[Agg, str] = {
    Agg.SUM: "sum(v)",
    Agg.AVG: "avg(v)",
    Agg.MIN: "min(v)",
    Agg.MAX: "max(v)",
    Agg.COUNT: "toFloat64(count())",
    Agg.LAST: "argMax(v, w)",
}
_NUMERIC: Mapping[Aggregation, str] = {
    Aggregation.SUM: "toFloat64(sum({x}))",
    Aggregation.AVG: "avg(toFloat64({x}))",
    Aggregation.MIN: "toFloat64(min({x}))",
    Aggregation.MAX: "toFloat64(max({x}))",
    Aggregation.LATEST: "toFloat64(argMax({x}, (occurred_at, position)))",
}
# What values of windows come to without looking at each window: the same over all their events.
_STRAIGHT: Mapping[tuple[Aggregation, Agg], str] = {
    (Aggregation.SUM, Agg.SUM): "toFloat64(sumIf({value}, {where}))",
    (Aggregation.MIN, Agg.MIN): "toFloat64(minIf({value}, {where}))",
    (Aggregation.MAX, Agg.MAX): "toFloat64(maxIf({value}, {where}))",
    (Aggregation.LATEST, Agg.LAST): "toFloat64(argMaxIf({value}, (occurred_at, position), {where}))",
}


@dataclass(slots=True)
class MetricColumns:
    """The metrics of a profile in SQL.

    Attributes:
        straight: column -> an aggregate over the events of an account.
        nested: column -> a statement of its own with rows (account_id, the column).

    """

    straight: dict[str, str] = field(default_factory=dict)
    nested: dict[str, str] = field(default_factory=dict)


# The events of accounts up to an instant; those that Trueline appends itself are none of theirs.
OWN_EVENTS = (
    "tenant = {tenant:String} AND source != {own_source:String} "
    "AND occurred_at <= fromUnixTimestamp64Micro({at_us:Int64}, 'UTC')"
)


def metric_columns(
    rules: RuleSet, sources: Mapping[str, FactSource], accounts: str, at_us: int, bound: Parameters
) -> MetricColumns:
    """What metrics come to at an instant, as Nullable(Float64): NULL where no window has a value.

    Args:
        rules: that define them.
        sources: by column.
        accounts: condition on account_id.
        at_us: µs since 1970 (UTC); windows that ended by then count.
        bound: takes the values; those of OWN_EVENTS and of `accounts` are there.

    """
    made = MetricColumns()
    for column, source in sources.items():
        metric = rules.metrics[source.name]
        events = rules.events_of(metric)
        if not events:
            made.straight[column] = "CAST(NULL, 'Nullable(Float64)')"
            continue
        windows, operand = Windows.of(metric), source.operand
        first_us = windows.first_end_after(at_us - (operand.over_us or lookback_of(metric)))
        start_us, end_us = windows.start_us(first_us), windows.last_end_until(at_us)
        where = _where(metric, events, column, (start_us, end_us), bound)
        count = (end_us - start_us) // windows.step_us
        straight = _straight(metric, operand.agg, where, start_us, count)
        if straight:
            made.straight[column] = straight
        else:
            of = f"{OWN_EVENTS} AND {accounts} AND {where}"
            made.nested[column] = _nested(metric, operand.agg, of, column, bound)
    return made


def _where(metric: Metric, events: Sequence[str], column: str, span: tuple[int, int], bound: Parameters) -> str:
    start = bound.add(f"{column}_from", "Int64", span[0])
    end = bound.add(f"{column}_to", "Int64", span[1])
    parts = [
        f"occurred_at >= fromUnixTimestamp64Micro({start}, 'UTC')",
        f"occurred_at < fromUnixTimestamp64Micro({end}, 'UTC')",
    ]
    if ANY not in events:
        parts.append(f"name IN {bound.add(f'{column}_names', 'Array(String)', list(events))}")
    for number, (name, allowed) in enumerate(metric.where.items()):
        values = bound.add(f"{column}_allowed{number}", "Array(String)", list(allowed))
        text = text_expression(name, bound, f"{column}_where{number}")
        parts.append(f"ifNull({text} IN {values}, 0)")
    return " AND ".join(parts)


def _straight(metric: Metric, agg: Agg, where: str, start_us: int, windows: int) -> str:
    """One aggregate over the events, "" if each window must be looked at."""
    if metric.aggregation is Aggregation.COUNT and agg is Agg.SUM:
        return f"nullIf(toFloat64(countIf({where})), 0)"
    if metric.aggregation is Aggregation.COUNT and agg is Agg.COUNT and windows <= _BITS and not metric.step.calendar:
        # A bit for each window with events; it takes eight bytes of memory an account.
        place = f"intDiv(toUnixTimestamp64Micro(occurred_at) - toInt64({start_us}), {metric.step.us})"
        bit = f"bitShiftLeft(toUInt64(1), toUInt8(bitAnd({place}, {_BITS - 1})))"
        return f"nullIf(toFloat64(bitCount(groupBitOrIf({bit}, {where}))), 0)"
    # Properties are read as numbers by names of their own, which one statement can have once.
    if metric.field != "value":
        return ""
    form = _STRAIGHT.get((metric.aggregation, agg), "")
    return form.format(value=_signed(metric, "value"), where=f"{where} AND isNotNull(value)") if form else ""


def _nested(metric: Metric, agg: Agg, where: str, column: str, bound: Parameters) -> str:
    start, _ = pane_bounds(metric.step)
    if metric.aggregation is Aggregation.COUNT:
        value, of = "toFloat64(count())", "1"
    elif metric.aggregation is Aggregation.COUNT_DISTINCT:
        value, of = "toFloat64(uniqExact(x))", text_expression(metric.field, bound, f"{column}_field")
    else:
        value = _NUMERIC[metric.aggregation].format(x=_signed(metric, "x"))
        of = number_expression(metric.field, bound, f"{column}_field")
    return (
        f"SELECT account_id, toNullable(toFloat64({_OUTER[agg]})) AS {column} FROM (SELECT account_id, w, {value} AS v "
        f"FROM (SELECT account_id, {start} AS w, name, occurred_at, position, {of} AS x FROM {EVENTS.full_name} "
        f"WHERE {where}) WHERE isNotNull(x) GROUP BY account_id, w) GROUP BY account_id"
    )


def _signed(metric: Metric, number: str) -> str:
    """The number, taken off whatever its sign where the event plays a role of `less`."""
    if not metric.less_events:
        return number
    if ANY in metric.less_events:
        return f"-abs({number})"
    return f"if(name IN ({', '.join(map(quote, metric.less_events))}), -abs({number}), {number})"
