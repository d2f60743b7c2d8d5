"""SQL that merges panes into windows, and tells what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trueline_rules.model import Aggregation, Metric
from trueline_stores.warehouse.statements import Sql
from trueline_stores.warehouse.tables import MEMBERS, POINTS

from trueline_server.metrics.windows import Windows

_SUMS = ("events", "value_count", "late_events")
_END = "toUnixTimestamp64Micro(pane_end)"
_START = "toUnixTimestamp64Micro(pane_start)"


@dataclass(frozen=True, slots=True)
class _ValueColumns:
    """What an aggregation reads: of a tumbling window's one pane, of each pane of a sliding one, of these merged."""

    tumbling: tuple[str, ...] = ()
    pane: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()


_TOTAL = _ValueColumns(("toString(total) AS total",), ("total",), ("toString(sum(pane.total)) AS total",))
_NEWEST = "argMaxIf(pane.latest, (pane.latest_at, pane.latest_position), isNotNull(pane.latest))"
# Amounts travel as text: drivers would make Decimals of them, which the reader has no use for.
_VALUES: Mapping[Aggregation, _ValueColumns] = {
    Aggregation.COUNT: _ValueColumns(),
    Aggregation.SUM: _TOTAL,
    Aggregation.AVG: _TOTAL,
    Aggregation.MIN: _ValueColumns(
        ("toString(smallest) AS smallest",), ("smallest",), ("toString(min(pane.smallest)) AS smallest",)
    ),
    Aggregation.MAX: _ValueColumns(
        ("toString(largest) AS largest",), ("largest",), ("toString(max(pane.largest)) AS largest",)
    ),
    Aggregation.LATEST: _ValueColumns(
        ("toString(latest) AS latest",), ("latest", "latest_at", "latest_position"), (f"toString({_NEWEST}) AS latest",)
    ),
    Aggregation.QUANTILE: _ValueColumns(("bins",), ("bins",), ("sumMap(pane.bins) AS bins",)),
    Aggregation.COUNT_DISTINCT: _ValueColumns(
        ("distinct", "notEmpty(sketch) AS sketched"), ("sketch",), ("max(notEmpty(pane.sketch)) AS sketched",)
    ),
}


@dataclass(frozen=True, slots=True)
class PaneRange:
    """Panes of one metric of one tenant.

    Attributes:
        first_us, last_us: window ends, inclusive; the panes are those of the windows between them.
        labels: only groups that have these values; label -> value.

    """

    tenant: str
    metric: Metric
    first_us: int
    last_us: int
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def windows(self) -> Windows:
        """Of the metric."""
        return Windows.of(self.metric)

    def conditions(self) -> tuple[str, dict[str, Any]]:
        """WHERE for `points`; the bounds on pane_start follow the key, those on pane_end are exact for months too."""
        windows = self.windows
        text, values = self.key_conditions()
        text += f" AND {_END} > {{pane_after:Int64}} AND {_END} <= {{last:Int64}}"
        values |= {"pane_after": self.first_us - windows.window_us, "last": self.last_us}
        if not windows.sliding:
            values["pane_after"] = self.first_us - 1
        return text, values

    def key_conditions(self) -> tuple[str, dict[str, Any]]:
        """WHERE for `points` and `members`."""
        windows = self.windows
        parts = [
            "tenant = {tenant:String}",
            "metric = {metric:String}",
            "definition = {definition:String}",
            "pane_start >= fromUnixTimestamp64Micro({from:Int64}, 'UTC')",
            "pane_start < fromUnixTimestamp64Micro({last:Int64}, 'UTC')",
        ]
        values: dict[str, Any] = {
            "tenant": self.tenant,
            "metric": self.metric.metadata.name,
            "definition": self.metric.definition,
            "from": self.first_us - windows.window_us,
            "last": self.last_us,
        }
        for number, name in enumerate(self.metric.group_by, start=1):
            if name in self.labels:
                parts.append(f"groups[{number}] = {{label{number}:String}}")
                values[f"label{number}"] = self.labels[name]
        return " AND ".join(parts), values


@dataclass(frozen=True, slots=True)
class WindowPoints:
    """Points of the windows of a range, by window end and groups.

    Columns: end_us, groups, events, value_count, late_events, revision, and what the aggregation needs: total,
    smallest, largest, latest (text), bins, distinct and sketched (1 if a pane has a sketch). Of a sliding metric
    `distinct` is missing: it cannot be merged from numbers.

    Attributes:
        after: only points behind this (window end, groups).
        limit: at most so many.

    """

    panes: PaneRange
    after: tuple[int, Sequence[str]] | None = None
    limit: int | None = None

    def to_sql(self) -> Sql:
        """The statement."""
        metric, windows = self.panes.metric, self.panes.windows
        where, values = self.panes.conditions()
        if self.after is not None:
            values |= {"after_end": self.after[0], "after_groups": list(self.after[1])}
        beyond = "(end_us, groups) > ({after_end:Int64}, {after_groups:Array(String)})" if self.after else ""
        tail = "\nORDER BY end_us, groups"
        if self.limit is not None:
            tail += "\nLIMIT {limit:UInt64}"
            values["limit"] = self.limit
        if not windows.sliding:
            columns = [f"{_END} AS end_us", "groups", *_SUMS, "revision", *_VALUES[metric.aggregation].tumbling]
            condition = f"{where} AND {beyond}" if beyond else where
            return f"SELECT {', '.join(columns)}\nFROM {POINTS.full_name} FINAL\nWHERE {condition}{tail}", values
        needed = ["groups", *_SUMS, "revision", *_VALUES[metric.aggregation].pane]
        columns = ["end_us", "groups", *(f"sum({name}) AS {name}" for name in _SUMS), "max(revision) AS revision"]
        columns = [*columns, *_VALUES[metric.aggregation].merged]
        values["first"] = self.panes.first_us
        ends = (
            f"range(greatest(pane_end_us, {{first:Int64}}), "
            f"least(pane_end_us + {windows.reach_us}, {{last:Int64}}) + 1, {windows.step_us})"
        )
        source = (
            f"SELECT arrayJoin({ends}) AS end_us, {', '.join(needed)}\n"
            f"FROM (SELECT {_END} AS pane_end_us, {', '.join(needed)} FROM {POINTS.full_name} FINAL WHERE {where})"
        )
        having = f"\nWHERE {beyond}" if beyond else ""
        return (
            f"SELECT {', '.join(columns)}\nFROM (\n{source}\n) AS pane{having}\nGROUP BY end_us, groups{tail}",
            values,
        )


@dataclass(frozen=True, slots=True)
class DistinctSteps:
    """Exact distinct counts of sliding windows as a step function: at which window end they change, and by how much.

    A value is in the windows that end from its pane's end until a window's length later, or until its next pane takes
    over; so each of its panes adds one where it comes in and takes one away where it leaves, and a sum over the ends
    gives the counts: one pass over the values, however long the windows are. A value that was written twice does no
    harm. Rows (groups, end_us, change) by groups and end.
    """

    panes: PaneRange

    def to_sql(self) -> Sql:
        """The statement."""
        windows = self.panes.windows
        where, values = self.panes.key_conditions()
        values["first"] = self.panes.first_us
        # Windows beyond the last are cut off by the condition on the ends.
        turn = (
            "arrayJoin(arrayConcat("
            "arrayMap(each -> (greatest(each, {first:Int64}), 1), ends), "
            f"arrayMap((each, next) -> (greatest(least(each + {windows.window_us}, next), {{first:Int64}}), -1), "
            "ends, arrayPushBack(arrayPopFront(ends), 4611686018427387904))"
            ")) AS turn"
        )
        return (
            "SELECT groups, turn.1 AS end_us, sum(turn.2) AS change\nFROM (\n"
            f"  SELECT groups, {turn}\n  FROM (\n"
            f"    SELECT groups, member, arraySort(groupUniqArray({_START} + {windows.step_us})) AS ends\n"
            f"    FROM {MEMBERS.full_name} ARRAY JOIN members AS member\n    WHERE {where}\n"
            "    GROUP BY groups, member\n  )\n)\n"
            "WHERE turn.1 <= {last:Int64}\nGROUP BY groups, end_us\nHAVING change != 0\nORDER BY groups, end_us",
            values,
        )


@dataclass(frozen=True, slots=True)
class DistinctOfWindow:
    """Exact distinct counts of one window (first = last); rows (groups, distinct)."""

    panes: PaneRange

    def to_sql(self) -> Sql:
        """The statement."""
        where, values = self.panes.key_conditions()
        return (
            f"SELECT groups, uniqExactArray(members) AS distinct\nFROM {MEMBERS.full_name}\n"
            f"WHERE {where}\nGROUP BY groups",
            values,
        )


@dataclass(frozen=True, slots=True)
class PaneSketches:
    """What sketched windows are merged from: for each pane and group its sketch or, while exact, its values.

    Rows (groups, end_us, sketch, member_list) by groups and end, of the groups that have a sketch in the range.
    """

    panes: PaneRange

    def to_sql(self) -> Sql:
        """The statement."""
        where, values = self.panes.conditions()
        keys, _ = self.panes.key_conditions()
        return (
            f"WITH pane AS (\n  SELECT pane_start, {_END} AS end_us, groups, sketch\n"
            f"  FROM {POINTS.full_name} FINAL\n  WHERE {where}\n"
            "), sketched AS (\n  SELECT DISTINCT groups FROM pane WHERE notEmpty(sketch)\n)\n"
            "SELECT groups, end_us, base64Encode(sketch) AS sketch, member_list\nFROM pane LEFT JOIN (\n"
            f"  SELECT pane_start, groups, groupUniqArrayArray(members) AS member_list\n  FROM {MEMBERS.full_name}\n"
            f"  WHERE {keys} AND groups IN sketched\n"
            "  AND (pane_start, groups) NOT IN (SELECT pane_start, groups FROM pane WHERE notEmpty(sketch))\n"
            "  GROUP BY pane_start, groups\n) AS own USING (pane_start, groups)\n"
            "WHERE groups IN sketched\nORDER BY groups, end_us",
            values,
        )


@dataclass(frozen=True, slots=True)
class PaneEnds:
    """Ends of the panes of a range, with rows each; rows (end_us, cells) by end. Superseded rows count too."""

    panes: PaneRange

    def to_sql(self) -> Sql:
        """The statement."""
        where, values = self.panes.conditions()
        return (
            f"SELECT {_END} AS end_us, count() AS cells\nFROM {POINTS.full_name}\nWHERE {where}\n"
            "GROUP BY end_us\nORDER BY end_us",
            values,
        )


@dataclass(frozen=True, slots=True)
class NewestEnds:
    """End of the newest pane of each metric; rows (metric, end_us).

    Attributes:
        until_us: only panes that end by then; None = all.
        unchanged_since: only rows with revisions up to this one; None = all.

    """

    tenant: str
    metrics: Sequence[Metric]
    until_us: int | None = None
    unchanged_since: int | None = None

    def to_sql(self) -> Sql:
        """The statement."""
        where, values = _of_metrics(self.tenant, self.metrics)
        if self.until_us is not None:
            where += f" AND {_END} <= {{until:Int64}}"
            values["until"] = self.until_us
        if self.unchanged_since is not None:
            where += " AND revision <= {revision:UInt64}"
            values["revision"] = self.unchanged_since
        if len(self.metrics) > 1:
            return f"SELECT metric, max({_END}) FROM {POINTS.full_name} WHERE {where} GROUP BY metric", values
        # Of one metric, the end of the range in the key: a few rows are read, not all.
        return f"SELECT metric, {_END} FROM {POINTS.full_name} WHERE {where} ORDER BY pane_start DESC LIMIT 1", values


@dataclass(frozen=True, slots=True)
class ChangedPanes:
    """Panes written with a revision beyond one, oldest changes first; rows (metric, end_us, groups, revision)."""

    tenant: str
    metrics: Sequence[Metric]
    revision: int
    limit: int

    def to_sql(self) -> Sql:
        """The statement."""
        where, values = _of_metrics(self.tenant, self.metrics)
        return (
            f"SELECT metric, {_END} AS end_us, groups, revision\nFROM {POINTS.full_name}\n"
            f"WHERE {where} AND revision > {{revision:UInt64}}\nORDER BY revision\nLIMIT {{limit:UInt64}}",
            values | {"revision": self.revision, "limit": self.limit},
        )


@dataclass(frozen=True, slots=True)
class ChangedTumblingPoints:
    """Points of a tumbling metric whose state has a revision in (after, until]; columns as WindowPoints."""

    tenant: str
    metric: Metric
    labels: Mapping[str, str]
    after: int
    until: int

    def to_sql(self) -> Sql:
        """The statement."""
        where, values = _of_metrics(self.tenant, [self.metric])
        for number, name in enumerate(self.metric.group_by, start=1):
            if name in self.labels:
                where += f" AND groups[{number}] = {{label{number}:String}}"
                values[f"label{number}"] = self.labels[name]
        columns = [f"{_END} AS end_us", "groups", *_SUMS, "revision", *_VALUES[self.metric.aggregation].tumbling]
        # The state with the highest revision of each point; FINAL would read the panes that did not change too.
        return (
            f"SELECT {', '.join(columns)}\nFROM {POINTS.full_name}\n"
            f"WHERE {where} AND revision > {{after:UInt64}} AND revision <= {{until:UInt64}}\n"
            "ORDER BY end_us, groups, revision DESC\nLIMIT 1 BY end_us, groups",
            values | {"after": self.after, "until": self.until},
        )


def _of_metrics(tenant: str, metrics: Sequence[Metric]) -> tuple[str, dict[str, Any]]:
    if len(metrics) == 1:
        return (
            "tenant = {tenant:String} AND metric = {metric:String} AND definition = {definition:String}",
            {"tenant": tenant, "metric": metrics[0].metadata.name, "definition": metrics[0].definition},
        )
    return (
        "tenant = {tenant:String} AND metric IN {metrics:Array(String)} AND definition IN {definitions:Array(String)}",
        {
            "tenant": tenant,
            "metrics": [metric.metadata.name for metric in metrics],
            "definitions": [metric.definition for metric in metrics],
        },
    )
