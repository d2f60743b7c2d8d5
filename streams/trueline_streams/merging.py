"""Phase 2: partial results merge into the panes of a metric of a tenant; what changed comes out as absolute rows."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic

from trueline_streams.amounts import Ints
from trueline_streams.cells import CellStore
from trueline_streams.grouping import Cells, Partial
from trueline_streams.panes import PaneSet, pane_numbers
from trueline_streams.points import PointColumns
from trueline_streams.records import (
    OVERFLOW_GROUP,
    Clock,
    FlowSettings,
    MemberRows,
    MetricPlan,
    MetricStatusRow,
    PaneLoader,
)
from trueline_streams.texts import Texts

# Plans by name and definition of the metric.
Plans = Mapping[tuple[str, str], MetricPlan]
# Whether a metric is planned: tenant, name and definition of the metric, since when.
Planned = Callable[[str, str, str, int], bool]
# A snapshot: tenant, name and definition of the metric, packed state, since when the metric is computed.
Packed = tuple[str, str, str, bytes, int]


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What one partial changed; `batch` names the log batch it belongs to."""

    batch: int
    points: PointColumns | None
    members: tuple[MemberRows, ...]
    status: MetricStatusRow | None


class MetricState:
    """The live panes of one metric of one tenant, its counters, and which panes exist.

    In memory are the panes touched last; another is loaded when it is touched. What a pane holds depends only on the
    events up to a position, never on batches or on what was in memory.
    """

    def __init__(
        self, plan: MetricPlan, tenant: str, *, newest_us: int | None = None, refused: tuple[int, int] = (0, 0)
    ) -> None:
        """`newest_us` and `refused`: of the tenant and the metric before the first partial; see Partial, PaneLoader."""
        self._plan = plan
        self._tenant = tenant
        self.store = CellStore(plan.metric)
        # Real groups of each pane in memory; the key tells that the pane is there whole.
        self._panes: dict[int, int] = {}
        # Panes after the newest event of the tenant cannot have been touched before this state was born.
        step = plan.metric.step
        floor = None if newest_us is None else int(pane_numbers(np.array([newest_us]), step)[0]) + 1
        self._touched = PaneSet(floor=floor)
        self._too_late, self._overflowed = refused
        self._status_position = 0

    def merge(self, partial: Partial, loader: PaneLoader, settings: FlowSettings) -> MergeResult:
        """Take in one partial. Partials come in log order, each once."""
        points: PointColumns | None = None
        members: tuple[MemberRows, ...] = ()
        counted = self._status_position
        if partial.too_late:
            self._too_late += partial.too_late
            self._status_position = max(counted, partial.too_late_position)
        if partial.cells is not None:
            rows = self._rows(partial, partial.cells, loader)
            self.store.merge(rows, partial.cells, partial.batch)
            members = self._merge_members(rows, partial.cells)
            points = self.store.points(self._tenant, np.unique(rows))
            self._evict(settings)
        status = self._status() if self._status_position > counted else None
        return MergeResult(partial.batch, points, members, status)

    def _rows(self, partial: Partial, cells: Cells, loader: PaneLoader) -> Ints:
        rows = self.store.rows_of(cells)
        missing = np.nonzero(rows < 0)[0]
        if not len(missing):
            return rows
        if self._load(partial, cells, missing, loader):
            rows = self.store.rows_of(cells)
            missing = np.nonzero(rows < 0)[0]
        if cells.groups is None:
            rows[missing] = self.store.add_all(cells.pane_start_us[missing], cells.pane_end_us[missing])
            return rows
        # Groups are admitted in log order.
        missing = missing[np.argsort(cells.first_position[missing], kind="stable")]
        starts, ends = cells.pane_start_us[missing].tolist(), cells.pane_end_us[missing].tolist()
        for cell, start, end in zip(missing.tolist(), starts, ends, strict=True):
            rows[cell] = self._admit(start, end, cells.groups[cell], cells, cell)
        return rows

    def _load(self, partial: Partial, cells: Cells, missing: Ints, loader: PaneLoader) -> bool:
        """Bring panes back that exist and are not in memory; remember the others as touched."""
        plan = self._plan
        there = self._panes
        starts = [start for start in np.unique(cells.pane_start_us[missing]).tolist() if start not in there]
        if not starts:
            return False
        there.update(dict.fromkeys(starts, 0))
        columns = np.array(starts, dtype=np.int64)
        lost = columns[self._touched.touch(pane_numbers(columns, plan.metric.step))].tolist()
        if not lost:
            return False
        for point, members in loader.load(self._tenant, plan.metric, plan.events, lost, partial.before_position):
            self.store.put(point, members)
            if point.groups != self._overflow_groups():
                there[point.pane_start_us] += 1
        return True

    def _admit(self, start: int, end: int, groups: tuple[str, ...], cells: Cells, cell: int) -> int:
        overflow = self._overflow_groups()
        if groups != overflow:
            if self._panes[start] < self._plan.metric.max_groups:
                self._panes[start] += 1
            else:
                groups = overflow
                self._overflowed += int(cells.events[cell])
                self._status_position = max(self._status_position, int(cells.last_position[cell]))
        row = self.store.index.get(self.store.key(start, groups))
        return self.store.add(start, end, groups) if row is None else row

    def _overflow_groups(self) -> tuple[str, ...]:
        return (OVERFLOW_GROUP,) * len(self._plan.metric.group_by)

    def _merge_members(self, rows: Ints, cells: Cells) -> tuple[MemberRows, ...]:
        if cells.members is None or not len(cells.members.cells):
            return ()
        owners = cells.members.cells
        borders = np.nonzero(np.diff(owners))[0] + 1
        begins = [0, *borders.tolist()]
        ends = [*borders.tolist(), len(owners)]
        targets = rows[owners[begins]].tolist()
        texts = cells.members.texts.take(pa.array(cells.members.codes))
        store, metric, changed = self.store, self._plan.metric, []
        for row, begin, end in zip(targets, begins, ends, strict=True):
            new = store.add_members(row, Texts(texts, begin, end))
            if new:
                start = int(store.ints["pane_start"][row])
                groups = store.groups[row]
                changed.append(MemberRows(self._tenant, metric.metadata.name, metric.definition, start, groups, new))
        return tuple(changed)

    def _status(self) -> MetricStatusRow:
        metric = self._plan.metric
        return MetricStatusRow(
            tenant=self._tenant,
            metric=metric.metadata.name,
            definition=metric.definition,
            too_late=self._too_late,
            overflowed=self._overflowed,
            revision=self._status_position,
        )

    def _evict(self, settings: FlowSettings) -> None:
        """Drop the panes touched longest ago, to three quarters of the limits, so that it seldom happens."""
        store = self.store
        if store.size <= settings.max_cells and store.member_weight <= settings.max_members:
            return
        starts, owners = np.unique(store.ints["pane_start"][: store.size], return_inverse=True)
        touched = np.zeros(len(starts), dtype=np.int64)
        np.maximum.at(touched, owners, store.ints["touched"][: store.size])
        order = np.lexsort((starts, touched))[::-1]
        cells = np.bincount(owners)[order].cumsum()
        kept = cells <= settings.max_cells * 3 // 4
        if store.distinct:
            members = np.bincount(owners, weights=store.weights())[order].cumsum()
            kept &= members <= settings.max_members * 3 // 4
        # The pane touched last stays whatever it weighs: groups and sketches bound it, and it is wanted next.
        kept[0] = True
        if kept.all():
            return
        stay = np.zeros(len(starts), dtype=bool)
        stay[order[kept]] = True
        store.keep(np.nonzero(stay[owners])[0])
        still = starts[stay].tolist()
        self._panes = {start: self._panes[start] for start in still}

    def packed(self) -> bytes:
        """All of it, for a snapshot."""
        counters = (self._too_late, self._overflowed, self._status_position)
        return pickle.dumps((self._panes, self._touched.packed(), counters, self.store.packed()), protocol=5)

    @classmethod
    def unpacked(cls, plan: MetricPlan, tenant: str, packed: bytes) -> MetricState:
        """What `packed` gave."""
        state = cls(plan, tenant)
        # Written by `packed` into the data directory, which nobody else writes.
        state._panes, touched, counters, store = pickle.loads(packed)  # noqa: S301
        state._touched = PaneSet(*touched)
        state._too_late, state._overflowed, state._status_position = counters
        state.store.unpack(store)
        return state


def born(plan: MetricPlan, partial: Partial, loader: PaneLoader) -> MetricState:
    """The state of a metric before its first partial; what was before that lies in the warehouse."""
    if partial.newest_us is None:
        return MetricState(plan, partial.tenant)
    refused = loader.refused(plan, partial.tenant, partial.before_position)
    return MetricState(plan, partial.tenant, newest_us=partial.newest_us, refused=refused)


class MergeLogic(StatefulBatchLogic[Partial, MergeResult, Packed]):
    """Bytewax's hull around a MetricState; unpacks a resumed one when it is first needed.

    The state of a metric that is no longer planned is discarded at once: it would miss the events of the meantime if
    the metric came back.
    """

    def __init__(
        self,
        plans: Plans,
        loader: PaneLoader,
        settings: FlowSettings,
        clock: Clock,
        resume_state: Packed | None,
        *,
        planned: Planned,
    ) -> None:
        self._plans = plans
        self._loader = loader
        self._settings = settings
        self._clock = clock
        self._resumed = resume_state
        self._named = ("", "", "", 0) if resume_state is None else (*resume_state[:3], *(resume_state[4:] or (0,)))
        self._is_planned = planned
        self._state: MetricState | None = None

    def on_batch(self, values: list[Partial]) -> tuple[list[MergeResult], bool]:
        """Merge partials in log order; one result each. The state goes with the last one of a metric."""
        return [self._merge(partial) for partial in values], values[-1].ended

    def _merge(self, partial: Partial) -> MergeResult:
        if partial.ended:
            return MergeResult(partial.batch, None, (), None)
        if self._state is None:
            plan = self._plans[partial.metric, partial.definition]
            if self._resumed is None:
                self._state = born(plan, partial, self._loader)
                self._named = (partial.tenant, partial.metric, partial.definition, partial.since)
            else:
                self._state = MetricState.unpacked(plan, partial.tenant, self._resumed[3])
                self._resumed = None
        return self._state.merge(partial, self._loader, self._settings)

    def notify_at(self) -> datetime | None:
        """At once for the state of a metric that is no longer planned."""
        if self._planned():
            return None
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._clock())

    def _planned(self) -> bool:
        return not self._named[1] or self._is_planned(*self._named)

    def on_notify(self) -> tuple[list[MergeResult], bool]:
        """Discard the state of a metric that is no longer planned."""
        return [], not self._planned()

    def on_eof(self) -> tuple[list[MergeResult], bool]:
        """A flow that stops is not the end of time: nothing is closed."""
        return [], False

    def snapshot(self) -> Packed:
        """Whose state, and the state."""
        if self._resumed is not None:
            return self._resumed
        tenant, metric, definition, since = self._named
        packed = b"" if self._state is None else self._state.packed()
        return tenant, metric, definition, packed, since
