"""Gives a metric that was defined after its events came the points that it would have had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import CoveredMetrics, Tenants

from trueline_streams.pane_statements import CountPaneEvents, PaneQuery
from trueline_streams.points import PointBatch
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import Changes, ChangeWriter, MemberRows, MetricPlan, MetricStatusRow

# Events that one statement computes panes from, unless a single pane has more: bounds its memory.
EVENTS_AT_ONCE = 500_000
# Panes that one statement computes.
PANES_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Backfilled:
    """A metric whose history was computed, and how many points it has."""

    tenant: str
    metric: str
    points: int


def backfill_metrics(
    warehouse: Warehouse,
    writer: ChangeWriter,
    plans: Sequence[MetricPlan],
    up_to_position: int,
    recompute: PaneRecompute | None = None,
    *,
    tenants: Sequence[str] | None = None,
) -> list[Backfilled]:
    """Compute all panes of each metric that has no row in `metric_status`, for every tenant.

    To be called before the dataflow starts. A crash on the way leaves points that the next call writes again, because
    the row that says "covered" comes last.

    Args:
        warehouse: where the events are.
        writer: where the points go.
        plans: the metrics in force.
        up_to_position: events up to here are in the warehouse.
        recompute: with the server's settings; None = the defaults.
        tenants: whose; None = everybody's.

    Returns:
        Each metric that was computed. It is covered from now on, also if nothing of it was found.

    Raises:
        StoreError: the warehouse failed.

    """
    source = recompute or PaneRecompute(warehouse)
    covered = set(warehouse.run(CoveredMetrics()))
    done = []
    for tenant in [name for (name,) in warehouse.run(Tenants())] if tenants is None else tenants:
        for plan in plans:
            name, definition = plan.metric.metadata.name, plan.metric.definition
            if (tenant, name, definition) not in covered:
                points = _backfill(warehouse, writer, source, plan, tenant=tenant, position=up_to_position)
                done.append(Backfilled(tenant, name, points))
    return done


def _backfill(
    warehouse: Warehouse, writer: ChangeWriter, source: PaneRecompute, plan: MetricPlan, *, tenant: str, position: int
) -> int:
    """Compute one metric of one tenant; how many points it has."""
    metric = plan.metric
    found = 0
    if plan.events:
        whole = source.query(tenant, metric, plan.events, position + 1)
        for span in _pieces(warehouse, whole):
            points, members = source.compute(replace(whole, spans=(span,)))
            writer.write(_changes(position, points, members))
            found += len(points)
    too_late, overflowed = source.refused(plan, tenant, position + 1)
    status = MetricStatusRow(tenant, metric.metadata.name, metric.definition, too_late, overflowed, position)
    writer.write(Changes(position, (), (), (), (), (status,)))
    return found


def _pieces(warehouse: Warehouse, whole: PaneQuery) -> Iterator[tuple[int, int]]:
    """Runs of panes, each with a bounded number of events and panes."""
    first = last = 0
    panes = events = 0
    for start_us, end_us, count in warehouse.run(CountPaneEvents(whole)):
        if panes and (events + count > EVENTS_AT_ONCE or panes == PANES_AT_ONCE):
            yield first, last
            panes = events = 0
        if not panes:
            first = start_us
        last = end_us
        panes, events = panes + 1, events + count
    if panes:
        yield first, last


def _changes(position: int, points: PointBatch, members: Sequence[tuple[str, ...]]) -> Changes:
    rows = tuple(
        MemberRows(row.tenant, row.metric, row.definition, row.pane_start_us, row.groups, values)
        for row, values in zip(points, members, strict=True)
        if values
    )
    return Changes(position, (), (), points, rows, ())
