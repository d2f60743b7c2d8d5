"""Which instant is judged and how final a value is, from the clocks of sources."""

from __future__ import annotations

import pytest
from trueline_server.kpis.instants import DAY_US, FINISHED_US, Instant, SourceClock, combine_clocks
from trueline_server.metrics.points import Completeness

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND
DISORDER = 120 * SECOND


def source(
    end_us: int, accepted_us: int, *, finished: bool = False, name: str = "shop", revision: int = 5
) -> SourceClock:
    """A source with one event."""
    return SourceClock(name, 1, end_us, accepted_us, finished, revision)


def test_a_live_tenant_is_judged_now() -> None:
    """Its watermark trails its newest event by the disorder while it sends."""
    clock = combine_clocks([source(NOW - SECOND, NOW)], NOW, DISORDER)
    assert (clock.judged_at_us, clock.live) == (NOW, True)
    assert clock.watermark_us == NOW - SECOND - DISORDER


def test_a_silent_live_source_is_moved_on_by_the_clock() -> None:
    """An hour later its watermark is disorder and idle timeout behind the clock."""
    later = NOW + 3600 * SECOND
    clock = combine_clocks([source(NOW - SECOND, NOW)], later, DISORDER)
    assert clock.watermark_us == later - DISORDER - 60 * SECOND
    assert clock.judged_at_us == later


def test_an_import_is_judged_at_the_end_of_its_data() -> None:
    """It stays provisional until its end mark, however long that takes."""
    end = NOW - 400 * DAY_US
    clock = combine_clocks([source(end, NOW)], NOW + DAY_US, DISORDER)
    assert (clock.judged_at_us, clock.live, clock.watermark_us) == (end, False, end - DISORDER)


def test_a_finished_import_is_complete() -> None:
    """Its end mark lets everything pass, and what people see as the watermark is the instant judged."""
    end = NOW - 400 * DAY_US
    clock = combine_clocks([source(end, NOW, finished=True)], NOW, DISORDER)
    assert (clock.judged_at_us, clock.watermark_us) == (end, FINISHED_US)
    assert Instant(end, None, clock.watermark_us, 1).shown_watermark_us() == end


def test_the_slowest_active_source_holds_the_watermark() -> None:
    """One that was silent for more than a day before the newest acceptance does not; nor does a finished one."""
    fast, slow = source(NOW, NOW), source(NOW - 3600 * SECOND, NOW - 60 * SECOND)
    gone = source(NOW - 40 * DAY_US, NOW - 2 * DAY_US)
    done = source(NOW - 50 * DAY_US, NOW, finished=True)
    assert combine_clocks([fast, slow, gone, done], NOW, DISORDER).watermark_us == NOW - 3600 * SECOND - DISORDER


def test_position_and_synthetic_are_those_of_all_sources() -> None:
    """The newest position counts; one generated source makes the tenant's values synthetic."""
    clock = combine_clocks(
        [source(NOW, NOW, revision=9), source(NOW, NOW, name="synthetic-podcast", revision=3)], NOW, DISORDER
    )
    assert (clock.position, clock.synthetic) == (9, True)


@pytest.mark.parametrize(
    ("period_end", "watermark", "expected"),
    [
        pytest.param(NOW + SECOND, FINISHED_US, Completeness.PARTIAL, id="period not over, whatever the watermark"),
        pytest.param(NOW, NOW, Completeness.PROVISIONAL, id="late events may come"),
        pytest.param(NOW - 2 * DAY_US, NOW, Completeness.COMPLETE, id="lateness passed"),
        pytest.param(None, FINISHED_US, Completeness.COMPLETE, id="no period, finished"),
        pytest.param(None, NOW, Completeness.PROVISIONAL, id="no period, live"),
    ],
)
def test_completeness(period_end: int | None, watermark: int, expected: Completeness) -> None:
    """Partial before the period is over, then provisional until the watermark has passed it by the lateness."""
    assert Instant(NOW, None, watermark, 1).completeness(period_end, 2 * DAY_US) is expected
