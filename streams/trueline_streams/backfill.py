"""Gives a metric that was defined after its events came, or was out of use, the points that it would have had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from trueline_stores.warehouse.client import Warehouse

from trueline_streams.pane_statements import CountPaneEvents, PaneQuery
from trueline_streams.points import PointBatch
from trueline_streams.recompute import PaneRecompute, only_panes
from trueline_streams.records import Changes, ChangeWriter, MemberRows, MetricPlan, MetricStatusRow

# Events that one statement computes panes from, unless a single pane has more: bounds its memory.
EVENTS_AT_ONCE = 500_000
# Panes that one statement computes.
PANES_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Lacking:
    """A metric of a tenant whose points lack the events beyond a log position; 0 = all of them."""

    tenant: str
    plan: MetricPlan
    after_position: int = 0


@dataclass(frozen=True, slots=True)
class Backfilled:
    """A metric whose history was computed, and how many points it has."""

    tenant: str
    metric: str
    points: int


def backfill_metrics(
    warehouse: Warehouse,
    writer: ChangeWriter,
    wanted: Iterable[Lacking],
    up_to_position: int,
    recompute: PaneRecompute | None = None,
    *,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Backfilled]:
    """Compute the panes that metrics lack, one metric after the other, from the events up to a position.

    The dataflow may run meanwhile if it computes the metrics from the next position on, or from an earlier one: points
    are absolute, and of two the one of the later position counts. Computing a metric again changes nothing but what
    was missing.

    Args:
        warehouse: where the events are.
        writer: where the points go.
        wanted: metrics of tenants.
        up_to_position: events up to here are in the warehouse.
        recompute: with the server's settings; None = the defaults.
        stopped: asked before each metric; once it says yes, the rest is left out.

    Yields:
        Each metric, when it is done.

    Raises:
        StoreError: the warehouse failed.

    """
    source = recompute or PaneRecompute(warehouse)
    for each in wanted:
        if stopped():
            return
        points = _backfill(warehouse, writer, source, each, up_to_position)
        yield Backfilled(each.tenant, each.plan.metric.metadata.name, points)


def _backfill(
    warehouse: Warehouse, writer: ChangeWriter, source: PaneRecompute, lacking: Lacking, position: int
) -> int:
    """Compute one metric of one tenant; how many points were lacking."""
    tenant, plan = lacking.tenant, lacking.plan
    metric = plan.metric
    found = 0
    if plan.events:
        whole = source.query(tenant, metric, plan.events, position + 1)
        for starts, end in _pieces(warehouse, whole, lacking.after_position):
            part = replace(whole, spans=((starts[0], end),))
            points, members = source.compute(only_panes(whole, starts) if lacking.after_position else part)
            writer.write(_changes(position, points, members))
            found += len(points)
    too_late, overflowed = source.refused(plan, tenant, position + 1)
    status = MetricStatusRow(tenant, metric.metadata.name, metric.definition, too_late, overflowed, position)
    writer.write(Changes(position, (), (), (), (), (status,)))
    return found


def _pieces(warehouse: Warehouse, whole: PaneQuery, after_position: int) -> Iterator[tuple[list[int], int]]:
    """Runs of panes, each with a bounded number of events and panes: where the panes start, and the end of the last."""
    starts: list[int] = []
    last = events = 0
    for start_us, end_us, count in warehouse.run(CountPaneEvents(whole, after_position)):
        if starts and (events + count > EVENTS_AT_ONCE or len(starts) == PANES_AT_ONCE):
            yield starts, last
            starts, events = [], 0
        starts.append(start_us)
        last = end_us
        events += count
    if starts:
        yield starts, last


def _changes(position: int, points: PointBatch, members: Sequence[tuple[str, ...]]) -> Changes:
    rows = tuple(
        MemberRows(row.tenant, row.metric, row.definition, row.pane_start_us, row.groups, values)
        for row, values in zip(points, members, strict=True)
        if values
    )
    return Changes(position, (), (), points, rows, ())
