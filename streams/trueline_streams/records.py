"""What travels through the dataflow: the types at its borders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

OVERFLOW_GROUP = "__other__"


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
    members: tuple[str, ...]


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
    """All that one step of the dataflow writes, complete up to log position `position`."""

    position: int
    events: tuple[StampedEvents, ...]
    clocks: tuple[ClockRow, ...]
    points: tuple[PointRow, ...]
    members: tuple[MemberRows, ...]
    statuses: tuple[MetricStatusRow, ...]


class ChangeWriter(Protocol):
    """Where the dataflow writes. Called by one thread; returns when the changes are in the warehouse."""

    def write(self, changes: Changes) -> None:
        """Write all of it: events first. Writing the same changes again must change nothing."""
        ...
