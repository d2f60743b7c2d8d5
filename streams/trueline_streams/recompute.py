"""Panes computed from the stored events: for panes that left memory, and for metrics that are defined later.

The numbers are those of the dataflow, which the modules `fields` (what a field is worth as text and as a number),
`grouping` (what a batch adds to a pane) and `merging` (groups, exact and estimated distinct counts) define; the
statements in `pane_statements` say the same in SQL, and a test compares both on random events. Where SQL stops short:
a text that says a number with more than 40 decimals or 36 digits before the point is cut after the 40th decimal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from trueline_rules.model import Metric
from trueline_stores.warehouse.client import Warehouse

from trueline_streams.distinct import estimate, sketch_of
from trueline_streams.pane_statements import ComputePanes, CountRefused, PaneQuery
from trueline_streams.panes import pane_end_us
from trueline_streams.points import POINT_SCHEMA, PointBatch, bin_maps, constants
from trueline_streams.quantiles import bins_of
from trueline_streams.records import EXACT_DISTINCT, MetricPlan, PointRow

# Spans of time that one statement names; beyond it one span covers all, and the panes are picked row by row.
_MOST_SPANS = 32


class PaneRecompute:
    """Implements PaneLoader over the warehouse."""

    def __init__(
        self,
        warehouse: Warehouse,
        *,
        allowed_lateness_us: int = 172_800_000_000,
        max_disorder_us: int = 120_000_000,
    ) -> None:
        """The server's settings, for metrics that have none of their own."""
        self._warehouse = warehouse
        self._lateness_us = allowed_lateness_us
        self._disorder_us = max_disorder_us

    def load(
        self,
        tenant: str,
        metric: Metric,
        events: tuple[str, ...],
        pane_starts_us: Sequence[int],
        before_position: int,
    ) -> list[tuple[PointRow, tuple[str, ...]]]:
        """See PaneLoader.

        Raises:
            StoreError: the warehouse failed.

        """
        if not events or not pane_starts_us:
            return []
        query = only_panes(self.query(tenant, metric, events, before_position), sorted(pane_starts_us))
        batch, members = self.compute(query)
        return list(zip(batch, members, strict=True))

    def query(self, tenant: str, metric: Metric, events: tuple[str, ...], before_position: int) -> PaneQuery:
        """All panes of a metric up to a position."""
        own = metric.allowed_lateness_us
        shift = 0 if metric.max_disorder_us is None else self._disorder_us - metric.max_disorder_us
        lateness = self._lateness_us if own is None else own
        return PaneQuery(tenant, metric, events, lateness, shift, before_position)

    def compute(self, query: PaneQuery) -> tuple[PointBatch, list[tuple[str, ...]]]:
        """The points of a query, and the distinct values of each while their count is exact."""
        found = self._warehouse.query_arrow(*ComputePanes(query).to_sql())
        size = found.num_rows
        metric = query.metric
        members, sketches, distinct = _exact_or_sketched(found)
        columns = {
            "tenant": constants(query.tenant, size),
            "metric": constants(metric.metadata.name, size),
            "definition": constants(metric.definition, size),
            "distinct": pa.array(distinct, pa.uint64()),
            "sketch": pa.array(sketches, pa.binary()),
            "bins": bin_maps(_bins(found)),
        }
        for field in POINT_SCHEMA:
            if field.name not in columns:
                columns[field.name] = found[field.name].combine_chunks().cast(field.type)
        table = pa.Table.from_arrays([columns[name] for name in POINT_SCHEMA.names], schema=POINT_SCHEMA)
        return PointBatch(table), members

    def refused(self, plan: MetricPlan, tenant: str, before_position: int) -> tuple[int, int]:
        """Events of a metric that came too late, and those beyond its limit of groups, up to a position."""
        if not plan.events:
            return 0, 0
        query = self.query(tenant, plan.metric, plan.events, before_position)
        too_late, overflowed = self._warehouse.run(CountRefused(query))[0]
        return int(too_late), int(overflowed)


def only_panes(query: PaneQuery, starts_us: Sequence[int]) -> PaneQuery:
    """The query for some panes alone, by their starts, ascending."""
    return replace(query, spans=_spans(query.metric, starts_us), panes=tuple(starts_us))


def _spans(metric: Metric, starts: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Adjacent panes joined; one span over all if there are many."""
    spans: list[tuple[int, int]] = []
    for start in starts:
        end = pane_end_us(start, metric.step)
        if spans and spans[-1][1] == start:
            spans[-1] = spans[-1][0], end
        else:
            spans.append((start, end))
    return tuple(spans) if len(spans) <= _MOST_SPANS else ((spans[0][0], spans[-1][1]),)


def _exact_or_sketched(found: pa.Table) -> tuple[list[tuple[str, ...]], list[bytes], list[int]]:
    lists = found["member_list"].to_pylist()
    sketches = [sketch_of(values) if len(values) > EXACT_DISTINCT else b"" for values in lists]
    distinct = [estimate(sketch) if sketch else len(values) for sketch, values in zip(sketches, lists, strict=True)]
    members = [() if sketch else tuple(values) for sketch, values in zip(sketches, lists, strict=True)]
    return members, sketches, distinct


def _bins(found: pa.Table) -> list[dict[int, int]]:
    """The bins as SQL found them, with the values that stand on borders put where the dataflow puts them."""
    bins: list[dict[int, int]] = [dict(entries) for entries in found["bins"].to_pylist()]
    for target, values in zip(bins, found["border_values"].to_pylist(), strict=True):
        if values:
            keys = bins_of(_units([text for text, _ in values])).tolist()
            for key, (_, count) in zip(keys, values, strict=True):
                target[key] = target.get(key, 0) + count
    return bins


def _units(texts: Sequence[str]) -> Any:
    """Decimal texts with at most 9 decimals as scaled integers, without a detour over a rounding context."""
    return np.array([_scaled(Decimal(text)) for text in texts], dtype=object)


def _scaled(amount: Decimal) -> int:
    sign, digits, exponent = amount.as_tuple()
    assert isinstance(exponent, int)
    size = int("".join(map(str, digits)) + "0" * (exponent + 9))
    return -size if sign else size
