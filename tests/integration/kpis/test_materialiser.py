"""Computing KPIs in the background: when, for whom, and what happens if it fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.kpis.board import TenantKpis
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.store import KpiValues
from trueline_stores.errors import StoreError
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement

from tests.integration.kpis.tenants import Happened, insert_happened, kpi, rule_set, set_clock, us

START = us("2024-03-01T23:00")
COUNTED = kpi("counted", "SELECT count() AS value FROM events", target=10)
RULES = rule_set([COUNTED], {"counted": 1}, "materialised")


class OwnTenant:
    """The warehouse of the tests, in which the clocks of one tenant only are seen: other tests have theirs."""

    def __init__(self, warehouse: Warehouse, tenant: str) -> None:
        self._warehouse = warehouse
        self._tenant = tenant
        self.failing = False

    def query(self, sql: str, parameters: dict[str, object] | None = None) -> list[tuple[object, ...]]:
        """Rows of the tenant; its name is the first column of what is read for all tenants."""
        if self.failing:
            raise StoreError("the disk is gone")
        rows = self._warehouse.query(sql, parameters)
        return [row for row in rows if row[0] == self._tenant or not sql.startswith("SELECT tenant")]


class CountingLock:
    """A lock that tells how often it was entered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.entered = 0

    def __enter__(self) -> None:
        self._lock.acquire()
        self.entered += 1

    def __exit__(self, *_: object) -> None:
        self._lock.release()


@dataclass
class Bench:
    """A materialiser over one tenant, with its clock, and what its listeners heard."""

    warehouse: Warehouse
    tenant: str
    clock: ManualClock
    reader: OwnTenant
    materialiser: Materialiser
    rules: list[RuleSet]
    heard: list[TenantKpis] = field(default_factory=list)

    def happen(self, count: int, *, revision: int, finished: bool = True, end_us: int | None = None) -> None:
        """Some events, and the clock of their source."""
        insert_happened(self.warehouse, self.tenant, [Happened("2024-03-01T10:00", "look", "ann")] * count)
        end = us("2024-03-01T10:00") if end_us is None else end_us
        accepted = self.clock() if end_us is None else end_us
        set_clock(
            self.warehouse,
            self.tenant,
            end_us=end,
            accepted_us=accepted,
            finished=finished,
            revision=revision,
            events=count,
        )

    def values(self) -> list[float | None]:
        """The values that were heard of, in order."""
        return [kpis.results["counted"].value for kpis in self.heard]


def make_materialiser(
    reader: OwnTenant, warehouse: Warehouse, clock: ManualClock, rules: Callable[[str], RuleSet]
) -> Materialiser:
    """A materialiser that computes every minute."""
    evaluator = Evaluator(Confinement(warehouse), clock)
    values = KpiValues(Table(warehouse, reader))
    return Materialiser(evaluator, values, Clocks(reader, 120_000_000), rules, clock, interval_s=60)


class Table:
    """The table of KPI values: written to the warehouse, read as one tenant's."""

    def __init__(self, warehouse: Warehouse, reader: OwnTenant) -> None:
        self.insert = warehouse.insert
        self.query = reader.query


@pytest.fixture
def bench(warehouse: Warehouse, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """A bench with a tenant of the test's name."""
    tenant, clock = f"bench-{request.node.name}", ManualClock(START)
    reader, rules = OwnTenant(warehouse, tenant), [RULES]
    materialiser = make_materialiser(reader, warehouse, clock, lambda _: rules[-1])
    made = Bench(warehouse, tenant, clock, reader, materialiser, rules)
    unsubscribe = materialiser.subscribe(made.heard.append)
    yield made
    unsubscribe()
    materialiser.stop()


def test_values_are_computed_told_and_kept(bench: Bench) -> None:
    """They are in memory, told to listeners and in the warehouse, with instant, watermark and position."""
    bench.happen(3, revision=7)
    assert bench.materialiser.current(bench.tenant) is None
    bench.materialiser.tick()
    kpis = bench.materialiser.current(bench.tenant)
    assert kpis is not None
    assert bench.heard == [kpis]
    assert (kpis.results["counted"].value, kpis.position, kpis.at_us) == (3, 7, us("2024-03-01T10:00"))
    assert kpis.computed_at_us == START
    assert not kpis.synthetic
    row = bench.warehouse.query(
        "SELECT kpi, value, missing, rule_revision, position FROM trueline.kpi_values WHERE tenant = {tenant:String}",
        {"tenant": bench.tenant},
    )
    assert row == [("counted", 3.0, "", "materialised", 7)]


def test_an_import_that_has_not_changed_is_left_alone(bench: Bench) -> None:
    """Its instant is the end of its data, so time alone changes nothing; new events do, after the interval."""
    bench.happen(1, revision=1)
    for _ in range(3):
        bench.materialiser.tick()
        bench.clock.turn(61)
    assert bench.values() == [1]
    bench.happen(1, revision=2)
    bench.materialiser.tick()
    bench.happen(1, revision=3)
    bench.materialiser.tick()
    assert bench.values() == [1, 2]
    bench.clock.turn(61)
    bench.materialiser.tick()
    assert bench.values() == [1, 2, 3]


def test_a_live_tenant_is_computed_every_interval(bench: Bench) -> None:
    """Its instant is now."""
    bench.happen(1, revision=1, finished=False, end_us=START)
    for _ in range(3):
        bench.materialiser.tick()
        bench.clock.turn(60)
    assert [kpis.at_us - START for kpis in bench.heard] == [0, 60_000_000, 120_000_000]


def test_the_end_of_a_day_is_not_waited_for(bench: Bench) -> None:
    """At midnight (UTC) periods close, whatever is left of the interval."""
    bench.happen(1, revision=1, finished=False, end_us=START)
    bench.clock.turn(3600 - 20)
    bench.materialiser.tick()
    bench.clock.turn(19)
    bench.materialiser.tick()
    assert len(bench.heard) == 1
    bench.clock.turn(1)
    bench.materialiser.tick()
    assert bench.heard[-1].at_us == us("2024-03-02")


def test_new_rules_are_computed_though_nothing_happened(bench: Bench) -> None:
    """With the next interval."""
    bench.happen(2, revision=1)
    bench.materialiser.tick()
    bench.rules.append(rule_set([kpi("counted", "SELECT 10 * count() AS value FROM events")], {"counted": 1}, "newer"))
    bench.clock.turn(60)
    bench.materialiser.tick()
    assert bench.values() == [2, 20]


def test_refresh_computes_at_once(bench: Bench) -> None:
    """Without waiting for the interval; of a tenant without events nothing is kept."""
    bench.happen(1, revision=1)
    bench.materialiser.tick()
    bench.happen(1, revision=2)
    assert bench.materialiser.refresh(bench.tenant).results["counted"].value == 2
    assert bench.values() == [1, 2]
    nobody = bench.materialiser.refresh("bench-nobody")
    assert nobody.results["counted"].missing == "there are no events yet"
    assert bench.materialiser.current("bench-nobody") is None


def test_callers_that_wait_together_share_a_computation(bench: Bench) -> None:
    """While one computation runs, all who ask get the next one, and it runs once."""
    bench.happen(1, revision=1)
    entered, go_on = threading.Event(), threading.Event()

    def hold(_: TenantKpis) -> None:
        entered.set()
        assert go_on.wait(30)

    unsubscribe = bench.materialiser.subscribe(hold)
    first = threading.Thread(target=bench.materialiser.refresh, args=[bench.tenant])
    first.start()
    assert entered.wait(30)
    unsubscribe()
    answers: list[TenantKpis] = []
    arrivals = CountingLock()
    bench.materialiser._lock = arrivals
    callers = [
        threading.Thread(target=lambda: answers.append(bench.materialiser.refresh(bench.tenant))) for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    # Each looks once at what has begun, then waits for the computation at hand.
    _until(lambda: arrivals.entered == len(callers))
    go_on.set()
    for caller in [first, *callers]:
        caller.join(30)
    assert len(bench.heard) == 2
    assert [id(kpis) for kpis in answers] == [id(bench.heard[1])] * 4


def test_the_thread_survives_errors_and_tells_them(bench: Bench) -> None:
    """What went wrong stands in last_error until it goes right again."""
    bench.happen(1, revision=1)
    bench.reader.failing = True
    heard = threading.Event()
    bench.materialiser.subscribe(lambda _: heard.set())
    bench.materialiser.start()
    _until(lambda: "the disk is gone" in bench.materialiser.last_error)
    bench.reader.failing = False
    bench.clock.turn(61)
    assert heard.wait(30)
    _until(lambda: not bench.materialiser.last_error)
    assert bench.values() == [1]


def test_a_restart_takes_up_what_was_computed(bench: Bench) -> None:
    """The newest values by the same rules; by other rules they mean something else and are not taken."""
    bench.happen(4, revision=5)
    bench.materialiser.tick()
    bench.happen(1, revision=6)
    bench.clock.turn(61)
    bench.materialiser.tick()
    again = make_materialiser(bench.reader, bench.warehouse, bench.clock, lambda _: RULES)
    again.load()
    before, after = bench.materialiser.current(bench.tenant), again.current(bench.tenant)
    assert before is not None
    assert after == before
    other = make_materialiser(
        bench.reader, bench.warehouse, bench.clock, lambda _: rule_set([COUNTED], {"counted": 1}, "other")
    )
    other.load()
    assert other.current(bench.tenant) is None


def _until(true: Callable[[], bool]) -> None:
    """Wait for a condition of another thread."""
    gave_up = threading.Event()
    timer = threading.Timer(30, gave_up.set)
    timer.start()
    try:
        while not true():
            assert not gave_up.wait(0.01)
    finally:
        timer.cancel()
