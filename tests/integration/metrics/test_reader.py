"""The reader over a real database against windows counted event by event in plain Python."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import pytest
from trueline_rules.model import EventMapping, Metadata, Metric, RuleSet
from trueline_server.clock import ManualClock
from trueline_server.errors import TruelineError
from trueline_server.metrics import reader as reading
from trueline_server.metrics.points import Completeness, MetricPoint, PointKey
from trueline_server.metrics.reader import MetricReader
from trueline_server.metrics.windows import Windows
from trueline_stores.bus import InProcessBus
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.distinct import sketch_of
from trueline_streams.records import Changes, MemberRows, MetricPlan, PointRow
from trueline_streams.warehouse_writer import WarehouseWriter

from tests.integration.warehouse.playing import play, tenant_name
from tests.unit.streams.reference import End, Event, pane_of, text_of
from tests.unit.streams.support import DAY, HOUR, MINUTE, SECOND, Append, metric_of

START = 1_709_251_200 * SECOND - 2 * HOUR  # two hours before March 2024
LATENESS = 10 * DAY
DISORDER = 30 * SECOND
AGGREGATIONS = {
    "count": "",
    "sum": "value",
    "avg": "value",
    "min": "value",
    "max": "value",
    "latest": "value",
    "quantile": "value",
    "count_distinct": "user_id",
}
SHAPES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "tumbling": ("10m", "10m", ("currency",)),
    "monthly": ("month", "month", ()),
    "sliding": ("30m", "1m", ()),
    "sliding_groups": ("30m", "5m", ("properties.plan", "currency")),
}


def rule_set(metrics: Sequence[Metric]) -> RuleSet:
    """Rules with these metrics and a mapping without roles."""
    mapping = EventMapping(Metadata("none"), {}, {}, "", {})
    return RuleSet("r", {"none": mapping}, mapping, {each.metadata.name: each for each in metrics}, {}, {})


def metrics_of(shape: str) -> list[Metric]:
    """A metric of this shape for each aggregation."""
    window, step, groups = SHAPES[shape]
    return [
        metric_of(f"{aggregation}_{shape}", aggregation, field=field, window=window, step=step, group_by=groups)
        for aggregation, field in AGGREGATIONS.items()
    ]


def random_events(seed: int, count: int) -> list[Event]:
    """Events of some hours in no order."""
    drawn = random.Random(seed)
    return [
        Event(
            id=f"e{number}",
            source="web",
            name="order",
            occurred_us=START + drawn.choice([drawn.randrange(20) * MINUTE, drawn.randrange(4 * 3600) * SECOND]),
            user_id=drawn.choice([None, "u1", "u2", "u3", "ü"]),
            value=drawn.choice([None, Decimal(0), Decimal("-5.5"), Decimal(drawn.randrange(10**12)).scaleb(-9)]),
            currency=drawn.choice([None, "GBP", "EUR"]),
            properties={"plan": drawn.choice(["free", "pro"])} if drawn.random() < 0.7 else {},
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Played:
    """A tenant whose events were played, and a reader."""

    tenant: str
    events: list[Event]
    reader: MetricReader
    metrics: list[Metric]

    def windows(self, metric: Metric) -> dict[PointKey, list[Event]]:
        """Events of each window and group, up to the newest pane, in log order."""
        windows = Windows.of(metric)
        panes = [pane_of(event.occurred_us, metric.step)[1] for event in self.events]
        found: dict[PointKey, list[Event]] = {}
        end = min(panes)
        while end <= max(panes):
            for event in self.events:
                if windows.start_us(end) <= event.occurred_us < end:
                    groups = tuple(text_of(event, name) or "" for name in metric.group_by)
                    found.setdefault((end, groups), []).append(event)
            end = windows.first_end_after(end)
        return dict(sorted(found.items()))

    def all_points(self, metric: Metric, page_size: int) -> list[MetricPoint]:
        """All points, page by page."""
        points: list[MetricPoint] = []
        after: PointKey | None = None
        while True:
            page = self.reader.query(self.tenant, metric.metadata.name, start_us=0, page_size=page_size, after=after)
            assert len(page.points) <= page_size
            points += page.points
            if page.next_after is None:
                return points
            after = page.next_after


def played(warehouse: Warehouse, metrics: list[Metric], events: list[Event], now_us: int = START + DAY) -> Played:
    """Play events in appends of 25 and batches of three appends."""
    tenant = tenant_name()
    plans = [MetricPlan(metric, metric.events, LATENESS) for metric in metrics]
    appends: list[Append] = [(tenant, START + DAY, events[first : first + 25]) for first in range(0, len(events), 25)]
    play(warehouse, plans, appends, [3, 3], max_disorder_us=DISORDER, allowed_lateness_us=LATENESS)
    rules = rule_set(metrics)
    reader = MetricReader(
        warehouse, lambda _: rules, ManualClock(now_us), allowed_lateness_us=LATENESS, max_disorder_us=DISORDER
    )
    return Played(tenant, events, reader, metrics)


@pytest.fixture(scope="module", params=SHAPES)
def shaped(request: pytest.FixtureRequest, warehouse: Warehouse) -> Played:
    """Metrics of one shape over the same random events."""
    return played(warehouse, metrics_of(request.param), random_events(7, 200))


def expected_value(metric: Metric, events: Sequence[Event]) -> float | None:
    """The value of a window, one event after the other."""
    aggregation = metric.aggregation.value
    if aggregation == "count":
        return float(len(events))
    if aggregation == "count_distinct":
        return float(len({event.user_id for event in events} - {None}))
    values = [event.value for event in events if event.value is not None]
    if aggregation == "sum":
        return float(sum(map(Fraction, values), Fraction(0)))
    if not values:
        return None
    newest = max((event.occurred_us, number) for number, event in enumerate(events) if event.value is not None)
    by_hand = {
        "avg": sum(map(Fraction, values), Fraction(0)) / len(values),
        "min": min(values),
        "max": max(values),
        "latest": events[newest[1]].value,
        "quantile": sorted(values)[math.floor(0.5 * (len(values) - 1))],
    }
    return float(by_hand[aggregation])  # type: ignore[arg-type]


@pytest.mark.parametrize("page_size", [37, 100_000])
def test_every_window_has_its_value(shaped: Played, page_size: int) -> None:
    """All aggregations of this shape have every window and group, once, in order, with the value counted by hand."""
    for metric in shaped.metrics:
        windows = shaped.windows(metric)
        points = shaped.all_points(metric, page_size)
        assert [point.key for point in points] == list(windows)
        for point, events in zip(points, windows.values(), strict=True):
            wanted = expected_value(metric, events)
            if metric.aggregation.value == "quantile" and wanted is not None:
                assert point.value == pytest.approx(wanted, rel=0.0101)
            else:
                assert point.value == wanted, point
            assert point.events == len(events)
            assert point.revision == max(shaped.events.index(event) + 1 for event in events)
            assert point.exact is (metric.aggregation.value != "quantile")
            assert point.window_start_us == Windows.of(metric).start_us(point.window_end_us)


def test_exact_values_are_the_decimals(shaped: Played) -> None:
    """Sums, extremes and latest values come as exact decimals too; counts, means and quantiles do not."""
    for metric in shaped.metrics:
        for point, events in zip(shaped.all_points(metric, 1000), shaped.windows(metric).values(), strict=True):
            values = [event.value for event in events if event.value is not None]
            if metric.aggregation.value == "sum":
                assert Decimal(point.exact_value) == sum(values, Decimal(0))
            elif metric.aggregation.value == "max" and values:
                assert Decimal(point.exact_value) == max(values)
            elif metric.aggregation.value in ("count", "avg", "count_distinct", "quantile"):
                assert point.exact_value == ""


def test_newest_windows(shaped: Played) -> None:
    """Without a start a query answers the newest window with all its groups, as the snapshot of a watch does."""
    snapshot = shaped.reader.newest(shaped.tenant, [])
    for metric in shaped.metrics:
        points = shaped.all_points(metric, 1000)
        newest = [point for point in points if point.window_end_us == points[-1].window_end_us]
        name = metric.metadata.name
        assert list(shaped.reader.query(shaped.tenant, name).points) == newest
        assert [point for point in snapshot if point.metric == name] == newest


def test_ranges_are_half_open(shaped: Played) -> None:
    """A range has the windows that end after its start and not after its end; an end alone asks for the last one."""
    metric = shaped.metrics[0]
    points = shaped.all_points(metric, 1000)
    ends = sorted({point.window_end_us for point in points})
    for first, last in ((ends[0], ends[-1]), (ends[0] - 1, ends[0]), (ends[len(ends) // 2], ends[-1] + 1)):
        page = shaped.reader.query(shaped.tenant, metric.metadata.name, start_us=first, end_us=last)
        assert list(page.points) == [point for point in points if first < point.window_end_us <= last]
    for last in ends[len(ends) // 2 :: 7]:
        page = shaped.reader.query(shaped.tenant, metric.metadata.name, end_us=last + 1)
        assert {point.window_end_us for point in page.points} == {last}
    assert shaped.reader.query(shaped.tenant, metric.metadata.name, end_us=ends[0] - 1).points == ()


def test_labels_choose_groups(shaped: Played) -> None:
    """Only the groups with the labels asked for are answered, by every method; an unknown label is an error."""
    for metric in shaped.metrics:
        name = metric.metadata.name
        if "currency" not in metric.group_by:
            with pytest.raises(TruelineError, match="currency") as refused:
                shaped.reader.query(shaped.tenant, name, labels={"currency": "GBP"})
            assert refused.value.reason == "INVALID_FIELD"
            with pytest.raises(TruelineError, match="currency, which none") as refused:
                shaped.reader.check_labels(shaped.tenant, [name], {"currency": "GBP"})
            assert refused.value.reason == "INVALID_FIELD"
            assert shaped.reader.newest(shaped.tenant, [name], {"currency": "GBP"}) == []
            continue
        shaped.reader.check_labels(shaped.tenant, [name], {"currency": "GBP"})
        every = [point for point in shaped.all_points(metric, 1000) if point.labels["currency"] == "GBP"]
        page = shaped.reader.query(shaped.tenant, name, start_us=0, labels={"currency": "GBP"})
        assert list(page.points) == every
        changed = shaped.reader.changed_since(shaped.tenant, [name], 0, {"currency": "GBP"}, limit=10**6)
        assert list(changed.points) == every


@pytest.mark.parametrize("panes", [60, 10_000])
@pytest.mark.parametrize("since", [0, 150, 199, 200])
def test_changes_since_a_position(shaped: Played, since: int, panes: int) -> None:
    """Run after run, every window with an event beyond the position is told, in its newest state; others only where a
    window slid over older events."""
    for metric in shaped.metrics:
        # A pane that slides touches many windows; runs of fewer than it touches are tried with one metric alone.
        windows = Windows.of(metric)
        limit = panes if metric is shaped.metrics[0] else panes * (windows.window_us // windows.step_us)
        revision, told, more = since, dict[PointKey, MetricPoint](), True
        while more:
            changed = shaped.reader.changed_since(shaped.tenant, [metric.metadata.name], revision, limit=limit)
            assert changed.revision > revision or not changed.more
            told |= {point.key: point for point in changed.points}
            revision, more = changed.revision, changed.more
        points = {point.key: point for point in shaped.all_points(metric, 100_000)}
        wanted = {key for key, point in points.items() if point.revision > since}
        assert wanted <= told.keys()
        assert told.items() <= points.items()
        if not windows.sliding:
            assert told.keys() == wanted


def test_pages_that_would_merge_too_much_end_early(shaped: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small allowance for merging, pages are short or empty, and all of them together are complete."""
    metric = shaped.metrics[0]
    whole = shaped.all_points(metric, 100_000)
    monkeypatch.setattr(reading, "LARGEST_MERGE", 100)
    assert shaped.all_points(metric, 100_000) == whole


def test_empty_windows_are_filled(warehouse: Warehouse) -> None:
    """Each window of the range is answered, those without events with 0 or no value, also beyond the newest pane."""
    shapes = {"sliding": ("30m", "10m"), "tumbling": ("10m", "10m"), "monthly": ("month", "month")}
    metrics = [
        metric_of(f"{aggregation}_{shape}", aggregation, field=AGGREGATIONS[aggregation], window=window, step=step)
        for aggregation in ("count", "sum", "avg", "count_distinct")
        for shape, (window, step) in shapes.items()
    ]
    events = [
        Event(f"e{n}", "web", "order", START + at, user_id=f"u{n}", value=Decimal(n))
        for n, at in enumerate((0, MINUTE, 2 * HOUR, 2 * HOUR + 25 * MINUTE))
    ]
    shown = played(warehouse, metrics, events)
    for metric in metrics:
        windows, after, points = Windows.of(metric), None, list[MetricPoint]()
        first, last = START - (70 * DAY if metric.step.calendar else HOUR), START + 3 * HOUR
        while True:
            page = shown.reader.query(
                shown.tenant,
                metric.metadata.name,
                start_us=first,
                end_us=last,
                fill_empty=True,
                page_size=5,
                after=after,
            )
            points += page.points
            after = page.next_after
            if after is None:
                break
        ends = list(windows.ends(windows.first_end_after(first), windows.last_end_until(last)))
        assert [point.window_end_us for point in points] == ends
        for point in points:
            inside = [event for event in events if point.window_start_us <= event.occurred_us < point.window_end_us]
            assert point.value == expected_value(metric, inside)
            assert point.events == len(inside)


def test_filling_has_its_limits(warehouse: Warehouse) -> None:
    """It needs both ends, no groups, and a number of windows that one answer may carry."""
    plain, grouped = metric_of("plain", "count"), metric_of("grouped", "count", group_by=("currency",))
    shown = played(warehouse, [plain, grouped], random_events(1, 5))
    with pytest.raises(TruelineError, match="needs start_time and end_time"):
        shown.reader.query(shown.tenant, "plain", start_us=0, fill_empty=True)
    with pytest.raises(TruelineError, match="without group_by"):
        shown.reader.query(shown.tenant, "grouped", start_us=0, end_us=1, fill_empty=True)
    with pytest.raises(TruelineError) as refused:
        shown.reader.query(shown.tenant, "plain", start_us=0, end_us=100_001 * MINUTE, fill_empty=True)
    assert (refused.value.reason, refused.value.metadata) == (
        "TOO_MANY_POINTS",
        {"points": "100001", "limit": "100000"},
    )


def test_an_unknown_metric_names_its_nearest(warehouse: Warehouse) -> None:
    """Every method refuses a name that no metric has."""
    shown = played(warehouse, [metric_of("orders", "count")], random_events(1, 1))
    for call in (
        lambda: shown.reader.query(shown.tenant, "oders"),
        lambda: shown.reader.newest(shown.tenant, ["oders"]),
        lambda: shown.reader.check_labels(shown.tenant, ["oders"], {}),
    ):
        with pytest.raises(TruelineError, match="did you mean 'orders'") as refused:
            call()
        assert refused.value.reason == "UNKNOWN_METRIC"
        assert refused.value.metadata == {"metric": "oders", "nearest": "orders"}
    with pytest.raises(TruelineError, match="'zebra'; see ListMetrics"):
        shown.reader.query(shown.tenant, "zebra")
    # One that was in force a moment ago is no error to those who follow changes.
    assert shown.reader.changed_since(shown.tenant, ["oders"], 0).points == ()


def test_tenants_do_not_see_each_other(warehouse: Warehouse) -> None:
    """A tenant without events has no points and no watermark, whatever others have."""
    shown = played(warehouse, metrics_of("sliding"), random_events(3, 20))
    stranger = tenant_name()
    assert shown.reader.newest(stranger, []) == []
    assert shown.reader.changed_since(stranger, [], 0).points == ()
    page = shown.reader.query(stranger, "count_sliding", start_us=0)
    assert (page.points, page.watermark_us, page.next_after) == ((), None, None)


def test_the_life_of_a_point(warehouse: Warehouse) -> None:
    """Provisional while late events may come, corrected after one came, complete without, partial at the data's end."""
    metric = metric_of("orders", "count", window="1h")
    hours = [START + n * HOUR for n in range(20)]
    tenant = tenant_name()
    lateness = 2 * HOUR
    plans = [MetricPlan(metric, ("*",), lateness)]
    events = [Event(f"e{n}", "file", "order", at) for n, at in enumerate([*hours[:10], hours[7], *hours[10:]])]
    accepted = START + 100 * DAY
    reader = MetricReader(
        warehouse,
        lambda _: rule_set([metric]),
        ManualClock(accepted),
        allowed_lateness_us=lateness,
        max_disorder_us=DISORDER,
    )
    play(warehouse, plans, [(tenant, accepted, events)], max_disorder_us=DISORDER, allowed_lateness_us=lateness)
    page = reader.query(tenant, "orders", start_us=0)
    watermark = hours[19] - DISORDER
    assert page.watermark_us == watermark
    found = {(point.window_end_us - START) // HOUR: point.completeness for point in page.points}
    assert found == {
        **dict.fromkeys(range(1, 17), Completeness.COMPLETE),
        8: Completeness.CORRECTED,
        17: Completeness.PROVISIONAL,
        18: Completeness.PROVISIONAL,
        19: Completeness.PROVISIONAL,
        20: Completeness.PARTIAL,
    }
    finished: list[Append] = [(tenant, accepted, events), (tenant, accepted, End("file"))]
    play(warehouse, plans, finished, max_disorder_us=DISORDER, allowed_lateness_us=lateness)
    page = reader.query(tenant, "orders", start_us=16 * HOUR + START)
    assert page.watermark_us == hours[19]
    assert [point.completeness.value for point in page.points] == ["complete"] * 3 + ["partial"]


def test_metrics_are_listed_with_their_state(warehouse: Warehouse) -> None:
    """By name and page, with counters, watermark, and why a metric has no values."""
    events = [Event(f"e{n}", "web", "order", START + n * MINUTE, currency=f"C{n}") for n in range(4)]
    capped = metric_of("capped", "count", group_by=("currency",), window="1d", max_groups=2)
    strict = replace(metric_of("strict", "count"), allowed_lateness_us=0, max_disorder_us=0)
    unplayed = replace(metric_of("unplayed", "sum", field="value"), events=(), roles=("payment",))
    tenant = tenant_name()
    plans = [
        MetricPlan(capped, ("*",), LATENESS),
        MetricPlan(strict, ("*",), 0, DISORDER),
        MetricPlan(unplayed, (), LATENESS),
    ]
    late = Event("late", "web", "order", START, currency="C0")
    play(warehouse, plans, [(tenant, START + 3 * MINUTE, [*events, late])], max_disorder_us=DISORDER)
    rules = rule_set([capped, strict, unplayed])
    reader = MetricReader(warehouse, lambda _: rules, ManualClock(START + 3 * MINUTE), max_disorder_us=DISORDER)
    page = reader.list_metrics(tenant, page_size=2)
    assert [metric.name for metric in page.metrics] == ["capped", "strict"]
    assert page.next_after == "strict"
    first, second = page.metrics
    assert (first.overflowed, first.too_late, first.max_groups, first.group_by) == (2, 0, 2, ("currency",))
    assert (second.overflowed, second.too_late) == (0, 1)
    assert (first.watermark_us, second.watermark_us) == (START + 3 * MINUTE - DISORDER, START + 3 * MINUTE)
    rest = reader.list_metrics(tenant, page_size=2, after="strict")
    assert [metric.unavailable for metric in rest.metrics] == ["no event plays the role 'payment' in mapping 'none'"]
    assert rest.next_after is None


def pane(metric: Metric, tenant: str, number: int, users: range, *, sketched: bool) -> Changes:
    """A pane of a count of users, as a sketch or exactly."""
    start = START + number * MINUTE
    names = [f"u{user}" for user in users]
    sketch = sketch_of(names) if sketched else b""
    point = PointRow(
        tenant, "active", metric.definition, start, start + MINUTE, (), len(names), len(names), 0, None, None, None,
        0, 0, len(names), sketch, {}, 0, number + 1, 0,
    )  # fmt: skip
    members = () if sketched else (MemberRows(tenant, "active", metric.definition, start, (), tuple(names)),)
    return Changes(number + 1, (), (), (point,), members, ())


def test_windows_over_sketches_are_estimates(warehouse: Warehouse) -> None:
    """A window is exact while all its panes are, and within 1 % and labelled where one has only a sketch."""
    tenant, metric = tenant_name(), metric_of("active", "count_distinct", field="user_id", window="3m", step="1m")
    ranges = [range(200 * n, 200 * n + 1_000) for n in range(8)]
    writer = WarehouseWriter(warehouse, InProcessBus())
    for number, users in enumerate(ranges):
        writer.write(pane(metric, tenant, number, users, sketched=number == 3))
    play(warehouse, [], [(tenant, START, [Event("e", "web", "view", START)])])
    reader = MetricReader(warehouse, lambda _: rule_set([metric]), ManualClock(START))
    points = reader.query(tenant, "active", start_us=0).points
    assert [point.exact for point in points] == [True, True, True, False, False, False, True, True]
    for number, point in enumerate(points):
        users = set().union(*ranges[max(0, number - 2) : number + 1])
        assert point.value == pytest.approx(len(users), rel=0.01 if not point.exact else 0)
    assert reader.newest(tenant, ["active"])[0] == points[-1]
    assert reader.query(tenant, "active", end_us=points[4].window_end_us).points == (points[4],)
