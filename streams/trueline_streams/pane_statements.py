"""SQL that computes the panes of a metric from the stored events: the same numbers as the dataflow, by other means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trueline_rules.model import ANY, Aggregation, Metric, Span
from trueline_stores.event_schema import LARGEST_VALUE
from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import EVENTS

from trueline_streams.fields import PROPERTY_PREFIX
from trueline_streams.grouping import NUMERIC
from trueline_streams.panes import WEEK_US
from trueline_streams.quantiles import BIN_OFFSET, GAMMA
from trueline_streams.records import OVERFLOW_GROUP

# What a text must look like to be a number, as in fields.units_of_text.
_NUMBER = r"^[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_DAY_US = 86_400_000_000
# A value this close to the border of two bins is handed out as it is: logarithms of two libraries may differ there.
_BORDER = 1e-6


@dataclass(frozen=True, slots=True)
class PaneQuery:
    """Which events of a metric to compute from.

    Attributes:
        tenant: whose.
        metric: the definition.
        events: event names read; (ANY,) = every event.
        lateness_us: allowed lateness.
        shift_us: added to the stamped watermark, see MetricPlan.
        before_position: only events with positions below.
        spans: [start, end) of occurred_at in microseconds; () = all. Ends of panes, so that panes are whole.
        panes: starts of the panes wanted; () = all in the spans.

    """

    tenant: str
    metric: Metric
    events: tuple[str, ...]
    lateness_us: int
    shift_us: int
    before_position: int
    spans: tuple[tuple[int, int], ...] = ()
    panes: tuple[int, ...] = ()


@dataclass(slots=True)
class Parameters:
    """Values that a statement is bound to."""

    values: dict[str, Any] = field(default_factory=dict)

    def add(self, name: str, kind: str, value: Any) -> str:
        """Keep a value of a ClickHouse type; answers what stands for it in the statement."""
        self.values[name] = value
        return f"{{{name}:{kind}}}"


@dataclass(frozen=True, slots=True)
class ComputePanes:
    """All panes and groups: the columns of POINT_SCHEMA but tenant, metric, definition and sketch, and
    `member_list` (count_distinct: every distinct value) and `border_values` (quantile: values that stand on the border
    of two bins, by their text, with counts)."""

    query: PaneQuery

    def to_sql(self) -> Sql:
        """The statement, by pane and group."""
        bound = Parameters()
        source = _admitted_rows(self.query, bound)
        columns = [*_COMMON, *_value_columns(self.query.metric)]
        return (
            source + "SELECT\n  " + ",\n  ".join(columns) + "\nFROM grouped\nGROUP BY start_us, end_us, groups\n"
            "ORDER BY start_us, groups",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class CountPaneEvents:
    """Events of each pane, too-late ones included: how much work the panes are.

    Attributes:
        query: which events.
        after_position: only panes with an event beyond it.

    """

    query: PaneQuery
    after_position: int = 0

    def to_sql(self) -> Sql:
        """The statement; rows (pane start, pane end, events) by pane, in microseconds."""
        bound = Parameters()
        start, end = pane_bounds(self.query.metric.step)
        touched = ""
        if self.after_position:
            touched = f"HAVING max(position) > {bound.add('after', 'UInt64', self.after_position)}\n"
        return (
            f"SELECT {start} AS start_us, {end} AS end_us, count() AS events\n"
            f"FROM {EVENTS.full_name}\nWHERE {_conditions(self.query, bound)}\n"
            f"GROUP BY start_us, end_us\n{touched}ORDER BY start_us",
            bound.values,
        )


@dataclass(frozen=True, slots=True)
class CountRefused:
    """Events that are not in their own group's point: too late, or beyond the limit of groups."""

    query: PaneQuery

    def to_sql(self) -> Sql:
        """The statement; one row (too late, overflowed)."""
        bound = Parameters()
        source = _admitted_rows(self.query, bound)
        start, end = pane_bounds(self.query.metric.step)
        overflowed = "SELECT count() FROM grouped WHERE groups != labels" if self.query.metric.group_by else "0"
        return (
            f"{source}SELECT countIf({_too_late(self.query)}), ({overflowed})\n"
            f"FROM (\n  SELECT {_TIMES.format(start=start, end=end, shift=self.query.shift_us)}\n"
            f"  FROM {EVENTS.full_name}\n  WHERE {_conditions(self.query, bound)}\n)",
            bound.values,
        )


def text_expression(name: str, bound: Parameters, key: str) -> str:
    """SQL of a field as text, NULL where it is absent; `key` names the parameter of a property."""
    if not name.startswith(PROPERTY_PREFIX):
        return f"nullIf({name}, '')"
    place = bound.add(key, "String", name.removeprefix(PROPERTY_PREFIX))
    return (
        f"multiIf(mapContains(properties, {place}), properties[{place}], "
        f"mapContains(numbers, {place}), toString(numbers[{place}]), "
        f"mapContains(flags, {place}), if(flags[{place}], 'true', 'false'), NULL)"
    )


def number_expression(name: str, bound: Parameters, key: str) -> str:
    """SQL of a field as Nullable(Decimal(38, 9)): the shortest decimal of a double or the decimal that a text says,
    rounded half even; NULL where there is none, or beyond LARGEST_VALUE."""
    if not name.startswith(PROPERTY_PREFIX):
        return name
    place = bound.add(key, "String", name.removeprefix(PROPERTY_PREFIX))
    text = (
        f"multiIf(mapContains(numbers, {place}), toString(numbers[{place}]), "
        f"length(properties[{place}]) <= 64 AND match(properties[{place}], '{_NUMBER}'), properties[{place}], '')"
    )
    # 76 digits, 40 of them decimals, hold every double between 1e-9 and 1e18 exactly; what they cannot hold is out of
    # range, unless it is a zero with a large exponent.
    wide = f"toDecimal256OrNull({text} AS number_text, 40)"
    zero = "if(match(number_text, '^[+-]?[0.]+[eE]'), toDecimal256(0, 40), NULL)"
    rounded = f"roundBankers(ifNull({wide}, {zero}) AS wide_number, 9)"
    return f"if(abs(wide_number) <= {LARGEST_VALUE:.0f}, toDecimal128({rounded}, 9), NULL)"


_TIMES = (
    "{start} AS start_us, {end} AS end_us, toUnixTimestamp64Micro(occurred_at) AS at_us, "
    "toUnixTimestamp64Micro(watermark) + {shift} AS mark_us"
)
_COMMON = (
    "fromUnixTimestamp64Micro(start_us, 'UTC') AS pane_start",
    "fromUnixTimestamp64Micro(end_us, 'UTC') AS pane_end",
    "groups",
    "count() AS events",
    "countIf(end_us <= mark_us) AS late_events",
    "max(position) AS revision",
    "fromUnixTimestamp64Micro(argMax(mark_us, position), 'UTC') AS watermark",
)
_NO_NUMBERS = (
    "toDecimal128(0, 9) AS total",
    "CAST(NULL, 'Nullable(Decimal(38, 9))') AS smallest",
    "CAST(NULL, 'Nullable(Decimal(38, 9))') AS largest",
    "CAST(NULL, 'Nullable(Decimal(38, 9))') AS latest",
    "fromUnixTimestamp64Micro(toInt64(0), 'UTC') AS latest_at",
    "toUInt64(0) AS latest_position",
)
_NUMBERS = (
    "ifNull(sum(number), toDecimal128(0, 9)) AS total",
    "min(number) AS smallest",
    "max(number) AS largest",
    "argMaxIf(number, (at_us, position), isNotNull(number)) AS latest",
    "fromUnixTimestamp64Micro(maxIf(at_us, isNotNull(number)), 'UTC') AS latest_at",
    "argMaxIf(position, (at_us, position), isNotNull(number)) AS latest_position",
)


def _value_columns(metric: Metric) -> list[str]:
    counted = "count()" if not metric.field else "countIf(isNotNull(number))"
    if metric.field and not _is_number(metric):
        counted = "countIf(isNotNull(member))"
    columns = [f"{counted} AS value_count", *(_NUMBERS if metric.aggregation in NUMERIC else _NO_NUMBERS)]
    if metric.aggregation is Aggregation.COUNT_DISTINCT:
        columns += ["groupUniqArray(member) AS member_list", "toUInt64(length(member_list)) AS distinct"]
    else:
        columns += ["[]::Array(String) AS member_list", "toUInt64(0) AS distinct"]
    if metric.aggregation is not Aggregation.QUANTILE:
        return [*columns, "map()::Map(Int32, UInt64) AS bins", "map()::Map(String, UInt64) AS border_values"]
    key = f"if(number = 0, 0, toInt32(sign(number)) * (toInt32(ceil(place)) + {BIN_OFFSET}))"
    inside = f"number = 0 OR abs(place - round(place)) > {_BORDER}"
    return [
        *columns,
        f"sumMapIf(map(assumeNotNull({key})::Int32, 1::UInt64), isNotNull(number) AND ({inside})) AS bins",
        "sumMapIf(map(assumeNotNull(toString(number)), 1::UInt64), "
        f"isNotNull(number) AND NOT ({inside})) AS border_values",
    ]


def _signed(metric: Metric, number: str, bound: Parameters) -> str:
    """The number, taken off whatever its sign where the event plays a role of `less`."""
    if not metric.less_events:
        return number
    if metric.less_events == (ANY,):
        return f"-abs({number})"
    less = bound.add("less", "Array(String)", list(metric.less_events))
    return f"if(name IN {less}, -abs({number} AS signed_number), signed_number)"


def _is_number(metric: Metric) -> bool:
    return metric.aggregation in NUMERIC or metric.field == "value"


def _admitted_rows(query: PaneQuery, bound: Parameters) -> str:
    """CTEs: `rows` = events that are not too late, `grouped` = the same with the groups that they count in."""
    metric = query.metric
    start, end = pane_bounds(metric.step)
    labels = [f"ifNull({text_expression(name, bound, f'label{n}')}, '')" for n, name in enumerate(metric.group_by)]
    columns = ["position", _TIMES.format(start=start, end=end, shift=query.shift_us)]
    columns.append(f"[{', '.join(labels)}]::Array(String) AS labels")
    if metric.field and _is_number(metric):
        columns.append(f"{_signed(metric, number_expression(metric.field, bound, 'field'), bound)} AS number")
    elif metric.field:
        columns.append(f"{text_expression(metric.field, bound, 'field')} AS member")
    if metric.aggregation is Aggregation.QUANTILE:
        columns.append(f"log(greatest(abs(toFloat64(number)), 1e-10)) / log({GAMMA!r}) AS place")
    rows = (
        "SELECT " + ", ".join(columns) + f"\n  FROM {EVENTS.full_name}\n"
        f"  WHERE {_conditions(query, bound)} AND NOT ({_too_late(query)})"
    )
    if not metric.group_by:
        return f"WITH rows AS (\n  {rows}\n), grouped AS (\n  SELECT *, labels AS groups FROM rows\n)\n"
    overflow = bound.add("overflow", "Array(String)", [OVERFLOW_GROUP] * len(metric.group_by))
    most = bound.add("max_groups", "UInt64", metric.max_groups)
    # Groups are admitted to a pane in the order of the log; events of the others count under the overflow group.
    return (
        f"WITH rows AS (\n  {rows}\n), admitted AS (\n"
        f"  SELECT start_us, labels FROM rows WHERE labels != {overflow} GROUP BY start_us, labels\n"
        f"  ORDER BY min(position) LIMIT {most} BY start_us\n"
        "), grouped AS (\n"
        f"  SELECT *, if((start_us, labels) IN admitted, labels, {overflow}) AS groups FROM rows\n)\n"
    )


def _conditions(query: PaneQuery, bound: Parameters) -> str:
    parts = [
        f"tenant = {bound.add('tenant', 'String', query.tenant)}",
        f"position < {bound.add('before_position', 'UInt64', query.before_position)}",
    ]
    if query.events != (ANY,):
        parts.append(f"name IN {bound.add('names', 'Array(String)', list(query.events))}")
    if query.spans:
        parts.append(_within(query.spans, bound))
    if query.panes:
        start, _ = pane_bounds(query.metric.step)
        parts.append(f"{start} IN {bound.add('panes', 'Array(Int64)', list(query.panes))}")
    for number, (name, allowed) in enumerate(query.metric.where.items()):
        values = bound.add(f"allowed{number}", "Array(String)", list(allowed))
        parts.append(f"{text_expression(name, bound, f'where{number}')} IN {values}")
    return " AND ".join(parts)


def _within(spans: Sequence[tuple[int, int]], bound: Parameters) -> str:
    parts = []
    for number, (start, end) in enumerate(spans):
        first = bound.add(f"from{number}", "Int64", start)
        last = bound.add(f"to{number}", "Int64", end)
        parts.append(
            f"(occurred_at >= fromUnixTimestamp64Micro({first}, 'UTC')"
            f" AND occurred_at < fromUnixTimestamp64Micro({last}, 'UTC'))"
        )
    return f"({' OR '.join(parts)})"


def _too_late(query: PaneQuery) -> str:
    if query.metric.late_by == "event":
        return f"at_us < mark_us - {query.lateness_us}"
    return f"end_us + {query.lateness_us} <= mark_us"


def pane_bounds(step: Span) -> tuple[str, str]:
    """SQL of the start and the end of an event's pane, in microseconds."""
    at = "toUnixTimestamp64Micro(occurred_at)"
    if step.calendar == "month":
        start = "toStartOfMonth(occurred_at)"
        return (
            f"toUnixTimestamp64Micro(toDateTime64({start}, 6, 'UTC'))",
            f"toUnixTimestamp64Micro(toDateTime64(addMonths({start}, 1), 6, 'UTC'))",
        )
    width, origin = (WEEK_US, 3 * _DAY_US) if step.calendar == "week" else (step.us, 0)
    moved = f"{at} + {origin}" if origin else at
    start = f"{at} - positiveModulo({moved}, {width})"
    return start, f"{start} + {width}"
