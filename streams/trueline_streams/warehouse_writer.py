"""Writes what the dataflow computed into the warehouse: one insert a table, in an order that survives a crash."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from trueline_stores.bus import Bus, Written
from trueline_stores.event_schema import INSTANT, TEXT
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import KnownPositions, WrittenPosition

from trueline_streams.amounts import Units, amounts_of
from trueline_streams.points import POINT_SCHEMA, PointBatch, bin_maps, constants, group_lists
from trueline_streams.records import Changes, ClockRow, MemberRows, MetricStatusRow, PointRow, StampedEvents
from trueline_streams.texts import text_lists

# Columns of `events` that may be null in Arrow; the warehouse has "" there.
_NULLABLE_TEXT = ("user_id", "account_id", "anonymous_id", "device_id", "currency")


class WarehouseWriter:
    """Implements ChangeWriter. Thread-safe: a backfill may write while the dataflow does.

    Events, which are most of what there is, go in beside members and points. Clocks go last, because the newest
    revision among them says up to where all is written. Points, clocks and counters replace former states by their
    revision, so writing them again changes nothing; events that may have been written before are looked up by position.
    """

    def __init__(self, warehouse: Warehouse, bus: Bus) -> None:
        self._warehouse = warehouse
        self._bus = bus
        self._lock = threading.Lock()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="warehouse-events")
        self._processed = int(warehouse.run(WrittenPosition())[0][0])

    @property
    def processed_position(self) -> int:
        """Last log position that is wholly in the warehouse; 0 before the first write ever."""
        return self._processed

    def write(self, changes: Changes) -> None:
        """Write all of it, then tell the bus.

        Raises:
            StoreError: the warehouse failed; the same changes may be written again.

        """
        with self._lock:
            events = self._beside.submit(self._insert_events, changes.events)
            try:
                points = points_table(changes.points)
                touched = _touched_metrics(points)
                self._insert("members", members_table(changes.members))
                self._insert("points", points)
            finally:
                # Whatever became of the others: nothing of this call goes on once it is over.
                wait([events])
            events.result()
            self._insert("metric_status", statuses_table(changes.statuses))
            self._insert("clocks", clocks_table(changes.clocks))
            self._processed = max(self._processed, changes.position)
            self._bus.publish(Written(self._processed, frozenset((tenant, metric) for tenant, metric, _ in touched)))

    def _insert_events(self, batches: Sequence[StampedEvents]) -> None:
        self._insert("events", self._new_events(batches))

    def _insert(self, table: str, rows: pa.Table | None) -> None:
        if rows is not None and rows.num_rows:
            self._warehouse.insert(table, rows)

    def _new_events(self, batches: Sequence[StampedEvents]) -> pa.Table | None:
        """All rows that are not in the warehouse yet, as columns of `events`."""
        tables = []
        for batch in batches:
            events = self._without_known(batch) if batch.replayed else batch.events
            if events.num_rows:
                tables.append(events.append_column("tenant", constants(batch.tenant, events.num_rows)))
        if not tables:
            return None
        joined = pa.concat_tables(tables)
        for name in _NULLABLE_TEXT:
            if joined[name].null_count:
                place = joined.schema.get_field_index(name)
                joined = joined.set_column(place, name, pc.fill_null(joined[name].cast(TEXT), ""))
        # One chunk: the Arrow file format has one dictionary a column, and one block becomes one part.
        return joined.unify_dictionaries().combine_chunks()

    def _without_known(self, batch: StampedEvents) -> pa.Table:
        positions = batch.events["position"]
        if not len(positions):
            return batch.events
        span = pc.min_max(positions).as_py()
        known = self._warehouse.query_arrow(*KnownPositions(batch.tenant, span["min"], span["max"]).to_sql())
        return batch.events.filter(pc.invert(pc.is_in(positions, value_set=known["position"].combine_chunks())))


def _touched_metrics(points: pa.Table) -> set[tuple[str, str, str]]:
    keys = ["tenant", "metric", "definition"]
    distinct = points.select(keys).group_by(keys).aggregate([])
    return set(zip(*(distinct[key].to_pylist() for key in keys), strict=True))


def points_table(points: Sequence[PointRow]) -> pa.Table:
    """Points as columns of `points`."""
    if isinstance(points, PointBatch):
        return points.table
    columns = {
        "groups": group_lists([point.groups for point in points]),
        "bins": bin_maps([point.bins for point in points]),
        "total": amounts_of(_units([point.total for point in points])),
        "sketch": pa.array([point.sketch for point in points], pa.binary()),
    }
    for name in ("pane_start", "pane_end", "latest_at", "watermark"):
        columns[name] = _instants([getattr(point, f"{name}_us") for point in points])
    for name in ("smallest", "largest", "latest"):
        values = [getattr(point, name) for point in points]
        valid = np.array([value is not None for value in values], dtype=bool)
        columns[name] = amounts_of(_units([value or 0 for value in values]), valid)
    for field in POINT_SCHEMA:
        if field.name not in columns:
            columns[field.name] = pa.array([getattr(point, field.name) for point in points], field.type)
    return pa.Table.from_arrays([columns[name] for name in POINT_SCHEMA.names], schema=POINT_SCHEMA)


def members_table(members: Sequence[MemberRows]) -> pa.Table:
    """Distinct values as columns of `members`."""
    return pa.table(
        {
            "tenant": pa.array([row.tenant for row in members], TEXT),
            "metric": pa.array([row.metric for row in members], TEXT),
            "definition": pa.array([row.definition for row in members], TEXT),
            "pane_start": _instants([row.pane_start_us for row in members]),
            "groups": group_lists([row.groups for row in members]),
            "members": text_lists([row.members for row in members]),
        }
    )


def clocks_table(clocks: Sequence[ClockRow]) -> pa.Table:
    """Clocks as columns of `clocks`."""
    return pa.table(
        {
            "tenant": pa.array([row.tenant for row in clocks], TEXT),
            "source": pa.array([row.source for row in clocks], TEXT),
            "events": pa.array([row.events for row in clocks], pa.uint64()),
            "max_occurred_at": _instants([row.max_occurred_at_us for row in clocks]),
            "last_accepted_at": _instants([row.last_accepted_at_us for row in clocks]),
            "finished": pa.array([row.finished for row in clocks], pa.bool_()),
            "revision": pa.array([row.revision for row in clocks], pa.uint64()),
        }
    )


def statuses_table(statuses: Sequence[MetricStatusRow]) -> pa.Table:
    """Counters as columns of `metric_status`."""
    return pa.table(
        {
            "tenant": pa.array([row.tenant for row in statuses], TEXT),
            "metric": pa.array([row.metric for row in statuses], TEXT),
            "definition": pa.array([row.definition for row in statuses], TEXT),
            "too_late": pa.array([row.too_late for row in statuses], pa.uint64()),
            "overflowed": pa.array([row.overflowed for row in statuses], pa.uint64()),
            "revision": pa.array([row.revision for row in statuses], pa.uint64()),
        }
    )


def _instants(values: Sequence[int]) -> pa.Array:
    return pa.array(values, pa.int64()).cast(INSTANT)


def _units(values: Sequence[int]) -> Units:
    return np.array(values, dtype=object)
