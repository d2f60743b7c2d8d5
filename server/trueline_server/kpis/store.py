"""KPI values in the warehouse: every computed value is kept; the newest ones are read back after a restart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa

from trueline_server.kpis.evaluate import KpiResult
from trueline_server.kpis.instants import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        ("tenant", pa.string()),
        ("kpi", pa.string()),
        ("at", _INSTANT),
        ("computed_at", _INSTANT),
        ("rule_revision", pa.string()),
        ("value", pa.float64()),
        ("missing", pa.string()),
        ("numerator", pa.float64()),
        ("denominator", pa.float64()),
        ("period_start", _INSTANT),
        ("period_end", _INSTANT),
        ("watermark", _INSTANT),
        ("position", pa.uint64()),
    ]
)
# Reads one rule revision only, because values of another one mean something else.
_LATEST = (
    "SELECT tenant, kpi, at, computed_at, rule_revision, value, missing, numerator, denominator, period_start, "
    "period_end, watermark, position FROM trueline.kpi_values WHERE rule_revision = {revision:String} "
    "ORDER BY computed_at DESC LIMIT 1 BY tenant, kpi"
)


class ValueTable(Protocol):
    """What is asked of the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    def insert(self, table: str, rows: pa.Table) -> None:
        """Insert rows by column name."""
        ...


class KpiValues:
    """Writes and reads the table `kpi_values`. Every method blocks and raises StoreError."""

    def __init__(self, warehouse: ValueTable) -> None:
        self._warehouse = warehouse

    def write(self, tenant: str, results: Iterable[KpiResult]) -> None:
        """Keep values, as one atomic part."""
        rows = [
            (
                tenant,
                result.kpi,
                result.instant.at_us,
                result.computed_at_us,
                result.rule_revision,
                result.value,
                result.missing,
                result.numerator,
                result.denominator,
                result.period_start_us,
                result.period_end_us,
                result.instant.watermark_us,
                result.instant.position,
            )
            for result in results
        ]
        columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), _SCHEMA, strict=True)]
        if rows:
            self._warehouse.insert("kpi_values", pa.Table.from_arrays(columns, schema=_SCHEMA))

    def latest(self, rule_revision: str) -> dict[str, dict[str, KpiResult]]:
        """The newest values that a revision of the rules gave, by tenant and KPI."""
        found: defaultdict[str, dict[str, KpiResult]] = defaultdict(dict)
        for row in self._warehouse.query(_LATEST, {"revision": rule_revision}):
            (
                tenant,
                kpi,
                at,
                computed_at,
                revision,
                value,
                missing,
                numerator,
                denominator,
                start,
                end,
                mark,
                position,
            ) = row
            found[str(tenant)][str(kpi)] = KpiResult(
                kpi=kpi,
                value=value,
                missing=missing,
                numerator=numerator,
                denominator=denominator,
                period_start_us=None if start is None else _microseconds(start),
                period_end_us=None if end is None else _microseconds(end),
                instant=Instant(_microseconds(at), None, _microseconds(mark), int(position)),
                computed_at_us=_microseconds(computed_at),
                rule_revision=revision,
            )
        return dict(found)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
