"""How final a point is: a pure function of the sources' clocks, the settings and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_server.metrics.points import Completeness

# A source is live while its newest event was accepted within so long of its occurrence.
LIVE_WITHIN_US = 10 * 60 * 1_000_000
# A live source that has been silent for so long is moved on by the clock.
IDLE_US = 60 * 1_000_000
# The source of what Trueline itself finds. It tells it as it finds it, so nobody waits for more of it once it is
# silent: else each control that turns would hold up the alerts of its tenant for a minute.
OWN_SOURCE = "trueline"
# Sources that accepted nothing for so long before the tenant's newest acceptance hold no watermark back.
RECENT_US = 24 * 3600 * 1_000_000
# The watermark when every source is finished: beyond all time.
ALL_IN = 1 << 62


@dataclass(frozen=True, slots=True)
class SourceClock:
    """A source's clock, as the dataflow wrote it at a log position; times in microseconds since 1970 (UTC)."""

    source: str
    events: int
    max_occurred_us: int
    last_accepted_us: int
    finished: bool
    revision: int = 0

    @property
    def live(self) -> bool:
        """Whether its events come as they happen, and it has no end mark."""
        return not self.finished and self.last_accepted_us - self.max_occurred_us < LIVE_WITHIN_US


@dataclass(frozen=True, slots=True)
class Now:
    """Where a tenant stands, for metrics of one max_disorder.

    Attributes:
        watermark_us: no event before it is expected any more; ALL_IN when every source is finished.
        stream_us: how far time has come: the newest event, or the present if a source is live.
        newest_us: the newest event.

    """

    watermark_us: int
    stream_us: int
    newest_us: int

    @property
    def told_watermark_us(self) -> int:
        """The watermark as it is told: of a finished import, the end of its data."""
        return self.newest_us if self.watermark_us == ALL_IN else self.watermark_us


def judge_now(clocks: Sequence[SourceClock], max_disorder_us: int, now_us: int) -> Now | None:
    """Where a tenant stands; None before its first event.

    Args:
        clocks: of all its sources.
        max_disorder_us: how far the metric's watermark trails the newest event of a source.
        now_us: the present.

    """
    started = [clock for clock in clocks if clock.events]
    if not started:
        return None
    newest_acceptance = max(clock.last_accepted_us for clock in started)
    holding = [
        clock for clock in started if not clock.finished and clock.last_accepted_us >= newest_acceptance - RECENT_US
    ]
    newest = max(clock.max_occurred_us for clock in started)
    return Now(
        watermark_us=min((_watermark(clock, max_disorder_us, now_us) for clock in holding), default=ALL_IN),
        stream_us=max(newest, now_us) if any(clock.live for clock in started) else newest,
        newest_us=newest,
    )


def _watermark(clock: SourceClock, max_disorder_us: int, now_us: int) -> int:
    reached = clock.max_occurred_us - max_disorder_us
    idle_us = 0 if clock.source == OWN_SOURCE else IDLE_US
    return max(reached, now_us - max_disorder_us - idle_us) if clock.live else reached


def completeness_of(window_end_us: int, late_events: int, lateness_us: int, now: Now) -> Completeness:
    """How final a window is that ends at an instant and took in so many events late."""
    if window_end_us > now.stream_us:
        return Completeness.PARTIAL
    if window_end_us + lateness_us > now.watermark_us:
        return Completeness.PROVISIONAL
    return Completeness.CORRECTED if late_events else Completeness.COMPLETE
