"""Reads metrics from the warehouse: by range, the newest windows, what changed, and how each metric fares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from trueline_rules.model import RuleSet
from trueline_stores.warehouse.client import Warehouse

from trueline_server.clock import Clock
from trueline_server.metrics.points import ChangedPoints, MetricPage, MetricPoint, PointKey, PointPage

LARGEST_PAGE = 100_000


class MetricReader:
    """Answers from the warehouse. Every method blocks (call it on a thread) and may be called from many threads.

    All methods raise StoreError if the warehouse cannot answer.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        rules: Callable[[], RuleSet],
        clock: Clock,
        *,
        allowed_lateness_us: int = 172_800_000_000,
        max_disorder_us: int = 120_000_000,
    ) -> None: ...

    def list_metrics(self, tenant: str, *, page_size: int = 100, after: str = "") -> MetricPage:
        """The metrics by name, those after the name `after`, at most `page_size` (1 to 1000)."""

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
            TruelineError: UNKNOWN_METRIC; INVALID_FIELD (a label that the metric has not, an unfit fill_empty);
                TOO_MANY_POINTS (fill_empty over more windows than LARGEST_PAGE).

        """

    def newest(self, tenant: str, metrics: Sequence[str], labels: Mapping[str, str] | None = None) -> list[MetricPoint]:
        """Points of the newest window of each metric (empty = all metrics), for the snapshot of a watch.

        With labels, metrics that lack one of them are left out.

        Raises:
            TruelineError: UNKNOWN_METRIC.

        """

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

        A changed pane changes every sliding window over it, of which those that end no later than the metric's newest
        pane are told. While `more` is true, call again with the revision answered.

        Raises:
            TruelineError: UNKNOWN_METRIC.

        """
