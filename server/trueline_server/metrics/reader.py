"""Reads metrics from the warehouse: by range, the newest windows, what changed, and how each metric fares."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from trueline_rules.model import Aggregation, Metric, RuleSet
from trueline_rules.names import nearest, quoted
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import ReadStatuses

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.metrics.changes import ChangedPane, Run, Touched, first_run
from trueline_server.metrics.completeness import Now, SourceClock, completeness_of, judge_now
from trueline_server.metrics.distinct_windows import add_distinct
from trueline_server.metrics.point_statements import (
    ChangedPanes,
    ChangedTumblingPoints,
    NewestEnds,
    PaneEnds,
    PaneRange,
    WindowPoints,
)
from trueline_server.metrics.points import ChangedPoints, MetricInfo, MetricPage, MetricPoint, PointKey, PointPage
from trueline_server.metrics.values import empty_row, value_of
from trueline_server.metrics.watermarks import read_clocks
from trueline_server.metrics.windows import Coverage, Windows
from trueline_server.rules.in_force import RulesOf

LARGEST_PAGE = 100_000
# Rows of panes times windows over them that one statement may merge; a page ends early rather than go beyond.
LARGEST_MERGE = 20_000_000
# Merging the bins of a quantile costs as much as merging so many sums.
_BINS_COST = 10
# Changed panes that are looked at in one go, at least.
_CHANGES_AT_ONCE = 1_000
# Statements that one metric's changed windows are read by; scattered ones beyond are read as one range.
_MOST_RUNS = 16

Rows = list[dict[str, Any]]


class MetricReader:
    """Answers from the warehouse. Every method blocks (call it on a thread) and may be called from many threads.

    All methods raise StoreError if the warehouse cannot answer.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        rules: RulesOf,
        clock: Clock,
        *,
        allowed_lateness_us: int = 172_800_000_000,
        max_disorder_us: int = 120_000_000,
    ) -> None:
        self._warehouse = warehouse
        self._rules = rules
        self._clock = clock
        self._lateness_us = allowed_lateness_us
        self._disorder_us = max_disorder_us

    def list_metrics(self, tenant: str, *, page_size: int = 100, after: str = "") -> MetricPage:
        """The metrics by name, those after the name `after`, at most `page_size` (1 to 1000)."""
        rules = self._rules(tenant)
        names = [name for name in sorted(rules.metrics) if name > after]
        shown = [rules.metrics[name] for name in names[:page_size]]
        clocks = read_clocks(self._warehouse, tenant)
        counters = {
            definition: (too_late, overflowed)
            for _, definition, too_late, overflowed, _ in self._warehouse.run(ReadStatuses(tenant))
        }
        infos = tuple(self._info(rules, metric, clocks, counters.get(metric.definition, (0, 0))) for metric in shown)
        return MetricPage(infos, names[page_size - 1] if len(names) > page_size else None)

    def query(
        self,
        tenant: str,
        metric: str,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        labels: Mapping[str, str] | None = None,
        fill_empty: bool = False,
        page_size: int = 10_000,
        after: PointKey | None = None,
    ) -> PointPage:
        """Points of windows that end in (start_us, end_us], by window end, then labels.

        Of sliding metrics, windows end no later than the newest pane with an event; fill_empty answers later ones too.

        Args:
            tenant: whose.
            metric: name of a metric.
            start_us: None = only the newest window (that ends by end_us).
            end_us: None = no bound.
            labels: only groups with these labels; an empty mapping or None is all.
            fill_empty: also windows without events, with value 0 for count, sum and count_distinct and None for the
                others. Needs start_us and end_us; for metrics without group_by.
            page_size: at most this many points, 1 to 100,000.
            after: `next_after` of the page before.

        Raises:
            TruelineError: UNKNOWN_METRIC; INVALID_FIELD (a label that the metric has not, an end before the start, an
                unfit fill_empty); TOO_MANY_POINTS (fill_empty over more windows than LARGEST_PAGE).

        """
        chosen = self._metric(tenant, metric)
        wanted = dict(labels or {})
        for label in wanted:
            if label not in chosen.group_by:
                raise invalid_field("labels", f"has '{label}'; {metric} has {_listed(chosen.group_by)}")
        if start_us is not None and end_us is not None and end_us < start_us:
            raise invalid_field("end_time", "is before start_time: windows that end in (start_time, end_time] are told")
        now = self._now(tenant, chosen)
        if now is None and not fill_empty:
            return PointPage((), None, None)
        span = _filled_span(chosen, start_us, end_us) if fill_empty else self._span(tenant, chosen, start_us, end_us)
        if after is not None:
            span = max(span[0], Windows.of(chosen).first_end_after(after[0] - 1)), span[1]
        panes = PaneRange(tenant, chosen, *span, wanted)
        if fill_empty:
            return self._filled_page(panes, page_size, after, now)
        return self._page(panes, page_size, after, now)

    def check_labels(self, tenant: str, metrics: Sequence[str], labels: Mapping[str, str]) -> None:
        """Refuse metrics that there are not, and labels by which no point of them could ever be chosen.

        No metrics are all metrics. Does not block.

        Raises:
            TruelineError: UNKNOWN_METRIC; INVALID_FIELD (none of the metrics has all of the labels).

        """
        if not self._labelled(tenant, metrics, labels) and labels:
            known = sorted({label for metric in self._labelled(tenant, metrics, {}) for label in metric.group_by})
            told = f"has {_listed(sorted(labels))}, which none of the metrics has together; they have {_listed(known)}"
            raise invalid_field("labels", told)

    def definitions(self, tenant: str, metrics: Collection[str]) -> str:
        """16 hex digits over what metrics (empty = all) mean, those that are not in force left out. Does not block."""
        there = self._rules(tenant).metrics.items()
        meant = sorted((name, metric.definition) for name, metric in there if not metrics or name in metrics)
        return hashlib.blake2b(repr(meant).encode(), digest_size=8).hexdigest()

    def newest(self, tenant: str, metrics: Sequence[str], labels: Mapping[str, str] | None = None) -> list[MetricPoint]:
        """Points of the newest window of each metric (empty = all metrics), for the snapshot of a watch.

        With labels, metrics that lack one of them are left out.

        Raises:
            TruelineError: UNKNOWN_METRIC.

        """
        wanted = dict(labels or {})
        chosen = self._labelled(tenant, metrics, wanted)
        if not chosen:
            return []
        ends = dict(self._warehouse.run(NewestEnds(tenant, chosen)))
        clocks = read_clocks(self._warehouse, tenant)
        points = []
        for metric in chosen:
            end = ends.get(metric.metadata.name)
            if end is not None:
                panes = PaneRange(tenant, metric, end, end, wanted)
                points += self._points(metric, self._rows(WindowPoints(panes)), self._judged(clocks, metric))
        return points

    def changed_since(
        self,
        tenant: str,
        metrics: Sequence[str],
        revision: int,
        labels: Mapping[str, str] | None = None,
        *,
        limit: int = 10_000,
    ) -> ChangedPoints:
        """Points whose value changed after log position `revision` (empty metrics = all), in runs of about `limit`.

        Metrics that are not in force have no points; they may have been a moment ago.

        A changed pane changes every sliding window over it, of which those that end no later than the metric's newest
        pane are told. While `more` is true, call again with the revision answered.
        """
        wanted = dict(labels or {})
        there = [name for name in metrics if name in self._rules(tenant).metrics]
        chosen = self._labelled(tenant, there, wanted) if there or not metrics else []
        run = self._changed_run(tenant, chosen, revision, limit)
        clocks = read_clocks(self._warehouse, tenant) if run.panes else []
        points = []
        for metric in chosen:
            own = [pane for pane in run.panes if pane.metric == metric.metadata.name]
            if not own:
                continue
            if Windows.of(metric).sliding:
                rows = self._touched_windows(PaneRange(tenant, metric, 0, 0, wanted), own, revision)
            else:
                rows = self._named(ChangedTumblingPoints(tenant, metric, wanted, revision, run.revision))
            points += self._points(metric, rows, self._judged(clocks, metric))
        return ChangedPoints(tuple(points), run.revision, run.more)

    def _changed_run(self, tenant: str, metrics: Sequence[Metric], revision: int, limit: int) -> Run:
        if not metrics:
            return Run((), revision, more=False)
        # One event touches each metric at most once, so a run of so many rows holds a whole revision.
        most = max(limit, _CHANGES_AT_ONCE, 2 * len(metrics))
        rows = self._warehouse.run(ChangedPanes(tenant, metrics, revision, most))
        panes = [ChangedPane(name, end_us, tuple(groups), at) for name, end_us, groups, at in rows]
        windows = {metric.metadata.name: Windows.of(metric) for metric in metrics}
        return first_run(panes, windows, revision, limit, all_in=len(rows) < most)

    def _touched_windows(self, panes: PaneRange, changed: Sequence[ChangedPane], revision: int) -> Rows:
        """Windows of a sliding metric that changed panes touch, up to the newest pane."""
        metric, windows = panes.metric, panes.windows
        ((_, newest),) = self._warehouse.run(NewestEnds(panes.tenant, [metric]))
        unchanged = self._warehouse.run(NewestEnds(panes.tenant, [metric], unchanged_since=revision))
        touched = Touched(changed, windows, unchanged[0][1] if unchanged else 0)
        ends = sorted({pane.end_us for pane in changed})
        coverage = Coverage.of(ends, windows, ends[0], newest)
        runs = coverage.runs(gap_us=windows.step_us)
        if len(runs) > _MOST_RUNS:
            runs = coverage.runs(gap_us=windows.window_us)
        found = []
        for first, last in runs if len(runs) <= _MOST_RUNS else [(runs[0][0], runs[-1][1])]:
            run = replace(panes, first_us=first, last_us=last)
            rows = self._named(WindowPoints(run))
            rows = [row for row in rows if touched.has(row["end_us"], tuple(row["groups"]))]
            if metric.aggregation is Aggregation.COUNT_DISTINCT:
                add_distinct(self._warehouse, run, rows)
            found += rows
        return found

    def _page(self, panes: PaneRange, page_size: int, after: PointKey | None, now: Now | None) -> PointPage:
        if now is None or panes.first_us > panes.last_us:
            return PointPage((), None if now is None else now.told_watermark_us, None)
        bound = self._bound(panes, page_size)
        rows = self._rows(WindowPoints(replace(panes, last_us=bound), after, page_size + 1), keep=page_size)
        more = len(rows) > page_size
        points = tuple(self._points(panes.metric, rows[:page_size], now))
        next_after: PointKey | None = None
        if more:
            next_after = points[-1].key
        elif bound < panes.last_us:
            # Nothing ends a microsecond after the bound, so this is behind all of its points.
            next_after = bound + 1, ()
        return PointPage(points, now.told_watermark_us, next_after)

    def _bound(self, panes: PaneRange, page_size: int) -> int:
        """Up to which window end to read for a page: enough points, and not more than LARGEST_MERGE rows to merge."""
        windows = panes.windows
        if not windows.sliding or panes.first_us == panes.last_us:
            return panes.last_us
        found = self._warehouse.query_arrow(*PaneEnds(panes).to_sql())
        if not found.num_rows:
            return panes.last_us
        ends = found["end_us"].to_numpy().astype(np.int64)
        bounds = [panes.last_us]
        enough = Coverage.of(ends, windows, panes.first_us, panes.last_us).end_of(page_size + 1)
        if enough is not None:
            bounds.append(enough)
        fan_out = windows.window_us // windows.step_us
        if panes.metric.aggregation is Aggregation.QUANTILE:
            fan_out *= _BINS_COST
        merged = found["cells"].to_numpy().astype(np.int64).cumsum() * fan_out
        beyond = int(np.searchsorted(merged, LARGEST_MERGE, side="right"))
        if beyond < len(ends):
            bounds.append(max(int(ends[beyond]) - windows.step_us, panes.first_us))
        return min(bounds)

    def _filled_page(self, panes: PaneRange, page_size: int, after: PointKey | None, now: Now | None) -> PointPage:
        metric, windows = panes.metric, panes.windows
        ends = [end for end in windows.ends(panes.first_us, panes.last_us) if after is None or (end, ()) > after]
        shown = ends[:page_size]
        if now is None or not shown:
            return PointPage((), None if now is None else now.told_watermark_us, None)
        rows = {row["end_us"]: row for row in self._all_rows(replace(panes, first_us=shown[0], last_us=shown[-1]))}
        filled = [rows.get(end) or empty_row(metric) | {"end_us": end} for end in shown]
        points = tuple(self._points(metric, filled, now))
        return PointPage(points, now.told_watermark_us, points[-1].key if len(ends) > page_size else None)

    def _all_rows(self, panes: PaneRange) -> Rows:
        """All windows of a range, in as many statements as LARGEST_MERGE asks for."""
        rows: Rows = []
        first = panes.first_us
        while first <= panes.last_us:
            part = replace(panes, first_us=first)
            bound = self._bound(part, LARGEST_PAGE)
            rows += self._rows(WindowPoints(replace(part, last_us=bound)))
            first = panes.windows.first_end_after(bound)
        return rows

    def _rows(self, statement: WindowPoints, keep: int | None = None) -> Rows:
        """Rows of a statement; those that are kept have their distinct counts."""
        rows = self._named(statement)
        metric = statement.panes.metric
        if metric.aggregation is Aggregation.COUNT_DISTINCT and statement.panes.windows.sliding:
            add_distinct(self._warehouse, statement.panes, rows[:keep])
        return rows

    def _named(self, statement: WindowPoints | ChangedTumblingPoints) -> Rows:
        return self._warehouse.query_named(*statement.to_sql())

    def _points(self, metric: Metric, rows: Rows, now: Now) -> list[MetricPoint]:
        windows, lateness_us = Windows.of(metric), self._lateness(metric)
        watermark_us, name = now.told_watermark_us, metric.metadata.name
        points = []
        for row in rows:
            value, end_us = value_of(metric, row), row["end_us"]
            points.append(
                MetricPoint(
                    metric=name,
                    window_start_us=windows.start_us(end_us),
                    window_end_us=end_us,
                    labels=dict(zip(metric.group_by, row["groups"], strict=True)),
                    value=value.number,
                    exact_value=value.exact_text,
                    events=row["events"],
                    exact=value.exact,
                    completeness=completeness_of(end_us, row["late_events"], lateness_us, now),
                    revision=row["revision"],
                    late_events=row["late_events"],
                    watermark_us=watermark_us,
                )
            )
        return points

    def _span(self, tenant: str, metric: Metric, start_us: int | None, end_us: int | None) -> tuple[int, int]:
        """First and last window end asked for; an empty span if there is none."""
        windows = Windows.of(metric)
        until = None if end_us is None else windows.last_end_until(end_us)
        newest = self._warehouse.run(NewestEnds(tenant, [metric], until_us=until if start_us is None else None))
        if not newest:
            return 1, 0
        last = int(newest[0][1])
        if start_us is None:
            # A sliding window may end after its newest pane; but not after the metric's newest one.
            if until is not None and windows.sliding:
                ((_, end),) = self._warehouse.run(NewestEnds(tenant, [metric]))
                last = min(last + windows.reach_us, until, end)
            return last, last
        return windows.first_end_after(start_us), last if until is None else min(last, until)

    def _info(
        self, rules: RuleSet, metric: Metric, clocks: Sequence[SourceClock], counters: tuple[int, int]
    ) -> MetricInfo:
        now = judge_now(clocks, self._disorder(metric), self._clock())
        unavailable = ""
        if not rules.events_of(metric):
            roles = " or ".join(f"'{role}'" for role in metric.roles)
            unavailable = f"no event plays the role {roles} in mapping '{rules.mapping.metadata.name}'"
        return MetricInfo(
            name=metric.metadata.name,
            description=metric.metadata.description,
            unit=metric.unit,
            aggregation=metric.aggregation,
            window=metric.window.text,
            step=metric.step.text,
            group_by=metric.group_by,
            unavailable=unavailable,
            watermark_us=None if now is None else now.told_watermark_us,
            too_late=counters[0],
            overflowed=counters[1],
            max_groups=metric.max_groups,
        )

    def _now(self, tenant: str, metric: Metric) -> Now | None:
        return judge_now(read_clocks(self._warehouse, tenant), self._disorder(metric), self._clock())

    def _judged(self, clocks: Sequence[SourceClock], metric: Metric) -> Now:
        """Where a tenant with points stands; its clocks may be a moment behind its first points."""
        return judge_now(clocks, self._disorder(metric), self._clock()) or Now(0, 0, 0)

    def _disorder(self, metric: Metric) -> int:
        return self._disorder_us if metric.max_disorder_us is None else metric.max_disorder_us

    def _lateness(self, metric: Metric) -> int:
        return self._lateness_us if metric.allowed_lateness_us is None else metric.allowed_lateness_us

    def _metric(self, tenant: str, name: str) -> Metric:
        metrics = self._rules(tenant).metrics
        if name not in metrics:
            near = nearest(name, metrics) or ""
            way_out = f"did you mean '{near}'?" if near else "see ListMetrics (trueline metrics list)"
            raise TruelineError(
                "NOT_FOUND",
                "UNKNOWN_METRIC",
                f"no metric is called {quoted(name)}; {way_out}",
                metadata={"metric": name, "nearest": near},
            )
        return metrics[name]

    def _labelled(self, tenant: str, names: Sequence[str], labels: Mapping[str, str]) -> list[Metric]:
        if names:
            chosen = [self._metric(tenant, name) for name in dict.fromkeys(names)]
        else:
            chosen = list(self._rules(tenant).metrics.values())
        return [metric for metric in chosen if labels.keys() <= set(metric.group_by)]


def _filled_span(metric: Metric, start_us: int | None, end_us: int | None) -> tuple[int, int]:
    if start_us is None or end_us is None:
        raise invalid_field("fill_empty", "needs start_time and end_time")
    if metric.group_by:
        raise invalid_field("fill_empty", f"is for metrics without group_by; {metric.metadata.name} has some")
    windows = Windows.of(metric)
    first, last = windows.first_end_after(start_us), windows.last_end_until(end_us)
    count = windows.count(first, last)
    if count > LARGEST_PAGE:
        raise TruelineError(
            "INVALID_ARGUMENT",
            "TOO_MANY_POINTS",
            f"{metric.metadata.name} has {count} windows between start_time and end_time, more than {LARGEST_PAGE}; "
            "narrow the range",
            metadata={"points": str(count), "limit": str(LARGEST_PAGE)},
        )
    return first, last


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "no labels"
