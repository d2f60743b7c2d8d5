"""Windows of a metric in time: where they end, which panes they are made of, which of them a pane changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from trueline_rules.model import Metric, Span
from trueline_streams.amounts import Ints
from trueline_streams.panes import WEEK_US, pane_end_us, panes_of

_LONGEST_MONTH_US = 31 * 24 * 3600 * 1_000_000


def span_us(span: Span) -> int:
    """Length of a span, of a month the longest one."""
    if span.calendar == "month":
        return _LONGEST_MONTH_US
    return WEEK_US if span.calendar == "week" else span.us


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of a metric.

    Attributes:
        step: distance of window ends.
        window_us: length of a window; of months the longest.
        step_us: length of a step; of months the longest.
        sliding: whether a window has several panes.

    """

    step: Span
    window_us: int
    step_us: int
    sliding: bool

    @classmethod
    def of(cls, metric: Metric) -> Windows:
        """The windows of a metric."""
        window_us, step_us = span_us(metric.window), span_us(metric.step)
        return cls(metric.step, window_us, step_us, window_us > step_us)

    @property
    def reach_us(self) -> int:
        """From the end of a pane to the end of the last window over it."""
        return self.window_us - self.step_us if self.sliding else 0

    def start_us(self, end_us: int) -> int:
        """Start of the window that ends at an instant."""
        if self.sliding or not self.step.calendar:
            return end_us - self.window_us
        return self.pane_of(end_us - 1)[0]

    def pane_of(self, at_us: int) -> tuple[int, int]:
        """The pane that an instant lies in."""
        starts, ends = panes_of(np.array([at_us], dtype=np.int64), self.step)
        return int(starts[0]), int(ends[0])

    def first_end_after(self, at_us: int) -> int:
        """The first window end after an instant."""
        return self.pane_of(at_us)[1]

    def last_end_until(self, at_us: int) -> int:
        """The last window end at or before an instant."""
        return self.pane_of(at_us)[0]

    def ends(self, first_us: int, last_us: int) -> Iterator[int]:
        """Window ends from first to last, both of them window ends."""
        end = first_us
        while end <= last_us:
            yield end
            end = pane_end_us(end, self.step)

    def count(self, first_us: int, last_us: int) -> int:
        """Window ends from first to last; of months an upper bound."""
        shortest = 28 * 24 * 3600 * 1_000_000 if self.step.calendar == "month" else self.step_us
        return max(0, (last_us - first_us) // shortest + 1)


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which sliding windows some panes are in.

    Attributes:
        firsts, lasts: first and last window end that each pane adds beyond those before it; last < first adds none.
        step_us: distance of window ends.

    """

    firsts: Ints
    lasts: Ints
    step_us: int

    @classmethod
    def of(cls, pane_ends_us: Sequence[int] | Ints, windows: Windows, first_us: int, last_us: int) -> Coverage:
        """Of panes in ascending order, within the window ends from first to last."""
        ends = np.asarray(pane_ends_us, dtype=np.int64)
        lasts = np.minimum(ends + windows.reach_us, last_us)
        reached = np.maximum.accumulate(np.concatenate(([first_us - windows.step_us], lasts)))[:-1]
        firsts = np.maximum(ends, reached + windows.step_us)
        return cls(firsts, np.maximum(lasts, firsts - windows.step_us), windows.step_us)

    def counts(self) -> Ints:
        """Windows that each pane adds."""
        counts: Ints = (self.lasts - self.firsts) // self.step_us + 1
        return counts

    def end_of(self, wanted: int) -> int | None:
        """The window end that is the wanted-th (from 1) one covered; None if there are fewer."""
        reached = self.counts().cumsum()
        place = int(np.searchsorted(reached, wanted))
        if place == len(reached):
            return None
        return int(self.lasts[place] - (reached[place] - wanted) * self.step_us)

    def runs(self, gap_us: int) -> list[tuple[int, int]]:
        """The windows covered as (first, last) runs; those closer than a gap are one."""
        runs: list[tuple[int, int]] = []
        for first, last in zip(self.firsts.tolist(), self.lasts.tolist(), strict=True):
            if last < first:
                continue
            if runs and first - runs[-1][1] <= gap_us:
                runs[-1] = runs[-1][0], last
            else:
                runs.append((first, last))
        return runs
