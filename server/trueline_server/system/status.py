"""What the warehouse knows of a tenant's sources: how many events, how new, up to where complete."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import ReadClocks
from trueline_stores.warehouse.tables import EVENTS

from trueline_server.synthetic import is_synthetic


@dataclass(frozen=True, slots=True)
class SourceState:
    """How far a source has come; times in microseconds since 1970 (UTC)."""

    source: str
    events: int
    latest_event_us: int
    watermark_us: int
    last_accepted_us: int
    finished: bool


@dataclass(frozen=True, slots=True)
class TenantState:
    """How far a tenant has come: events in the warehouse, and its sources by name."""

    events: int
    sources: tuple[SourceState, ...]

    @property
    def synthetic(self) -> bool:
        """Whether any of the events were made by the generator."""
        return any(is_synthetic(source.source) for source in self.sources)


class StatusReader:
    """Reads the state of tenants. Blocks: call it on a thread. Raises StoreError if the warehouse cannot answer."""

    def __init__(self, warehouse: Warehouse, max_disorder_us: int) -> None:
        self._warehouse = warehouse
        self._max_disorder_us = max_disorder_us

    def read(self, tenant: str) -> TenantState:
        """The state of a tenant; one without events has no sources."""
        ((events,),) = self._warehouse.query(
            f"SELECT count() FROM {EVENTS.full_name} WHERE tenant = {{tenant:String}}", {"tenant": tenant}
        )
        sources = tuple(
            SourceState(
                source=source,
                events=count,
                latest_event_us=latest_us,
                watermark_us=max(latest_us - self._max_disorder_us, 0),
                last_accepted_us=accepted_us,
                finished=bool(finished),
            )
            for source, count, latest_us, accepted_us, finished, _ in self._warehouse.run(ReadClocks(tenant))
        )
        return TenantState(int(events), sources)
