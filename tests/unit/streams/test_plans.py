"""What the dataflow computes for whom, from rules and settings, and how that changes while it runs."""

from dataclasses import replace

from trueline_rules.loader import load_rules
from trueline_streams.clock import ClockLogic, StampedBatch
from trueline_streams.collecting import TenantPart
from trueline_streams.flow import TenantGrouper, split_tenants
from trueline_streams.grouping import Partial
from trueline_streams.merging import MergeLogic
from trueline_streams.plans import PlanTable, plan_metrics
from trueline_streams.records import FlowSettings
from trueline_streams.source import LogBatch

from tests.unit.streams.reference import Event
from tests.unit.streams.support import ReferenceLoader, entries_of, metric_of, plan_of

RULES = load_rules([])
SETTINGS = FlowSettings(allowed_lateness_us=100_000_000, max_disorder_us=120_000_000)


def test_settings_hold_where_a_metric_does_not_say() -> None:
    """A metric's own lateness and disorder win; its watermark is shifted by the difference."""
    name, metric = next(iter(RULES.metrics.items()))
    own = replace(metric, allowed_lateness_us=7, max_disorder_us=50_000_000)
    plain = replace(metric, allowed_lateness_us=None, max_disorder_us=None)

    (first,) = plan_metrics(replace(RULES, metrics={name: own}), SETTINGS)
    (second,) = plan_metrics(replace(RULES, metrics={name: plain}), SETTINGS)

    assert (first.allowed_lateness_us, first.watermark_shift_us) == (7, 70_000_000)
    assert (second.allowed_lateness_us, second.watermark_shift_us) == (100_000_000, 0)


def test_each_metric_has_a_plan() -> None:
    """Every metric of the rule set is planned, with the events that the mapping in force gives it."""
    plans = plan_metrics(RULES, SETTINGS)

    assert [plan.metric.metadata.name for plan in plans] == list(RULES.metrics)
    assert all(plan.events == RULES.events_of(plan.metric) for plan in plans)


def test_plans_are_a_tenants_own_or_everybodys() -> None:
    """Who is not named has everybody's plans; who is named with none has none; what is unchanged stays the object."""
    first, second, *_ = plan_metrics(RULES, SETTINGS)
    table = PlanTable({"": [first], "acme": [first, second], "none": []})
    before = table.of("acme")

    assert (table.of("bolt"), before, table.of("none")) == ((first,), (first, second), ())
    table.replace({"": [second], "acme": [first, second]})
    assert table.of("acme") is before
    assert (table.of("bolt"), table.of("none")) == ((second,), (second,))


def test_what_is_planned_is_told_with_its_beginning() -> None:
    """A metric that was taken up anew is not the one that was planned before; former plans stay known."""
    first, second, *_ = plan_metrics(RULES, SETTINGS)
    name, definition, _ = first.identity
    table = PlanTable({"": [first]})
    table.replace({"": [second], "acme": [replace(first, since=7)]})

    assert table.planned("acme", name, definition, 7)
    assert not table.planned("acme", name, definition, 0)
    assert not table.planned("bolt", name, definition, 0)
    assert (name, definition) in table.known


def stamped(tenant: str, number: int) -> StampedBatch:
    """One event of a tenant, as its clock hands it on."""
    events = [Event(f"{tenant}{number}", "web", "view", 1_700_000_000_000_000 + number)]
    (entry,) = entries_of([(tenant, 1_700_000_000_000_000, events)])
    (batch,) = split_tenants(LogBatch(number, number, False, (entry,)))
    ((found,), _) = ClockLogic(SETTINGS, None).on_batch([batch])
    return found


def grouped(grouper: TenantGrouper, tenant: str, number: int) -> list[tuple[str, int, bool]]:
    """Name of the metric, since when, and whether it ended, of each partial; as many as the part says."""
    *partials, part = grouper.group(stamped(tenant, number))
    assert isinstance(part, TenantPart)
    assert part.partials == len(partials)
    return [(each.metric, each.since, each.ended) for each in partials if isinstance(each, Partial)]


def test_a_replaced_plan_holds_from_the_next_batch_on() -> None:
    """What has no plan any more is ended once for each tenant, with that tenant's next batch."""
    old, new = plan_of(metric_of("old", "count")), plan_of(metric_of("new", "count"))
    table = PlanTable.for_all([old])
    grouper = TenantGrouper(table)

    assert [grouped(grouper, tenant, 1) for tenant in ("a", "b")] == [[("old", 0, False)]] * 2
    table.replace({"": [replace(new, since=1)]})
    for tenant in ("a", "b"):
        assert grouped(grouper, tenant, 2) == [("old", 0, True), ("new", 1, False)]
        assert grouped(grouper, tenant, 3) == [("new", 1, False)]
    table.replace({"": [replace(new, since=3)]})
    assert grouped(grouper, "a", 4) == [("new", 1, True), ("new", 3, False)]


def test_a_metric_that_ends_leaves_no_state() -> None:
    """Its last partial changes nothing and lets the state go; taken up again it starts from the warehouse."""
    plan = plan_of(metric_of("views", "count", window="1h"))
    table = PlanTable.for_all([plan])
    grouper, loader = TenantGrouper(table), ReferenceLoader([], [plan], SETTINGS.max_disorder_us)
    logic = MergeLogic(table.known, loader, SETTINGS, lambda: 0, None, planned=table.planned)
    partial = next(iter(grouper.group(stamped("a", 1))))
    assert isinstance(partial, Partial)
    ((kept,), done) = logic.on_batch([partial])
    assert kept.points is not None
    assert not done
    table.replace({})
    last = next(iter(grouper.group(stamped("a", 2))))
    assert isinstance(last, Partial)
    ((ended,), done) = logic.on_batch([last])
    assert (ended.points, ended.members, ended.status, done) == (None, (), None, True)


def test_a_resumed_state_of_another_beginning_goes() -> None:
    """A snapshot of a metric that was out of use since is discarded at once, one in use continuously is kept."""
    plan = plan_of(metric_of("views", "count"))
    table = PlanTable({"": [replace(plan, since=5)]})
    loader = ReferenceLoader([], [plan], SETTINGS.max_disorder_us)
    name, definition, _ = plan.identity
    for packed, kept in (
        (("a", name, definition, b"", 5), True),
        (("a", name, definition, b"", 0), False),
        # As it was before plans had a beginning.
        (("a", name, definition, b""), False),
    ):
        resumed = MergeLogic(table.known, loader, SETTINGS, lambda: 0, packed, planned=table.planned)  # type: ignore[arg-type]
        assert (resumed.notify_at() is None) is kept
        assert resumed.on_notify() == ([], not kept)
