"""Distinct counts of sliding windows: exact from the values of the panes, estimated where a pane has only a sketch."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.distinct import estimate, merged_sketch, sketch_of

from trueline_server.metrics.point_statements import DistinctOfWindow, DistinctSteps, PaneRange, PaneSketches
from trueline_server.metrics.points import PointKey

# The end of a pane, and the sketch of its values.
SketchedPane = tuple[int, bytes]


def add_distinct(warehouse: Warehouse, panes: PaneRange, rows: Sequence[dict[str, Any]]) -> None:
    """Set `distinct` in rows of WindowPoints of a sliding metric; `panes` are those they came from."""
    if not rows:
        return
    ends = [row["end_us"] for row in rows]
    panes = replace(panes, first_us=min(ends), last_us=max(ends))
    if any(not row["sketched"] for row in rows):
        exact = _exact(warehouse, panes, rows)
        for row in rows:
            row["distinct"] = exact[row["end_us"], tuple(row["groups"])]
    if any(row["sketched"] for row in rows):
        sketched = [row for row in rows if row["sketched"]]
        ends = [row["end_us"] for row in sketched]
        estimates = _estimates(warehouse, replace(panes, first_us=min(ends), last_us=max(ends)), sketched)
        for row in sketched:
            row["distinct"] = estimates[row["end_us"], tuple(row["groups"])]


def _exact(warehouse: Warehouse, panes: PaneRange, rows: Iterable[Mapping[str, Any]]) -> dict[PointKey, int]:
    if panes.first_us == panes.last_us:
        counts = {tuple(groups): distinct for groups, distinct in warehouse.run(DistinctOfWindow(panes))}
        return {(row["end_us"], tuple(row["groups"])): counts.get(tuple(row["groups"]), 0) for row in rows}
    steps: defaultdict[tuple[str, ...], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for groups, end_us, change in warehouse.run(DistinctSteps(panes)):
        at, changes = steps[tuple(groups)]
        at.append(end_us)
        changes.append(change)
    wanted: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in rows:
        wanted[tuple(row["groups"])].append(row["end_us"])
    found: dict[PointKey, int] = {}
    for groups, ends in wanted.items():
        at, changes = steps[groups]
        levels = np.concatenate(([0], np.cumsum(np.array(changes, dtype=np.int64))))
        counts_at = levels[np.searchsorted(np.array(at, dtype=np.int64), ends, side="right")]
        found.update(((end, groups), count) for end, count in zip(ends, counts_at.tolist(), strict=True))
    return found


def _estimates(warehouse: Warehouse, panes: PaneRange, rows: Iterable[Mapping[str, Any]]) -> dict[PointKey, int]:
    found: defaultdict[tuple[str, ...], list[SketchedPane]] = defaultdict(list)
    for groups, end_us, sketch, values in warehouse.run(PaneSketches(panes)):
        found[tuple(groups)].append((end_us, base64.b64decode(sketch) if sketch else sketch_of(values)))
    wanted: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for row in rows:
        wanted[tuple(row["groups"])].append(row["end_us"])
    window_us = panes.windows.window_us
    return {
        (end_us, groups): count
        for groups, ends in wanted.items()
        for end_us, count in zip(ends, sliding_estimates(found[groups], ends, window_us), strict=True)
    }


def sliding_estimates(panes: Sequence[SketchedPane], window_ends_us: Sequence[int], window_us: int) -> list[int]:
    """Estimated distinct values of each window: about three unions a pane, however many panes a window has.

    Args:
        panes: by end.
        window_ends_us: ascending.
        window_us: length of a window.

    """
    union, answer, place = _SlidingUnion(), [], 0
    for window_end in window_ends_us:
        while place < len(panes) and panes[place][0] <= window_end:
            union.push(panes[place])
            place += 1
        union.drop_until(window_end - window_us)
        answer.append(union.estimate())
    return answer


class _SlidingUnion:
    """A queue of sketches and their union: two stacks, the older one of unions from each pane to its newest."""

    def __init__(self) -> None:
        self._older: list[SketchedPane] = []
        self._newer: list[SketchedPane] = []
        self._newer_union: bytes | None = None

    def push(self, pane: SketchedPane) -> None:
        self._newer.append(pane)
        self._newer_union = pane[1] if self._newer_union is None else merged_sketch((self._newer_union, pane[1]))

    def drop_until(self, end_us: int) -> None:
        """Drop panes that end at an instant or before."""
        while True:
            if not self._older:
                self._turn()
            if not self._older or self._older[-1][0] > end_us:
                return
            self._older.pop()

    def _turn(self) -> None:
        union: bytes | None = None
        for end_us, sketch in reversed(self._newer):
            union = sketch if union is None else merged_sketch((union, sketch))
            self._older.append((end_us, union))
        self._newer, self._newer_union = [], None

    def estimate(self) -> int:
        parts = [self._older[-1][1]] if self._older else []
        if self._newer_union is not None:
            parts.append(self._newer_union)
        # Always through a union, whose estimate does not depend on how the sketches came together.
        return estimate(merged_sketch(parts)) if parts else 0
