"""What travels through the dataflow: the types at its borders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
from trueline_rules.model import Metric

OVERFLOW_GROUP = "__other__"
# Distinct values that a pane and group keeps one by one; the value beyond switches to a sketch.
EXACT_DISTINCT = 65_536

# Answers microseconds since 1970-01-01T00:00:00Z.
Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """A metric with everything resolved that its numbers depend on.

    Attributes:
        metric: as the rule file says.
        events: event names read, (ANY,) = every event; () = nobody plays its roles, so it has no points.
        allowed_lateness_us: the metric's own or the server's.
        watermark_shift_us: default max_disorder less the metric's own; added to the stamped watermark.
        since: log position when the dataflow took the metric up. One that comes back after it was out of use starts
            anew, with another position: what was in memory has missed the events of the meantime.

    """

    metric: Metric
    events: tuple[str, ...]
    allowed_lateness_us: int
    watermark_shift_us: int = 0
    since: int = 0

    @property
    def identity(self) -> tuple[str, str, int]:
        """Name and definition of the metric, and since when it is computed: what its state is filed under."""
        return self.metric.metadata.name, self.metric.definition, self.since


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """Rates and limits of the dataflow.

    Attributes:
        max_disorder_us: how far a watermark trails the newest event of its source.
        allowed_lateness_us: for metrics that do not say.
        max_batch_events: about as many events leave the log at once when the flow is behind.
        publish_interval_us: least time between two batches, unless a full one is waiting; so it bounds how often an
            open pane is written, and how many inserts the warehouse sees.
        poll_interval_us: longest wait for new events in one go.
        epoch_interval_us: how often state is saved.
        max_cells: panes times groups that a metric of a tenant keeps in memory beyond the batch in hand.
        max_members: distinct values that a metric of a tenant keeps in memory beyond the batch in hand.

    """

    max_disorder_us: int = 120_000_000
    allowed_lateness_us: int = 172_800_000_000
    max_batch_events: int = 100_000
    publish_interval_us: int = 250_000
    poll_interval_us: int = 50_000
    epoch_interval_us: int = 5_000_000
    max_cells: int = 8_192
    max_members: int = 250_000


@dataclass(frozen=True, slots=True)
class StampedEvents:
    """Events of one tenant in log order, with their clocks.

    Attributes:
        tenant: whose events.
        events: EVENT_SCHEMA plus `position` (uint64), `accepted_at` (INSTANT) and `watermark` (INSTANT, the watermark
            of the event's source before the event, with the default max_disorder).
        replayed: these positions may have been written before a restart; the writer looks.

    """

    tenant: str
    events: pa.Table
    replayed: bool


@dataclass(frozen=True, slots=True)
class ClockRow:
    """State of one source's clock after position `revision`; all times in microseconds since 1970 (UTC)."""

    tenant: str
    source: str
    events: int
    max_occurred_at_us: int
    last_accepted_at_us: int
    finished: bool
    revision: int


@dataclass(frozen=True, slots=True)
class PointRow:
    """One pane and group of a metric after position `revision`; absolute, so writing it again changes nothing.

    Attributes:
        value_count: events with a value for the aggregated field.
        total, smallest, largest, latest: scaled integers, 1e-9 units; None = no value.
        latest_at_us, latest_position: when and where the latest value was.
        distinct: distinct values; exact if `sketch` is empty, else the CPC estimate.
        sketch: serialised CPC sketch, b"" while the count is exact.
        bins: DDSketch bins, for quantiles: bin -> count.
        late_events: events merged after the watermark had passed the pane's end.

    """

    tenant: str
    metric: str
    definition: str
    pane_start_us: int
    pane_end_us: int
    groups: tuple[str, ...]
    events: int
    value_count: int
    total: int
    smallest: int | None
    largest: int | None
    latest: int | None
    latest_at_us: int
    latest_position: int
    distinct: int
    sketch: bytes
    bins: dict[int, int]
    late_events: int
    revision: int
    watermark_us: int


@dataclass(frozen=True, slots=True)
class MemberRows:
    """Distinct values newly seen in a pane and group (while the count is exact)."""

    tenant: str
    metric: str
    definition: str
    pane_start_us: int
    groups: tuple[str, ...]
    members: Sequence[str]


@dataclass(frozen=True, slots=True)
class MetricStatusRow:
    """Counters of one metric after position `revision`."""

    tenant: str
    metric: str
    definition: str
    too_late: int
    overflowed: int
    revision: int


@dataclass(frozen=True, slots=True)
class Changes:
    """All that one step of the dataflow writes, complete up to log position `position`.

    `points` is a sequence of rows to whoever wants rows; the dataflow hands over a PointBatch, whose `table` has the
    same rows as Arrow columns and costs nothing to read.
    """

    position: int
    events: tuple[StampedEvents, ...]
    clocks: tuple[ClockRow, ...]
    points: Sequence[PointRow]
    members: tuple[MemberRows, ...]
    statuses: tuple[MetricStatusRow, ...]


class ChangeWriter(Protocol):
    """Where the dataflow writes. Called by one thread; returns when the changes are in the warehouse."""

    def write(self, changes: Changes) -> None:
        """Write all of it: events first. Writing the same changes again must change nothing."""
        ...


class PaneLoader(Protocol):
    """Where the dataflow finds a pane again that it no longer has in memory."""

    def load(
        self,
        tenant: str,
        metric: Metric,
        events: tuple[str, ...],
        pane_starts_us: Sequence[int],
        before_position: int,
    ) -> list[tuple[PointRow, tuple[str, ...]]]:
        """Compute panes from the events with positions below `before_position`.

        Every change up to there was written before this is called. Answers one item for each pane and group that has
        events which were not too late: the row as the dataflow would have left it, and its distinct values (all of
        them while their count is exact, else none: then the row has the sketch).
        """
        ...

    def refused(self, plan: MetricPlan, tenant: str, before_position: int) -> tuple[int, int]:
        """Events with positions below `before_position` that a metric did not take in.

        Answers how many came too late, and how many went to the group OVERFLOW_GROUP. Asked once for a metric that
        starts where its tenant has events already.
        """
        ...
