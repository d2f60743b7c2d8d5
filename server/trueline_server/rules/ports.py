"""What reading live facts asks of others: KPIs, points of metrics, and facts that were put in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from trueline_server.facts.store import FactRow
from trueline_server.kpis.board import TenantKpis
from trueline_server.metrics.points import PointKey, PointPage


class KpiReader(Protocol):
    """Reads KPIs; the use case of KPIs."""

    def current(self, tenant: str) -> TenantKpis:
        """The latest values."""
        ...

    def at(
        self,
        tenant: str,
        at_us: int | None,
        known_at_us: int | None,
        names: Sequence[str] | None = None,
        *,
        stopped: Callable[[], bool] = ...,
    ) -> TenantKpis:
        """The values at an instant."""
        ...


class PointReader(Protocol):
    """Reads points of metrics; the metrics' reader."""

    def query(
        self,
        tenant: str,
        metric: str,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        labels: Mapping[str, str] | None = None,
        fill_empty: bool = False,
        page_size: int = ...,
        after: PointKey | None = None,
    ) -> PointPage:
        """Points of windows that end in (start_us, end_us], a page of them."""
        ...


class FactReader(Protocol):
    """Reads facts that others put in; their store."""

    def as_of(
        self,
        tenant: str,
        subject: str,
        at_us: int,
        *,
        names: Sequence[str] = (),
        ids: Sequence[str] = (),
        most: int = ...,
    ) -> list[FactRow]:
        """The facts of a kind of subject as they were at an instant."""
        ...

    def between(
        self, tenant: str, subject: str, name: str, start_us: int, end_us: int, *, most: int = ...
    ) -> list[FactRow]:
        """What was observed of a fact in (start_us, end_us], by subject and instant."""
        ...

    def stamps(self, tenant: str, names: Sequence[str], at_us: int) -> dict[tuple[str, str], tuple[int, ...]]:
        """What tells the contents of facts, by kind of subject and name."""
        ...

    def first_after(self, tenant: str, subject: str, name: str, at_us: int) -> int | None:
        """When a fact was observed first behind an instant."""
        ...
