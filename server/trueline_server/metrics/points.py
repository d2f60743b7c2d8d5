"""What reading metrics answers: points, pages of points, and metrics with their state. No protobuf, no SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.model import Aggregation

# (end of the window in microseconds since 1970, group labels in the order of the metric's group_by).
PointKey = tuple[int, tuple[str, ...]]


class Completeness(StrEnum):
    """How final a point is; see Completeness in metric_service.proto."""

    PARTIAL = "partial"
    PROVISIONAL = "provisional"
    COMPLETE = "complete"
    CORRECTED = "corrected"


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """The value of a metric in one window and group.

    Attributes:
        metric: its name.
        window_start_us: start of the window, inclusive, microseconds since 1970 (UTC).
        window_end_us: end of the window, exclusive.
        labels: group label -> value, in the order of the metric's group_by.
        value: None where it is not defined (an average of nothing).
        exact_value: the value as a decimal text, for sum, min, max and latest; "" else.
        events: events behind it.
        exact: False where the value comes from a sketch.
        completeness: how final it is.
        revision: log position of the last event in it.
        late_events: events merged after the watermark had passed the window's end (of sliding windows: their pane's).
        watermark_us: the metric's watermark when the point was read; None before the first event.

    """

    metric: str
    window_start_us: int
    window_end_us: int
    labels: Mapping[str, str]
    value: float | None
    exact_value: str
    events: int
    exact: bool
    completeness: Completeness
    revision: int
    late_events: int
    watermark_us: int | None

    @property
    def key(self) -> PointKey:
        """What identifies the point within its metric, and orders points."""
        return self.window_end_us, tuple(self.labels.values())


@dataclass(frozen=True, slots=True)
class PointPage:
    """Points by window end, then labels.

    Attributes:
        points: the page.
        watermark_us: the metric's watermark; None before the first event.
        next_after: pass it as `after` for the next page; None on the last. A page may hold fewer points than asked
            for, even none, and still not be the last.

    """

    points: tuple[MetricPoint, ...]
    watermark_us: int | None
    next_after: PointKey | None


@dataclass(frozen=True, slots=True)
class ChangedPoints:
    """Points that changed after a log position, by metric, window end and labels.

    Attributes:
        points: the newest state of each.
        revision: every change up to this log position is in `points`; pass it as `revision` next time.
        more: changes beyond `revision` are known already; ask again at once.

    """

    points: tuple[MetricPoint, ...]
    revision: int
    more: bool


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """A metric's definition and the state of its computation; see Metric in metric_service.proto."""

    name: str
    description: str
    unit: str
    aggregation: Aggregation
    window: str
    step: str
    group_by: tuple[str, ...]
    unavailable: str
    watermark_us: int | None
    too_late: int
    overflowed: int
    max_groups: int


@dataclass(frozen=True, slots=True)
class MetricPage:
    """Metrics by name. `next_after` is the name to pass as `after` for the next page; None on the last."""

    metrics: tuple[MetricInfo, ...]
    next_after: str | None
