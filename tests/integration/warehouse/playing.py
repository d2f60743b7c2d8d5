"""Plays a log into the warehouse: the dataflow's steps, the real writer, panes recomputed by the real statements."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from trueline_stores.bus import InProcessBus
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import FlowSettings, MetricPlan
from trueline_streams.warehouse_writer import WarehouseWriter

from tests.unit.streams.support import Append, PlainFlow, entries_of, log_batches


def tenant_name() -> str:
    """A tenant that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


def play(
    warehouse: Warehouse,
    plans: Sequence[MetricPlan],
    appends: Sequence[Append],
    sizes: Iterable[int] = (),
    **settings: int,
) -> WarehouseWriter:
    """A whole log in batches of so many entries. Lateness and disorder must be those of the plans."""
    chosen = FlowSettings(**settings)
    loader = PaneRecompute(
        warehouse, allowed_lateness_us=chosen.allowed_lateness_us, max_disorder_us=chosen.max_disorder_us
    )
    writer = WarehouseWriter(warehouse, InProcessBus())
    flow = PlainFlow(plans, loader, chosen)
    for batch in log_batches(entries_of(appends), sizes):
        writer.write(flow.process(batch))
    return writer
