"""Which instant is judged, and up to where events are complete: read from the clocks of a tenant's sources."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trueline_server.metrics.completeness import SourceClock, judge_now
from trueline_server.metrics.points import Completeness
from trueline_server.synthetic import is_synthetic

DAY_US = 86_400_000_000
# The first instant that is judged: statements look back up to a year, and a Date of ClickHouse begins in 1970.
FIRST_US = 365 * DAY_US
# The watermark of a tenant all of whose sources are finished: 2100-01-01, which every column and client can hold.
FINISHED_US = 4_102_444_800_000_000

# All tenants at once: a handful of rows per tenant, the newest of each source.
_CLOCKS = (
    "SELECT tenant, source, events, toUnixTimestamp64Micro(max_occurred_at) AS max_occurred_at_us, "
    "toUnixTimestamp64Micro(last_accepted_at) AS last_accepted_at_us, finished, revision FROM trueline.clocks FINAL"
)
_KNOWN_END = (
    "SELECT toUnixTimestamp64Micro(maxOrNull(occurred_at)) AS data_end_us FROM trueline.events "
    "WHERE tenant = {tenant:String} AND accepted_at <= fromUnixTimestamp64Micro({known_at_us:Int64}, 'UTC')"
)


class RowReader(Protocol):
    """Reads rows; the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...


@dataclass(frozen=True, slots=True)
class TenantClock:
    """A tenant's clocks as one.

    Attributes:
        judged_at_us: the instant that KPIs judge by default: now if a source is live, else the end of the data.
        watermark_us: up to where events are known to be complete; FINISHED_US when all sources are.
        position: last log position of its events.
        live: whether a source is live.
        synthetic: whether a source was made by the generator.

    """

    judged_at_us: int
    watermark_us: int
    position: int
    live: bool
    synthetic: bool


@dataclass(frozen=True, slots=True)
class Instant:
    """What is judged, and how much was known; times in microseconds since 1970 (UTC).

    Attributes:
        at_us: the instant judged.
        known_at_us: only what had been accepted by then; None = all that is known.
        watermark_us: see TenantClock.
        position: see TenantClock.

    """

    at_us: int
    known_at_us: int | None
    watermark_us: int
    position: int

    def completeness(self, period_end_us: int | None, allowed_lateness_us: int) -> Completeness:
        """How final a value over a period is; a KPI without a period judges up to the instant."""
        end_us = self.at_us if period_end_us is None else period_end_us
        if end_us > self.at_us:
            return Completeness.PARTIAL
        if end_us + allowed_lateness_us > self.watermark_us:
            return Completeness.PROVISIONAL
        return Completeness.COMPLETE

    def shown_watermark_us(self) -> int:
        """The watermark for people: of finished sources, the instant judged."""
        return min(self.watermark_us, self.at_us) if self.watermark_us >= FINISHED_US else self.watermark_us


def combine_clocks(sources: Sequence[SourceClock], now_us: int, max_disorder_us: int) -> TenantClock:
    """The clock of a tenant.

    Args:
        sources: at least one, all with events.
        now_us: the time.
        max_disorder_us: how far a watermark trails the newest event.

    """
    now = judge_now(sources, max_disorder_us, now_us)
    assert now is not None, "a tenant without events has no clock"
    live = any(source.live for source in sources)
    return TenantClock(
        judged_at_us=now_us if live else now.newest_us,
        watermark_us=min(now.watermark_us, FINISHED_US),
        position=max(source.revision for source in sources),
        live=live,
        synthetic=any(is_synthetic(source.source) for source in sources),
    )


class Clocks:
    """Reads clocks from the warehouse. Every method blocks."""

    def __init__(self, reader: RowReader, max_disorder_us: int) -> None:
        self._reader = reader
        self._max_disorder_us = max_disorder_us

    def read(self, now_us: int) -> dict[str, TenantClock]:
        """The clock of each tenant that has events."""
        sources: defaultdict[str, list[SourceClock]] = defaultdict(list)
        for tenant, *rest in self._reader.query(_CLOCKS):
            sources[str(tenant)].append(SourceClock(*rest))
        # A source may have an end mark and no event; it has no end of data.
        return {
            tenant: combine_clocks(with_events, now_us, self._max_disorder_us)
            for tenant, rows in sources.items()
            if (with_events := [row for row in rows if row.events])
        }

    def instant(self, tenant: str, clock: TenantClock, at_us: int | None, known_at_us: int | None) -> Instant | None:
        """The instant to judge: as asked, else the tenant's default; what was known then bounds both.

        None if nothing had been accepted by `known_at_us`.
        """
        if known_at_us is None:
            return Instant(clock.judged_at_us if at_us is None else at_us, None, clock.watermark_us, clock.position)
        rows = self._reader.query(_KNOWN_END, {"tenant": tenant, "known_at_us": known_at_us})
        if not rows or rows[0][0] is None:
            return None
        end_us = int(rows[0][0])
        if at_us is None:
            at_us = min(clock.judged_at_us, known_at_us if clock.live else end_us)
        return Instant(at_us, known_at_us, min(clock.watermark_us, end_us - self._max_disorder_us), clock.position)
