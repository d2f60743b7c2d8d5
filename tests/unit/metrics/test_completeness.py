"""How final a point is, from clocks, settings and the time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.metrics.completeness import ALL_IN, OWN_SOURCE, Now, SourceClock, completeness_of, judge_now
from trueline_server.metrics.points import Completeness

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DISORDER = 2 * MINUTE
T = 1_700_000_000 * SECOND


def live(at: int = T) -> SourceClock:
    """A source whose newest event was accepted a second after it happened."""
    return SourceClock("web", 10, at, at + SECOND, finished=False)


def imported(at: int = T, accepted: int = T + 900 * HOUR) -> SourceClock:
    """A source whose newest event was accepted long after it happened."""
    return SourceClock("file", 10, at, accepted, finished=False)


def judged(*clocks: SourceClock, now: int) -> Now:
    """Where these clocks stand."""
    found = judge_now(clocks, DISORDER, now)
    assert found is not None
    return found


def test_nothing_to_say_before_the_first_event() -> None:
    """No source, or sources that only have an end mark, stand nowhere."""
    assert judge_now([], DISORDER, T) is None
    assert judge_now([SourceClock("web", 0, 0, 0, finished=True)], DISORDER, T) is None


def test_the_watermark_trails_the_newest_event() -> None:
    """Just after an event the watermark is its time less the disorder, and time has come as far as the clock."""
    now = judged(live(), now=T + SECOND)
    assert (now.watermark_us, now.stream_us, now.newest_us) == (T - DISORDER, T + SECOND, T)


def test_a_silent_live_source_is_moved_on_by_the_clock() -> None:
    """After a minute of silence the watermark goes on with the clock."""
    assert judged(live(), now=T + MINUTE).watermark_us == T - DISORDER
    assert judged(live(), now=T + HOUR).watermark_us == T + HOUR - DISORDER - MINUTE


def test_what_trueline_finds_is_not_waited_for() -> None:
    """Its own source moves on with the clock at once, and holds no other source back."""
    own = SourceClock(OWN_SOURCE, 1, T, T + SECOND, finished=False)
    assert judged(own, now=T + SECOND).watermark_us == T + SECOND - DISORDER
    later = live(T + 30 * SECOND)
    assert judged(own, later, now=T + 31 * SECOND) == judged(later, now=T + 31 * SECOND)


def test_an_import_is_not_moved_on_by_the_clock() -> None:
    """Its watermark and its time stand at its data, whatever the clock says, until it ends."""
    now = judged(imported(), now=T + 1000 * HOUR)
    assert (now.watermark_us, now.stream_us) == (T - DISORDER, T)


def test_a_finished_source_holds_nothing_back() -> None:
    """With all sources finished everything is in; what is told is the end of the data."""
    now = judged(replace(imported(), finished=True), now=T + 1000 * HOUR)
    assert (now.watermark_us, now.told_watermark_us, now.stream_us) == (ALL_IN, T, T)


def test_the_slowest_active_source_counts() -> None:
    """The watermark is the least of the unfinished sources that accepted something within the last day."""
    slow = SourceClock("app", 5, T - HOUR, T - HOUR + 20 * MINUTE, finished=False)
    assert judged(live(), slow, now=T + SECOND).watermark_us == T - HOUR - DISORDER
    gone = replace(slow, last_accepted_us=T - 25 * HOUR, max_occurred_us=T - 26 * HOUR)
    assert judged(live(), gone, now=T + SECOND).watermark_us == T - DISORDER
    assert judged(live(), replace(slow, finished=True), now=T + SECOND).watermark_us == T - DISORDER


@pytest.mark.parametrize(
    ("end", "late", "expected"),
    [
        (T + 1, 0, Completeness.PARTIAL),
        (T, 0, Completeness.PROVISIONAL),
        (T - DISORDER - HOUR + 1, 3, Completeness.PROVISIONAL),
        (T - DISORDER - HOUR, 0, Completeness.COMPLETE),
        (T - DISORDER - HOUR, 1, Completeness.CORRECTED),
    ],
)
def test_the_life_of_a_window(end: int, late: int, expected: Completeness) -> None:
    """Partial until time has passed its end, provisional until the watermark is beyond its lateness, then final."""
    assert completeness_of(end, late, HOUR, judged(imported(), now=T + 2000 * HOUR)) is expected


def test_the_last_window_of_a_finished_import_is_partial() -> None:
    """The window that contains the end of the data is not over, those before it are final."""
    now = judged(replace(imported(), finished=True), now=T + 1000 * HOUR)
    assert completeness_of(T + 1, 0, HOUR, now) is Completeness.PARTIAL
    assert completeness_of(T, 0, HOUR, now) is Completeness.COMPLETE


clocks = st.lists(
    st.builds(
        SourceClock,
        source=st.sampled_from(["a", "b", OWN_SOURCE]),
        events=st.integers(0, 3),
        max_occurred_us=st.integers(T - 30 * HOUR, T),
        last_accepted_us=st.integers(T - 30 * HOUR, T + HOUR),
        finished=st.booleans(),
    ),
    max_size=4,
)
ORDER = [Completeness.PARTIAL, Completeness.PROVISIONAL, Completeness.COMPLETE]


@given(clocks, st.integers(T, T + 50 * HOUR), st.integers(0, 50 * HOUR))
def test_time_makes_nothing_less_final(sources: list[SourceClock], now_us: int, passed: int) -> None:
    """While nothing is accepted, watermarks and the time of the stream never fall."""
    before, after = judge_now(sources, DISORDER, now_us), judge_now(sources, DISORDER, now_us + passed)
    if before is None or after is None:
        assert before is after
    else:
        assert after.watermark_us >= before.watermark_us
        assert after.stream_us >= before.stream_us


@given(clocks, st.integers(T - 30 * HOUR, T + HOUR), st.integers(0, HOUR), st.integers(0, HOUR))
def test_a_later_window_is_no_more_final(sources: list[SourceClock], end: int, further: int, lateness: int) -> None:
    """Of two windows the one that ends later is at most as final; more lateness makes no window more final."""
    now = judge_now(sources, DISORDER, T + HOUR)
    if now is not None:
        final = ORDER.index(completeness_of(end, 0, lateness, now))
        assert ORDER.index(completeness_of(end + further, 0, lateness, now)) <= final
        assert ORDER.index(completeness_of(end, 0, lateness + further, now)) <= final


@given(clocks, st.integers(T, T + HOUR), st.integers(0, HOUR))
def test_disorder_shifts_the_watermark(sources: list[SourceClock], now_us: int, shift: int) -> None:
    """A metric with so much more disorder has a watermark so much earlier, unless everything is in."""
    usual, own = judge_now(sources, DISORDER, now_us), judge_now(sources, DISORDER + shift, now_us)
    if usual is not None and own is not None and usual.watermark_us != ALL_IN:
        assert own.watermark_us == usual.watermark_us - shift
