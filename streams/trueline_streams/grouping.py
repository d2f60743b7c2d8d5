"""Phase 1: a stamped batch becomes, for each metric, one row a pane and group. Columns only; keeps nothing."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
from trueline_rules.model import Aggregation

from trueline_streams.amounts import Ints, Mask, Units, extremes_by, sums_by
from trueline_streams.columns import BatchColumns
from trueline_streams.quantiles import bins_of
from trueline_streams.records import MetricPlan

# Aggregations of numbers: their points have total, smallest, largest and latest.
NUMERIC = frozenset(
    {Aggregation.SUM, Aggregation.AVG, Aggregation.MIN, Aggregation.MAX, Aggregation.QUANTILE, Aggregation.LATEST}
)

# Marks for so many numbers a pair are cleared and read faster than the pairs are sorted.
_MARKED_PER_PAIR = 16


@dataclass(frozen=True, slots=True)
class NumberCells:
    """What a batch adds to the numbers of each cell; units of 1e-9. `latest_position` is 0 in a cell without values."""

    total: Units
    smallest: Units
    largest: Units
    latest: Units
    latest_at_us: Ints
    latest_position: Ints


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Something counted a cell and key: cells ascend; used for quantile bins."""

    cells: Ints
    keys: Ints
    counts: Ints


@dataclass(frozen=True, slots=True)
class CellMembers:
    """Distinct values a cell, each once: cells ascend; codes into `texts`."""

    cells: Ints
    codes: Ints
    texts: pa.StringArray


@dataclass(frozen=True, slots=True)
class Cells:
    """One row a pane and group (a cell) that a batch touches, for one metric.

    Attributes:
        pane_start_us, pane_end_us: the pane.
        groups: label values; None for a metric without groups.
        events: events merged; too-late ones are not among them.
        value_count: those with a value for the aggregated field (all of them for a count without a field).
        late_events: those that came after the watermark had passed the pane's end.
        first_position, last_position: log positions of the first and the last of them.
        watermark_us: the metric's watermark before the last of them.
        numbers, bins, members: what the aggregation needs; else None.

    """

    pane_start_us: Ints
    pane_end_us: Ints
    groups: list[tuple[str, ...]] | None
    events: Ints
    value_count: Ints
    late_events: Ints
    first_position: Ints
    last_position: Ints
    watermark_us: Ints
    numbers: NumberCells | None
    bins: CellCounts | None
    members: CellMembers | None


@dataclass(frozen=True, slots=True)
class Partial:
    """What one batch says about one metric of one tenant.

    Attributes:
        tenant, metric, definition: whose, and which metric by name and definition.
        batch: last position of the log batch; names it.
        before_position: all events of the batch lie at or beyond this position.
        newest_us: latest occurred_at of the tenant before the batch; None if there was no event.
        too_late: events that came too late.
        too_late_position: position of the last of them; 0 if there is none.
        cells: what was in time; None if nothing was.
        since: of the plan.
        ended: the metric is computed no more; its state goes.

    """

    tenant: str
    metric: str
    definition: str
    batch: int
    before_position: int
    newest_us: int | None
    too_late: int
    too_late_position: int
    cells: Cells | None
    since: int = 0
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Grouped:
    """The outcome for one metric, without what the batch is called."""

    too_late: int
    too_late_position: int
    cells: Cells | None


def sort_of(plan: MetricPlan) -> Hashable:
    """What `group_batch` depends on of a plan. Metrics that differ in their windows only are grouped alike."""
    metric = plan.metric
    where = tuple(metric.where.items())
    what = (
        plan.events,
        where,
        metric.aggregation,
        metric.field,
        metric.step,
        tuple(metric.group_by),
        metric.less_events,
    )
    return (*what, metric.late_by, plan.allowed_lateness_us, plan.watermark_shift_us)


def group_batch(plan: MetricPlan, columns: BatchColumns) -> Grouped | None:
    """Group the events of a batch for one metric; None if it reads none of them."""
    metric = plan.metric
    rows = columns.rows_of(plan.events, metric.where) if plan.events else _NO_ROWS
    if not len(rows):
        return None
    starts, ends = columns.panes(metric.step)
    watermarks = columns.watermark_us
    if len(rows) < columns.rows:
        starts, ends, watermarks = starts[rows], ends[rows], watermarks[rows]
    found = _Rows(rows, starts, ends, watermarks + plan.watermark_shift_us)
    if metric.late_by == "event":
        late = columns.occurred_us[rows] < found.watermarks - plan.allowed_lateness_us
    else:
        late = ends + plan.allowed_lateness_us <= found.watermarks
    too_late = int(np.count_nonzero(late))
    last_too_late = int(columns.position[rows[late][-1]]) if too_late else 0
    if too_late:
        found = found.only(~late)
    return Grouped(too_late, last_too_late, _cells(plan, columns, found) if len(found.rows) else None)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of the batch with the ends of their panes and the metric's watermark."""

    rows: Ints
    starts: Ints
    ends: Ints
    watermarks: Ints

    def only(self, kept: Mask) -> _Rows:
        return _Rows(self.rows[kept], self.starts[kept], self.ends[kept], self.watermarks[kept])


_NO_ROWS: Ints = np.empty(0, dtype=np.int64)


def _cells(plan: MetricPlan, columns: BatchColumns, found: _Rows) -> Cells:
    metric, rows = plan.metric, found.rows
    labels = [columns.label(field) for field in metric.group_by]
    codes = _pane_codes(plan, found.starts)
    for label in labels:
        codes = _dense(codes * len(label.values) + label.codes[rows])[0]
    cells, size = _dense(codes)
    # Where an index repeats, the last assignment stays: so these are the first and last row of each cell.
    first, last = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    order = np.arange(len(rows))
    first[cells[::-1]] = order[::-1]
    last[cells] = order
    groups = None
    if labels:
        texts = ([label.values[code] for code in label.codes[rows[first]].tolist()] for label in labels)
        groups = list(zip(*texts, strict=True))
    events = np.bincount(cells, minlength=size)
    late = found.watermarks >= found.ends
    values = _values(plan, columns, rows, cells, size)
    return Cells(
        pane_start_us=found.starts[first],
        pane_end_us=found.ends[first],
        groups=groups,
        events=events,
        value_count=events if values.count is None else values.count,
        late_events=np.bincount(cells[late], minlength=size),
        first_position=columns.position[rows[first]],
        last_position=columns.position[rows[last]],
        watermark_us=found.watermarks[last],
        numbers=values.numbers,
        bins=values.bins,
        members=values.members,
    )


@dataclass(frozen=True, slots=True)
class _Values:
    count: Ints | None = None
    numbers: NumberCells | None = None
    bins: CellCounts | None = None
    members: CellMembers | None = None


def _values(plan: MetricPlan, columns: BatchColumns, rows: Ints, cells: Ints, size: int) -> _Values:
    metric = plan.metric
    if metric.aggregation in NUMERIC or metric.field == "value":
        column = columns.number(metric.field)
        valid = column.valid[rows]
        rows, cells = rows[valid], cells[valid]
        count = np.bincount(cells, minlength=size)
        if metric.aggregation not in NUMERIC:
            return _Values(count)
        units = column.units[rows]
        if metric.less_events:
            # Not through abs: the least number of 64 bits has no opposite, and stays what it is here.
            units = np.where(columns.named(metric.less_events)[rows], np.minimum(units, -units), units)
        bins = _bins(cells, units) if metric.aggregation is Aggregation.QUANTILE else None
        return _Values(count, _numbers(columns, rows, cells, size, units), bins)
    if not metric.field:
        return _Values()
    text = columns.text(metric.field)
    codes = text.codes[rows]
    if (codes < 0).any():
        present = codes >= 0
        codes, cells = codes[present], cells[present]
    count = np.bincount(cells, minlength=size)
    if metric.aggregation is not Aggregation.COUNT_DISTINCT:
        return _Values(count)
    return _Values(count, members=_members(cells, codes, text.texts))


def _numbers(columns: BatchColumns, rows: Ints, cells: Ints, size: int, units: Units) -> NumberCells:
    smallest, largest = extremes_by(cells, units, size)
    occurred = columns.occurred_us[rows]
    # Stable: of equal instants the one with the highest position comes last and stays.
    order = np.argsort(occurred, kind="stable")
    newest = np.full(size, -1, dtype=np.int64)
    newest[cells[order]] = order
    there = newest >= 0
    latest = np.zeros(size, dtype=units.dtype)
    latest_at, latest_position = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    latest[there] = units[newest[there]]
    latest_at[there] = occurred[newest[there]]
    latest_position[there] = columns.position[rows[newest[there]]]
    return NumberCells(sums_by(cells, units, size), smallest, largest, latest, latest_at, latest_position)


def _bins(cells: Ints, units: Units) -> CellCounts:
    keys = bins_of(units)
    if not len(keys):
        return CellCounts(cells, keys, keys)
    least = int(keys.min())
    span = int(keys.max()) - least + 1
    pairs, counts = np.unique(cells * span + (keys - least), return_counts=True)
    return CellCounts(pairs // span, pairs % span + least, counts)


def _members(cells: Ints, codes: Ints, texts: pa.StringArray) -> CellMembers:
    width = max(1, len(texts))
    owners, distinct = np.divmod(_distinct(cells * width + codes), width)
    return CellMembers(owners, distinct, texts)


def _distinct(pairs: Ints) -> Ints:
    """The distinct ones of some small numbers, ascending."""
    most = int(pairs.max(initial=0))
    if most < _MARKED_PER_PAIR * len(pairs):
        marks = np.zeros(most + 1, dtype=bool)
        marks[pairs] = True
        return np.flatnonzero(marks)
    # Sorting and comparing neighbours is three times as fast as hashing here, and half as wide is twice as fast.
    ordered = np.sort(pairs.astype(np.int32) if most < 1 << 31 else pairs)
    differs = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    return ordered[differs].astype(np.int64)


def _pane_codes(plan: MetricPlan, starts: Ints) -> Ints:
    step = plan.metric.step
    if step.calendar:
        return _dense(starts)[0]
    codes: Ints = (starts - starts.min()) // step.us
    return codes


def _dense(codes: Ints) -> tuple[Ints, int]:
    """Codes renumbered 0..n-1 in their order, and n."""
    least, most = int(codes.min()), int(codes.max())
    span = most - least + 1
    if span <= 4 * len(codes) + 4096:
        present = np.zeros(span, dtype=bool)
        present[codes - least] = True
        numbers = np.cumsum(present) - 1
        return cast(Ints, numbers[codes - least]), int(numbers[-1]) + 1
    distinct, inverse = np.unique(codes, return_inverse=True)
    return inverse, len(distinct)
