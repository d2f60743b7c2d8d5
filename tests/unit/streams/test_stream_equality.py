"""Whatever the batches, crashes, evictions and disorder: the columnar flow equals plain Python, event by event."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_streams.records import FlowSettings

from tests.unit.streams.reference import End, Event, Reference
from tests.unit.streams.support import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Append,
    InMemoryWarehouse,
    PlainFlow,
    ReferenceLoader,
    assert_same,
    entries_of,
    feed_all,
    log_batches,
    metric_of,
    plan_of,
    run_plain,
)

DISORDER = 30 * SECOND
# Some hours around the end of a month, which is not the end of a week.
START = 1_709_251_200 * SECOND - 2 * HOUR
LATENESS = 3 * MINUTE

PLANS = [
    plan_of(metric_of("events", "count"), LATENESS),
    plan_of(metric_of("orders", "count", events=("order", "refund"), window="5m", step="1m"), LATENESS),
    plan_of(metric_of("with_plan", "count", field="properties.plan", window="1h"), LATENESS),
    plan_of(metric_of("users", "count_distinct", field="user_id", window="1h", step="1m"), LATENESS),
    plan_of(
        metric_of("users_by_plan", "count_distinct", field="user_id", group_by=("properties.plan",), max_groups=2),
        LATENESS,
        shift_us=-MINUTE,
    ),
    plan_of(metric_of("revenue", "sum", field="value", events=("order",), window="1d"), LATENESS),
    plan_of(
        metric_of("revenue_by", "sum", field="value", group_by=("currency", "properties.plan"), late_by="event"),
        LATENESS,
    ),
    plan_of(
        metric_of("net", "sum", field="value", events=("order", "refund"), less=("refund",), window="1h"), LATENESS
    ),
    plan_of(
        metric_of("net_price", "sum", field="properties.price", less=("refund",), group_by=("currency",)), LATENESS
    ),
    plan_of(metric_of("taken_off", "sum", field="value", less=("*",), window="1d"), LATENESS),
    plan_of(metric_of("mean", "avg", field="properties.price", where={"name": ("order", "view")}), LATENESS),
    plan_of(metric_of("least", "min", field="value", window="week"), LATENESS),
    plan_of(metric_of("most", "max", field="properties.price", window="month", late_by="event"), LATENESS),
    plan_of(metric_of("p90", "quantile", field="value", quantile=0.9, window="1h"), LATENESS, shift_us=10 * SECOND),
    plan_of(metric_of("last", "latest", field="value", where={"properties.vip": ("true",)}, group_by=("source",)), DAY),
    plan_of(metric_of("by_price", "count", group_by=("properties.price",), max_groups=3, window="1h"), LATENESS),
]

times = st.one_of(
    st.integers(0, 20).map(lambda minute: START + minute * MINUTE),
    st.integers(0, 4 * HOUR // SECOND).map(lambda second: START + second * SECOND),
)
amounts = st.one_of(
    st.none(),
    st.sampled_from(
        [Decimal(0), Decimal("0.01"), Decimal("-5.5"), Decimal(100), Decimal(10) ** 18, -(Decimal(10) ** 18)]
    ),
    st.decimals(-1000, 1000, places=9),
)
prices = st.sampled_from(["9.99", "1e3", "cheap", "-0.000000001", "", 9.99, 10.0, 0.25, -3.5, True, 1e17, "1e19"])
properties = st.fixed_dictionaries(
    {},
    optional={"plan": st.sampled_from(["free", "pro", "team", "__other__"]), "price": prices, "vip": st.booleans()},
)
events = st.builds(
    Event,
    id=st.just("e"),
    source=st.sampled_from(["web", "app"]),
    name=st.sampled_from(["order", "refund", "view"]),
    occurred_us=times,
    user_id=st.one_of(st.none(), st.sampled_from(["u1", "u2", "u3", "ü"])),
    value=amounts,
    currency=st.sampled_from([None, "EUR", "USD"]),
    properties=properties,
)
appends = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(0, 10).map(lambda second: START + DAY + second * SECOND),
        st.one_of(st.lists(events, min_size=1, max_size=6), st.sampled_from([End("web"), End("app")])),
    ),
    min_size=1,
    max_size=12,
)
borders = st.lists(st.integers(1, 4), max_size=8)
slow = settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@slow
@given(appends, borders)
def test_batch_borders_never_change_an_answer(log: list[Append], sizes: list[int]) -> None:
    """Points, members, clocks, statuses and watermarks equal the event-by-event reference for any batches."""
    reference = feed_all(Reference(PLANS, DISORDER), log)
    assert_same(run_plain(PLANS, log, sizes, max_disorder_us=DISORDER), reference)


@slow
@given(appends, borders, st.integers(1, 6), st.integers(1, 4))
def test_evicted_panes_come_back_exactly(log: list[Append], sizes: list[int], cells: int, members: int) -> None:
    """With room for very few panes, a late correction is still merged into all that was there before."""
    reference = feed_all(Reference(PLANS, DISORDER), log)
    warehouse = run_plain(PLANS, log, sizes, max_disorder_us=DISORDER, max_cells=cells, max_members=members)
    assert_same(warehouse, reference)


@slow
@given(st.data(), appends, borders)
def test_a_crash_at_any_moment_changes_nothing(data: st.DataObject, log: list[Append], sizes: list[int]) -> None:
    """Going back to an older snapshot and replaying writes the same rows again and ends at the same state."""
    plain = FlowSettings(max_disorder_us=DISORDER, max_cells=data.draw(st.sampled_from([2, 1000])))
    loader = ReferenceLoader(log, PLANS, DISORDER)
    flow, warehouse = PlainFlow(PLANS, loader, plain), InMemoryWarehouse()
    snapshot, snapshot_position, end = flow.snapshot(), 0, entries_of(log)[-1].last_position
    crashes = data.draw(st.integers(0, 3))
    while warehouse.position < end or crashes:
        rest = [entry for entry in entries_of(log) if entry.first_position > snapshot_position]
        survives = data.draw(st.integers(0, len(rest))) if crashes else len(rest)
        flow.restore(snapshot)
        for batch in log_batches(rest, sizes, warehouse.position)[:survives]:
            warehouse.write(flow.process(batch))
            if data.draw(st.booleans()):
                snapshot, snapshot_position = flow.snapshot(), batch.position
        sizes = data.draw(borders)
        crashes = max(0, crashes - 1)
    assert_same(warehouse, feed_all(Reference(PLANS, DISORDER), log))


@slow
@given(appends, borders, st.integers(0, 12))
def test_a_metric_defined_later_starts_from_what_was(log: list[Append], sizes: list[int], born: int) -> None:
    """A metric that joins a running flow leaves, in what it touches, the rows of one that was always there."""
    plain = FlowSettings(max_disorder_us=DISORDER)
    loader = ReferenceLoader(log, PLANS, DISORDER)
    early, warehouse = PlainFlow(PLANS[:1], loader, plain), InMemoryWarehouse()
    entries = entries_of(log)
    for batch in log_batches(entries[:born], sizes):
        warehouse.write(early.process(batch))
    late = PlainFlow(PLANS, loader, plain)
    late.restore(early.snapshot())
    for batch in log_batches(entries[born:], sizes):
        warehouse.write(late.process(batch))
    reference = feed_all(Reference(PLANS, DISORDER), log)
    assert {key: reference.points[key] for key in warehouse.points} == warehouse.points
    assert {key: reference.statuses[key] for key in warehouse.statuses} == warehouse.statuses


@slow
@given(appends, borders)
def test_one_tenant_never_makes_another_late(log: list[Append], sizes: list[int]) -> None:
    """Tenant a has the same numbers whether tenant b's events lie between its own or not."""
    alone = [append for append in log if append[0] == "a"]
    mixed = run_plain(PLANS, log, sizes, max_disorder_us=DISORDER)
    own = run_plain(PLANS, alone, max_disorder_us=DISORDER) if alone else InMemoryWarehouse()

    def numbers(warehouse: InMemoryWarehouse) -> dict[object, object]:
        return {
            key: (point.events, point.total, point.smallest, point.latest, point.late_events, point.watermark_us)
            for key, point in warehouse.points.items()
            if key[0] == "a"
        }

    assert numbers(mixed) == numbers(own)
    too_late = {key: row.too_late for key, row in mixed.statuses.items() if key[0] == "a"}
    assert too_late == {key: row.too_late for key, row in own.statuses.items()}


@slow
@given(appends, borders)
def test_replay_equals_live(log: list[Append], sizes: list[int]) -> None:
    """A log read at once in one batch, as an import, leaves the rows that arrived live, append by append."""
    live = run_plain(PLANS, log, [1] * len(log), max_disorder_us=DISORDER)
    replayed = run_plain(PLANS, log, max_disorder_us=DISORDER)
    assert replayed.points == live.points
    assert (replayed.members, replayed.clocks, replayed.statuses) == (live.members, live.clocks, live.statuses)
