"""What several parts of a server read the warehouse through, each with its own."""

from __future__ import annotations

from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement, Limits

from trueline_server.clock import Clock
from trueline_server.metrics.reader import MetricReader
from trueline_server.rules.in_force import RulesOf
from trueline_server.settings import Settings

SECOND_US = 1_000_000


def confinement(settings: Settings, warehouse: Warehouse) -> Confinement:
    """What statements of rule files run in."""
    limits = Limits(seconds=settings.query_timeout_s, memory_bytes=settings.query_memory_mb << 20)
    return Confinement(warehouse, limits)


def metric_reader(settings: Settings, warehouse: Warehouse, rules: RulesOf, clock: Clock) -> MetricReader:
    """A reader of the metrics that rules define."""
    return MetricReader(
        warehouse,
        rules,
        clock,
        allowed_lateness_us=settings.allowed_lateness_s * SECOND_US,
        max_disorder_us=settings.max_disorder_s * SECOND_US,
    )
