"""What tests of the dataflow build on: metrics, log entries, a warehouse in memory, the flow without its engine."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from trueline_rules.model import Aggregation, Metadata, Metric, Span
from trueline_stores.event_schema import EVENT_SCHEMA
from trueline_stores.log.port import LogEntry
from trueline_streams.clock import ClockLogic
from trueline_streams.collecting import CollectLogic
from trueline_streams.flow import group_tenant, keyed_by_metric, split_tenants
from trueline_streams.grouping import Partial
from trueline_streams.merging import MergeLogic
from trueline_streams.records import (
    Changes,
    ClockRow,
    FlowSettings,
    MetricPlan,
    MetricStatusRow,
    PointRow,
)
from trueline_streams.source import LogBatch

from tests.unit.streams.reference import End, Event, Key, Reference

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}


def span_of(text: str) -> Span:
    """A span as rule files write it."""
    if text in ("week", "month"):
        return Span(text, 0, text)
    return Span(text, int(text[:-1]) * _UNITS[text[-1]])


def metric_of(name: str, aggregation: str, **spec: Any) -> Metric:
    """A metric with defaults for what a test does not care about."""
    step = span_of(spec.get("step", spec.get("window", "1m")))
    content = repr((name, aggregation, sorted(spec.items(), key=str)))
    return Metric(
        metadata=Metadata(name),
        unit="",
        events=tuple(spec.get("events", ("*",))),
        roles=(),
        aggregation=Aggregation(aggregation),
        field=spec.get("field", ""),
        quantile=spec.get("quantile", 0.5),
        where={key: tuple(allowed) for key, allowed in spec.get("where", {}).items()},
        group_by=tuple(spec.get("group_by", ())),
        window=span_of(spec.get("window", "1m")),
        step=step,
        max_groups=spec.get("max_groups", 1000),
        allowed_lateness_us=None,
        late_by=spec.get("late_by", "window"),
        max_disorder_us=None,
        definition=hashlib.blake2b(content.encode(), digest_size=8).hexdigest(),
        less_events=tuple(spec.get("less", ())),
    )


def plan_of(metric: Metric, lateness_us: int = 2 * DAY, shift_us: int = 0) -> MetricPlan:
    """A plan that reads the metric's own event names."""
    return MetricPlan(metric, metric.events, lateness_us, shift_us)


def batch_of(events: Sequence[Event]) -> pa.RecordBatch:
    """Events in the schema of the log."""
    maps: dict[str, list[list[tuple[str, Any]]]] = {"properties": [], "numbers": [], "flags": []}
    for event in events:
        kinds: dict[str, list[tuple[str, Any]]] = {name: [] for name in maps}
        for key, value in event.properties.items():
            kind = "flags" if isinstance(value, bool) else "numbers" if isinstance(value, float) else "properties"
            kinds[kind].append((key, value))
        for name, entries in kinds.items():
            maps[name].append(entries)
    columns: dict[str, list[Any]] = {
        name: [getattr(event, name) for event in events]
        for name in EVENT_SCHEMA.names
        if name not in maps and name != "occurred_at"
    }
    columns["occurred_at"] = [event.occurred_us for event in events]
    arrays = []
    for column in EVENT_SCHEMA:
        values = maps[column.name] if column.name in maps else columns[column.name]
        if pa.types.is_dictionary(column.type):
            arrays.append(pa.array(values, pa.string()).dictionary_encode())
        else:
            arrays.append(pa.array(values, column.type))
    return pa.RecordBatch.from_arrays(arrays, schema=EVENT_SCHEMA)


# One append: tenant, time of acceptance, and events or an end mark.
Append = tuple[str, int, Sequence[Event] | End]


def entries_of(appends: Iterable[Append]) -> list[LogEntry]:
    """Appends as a log would hold them."""
    entries = []
    position = 0
    for tenant, accepted_us, content in appends:
        first = position + 1
        if isinstance(content, End):
            position += 1
            entries.append(LogEntry(first, position, tenant, accepted_us, None, content.source))
        else:
            position += len(content)
            entries.append(LogEntry(first, position, tenant, accepted_us, batch_of(content)))
    return entries


def feed_all(reference: Reference, appends: Iterable[Append], before: int | None = None) -> Reference:
    """Show a reference all positions below one."""
    position = 0
    for tenant, accepted_us, content in appends:
        for item in [content] if isinstance(content, End) else content:
            position += 1
            if before is not None and position >= before:
                return reference
            reference.feed(position, tenant, item, accepted_us)
    return reference


class InMemoryWarehouse:
    """A ChangeWriter that keeps what ClickHouse would keep, and fails where the same thing is written differently."""

    def __init__(self) -> None:
        self.events: dict[int, tuple[str, str, int]] = {}
        self.points: dict[Key, PointRow] = {}
        self.written: dict[tuple[Key, int], PointRow] = {}
        self.members: dict[Key, set[str]] = {}
        self.clocks: dict[tuple[str, str], ClockRow] = {}
        self.statuses: dict[tuple[str, str], MetricStatusRow] = {}
        self.position = 0
        self.writes = 0

    def write(self, changes: Changes) -> None:
        """Take it in; a position that exists may only come again in a batch marked as replayed."""
        for stamped in changes.events:
            table = stamped.events.select(["position", "id", "watermark"])
            table = table.set_column(2, "watermark", table["watermark"].cast(pa.int64()))
            for row in table.to_pylist():
                event = (stamped.tenant, row["id"], row["watermark"])
                assert stamped.replayed or row["position"] not in self.events, row
                assert self.events.setdefault(row["position"], event) == event
        for point in changes.points:
            key = (point.tenant, point.metric, point.pane_start_us, point.groups)
            assert self.written.setdefault((key, point.revision), point) == point
            if key not in self.points or self.points[key].revision <= point.revision:
                self.points[key] = point
        for each in changes.members:
            self.members.setdefault((each.tenant, each.metric, each.pane_start_us, each.groups), set()).update(
                each.members
            )
        for clock in changes.clocks:
            name = (clock.tenant, clock.source)
            if name not in self.clocks or self.clocks[name].revision <= clock.revision:
                self.clocks[name] = clock
        for status in changes.statuses:
            name = (status.tenant, status.metric)
            if name not in self.statuses or self.statuses[name].revision <= status.revision:
                self.statuses[name] = status
        self.position = max(self.position, changes.position)
        self.writes += 1


@dataclass
class ReferenceLoader:
    """A PaneLoader that computes panes from all events of a log, event by event."""

    appends: Sequence[Append]
    plans: Sequence[MetricPlan]
    max_disorder_us: int
    loads: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)

    def load(
        self, tenant: str, metric: Metric, events: tuple[str, ...], pane_starts_us: Sequence[int], before_position: int
    ) -> list[tuple[PointRow, tuple[str, ...]]]:
        """Feed a reference up to the position and look."""
        self.loads.append((metric.metadata.name, tuple(pane_starts_us)))
        plans = [plan for plan in self.plans if plan.metric.definition == metric.definition]
        reference = feed_all(Reference(plans, self.max_disorder_us), self.appends, before_position)
        return reference.load(tenant, metric, pane_starts_us)

    def refused(self, plan: MetricPlan, tenant: str, before_position: int) -> tuple[int, int]:
        """Feed a reference up to the position and look."""
        reference = feed_all(Reference([plan], self.max_disorder_us), self.appends, before_position)
        status = reference.statuses.get((tenant, plan.metric.metadata.name))
        return (status.too_late, status.overflowed) if status else (0, 0)


class PlainFlow:
    """The steps of the dataflow called one after the other, with snapshots that can be gone back to."""

    def __init__(self, plans: Sequence[MetricPlan], loader: ReferenceLoader, settings: FlowSettings) -> None:
        self.plans = plans
        self.known = {(plan.metric.metadata.name, plan.metric.definition): plan for plan in plans}
        self.loader = loader
        self.settings = settings
        self.clocks: dict[str, ClockLogic] = {}
        self.merges: dict[str, MergeLogic] = {}

    def process(self, batch: LogBatch) -> Changes:
        """One batch through all steps."""
        pieces: list[Any] = []
        for each in split_tenants(batch):
            logic = self.clocks.setdefault(each.tenant, ClockLogic(self.settings, None))
            for stamped in logic.on_batch([each])[0]:
                for piece in group_tenant(self.plans, stamped):
                    if isinstance(piece, Partial):
                        key, partial = keyed_by_metric(piece)
                        merge = self.merges.setdefault(key, self._merge(None))
                        pieces += merge.on_batch([partial])[0]
                    else:
                        pieces.append(piece)
        ready, idle = CollectLogic().on_batch(pieces)
        assert idle
        (changes,) = ready
        return changes

    def _merge(self, state: Any) -> MergeLogic:
        return MergeLogic(
            self.known,
            self.loader,
            self.settings,
            lambda: 0,
            state,
            planned=lambda _, metric, definition, since: (metric, definition) in self.known,
        )

    def snapshot(self) -> bytes:
        """All state, as recovery would keep it."""
        clocks = {key: logic.snapshot() for key, logic in self.clocks.items()}
        return pickle.dumps((clocks, {key: logic.snapshot() for key, logic in self.merges.items()}))

    def restore(self, snapshot: bytes) -> None:
        """Go back to a snapshot."""
        clocks, merges = pickle.loads(snapshot)
        self.clocks = {key: ClockLogic(self.settings, state) for key, state in clocks.items()}
        self.merges = {key: self._merge(state) for key, state in merges.items()}


def log_batches(entries: Sequence[LogEntry], sizes: Iterable[int], replayed_to: int = 0) -> list[LogBatch]:
    """Entries in batches of so many entries; what the sizes leave over is the last batch."""
    batches, rest = [], list(entries)
    for size in [*sizes, len(rest)]:
        part, rest = rest[:size], rest[size:]
        if part:
            first, last = part[0].first_position, part[-1].last_position
            batches.append(LogBatch(first, last, first <= replayed_to, tuple(part)))
    return batches


def run_plain(
    plans: Sequence[MetricPlan], appends: Sequence[Append], sizes: Iterable[int] = (), **settings: int
) -> InMemoryWarehouse:
    """A whole log through the steps, in batches of so many entries."""
    flow_settings = FlowSettings(**settings)
    loader = ReferenceLoader(appends, plans, flow_settings.max_disorder_us)
    flow, warehouse = PlainFlow(plans, loader, flow_settings), InMemoryWarehouse()
    for batch in log_batches(entries_of(appends), sizes):
        warehouse.write(flow.process(batch))
    return warehouse


def assert_same(warehouse: InMemoryWarehouse, reference: Reference) -> None:
    """The warehouse holds what the reference holds, and each row ever written was right at its revision."""
    assert differing(warehouse.points, reference.points) == {}
    assert differing(warehouse.written, {each: reference.history[each] for each in warehouse.written}) == {}
    exact = {key for key, point in reference.points.items() if not point.sketch}
    members = {key: found for key, found in warehouse.members.items() if key in exact}
    assert differing(members, {key: found for key, found in reference.members.items() if key in exact}) == {}
    assert differing(warehouse.clocks, reference.clocks) == {}
    assert differing(warehouse.statuses, reference.statuses) == {}
    watermarks = {position: event[2] for position, event in warehouse.events.items()}
    assert differing(watermarks, reference.watermarks) == {}


def differing(found: Mapping[Any, Any], wanted: Mapping[Any, Any]) -> dict[Any, tuple[Any, Any]]:
    """What two mappings do not share: key -> (found, wanted)."""
    keys = found.keys() | wanted.keys()
    return {key: (found.get(key), wanted.get(key)) for key in keys if found.get(key) != wanted.get(key)}
