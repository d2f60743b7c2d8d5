"""Points in memory, read as the warehouse is read; tests write them and publish."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence

from trueline_rules.model import Aggregation
from trueline_server.errors import TruelineError
from trueline_server.metrics.points import (
    ChangedPoints,
    Completeness,
    MetricInfo,
    MetricPage,
    MetricPoint,
    PointKey,
    PointPage,
)
from trueline_stores.bus import InProcessBus, Written


def point(metric: str, end: int, revision: int, **labels: str) -> MetricPoint:
    """A point of a metric that counts; its value is its revision, so that a test sees which state it got."""
    return MetricPoint(
        metric=metric,
        window_start_us=(end - 1) * 1_000_000,
        window_end_us=end * 1_000_000,
        labels=labels,
        value=float(revision),
        exact_value="",
        events=revision,
        exact=True,
        completeness=Completeness.PROVISIONAL,
        revision=revision,
        late_events=0,
        watermark_us=None,
    )


class InMemoryPoints:
    """The methods of MetricReader over a dictionary, and a writer that publishes what it wrote."""

    def __init__(self, metrics: Sequence[str], bus: InProcessBus) -> None:
        self._metrics = tuple(sorted(metrics))
        self._bus = bus
        self._lock = threading.Lock()
        self._points: dict[tuple[str, str, PointKey], MetricPoint] = {}
        self.reads = 0
        # What the metrics mean; tests change it, as other rules do.
        self.meaning = "first"

    def store(self, tenant: str, *points: MetricPoint) -> None:
        """Write without publishing, as between the writer's insert and its message."""
        with self._lock:
            for each in points:
                self._points[tenant, each.metric, each.key] = each

    def write(self, tenant: str, position: int, *points: MetricPoint) -> None:
        """Write and publish."""
        self.store(tenant, *points)
        self._bus.publish(Written(position, frozenset((tenant, each.metric) for each in points)))

    def list_metrics(self, tenant: str, *, page_size: int = 100, after: str = "") -> MetricPage:
        """See MetricReader."""
        names = [name for name in self._metrics if name > after]
        infos = tuple(
            MetricInfo(name, "", "events", Aggregation.COUNT, "1m", "1m", (), "", None, 0, 0, 1000)
            for name in names[:page_size]
        )
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
        """See MetricReader."""
        found = [
            each
            for each in self._of(tenant, [metric], labels)
            if (after is None or each.key > after)
            and (start_us is None or each.window_end_us > start_us)
            and (end_us is None or each.window_end_us <= end_us)
        ]
        page = tuple(found[:page_size])
        return PointPage(page, None, page[-1].key if len(found) > page_size else None)

    def check_labels(self, tenant: str, metrics: Sequence[str], labels: Mapping[str, str]) -> None:
        """See MetricReader: here every label may yet come."""
        self._of(tenant, metrics, labels)

    def definitions(self, tenant: str, metrics: Collection[str]) -> str:
        """See MetricReader: what a test sets."""
        return self.meaning

    def newest(self, tenant: str, metrics: Sequence[str], labels: Mapping[str, str] | None = None) -> list[MetricPoint]:
        """See MetricReader."""
        found = self._of(tenant, metrics, labels)
        ends = {each.metric: each.window_end_us for each in found}
        return [each for each in found if each.window_end_us == ends[each.metric]]

    def changed_since(
        self,
        tenant: str,
        metrics: Sequence[str],
        revision: int,
        labels: Mapping[str, str] | None = None,
        *,
        limit: int = 10_000,
    ) -> ChangedPoints:
        """See MetricReader."""
        self.reads += 1
        found = [each for each in self._of(tenant, metrics, labels) if each.revision > revision]
        revisions = sorted(each.revision for each in found)
        last = revisions[min(limit, len(revisions)) - 1] if revisions else revision
        run = tuple(each for each in found if each.revision <= last)
        return ChangedPoints(run, last, len(run) < len(found))

    def _of(self, tenant: str, metrics: Sequence[str], labels: Mapping[str, str] | None) -> list[MetricPoint]:
        for name in metrics:
            if name not in self._metrics:
                raise TruelineError("NOT_FOUND", "UNKNOWN_METRIC", f"no metric {name}", metadata={"metric": name})
        with self._lock:
            points = [
                each
                for (of, metric, _), each in self._points.items()
                if of == tenant and (not metrics or metric in metrics) and (labels or {}).items() <= each.labels.items()
            ]
        return sorted(points, key=lambda each: (each.metric, each.key))
