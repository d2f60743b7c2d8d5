"""Panes recomputed in SQL equal the dataflow's, and metrics that are defined late have their history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_rules.model import Metric
from trueline_stores.bus import InProcessBus
from trueline_stores.warehouse.client import Warehouse
from trueline_streams import backfill
from trueline_streams.backfill import Backfilled, Lacking, backfill_metrics
from trueline_streams.fields import text_of_number, units_of_number, units_of_text
from trueline_streams.pane_statements import Parameters, number_expression, text_expression
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import EXACT_DISTINCT, MetricPlan, PointRow
from trueline_streams.warehouse_writer import WarehouseWriter

from tests.integration.warehouse.playing import play, tenant_name
from tests.unit.streams.reference import Event, Reference
from tests.unit.streams.support import DAY, HOUR, MINUTE, Append, feed_all, metric_of
from tests.unit.streams.test_stream_equality import DISORDER, PLANS, START, borders, events

few = settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
logs = st.lists(st.lists(events, min_size=1, max_size=6), min_size=1, max_size=12)
Panes = dict[tuple[int, tuple[str, ...]], tuple[PointRow, tuple[str, ...]]]


def as_rules_say(plan: MetricPlan) -> Metric:
    """The metric with the lateness and disorder of its plan in its own definition."""
    return replace(
        plan.metric,
        allowed_lateness_us=plan.allowed_lateness_us,
        max_disorder_us=DISORDER - plan.watermark_shift_us,
    )


OWN_PLANS = [replace(plan, metric=as_rules_say(plan)) for plan in PLANS]


def by_key(loaded: Sequence[tuple[PointRow, tuple[str, ...]]]) -> Panes:
    """Panes by start and groups, members sorted."""
    return {(point.pane_start_us, point.groups): (point, tuple(sorted(members))) for point, members in loaded}


@few
@given(logs, borders, st.integers(1, 80))
def test_recomputed_panes_equal_the_event_by_event_reference(
    warehouse: Warehouse, log: list[list[Event]], sizes: list[int], before: int
) -> None:
    """Up to any position, for all aggregations, conditions, groups, calendars and ways of lateness."""
    tenant = tenant_name()
    appends: list[Append] = [(tenant, START + DAY, batch) for batch in log]
    play(warehouse, [], appends, sizes, max_disorder_us=DISORDER)
    reference = feed_all(Reference(OWN_PLANS, DISORDER), appends, before)
    recompute = PaneRecompute(warehouse, max_disorder_us=DISORDER)
    for plan in OWN_PLANS:
        name = plan.metric.metadata.name
        starts = sorted({start for _, metric, start, _ in reference.points if metric == name})
        for wanted in (starts, starts[::2]):
            found = recompute.load(tenant, plan.metric, plan.events, wanted, before)
            assert by_key(found) == by_key(reference.load(tenant, plan.metric, wanted)), name
        status = reference.statuses.get((tenant, name))
        refused = (status.too_late, status.overflowed) if status else (0, 0)
        assert recompute.refused(plan, tenant, before) == refused, name


@few
@given(logs, borders)
def test_a_flow_that_forgets_everything_writes_the_same(
    warehouse: Warehouse, log: list[list[Event]], sizes: list[int]
) -> None:
    """With room for one pane the dataflow recomputes nearly all of them, and its points are those with room for all."""
    ample, tight = tenant_name(), tenant_name()
    for tenant, room in ((ample, 10_000), (tight, 1)):
        appends: list[Append] = [(tenant, START + DAY, batch) for batch in log]
        play(warehouse, OWN_PLANS, appends, sizes, max_disorder_us=DISORDER, max_cells=room, max_members=room)
    assert stored(warehouse, tight) == stored(warehouse, ample)


@few
@given(logs, st.integers(1, 3), st.integers(1, 20))
def test_a_metric_defined_late_has_its_history(
    warehouse: Warehouse, log: list[list[Event]], panes: int, count: int
) -> None:
    """Backfilling a tenant's metrics leaves the points, values and counters that the dataflow would have written."""
    early, late = tenant_name(), tenant_name()
    play(warehouse, OWN_PLANS, [(early, START + DAY, batch) for batch in log], max_disorder_us=DISORDER)
    play(warehouse, [], [(late, START + DAY, batch) for batch in log], max_disorder_us=DISORDER)
    writer = WarehouseWriter(warehouse, InProcessBus())
    recompute = PaneRecompute(warehouse, max_disorder_us=DISORDER)
    end = sum(map(len, log))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backfill, "PANES_AT_ONCE", panes)
        patch.setattr(backfill, "EVENTS_AT_ONCE", count)
        wanted = [Lacking(late, plan) for plan in OWN_PLANS]
        done = list(backfill_metrics(warehouse, writer, wanted, end, recompute))
    assert [(each.tenant, each.metric) for each in done] == [(late, plan.metric.metadata.name) for plan in OWN_PLANS]
    stored_points = Counter(str(row[0]) for row in stored(warehouse, late)[0])
    assert {each.metric: each.points for each in done if each.points} == stored_points
    assert stored(warehouse, late) == stored(warehouse, early)
    assert refused(warehouse, late) == refused(warehouse, early)
    assert list(backfill_metrics(warehouse, writer, wanted, end, recompute)) == done
    assert stored(warehouse, late) == stored(warehouse, early)
    assert refused(warehouse, late) == refused(warehouse, early)


def test_a_backfill_leaves_alone_what_came_later(warehouse: Warehouse) -> None:
    """Points that the dataflow wrote for later events stay, whether they are computed again before or after."""
    tenant = tenant_name()
    plan = MetricPlan(metric_of("views", "count", window="1h"), ("*",), 2 * DAY)
    log = [(tenant, START + DAY, [Event(f"e{n}", "web", "view", START + n)]) for n in range(3)]
    play(warehouse, [plan], log)
    writer = WarehouseWriter(warehouse, InProcessBus())
    (done,) = backfill_metrics(warehouse, writer, [Lacking(tenant, plan)], 2)
    assert done == Backfilled(tenant, "views", 1)
    counted = "SELECT events, revision FROM trueline.points FINAL WHERE tenant = {tenant:String}"
    assert warehouse.query(counted, {"tenant": tenant}) == [(3, 3)]


@pytest.mark.parametrize("panes", [1, 100])
def test_only_panes_with_later_events_are_computed(warehouse: Warehouse, panes: int) -> None:
    """What lacks the events beyond a position gets the panes that they touched, whole, and no other."""
    tenant = tenant_name()
    plan = MetricPlan(metric_of("views", "count", window="1h"), ("*",), 2 * DAY)
    hours = [0, 1, 2, 30, 1, 31, 2]
    log = [
        (tenant, START + DAY, [Event(f"e{number}", "web", "view", START // HOUR * HOUR + hour * HOUR)])
        for number, hour in enumerate(hours)
    ]
    play(warehouse, [], log)
    writer = WarehouseWriter(warehouse, InProcessBus())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backfill, "PANES_AT_ONCE", panes)
        (done,) = backfill_metrics(warehouse, writer, [Lacking(tenant, plan, 4)], len(hours))
    found = warehouse.query(
        "SELECT toUnixTimestamp64Micro(pane_start), events FROM trueline.points FINAL "
        "WHERE tenant = {tenant:String} ORDER BY 1",
        {"tenant": tenant},
    )
    assert [((at - START // HOUR * HOUR) // HOUR, events) for at, events in found] == [(1, 2), (2, 2), (31, 1)]
    assert done.points == 3


def test_a_metric_without_events_has_no_points(warehouse: Warehouse) -> None:
    """One whose events never came, or whose role nobody plays, is done without any point."""
    tenant = tenant_name()
    silent = MetricPlan(metric_of(f"silent_{tenant}", "count"), ("never sent",), 2 * DAY)
    unplayed = MetricPlan(metric_of(f"unplayed_{tenant}", "count"), (), 2 * DAY)
    play(warehouse, [], [(tenant, START + DAY, [Event("e", "web", "view", START)])])
    writer = WarehouseWriter(warehouse, InProcessBus())
    done = list(backfill_metrics(warehouse, writer, [Lacking(tenant, silent), Lacking(tenant, unplayed)], 1))
    assert done == [Backfilled(tenant, plan.metric.metadata.name, 0) for plan in (silent, unplayed)]


def test_a_backfill_that_is_stopped_leaves_the_rest_out(warehouse: Warehouse) -> None:
    """Between two metrics it asks whether to go on."""
    tenant = tenant_name()
    plans = [MetricPlan(metric_of(name, "count"), ("*",), 2 * DAY) for name in ("first", "second")]
    play(warehouse, [], [(tenant, START + DAY, [Event("e", "web", "view", START)])])
    writer, asked = WarehouseWriter(warehouse, InProcessBus()), iter([False, True])
    wanted = [Lacking(tenant, plan) for plan in plans]
    done = backfill_metrics(warehouse, writer, wanted, 1, stopped=lambda: next(asked))
    assert [each.metric for each in done] == ["first"]


def stored(warehouse: Warehouse, tenant: str) -> list[list[tuple[object, ...]]]:
    """Points and distinct values of a tenant."""
    points = "SELECT * EXCEPT (tenant, stored_at) FROM trueline.points FINAL"
    values = "SELECT DISTINCT metric, definition, pane_start, groups, arrayJoin(members) FROM trueline.members"
    where = "WHERE tenant = {tenant:String} ORDER BY ALL"
    return [warehouse.query(f"{sql} {where}", {"tenant": tenant}) for sql in (points, values)]


def refused(warehouse: Warehouse, tenant: str) -> list[tuple[object, ...]]:
    """Counters of a tenant's metrics that are not zero."""
    return warehouse.query(
        "SELECT metric, too_late, overflowed FROM trueline.metric_status FINAL WHERE tenant = {tenant:String} "
        "AND too_late + overflowed > 0 ORDER BY ALL",
        {"tenant": tenant},
    )


def test_more_values_than_are_kept_become_a_sketch(warehouse: Warehouse) -> None:
    """Beyond the exact limit a recomputed pane has the sketch and the estimate that the dataflow has, and no values."""
    tenant = tenant_name()
    plan = MetricPlan(metric_of("active", "count_distinct", field="user_id", window="1d"), ("*",), 2 * DAY)
    batch = [
        Event(f"e{n}", "web", "view", START // DAY * DAY + n, user_id=f"u{n % (EXACT_DISTINCT + 1)}")
        for n in range(EXACT_DISTINCT + 5)
    ]
    play(warehouse, [plan], [(tenant, START + DAY, batch)])
    ((point, members),) = PaneRecompute(warehouse).load(
        tenant, plan.metric, plan.events, [START // DAY * DAY], len(batch) + 1
    )
    assert point.sketch
    assert members == ()
    ((sketch_hex, distinct),) = warehouse.query(
        "SELECT hex(sketch), distinct FROM trueline.points FINAL WHERE tenant = {tenant:String}", {"tenant": tenant}
    )
    assert (point.distinct, point.sketch.hex()) == (distinct, sketch_hex.lower())
    assert abs(point.distinct - EXACT_DISTINCT - 1) < 0.01 * EXACT_DISTINCT


def test_scattered_panes_are_found(warehouse: Warehouse) -> None:
    """More panes than a statement names one by one, far apart, are recomputed, and no other."""
    tenant = tenant_name()
    plan = MetricPlan(metric_of("views", "count"), ("*",), 400 * DAY)
    batch = [Event(f"e{n}", "web", "view", START // HOUR * HOUR + n * HOUR) for n in range(200)]
    play(warehouse, [], [(tenant, START + DAY, batch)])
    wanted = [START // HOUR * HOUR + n * HOUR for n in range(0, 200, 3)]
    found = PaneRecompute(warehouse).load(tenant, plan.metric, plan.events, wanted, 201)
    assert [point.pane_start_us for point, _ in found] == wanted
    assert {point.pane_end_us - point.pane_start_us for point, _ in found} == {MINUTE}


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(10**20), 10**20).map(float),
    st.decimals(-(10**9), 10**9, places=10).map(float),
    st.sampled_from([5e-10, 1.5e-9, -2.5e-9, 0.1, 1e18, 1.0000000000000002e18, 1e21, -0.0]),
)
texts = st.one_of(
    st.from_regex(r"\A[+-]?([0-9]{1,20}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][+-]?[0-9]{1,2})?\Z"),
    st.decimals(-(10**10), 10**10, places=10).map(str),
    st.sampled_from(
        ["", ".", "+", "1e", " 1", "1 ", "0x1", "nan", "inf", "1,5", "0e999", "1e-999", "1e999", "٣", "1\n"]
    ),
    st.text(max_size=5),
)


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(numbers, min_size=1, max_size=30), st.lists(texts, min_size=1, max_size=30))
def test_fields_are_worth_the_same_in_sql(warehouse: Warehouse, doubles: list[float], strings: list[str]) -> None:
    """A number or text property has the same text and the same exact amount in SQL as in the dataflow."""
    bound = Parameters()
    text, number = text_expression("properties.x", bound, "key"), number_expression("properties.x", bound, "key")
    source = (
        "SELECT map({key:String}, each) AS numbers, map()::Map(String, String) AS properties "
        "FROM (SELECT arrayJoin({doubles:Array(Float64)}) AS each) UNION ALL "
        "SELECT map()::Map(String, Float64), map({key:String}, arrayJoin({strings:Array(String)}))"
    )
    rows = warehouse.query(
        f"SELECT {text}, {number} FROM (SELECT *, map()::Map(String, Bool) AS flags FROM ({source}))",
        {**bound.values, "doubles": doubles, "strings": strings},
    )
    expected = [(text_of_number(each), units_of_number(each)) for each in doubles]
    expected += [(each, units_of_text(each)) for each in strings]
    found = [(text, None if amount is None else scaled(amount)) for text, amount in rows]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


def scaled(amount: Decimal) -> int:
    """An amount in units of 1e-9."""
    return int(format(amount, ".9f").replace(".", ""))
