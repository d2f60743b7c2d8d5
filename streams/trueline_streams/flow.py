"""The one description of the dataflow: log to warehouse. Wiring only."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, TypeGuard

import bytewax.operators as op
import numpy as np
import pyarrow as pa
from bytewax.dataflow import Dataflow
from bytewax.inputs import Source
from bytewax.outputs import Sink
from trueline_stores.event_schema import INSTANT
from trueline_stores.log.port import LogEntry

from trueline_streams.clock import ClockLogic, StampedBatch, TenantBatch
from trueline_streams.collecting import CollectLogic, TenantPart
from trueline_streams.columns import BatchColumns
from trueline_streams.grouping import Grouped, Partial, group_batch, sort_of
from trueline_streams.merging import MergeLogic, MergeResult
from trueline_streams.plans import PlanTable
from trueline_streams.records import Clock, FlowSettings, MetricPlan, PaneLoader
from trueline_streams.source import LogBatch

FLOW_ID = "trueline"
SOURCE_STEP = "log"
# There is one log, so one place where its batches are put together again.
_GATHERED = "log"


def build_flow(
    source: Source[LogBatch],
    sink: Sink[Any],
    clock: Clock,
    *,
    plans: PlanTable,
    loader: PaneLoader,
    settings: FlowSettings,
) -> Dataflow:
    """Wire the steps: by tenant, stamp clocks, group (phase 1), merge (phase 2), gather, write.

    State is kept by (tenant) for clocks and by (tenant, metric, definition, since when it is computed) for panes, so a
    metric that was redefined, or was out of use, starts anew and the others go on. Step names are part of what recovery
    finds again; they do not change.
    """
    grouper = TenantGrouper(plans)
    flow = Dataflow(FLOW_ID)
    batches = op.input(SOURCE_STEP, flow, source)
    tenants = op.flat_map("tenants", batches, lambda batch: [(each.tenant, each) for each in split_tenants(batch)])
    stamped = op.stateful_batch("clocks", tenants, lambda resume: ClockLogic(settings, resume))
    grouped = op.flat_map("group", stamped, lambda item: grouper.group(item[1]))
    routed = op.branch("route", grouped, _is_partial)
    keyed = op.map("by_metric", routed.trues, keyed_by_metric)
    merged = op.stateful_batch(
        "merge", keyed, lambda resume: MergeLogic(plans.known, loader, settings, clock, resume, planned=plans.planned)
    )
    results = op.map("results", merged, _as_result)
    parts = op.map("parts", routed.falses, _as_part)
    changes = op.stateful_batch("gather", op.merge("pieces", parts, results), lambda _: CollectLogic())
    op.output("warehouse", op.map("changes", changes, lambda item: item[1]), sink)
    return flow


def keyed_by_metric(partial: Partial) -> tuple[str, Partial]:
    """A partial result with the key that the state of its metric is filed under."""
    return "\x1f".join((partial.tenant, partial.metric, partial.definition, str(partial.since))), partial


def _is_partial(piece: Partial | TenantPart) -> TypeGuard[Partial]:
    return isinstance(piece, Partial)


def _as_part(piece: Partial | TenantPart) -> tuple[str, TenantPart | MergeResult]:
    assert isinstance(piece, TenantPart)
    return _GATHERED, piece


def _as_result(item: tuple[str, MergeResult]) -> tuple[str, TenantPart | MergeResult]:
    return _GATHERED, item[1]


def split_tenants(batch: LogBatch) -> list[TenantBatch]:
    """What a log batch has of each tenant, in one table a tenant."""
    entries: dict[str, list[LogEntry]] = {}
    for entry in batch.entries:
        entries.setdefault(entry.tenant, []).append(entry)
    return [
        TenantBatch(
            tenant=tenant,
            position=batch.position,
            first_position=batch.first_position,
            parts=len(entries),
            replayed=batch.replayed,
            events=_table([entry for entry in own if entry.events is not None]),
            marks=tuple(
                (entry.last_position, entry.finished_source) for entry in own if entry.finished_source is not None
            ),
        )
        for tenant, own in entries.items()
    ]


def _table(entries: list[LogEntry]) -> pa.Table | None:
    """The events of some entries as one chunk, with their positions and times of acceptance."""
    if not entries:
        return None
    events = pa.Table.from_batches([entry.events for entry in entries])
    if len(entries) > 1:
        events = events.unify_dictionaries().combine_chunks()
    sizes = [entry.last_position - entry.first_position + 1 for entry in entries]
    starts = np.repeat([entry.first_position for entry in entries], sizes)
    steps = np.arange(len(starts)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    accepted = np.repeat(np.array([entry.accepted_at_us for entry in entries], dtype=np.int64), sizes)
    events = events.append_column("position", pa.array((starts + steps).astype(np.uint64), pa.uint64()))
    return events.append_column("accepted_at", pa.array(accepted, pa.int64()).cast(INSTANT))


class TenantGrouper:
    """Groups by the plans of the moment, and ends what a tenant has no plan for any more."""

    def __init__(self, plans: PlanTable) -> None:
        self._plans = plans
        self._seen: dict[str, Sequence[MetricPlan]] = {}

    def group(self, item: StampedBatch) -> Iterator[Partial | TenantPart]:
        """As `group_tenant`."""
        tenant = item.batch.tenant
        plans = self._plans.of(tenant)
        former = self._seen.get(tenant, plans)
        self._seen[tenant] = plans
        if plans is former:
            return group_tenant(plans, item)
        kept = {plan.identity for plan in plans}
        return group_tenant(plans, item, [plan for plan in former if plan.identity not in kept])


def group_tenant(
    plans: Sequence[MetricPlan], item: StampedBatch, gone: Sequence[MetricPlan] = ()
) -> Iterator[Partial | TenantPart]:
    """The partial results of one tenant's part of a batch, and what else it has, which says how many they are.

    `gone` are plans of former batches that hold no more.
    """
    batch = item.batch
    partials = len(gone)
    for plan in gone:
        yield Partial(
            tenant=batch.tenant,
            metric=plan.metric.metadata.name,
            definition=plan.metric.definition,
            batch=batch.position,
            before_position=batch.first_position,
            newest_us=item.newest_us,
            too_late=0,
            too_late_position=0,
            cells=None,
            since=plan.since,
            ended=True,
        )
    if item.stamped is not None:
        columns = BatchColumns(item.stamped.events)
        known: dict[Hashable, Grouped | None] = {}
        for plan in plans:
            sort = sort_of(plan)
            if sort not in known:
                known[sort] = group_batch(plan, columns)
            grouped = known[sort]
            if grouped is not None:
                partials += 1
                yield Partial(
                    tenant=batch.tenant,
                    metric=plan.metric.metadata.name,
                    definition=plan.metric.definition,
                    batch=batch.position,
                    before_position=batch.first_position,
                    newest_us=item.newest_us,
                    too_late=grouped.too_late,
                    too_late_position=grouped.too_late_position,
                    cells=grouped.cells,
                    since=plan.since,
                )
    yield TenantPart(batch.position, batch.parts, partials, item.stamped, item.clocks)
