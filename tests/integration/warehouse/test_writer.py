"""The writer over a real database: everything lands once, whatever is written again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from trueline_stores.bus import InProcessBus, Written
from trueline_stores.errors import StoreError
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.points import PointBatch
from trueline_streams.records import Changes, FlowSettings, StampedEvents
from trueline_streams.warehouse_writer import WarehouseWriter, points_table

from tests.integration.warehouse.playing import tenant_name
from tests.unit.streams.reference import End, Event
from tests.unit.streams.support import (
    DAY,
    MINUTE,
    PlainFlow,
    ReferenceLoader,
    entries_of,
    log_batches,
    metric_of,
    plan_of,
)

START = 1_700_000_000_000_000 // DAY * DAY
PLANS = [
    plan_of(metric_of("orders", "count", events=("order",))),
    plan_of(metric_of("revenue", "sum", field="value", group_by=("currency",), window="1h")),
    plan_of(metric_of("active", "count_distinct", field="user_id", window="1h")),
    plan_of(metric_of("p90", "quantile", field="value", quantile=0.9, window="1h")),
]


def order(number: int, **fields: Any) -> Event:
    """An order, a minute after the one before."""
    return Event(f"e{number}", "web", "order", START + number * MINUTE, **fields)


def changes_of(tenant: str, events: list[Event], size: int = 1) -> list[Changes]:
    """What the dataflow makes of some events and an end mark, in batches of so many appends."""
    appends = [(tenant, START + DAY, [event]) for event in events] + [(tenant, START + DAY, End("web"))]
    flow = PlainFlow(PLANS, ReferenceLoader(appends, PLANS, 0), FlowSettings(max_disorder_us=0))
    batches = log_batches(entries_of(appends), [size] * (len(appends) // size))
    return [flow.process(batch) for batch in batches]


def contents(warehouse: Warehouse, tenant: str) -> dict[str, list[tuple[Any, ...]]]:
    """What the warehouse holds of a tenant, by table; only the newest rows where rows replace each other."""
    events = "* EXCEPT (stored_at, value, watermark), toString(value), watermark FROM trueline.events"
    values = "tenant, metric, definition, pane_start, groups, arrayJoin(members) FROM trueline.members"
    statements = {
        "events": f"SELECT {events}",
        "points": "SELECT * EXCEPT stored_at FROM trueline.points FINAL",
        "members": f"SELECT DISTINCT {values}",
        "clocks": "SELECT * FROM trueline.clocks FINAL",
        "metric_status": "SELECT * EXCEPT revision FROM trueline.metric_status FINAL",
    }
    where = "WHERE tenant = {tenant:String} ORDER BY ALL"
    return {table: warehouse.query(f"{sql} {where}", {"tenant": tenant}) for table, sql in statements.items()}


def replayed(changes: Changes) -> Changes:
    """The same, marked as what may have been written before."""
    return replace(changes, events=tuple(StampedEvents(e.tenant, e.events, replayed=True) for e in changes.events))


@pytest.fixture
def writer(warehouse: Warehouse) -> WarehouseWriter:
    """A writer with a bus of its own."""
    return WarehouseWriter(warehouse, InProcessBus())


def test_events_arrive_as_they_were(warehouse: Warehouse, writer: WarehouseWriter) -> None:
    """Every field comes through; absent text is "" and an absent value is null."""
    tenant = tenant_name()
    full = order(
        1,
        user_id="ü'\\",
        account_id="a",
        anonymous_id="x",
        device_id="d",
        value=Decimal("12345678901.123456789"),
        currency="GBP",
        properties={"plan": "pro", "price": 1.5, "vip": True, "new": False},
    )
    for changes in changes_of(tenant, [full, order(2)]):
        writer.write(changes)
    rows = warehouse.query_named(
        "SELECT * EXCEPT (stored_at, occurred_at, accepted_at, watermark), toUnixTimestamp64Micro(occurred_at) AS at, "
        "toUnixTimestamp64Micro(accepted_at) AS accepted, toUnixTimestamp64Micro(watermark) AS mark "
        "FROM trueline.events WHERE tenant = {tenant:String} ORDER BY position",
        {"tenant": tenant},
    )
    shared = {"tenant": tenant, "source": "web", "name": "order", "accepted": START + DAY}
    assert rows == [
        {
            **shared,
            "id": "e1",
            "user_id": "ü'\\",
            "account_id": "a",
            "anonymous_id": "x",
            "device_id": "d",
            "value": Decimal("12345678901.123456789"),
            "currency": "GBP",
            "properties": {"plan": "pro"},
            "numbers": {"price": 1.5},
            "flags": {"vip": True, "new": False},
            "position": 1,
            "at": START + MINUTE,
            "mark": 0,
        },
        {
            **shared,
            "id": "e2",
            "user_id": "",
            "account_id": "",
            "anonymous_id": "",
            "device_id": "",
            "value": None,
            "currency": "",
            "properties": {},
            "numbers": {},
            "flags": {},
            "position": 2,
            "at": START + 2 * MINUTE,
            "mark": START + MINUTE,
        },
    ]


def some_events() -> list[Event]:
    """Orders of three users in two currencies, one of them without a value."""
    return [
        order(n, user_id=f"u{n % 3}", value=None if n == 4 else Decimal(n) / 4, currency=["GBP", "EUR", None][n % 3])
        for n in range(1, 80)
    ]


def written_twice(write: Callable[[Changes], None], changes: Changes) -> None:
    """The whole batch, and again."""
    write(changes)
    write(replayed(changes))


def half_written(write: Callable[[Changes], None], changes: Changes) -> None:
    """Events only, as a crash in between leaves them, then the whole batch."""
    write(replace(changes, points=(), members=(), clocks=(), statuses=()))
    write(replayed(changes))


def some_events_written(write: Callable[[Changes], None], changes: Changes) -> None:
    """Part of the events, as when batches had other borders before the crash, then the whole batch."""
    parts = tuple(StampedEvents(e.tenant, e.events.slice(0, 3), replayed=False) for e in changes.events)
    write(replace(changes, events=parts, points=(), members=(), clocks=(), statuses=()))
    write(replayed(changes))


@pytest.mark.parametrize("again", [written_twice, half_written, some_events_written])
def test_writing_again_changes_nothing(
    warehouse: Warehouse, writer: WarehouseWriter, again: Callable[[Callable[[Changes], None], Changes], None]
) -> None:
    """After any of these each event is there once and everything equals what a single write leaves."""
    once, twice = tenant_name(), tenant_name()
    for changes in changes_of(once, some_events(), size=10):
        writer.write(changes)
    for changes in changes_of(twice, some_events(), size=10):
        again(writer.write, changes)
    expected = contents(warehouse, once)
    assert {name: len(rows) for name, rows in expected.items()} == {
        "events": 79,
        "points": 79 + 2 * 3 + 2 + 2,
        "members": 2 * 3,
        "clocks": 1,
        "metric_status": 0,
    }
    found = contents(warehouse, twice)
    assert {name: [row[1:] for row in rows] for name, rows in found.items()} == {
        name: [row[1:] for row in rows] for name, rows in expected.items()
    }


def test_tenants_of_one_batch_go_in_one_insert(warehouse: Warehouse, writer: WarehouseWriter) -> None:
    """Events of several tenants, with different dictionaries, land with their own tenant."""
    tenants = [tenant_name(), tenant_name()]
    appends = [
        (tenants[n % 2], START + DAY, [replace(order(n), source=f"s{n}", currency=None if n < 3 else "GBP")])
        for n in range(1, 6)
    ]
    flow = PlainFlow(PLANS, ReferenceLoader(appends, PLANS, 0), FlowSettings(max_disorder_us=0))
    (batch,) = log_batches(entries_of(appends), [])
    writer.write(flow.process(batch))
    for number, tenant in enumerate(tenants):
        rows = warehouse.query(
            "SELECT source, currency FROM trueline.events WHERE tenant = {tenant:String} ORDER BY position",
            {"tenant": tenant},
        )
        assert rows == [(f"s{n}", "" if n < 3 else "GBP") for n in range(1, 6) if n % 2 == number]


def test_the_bus_is_told_after_the_write(warehouse: Warehouse) -> None:
    """Each write tells its position and the metrics that changed; by then they can be read."""
    tenant, bus = tenant_name(), InProcessBus()
    heard: list[Written] = []
    counts: list[int] = []

    def hear(message: Written) -> None:
        heard.append(message)
        counts.append(len(contents(warehouse, tenant)["clocks"]))

    bus.subscribe(hear)
    writer = WarehouseWriter(warehouse, bus)
    before = writer.processed_position
    for changes in changes_of(tenant, [order(1, user_id="u", value=Decimal(1))]):
        writer.write(replace(changes, position=before + changes.position))
    metrics = frozenset((tenant, plan.metric.metadata.name) for plan in PLANS)
    assert heard == [Written(before + 1, metrics), Written(before + 2, frozenset())]
    assert counts == [1, 1]
    assert writer.processed_position == before + 2


def test_a_new_writer_knows_how_far_the_last_one_came(warehouse: Warehouse, writer: WarehouseWriter) -> None:
    """The position comes from the clocks, which are written last; an end mark counts too."""
    before = writer.processed_position
    (changes,) = changes_of(tenant_name(), [order(1)], size=2)
    far = tuple(replace(row, revision=before + 5) for row in changes.clocks)
    writer.write(replace(changes, position=before + 5, clocks=far))
    assert WarehouseWriter(warehouse, InProcessBus()).processed_position == before + 5


@pytest.mark.parametrize("table", ["events", "members", "points", "clocks"])
def test_a_write_that_failed_in_one_table_is_completed_by_the_next(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    """Nothing is told of a write that failed; written again, everything is there once."""
    tenant, plain, bus = tenant_name(), tenant_name(), InProcessBus()
    heard: list[Written] = []
    bus.subscribe(heard.append)
    writer = WarehouseWriter(warehouse, bus)
    events = [order(number, user_id=f"u{number % 2}", value=Decimal(number)) for number in range(1, 6)]
    (changes,), (alike,) = (changes_of(name, events, size=6) for name in (tenant, plain))
    insert = warehouse.insert

    def failing(into: str, rows: Any) -> None:
        if into == table:
            raise StoreError(f"{into} is out of reach")
        insert(into, rows)

    monkeypatch.setattr(warehouse, "insert", failing)
    with pytest.raises(StoreError, match=f"{table} is out of reach"):
        writer.write(changes)
    assert not heard
    monkeypatch.setattr(warehouse, "insert", insert)
    writer.write(replayed(changes))
    writer.write(alike)
    found, expected = contents(warehouse, tenant), contents(warehouse, plain)
    assert {name: [row[1:] for row in rows] for name, rows in found.items()} == {
        name: [row[1:] for row in rows] for name, rows in expected.items()
    }
    assert found["points"]


def test_points_as_rows_are_the_same_columns() -> None:
    """A writer that is given rows makes the table that the dataflow would have handed over."""
    tables = [
        each.points.table for each in changes_of("t", some_events(), size=10) if isinstance(each.points, PointBatch)
    ]
    assert len(tables) == 8
    for table in tables:
        assert points_table(list(PointBatch(table))).to_pylist() == table.to_pylist()
