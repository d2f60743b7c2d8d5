"""Panes of time, and the set of those that were touched."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from trueline_streams.panes import PaneSet, pane_end_us, pane_numbers, panes_of

from tests.unit.streams.reference import pane_of
from tests.unit.streams.support import span_of

# 1900 to 2100.
instants = st.integers(-2_208_988_800_000_000, 4_102_444_800_000_000)
steps = st.sampled_from(["1m", "5m", "7m", "1h", "1d", "7d", "week", "month"]).map(span_of)


@given(st.lists(instants, min_size=1), steps)
def test_panes_are_those_of_the_calendar(times: list[int], step: object) -> None:
    """Fixed spans are aligned to 1970, weeks to Monday, months to the first; also before 1970."""
    starts, ends = panes_of(np.array(times), step)
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == [pane_of(at, step) for at in times]
    assert [pane_end_us(start, step) for start in starts.tolist()] == ends.tolist()


@given(st.lists(instants, min_size=1, unique=True), steps)
def test_each_pane_has_a_number_of_its_own(times: list[int], step: object) -> None:
    """As many numbers as panes, in the same order."""
    starts = np.unique(panes_of(np.array(times), step)[0])
    numbers = pane_numbers(starts, step)
    assert (np.diff(numbers) > 0).all()


@given(st.lists(st.lists(st.integers(-20_000, 20_000), max_size=30)), st.integers(1, 4))
def test_a_touched_pane_is_never_forgotten_silently(touches: list[list[int]], room: int) -> None:
    """What was touched is known; what was not is known not to be, unless it lies below the floor."""
    panes, seen = PaneSet(max_chunks=room), set()
    for numbers in touches:
        distinct = np.unique(np.array(numbers, dtype=np.int64))
        floor = panes.floor
        answers = panes.touch(distinct)
        for number, known in zip(distinct.tolist(), answers.tolist(), strict=True):
            assert known == (number in seen or (floor is not None and number < floor))
        seen.update(distinct.tolist())
        panes = PaneSet(*panes.packed(), max_chunks=room)


def test_the_floor_stands_for_what_was_before() -> None:
    """Below the floor anything may have been."""
    panes = PaneSet(floor=10)
    assert panes.touch(np.array([8, 9, 10, 11])).tolist() == [True, True, False, False]
    assert panes.touch(np.array([10, 12])).tolist() == [True, False]
