"""The newest points of many metrics at an instant in one query: what most alert rules judge."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from trueline_rules.alert_model import FactSource
from trueline_rules.alerting.aggregates import Agg, group_vector
from trueline_rules.alerting.columns import VectorColumn
from trueline_rules.alerting.vectors import Labels, Value, Vector, labels_of
from trueline_rules.metric_labels import label_names
from trueline_rules.model import Aggregation, Metric, RuleSet

from trueline_server.alerts.kpi_values import Rows
from trueline_server.metrics.values import mean_of
from trueline_server.metrics.windows import Windows
from trueline_server.rules.live_facts import MOST_POINTS
from trueline_server.rules.series_reader import lookback_of

# The column that is the value, and whether a point without values has one.
_COLUMNS: Mapping[Aggregation, tuple[str, bool]] = {
    Aggregation.COUNT: ("toString(value_count)", True),
    Aggregation.SUM: ("toString(total)", True),
    Aggregation.AVG: ("concat(toString(total), ' ', toString(value_count))", False),
    Aggregation.MIN: ("toString(assumeNotNull(smallest))", False),
    Aggregation.MAX: ("toString(assumeNotNull(largest))", False),
    Aggregation.LATEST: ("toString(assumeNotNull(latest))", False),
}
# Of each group the newest pane in the look-back, of a pane the newest revision: the end of a range of the table.
_LATEST = (
    "SELECT metric, groups, {column} FROM trueline.points WHERE tenant = {{tenant:String}} "
    "AND (metric, definition) IN {{metrics:Array(Tuple(String, String))}} "
    "AND pane_end > fromUnixTimestamp64Micro({{start_us:Int64}}, 'UTC') "
    "AND pane_end <= fromUnixTimestamp64Micro({{end_us:Int64}}, 'UTC'){filled} "
    "ORDER BY metric, groups, pane_start DESC, revision DESC LIMIT 1 BY metric, groups"
)
_MOST_LABELS = 1_000_000


class LatestPoints:
    """Reads newest points. Methods block; used by one thread."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        # Label sets are the same objects from one evaluation to the next, so that comparing them costs nothing.
        self._labels: dict[tuple[str, tuple[str, ...]], Labels] = {}

    @staticmethod
    def fits(rules: RuleSet, source: FactSource) -> bool:
        """Whether a source is read here: the last value of a grouped metric whose windows are panes of one number."""
        if source.kind != "metric" or source.operand.over_us or source.operand.agg is not Agg.LAST:
            return False
        metric = rules.metrics[source.name]
        return bool(metric.group_by) and metric.aggregation in _COLUMNS and not Windows.of(metric).sliding

    def read(
        self, tenant: str, rules: RuleSet, sources: Iterable[FactSource], instant_us: int
    ) -> tuple[dict[FactSource, VectorColumn], dict[FactSource, str]]:
        """The columns of sources that fit, and of those that have too many values why they could not be read.

        Raises:
            StoreError: the warehouse cannot answer.

        """
        columns: dict[FactSource, VectorColumn] = {}
        failures: dict[FactSource, str] = {}
        asked: defaultdict[tuple[Aggregation, int, int], dict[str, Metric]] = defaultdict(dict)
        wanted = list(sources)
        for source in wanted:
            metric = rules.metrics[source.name]
            end_us = instant_us - source.operand.offset_us
            key = metric.aggregation, end_us - lookback_of(metric), end_us
            asked[key][source.name] = metric
        found: dict[tuple[str, int], VectorColumn] = {}
        for (aggregation, start_us, end_us), metrics in asked.items():
            for name, column in self._query(tenant, aggregation, metrics, start_us, end_us).items():
                found[name, end_us] = column
        for source in wanted:
            column = found[source.name, instant_us - source.operand.offset_us]
            if len(column.labels) > MOST_POINTS:
                failures[source] = f"metric {source.name} has more than {MOST_POINTS} label sets; group by less"
            else:
                columns[source] = _joined(source, column)
        return columns, failures

    def _query(
        self, tenant: str, aggregation: Aggregation, metrics: Mapping[str, Metric], start_us: int, end_us: int
    ) -> dict[str, VectorColumn]:
        column, always = _COLUMNS[aggregation]
        sql = _LATEST.format(column=column, filled="" if always else " AND value_count > 0")
        parameters = {
            "tenant": tenant,
            "metrics": [(name, metric.definition) for name, metric in metrics.items()],
            "start_us": max(0, start_us),
            "end_us": max(0, end_us),
        }
        rows: defaultdict[str, list[tuple[Labels, Value]]] = defaultdict(list)
        for name, groups, written in self._rows.query(sql, parameters):
            rows[name].append((self._labels_of(metrics[name], tuple(groups)), _number(aggregation, written)))
        return {name: _column(metric, rows[name]) for name, metric in metrics.items()}

    def _labels_of(self, metric: Metric, groups: tuple[str, ...]) -> Labels:
        key = (metric.definition, groups)
        known = self._labels.get(key)
        if known is None:
            if len(self._labels) >= _MOST_LABELS:
                self._labels.clear()
            names = label_names(metric.group_by)
            own = zip(metric.group_by, groups, strict=True)
            known = self._labels[key] = labels_of({names[group]: value for group, value in own})
        return known


def _number(aggregation: Aggregation, written: str) -> float:
    if aggregation is Aggregation.AVG:
        total, count = written.split(" ")
        return mean_of(Decimal(total), int(count))
    return float(written)


def _column(metric: Metric, rows: list[tuple[Labels, Value]]) -> VectorColumn:
    rows.sort(key=_labels_first)
    names = tuple(sorted(label_names(metric.group_by).values()))
    return VectorColumn(names, tuple(labels for labels, _ in rows), [value for _, value in rows])


def _labels_first(row: tuple[Labels, Value]) -> Labels:
    return row[0]


def _joined(source: FactSource, column: VectorColumn) -> VectorColumn:
    by: Sequence[str] | None = source.operand.by
    if by is None:
        return column
    values: Any = column.values
    joined = group_vector(
        Vector(column.names, dict(zip(column.labels, values, strict=True))), by, source.operand.joined_by
    )
    return VectorColumn.of(joined)
