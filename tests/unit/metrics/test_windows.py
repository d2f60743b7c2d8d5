"""Windows in time, and which of them panes cover, against counting them one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.metrics.changes import ChangedPane, Touched, first_run
from trueline_server.metrics.windows import Coverage, Windows

from tests.unit.streams.reference import pane_of
from tests.unit.streams.support import DAY, MINUTE, metric_of

FIVE = Windows.of(metric_of("active", "count", window="5m", step="1m"))
HOURLY = Windows.of(metric_of("events", "count", window="1h"))

minutes = st.lists(st.integers(1, 60), min_size=1, max_size=12).map(lambda each: sorted(set(each)))


@given(st.sampled_from(["1m", "1h", "1d", "week", "month"]), st.integers(0, 4_000_000_000_000_000))
def test_windows_by_the_calendar(length: str, at_us: int) -> None:
    """The window over an instant is the one that the calendar says, and ends are found from any instant."""
    metric = metric_of("events", "count", window=length)
    windows = Windows.of(metric)
    start, end = pane_of(at_us, metric.step)
    assert windows.first_end_after(at_us) == end
    assert windows.last_end_until(at_us) == start
    assert windows.start_us(end) == start
    following = pane_of(end, metric.step)[1]
    assert list(windows.ends(end, following)) == [end, following]
    assert windows.count(end, following) >= 2


@given(minutes, st.integers(1, 60), st.integers(0, 30))
def test_coverage_counts_windows(panes: list[int], first: int, length: int) -> None:
    """The windows that panes cover within a range are those that contain one of them, in order."""
    last = first + length
    within = [pane for pane in panes if first - 4 <= pane <= last]
    expected = [end for end in range(first, last + 1) if any(end - 5 < pane <= end for pane in within)]
    if within:
        coverage = Coverage.of([pane * MINUTE for pane in within], FIVE, first * MINUTE, last * MINUTE)
        assert int(coverage.counts().sum()) == len(expected)
        assert [coverage.end_of(n + 1) for n in range(len(expected))] == [end * MINUTE for end in expected]
        assert coverage.end_of(len(expected) + 1) is None
        runs = coverage.runs(gap_us=MINUTE)
        assert [end // MINUTE for low, high in runs for end in range(low, high + 1, MINUTE)] == expected


@given(minutes, st.integers(0, 60))
def test_touched_windows(panes: list[int], unchanged: int) -> None:
    """A window is touched if a changed pane of its group lies in it, or if no unchanged pane reaches so far."""
    changed = [ChangedPane("active", pane * MINUTE, ("a",), 1) for pane in panes]
    touched = Touched(changed, FIVE, unchanged * MINUTE)
    for end in range(1, 70):
        inside = any(end - 5 < pane <= end for pane in panes)
        assert touched.has(end * MINUTE, ("a",)) == (inside or end > unchanged)
        assert touched.has(end * MINUTE, ("b",)) == (end > unchanged)


@given(st.lists(st.integers(1, 9), max_size=20).map(sorted), st.integers(1, 40), st.booleans())
def test_runs_of_changes_are_whole_and_end(revisions: list[int], limit: int, all_in: bool) -> None:
    """A run has every change up to its revision, goes on, and stays near its limit unless one revision is larger."""
    panes = [ChangedPane("events", n * 60 * MINUTE, (), revision) for n, revision in enumerate(revisions)]
    run = first_run(panes, {"events": HOURLY}, 0, limit, all_in=all_in)
    assert list(run.panes) == [pane for pane in panes if pane.revision <= run.revision]
    if not panes:
        assert not run.more
        return
    assert run.panes
    assert len(run.panes) <= limit or len({pane.revision for pane in run.panes}) == 1
    assert run.more == (not all_in or len(run.panes) < len(panes))


def test_one_late_pane_touches_its_windows() -> None:
    """A run counts the windows over a pane, not the pane."""
    panes = [ChangedPane("active", DAY, (), 1), ChangedPane("active", 2 * DAY, (), 2)]
    assert first_run(panes, {"active": FIVE}, 0, 9, all_in=True).revision == 1
    assert first_run(panes, {"active": FIVE}, 0, 10, all_in=True).revision == 2


def test_coverage_of_no_window() -> None:
    """A pane whose windows all lie outside the range covers nothing."""
    coverage = Coverage.of(np.array([MINUTE]), FIVE, 30 * MINUTE, 40 * MINUTE)
    assert int(coverage.counts().sum()) == 0
    assert coverage.runs(gap_us=MINUTE) == []
