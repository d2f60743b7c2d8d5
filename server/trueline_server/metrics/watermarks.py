"""Reads the clocks of a tenant's sources."""

from __future__ import annotations

from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import ReadClocks

from trueline_server.metrics.completeness import SourceClock


def read_clocks(warehouse: Warehouse, tenant: str) -> list[SourceClock]:
    """The clocks of all sources of a tenant, by name."""
    return [
        SourceClock(source, events, max_occurred_us, last_accepted_us, bool(finished), revision)
        for source, events, max_occurred_us, last_accepted_us, finished, revision in warehouse.run(ReadClocks(tenant))
    ]
