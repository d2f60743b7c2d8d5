"""Which points a run of changed panes touches: of tumbling metrics the panes, of sliding ones the windows over them."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from trueline_server.metrics.windows import Coverage, Windows


@dataclass(frozen=True, slots=True)
class ChangedPane:
    """A pane of a metric that was written with a revision."""

    metric: str
    end_us: int
    groups: tuple[str, ...]
    revision: int


@dataclass(frozen=True, slots=True)
class Run:
    """Changes up to a revision.

    Attributes:
        panes: those changed.
        revision: all changes up to this log position are in `panes`.
        more: there are changes beyond.

    """

    panes: Sequence[ChangedPane]
    revision: int
    more: bool


def first_run(
    panes: Sequence[ChangedPane], windows: dict[str, Windows], since: int, limit: int, *, all_in: bool
) -> Run:
    """As many changes as touch about `limit` points, whole revisions, at least one.

    Args:
        panes: by revision.
        windows: of each metric.
        since: the revision before all of them.
        limit: points.
        all_in: whether `panes` are all changes; else the last revision may lack some.

    """
    if not panes:
        return Run((), since, more=False)
    revisions = sorted({pane.revision for pane in panes})
    if not all_in and len(revisions) > 1:
        revisions.pop()
    # The longest prefix that fits; the count of points grows with it.
    fits = bisect_left(
        range(len(revisions)), True, key=lambda n: _points_of(_until(panes, revisions[n]), windows) > limit
    )
    revision = revisions[max(fits, 1) - 1]
    return Run(_until(panes, revision), revision, more=not all_in or revision < panes[-1].revision)


def _until(panes: Sequence[ChangedPane], revision: int) -> Sequence[ChangedPane]:
    return panes[: bisect_left(panes, revision + 1, key=lambda pane: pane.revision)]


def _points_of(panes: Sequence[ChangedPane], windows: dict[str, Windows]) -> int:
    """About how many points the panes touch."""
    count, sliding = 0, defaultdict(list)
    for pane in panes:
        if windows[pane.metric].sliding:
            sliding[pane.metric, pane.groups].append(pane.end_us)
        else:
            count += 1
    for (metric, _), ends in sliding.items():
        ends.sort()
        own = windows[metric]
        count += int(Coverage.of(ends, own, ends[0], ends[-1] + own.reach_us).counts().sum())
    return count


class Touched:
    """Which (window end, groups) of a sliding metric changed panes touch."""

    def __init__(self, panes: Sequence[ChangedPane], windows: Windows, unchanged_end_us: int) -> None:
        """Windows that end after `unchanged_end_us`, the newest pane without a change, are new for every group."""
        self._reach_us = windows.reach_us
        self._unchanged_end_us = unchanged_end_us
        self._ends: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
        for end_us, groups in sorted({(pane.end_us, pane.groups) for pane in panes}):
            self._ends[groups].append(end_us)

    def has(self, window_end_us: int, groups: tuple[str, ...]) -> bool:
        """Whether a pane within the window changed, or the window is new."""
        if window_end_us > self._unchanged_end_us:
            return True
        ends = self._ends.get(groups, [])
        place = bisect_left(ends, window_end_us - self._reach_us)
        return place < len(ends) and ends[place] <= window_end_us
