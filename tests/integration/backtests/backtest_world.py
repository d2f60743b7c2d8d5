"""Backtests over a real warehouse: small rules, a small shop, and a work that a test watches and stops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from trueline_rules.layers import OPERATOR, Layer
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.backtests.history import HistoryReader
from trueline_server.backtests.model import Asked, Backtest, RuleSource
from trueline_server.backtests.service import Backtests
from trueline_server.clock import ManualClock
from trueline_server.facts.store import FactRow, FactStore
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.metrics.reader import MetricReader
from trueline_server.operations.model import WorkStoppedError
from trueline_server.rules.book import unknown_revision
from trueline_server.rules.series_reader import SeriesReader
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement
from trueline_streams.plans import plan_metrics
from trueline_streams.records import FlowSettings

from tests.integration.rules_service.rule_world import alert, document
from tests.integration.warehouse.playing import play
from tests.unit.streams.reference import End, Event
from tests.unit.streams.support import HOUR, MINUTE

NOON = 1_717_243_200_000_000  # 2024-06-01T12:00Z
KPI = "unit: looks\n  direction: higher\n  target: 10\n  statement: "
COUNTED = (
    "SELECT count() AS value FROM events WHERE name = 'look' AND occurred_at > {at:DateTime64(6)} - INTERVAL 2 HOUR"
)
RULES = "---\n".join(
    [
        document("EventMapping", "shop", "fields: {id: id, source: source, name: name, occurred_at: at}"),
        document("Kpi", "looks", KPI + COUNTED),
        document("Kpi", "nothing", KPI + "SELECT toFloat64OrNull('') AS value"),
        document("Metric", "hourly", "events: [look]\n  aggregation: count\n  window: 1h"),
        document(
            "Metric", "by_plan", "events: [look]\n  aggregation: count\n  group_by: [properties.plan]\n  window: 1h"
        ),
        document("FactType", "tier", "subject: account\n  type: text"),
        document("FactType", "seats", "subject: account\n  type: number"),
        alert("few", "n: {metric: hourly}", "warning: n < 3\n  critical: n < 2"),
        alert("fell", "n: {metric: hourly}, was: {metric: hourly, offset: 2h}", "warning: n < was"),
        alert("plans", "n: {metric: by_plan, over: 3h, agg: sum}", "warning: n > 4"),
        alert(
            "kpi", "looks: {kpi: looks}, was: {kpi: looks, offset: 90m}", "warning: looks < was\n  critical: looks == 0"
        ),
        alert("best", "looks: {kpi: looks, over: 4h, agg: max}", "warning: looks < 8"),
        alert("without", "x: {kpi: nothing}", "warning: x < 4"),
        alert("gold", "tier: {fact: tier}, seats: {fact: seats}", "warning: tier == 'gold' and seats > 5"),
        alert("grew", "seats: {fact: seats, over: 3h, agg: max}", "warning: seats > 5"),
    ]
)


@dataclass
class WatchedWork:
    """A work on this thread; it is to end once it has told so much progress."""

    tenant: str
    request: bytes = b""
    ends_after: int | None = None
    told: list[tuple[int, int, str]] = field(default_factory=list)

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Note it."""
        self.told.append((done, total, message))

    def stopped(self) -> bool:
        """Whether it has told enough."""
        return self.ends_after is not None and len(self.told) >= self.ends_after

    def go_on(self) -> None:
        """As the work of an operation."""
        if self.stopped():
            raise WorkStoppedError


@dataclass
class InMemoryRevisions:
    """Stored revisions, and what they stand on."""

    known: dict[str, RuleSet] = field(default_factory=dict)
    base: Layer = field(default_factory=lambda: Layer(OPERATOR, (("base.yaml", RULES),)))
    mapping: str = ""

    def rules_at(self, tenant: str, revision: str) -> RuleSet:
        """A stored one."""
        if revision not in self.known:
            raise unknown_revision(revision)
        return self.known[revision]

    def layers_at(self, tenant: str, revision: str) -> InMemoryRevisions:
        """What every revision stands on."""
        return self


class World:
    """Backtests of one tenant."""

    def __init__(self, warehouse: Warehouse, tenant: str) -> None:
        self.tenant = tenant
        self.warehouse = warehouse
        self.clock = ManualClock(NOON + MINUTE)
        self.rules = load_texts([("world.yaml", RULES)], default_pack=False)
        self.revisions = InMemoryRevisions()
        self.facts = FactStore(warehouse)
        self.clocks = Clocks(warehouse, 120_000_000)
        evaluator = Evaluator(Confinement(warehouse), self.clock)
        self.reader = MetricReader(warehouse, lambda _: self.rules, self.clock)
        history = HistoryReader(SeriesReader(self.reader, self.facts), evaluator, self.clocks, self.clock)
        self.backtests = Backtests(
            lambda _: self.rules,
            self.revisions,
            history,
            refused=evaluator.problems,
            clocks=self.clocks,
            clock=self.clock,
        )

    def happen(self, events: Sequence[Event]) -> None:
        """Events of a source that is finished."""
        plans = plan_metrics(self.rules, FlowSettings())
        play(
            self.warehouse, plans, [(self.tenant, self.clock(), list(events)), (self.tenant, self.clock(), End("web"))]
        )

    def put(self, name: str, at_us: int, **values: float | str | None) -> None:
        """Facts about accounts, observed at an instant."""
        rows = [FactRow("account", account, name, at_us, value) for account, value in values.items()]
        self.facts.write(self.tenant, rows, 1)

    def run(self, source: RuleSource | None = None, *, work: WatchedWork | None = None, **asked: object) -> Backtest:
        """A backtest, checked and done; of the last six hours before noon by default."""
        how: dict[str, object] = {"start_us": NOON - 6 * HOUR, "end_us": NOON, "every_us": HOUR, **asked}
        checked = self.backtests.check(self.tenant, Asked(source or RuleSource(), **how))  # type: ignore[arg-type]
        return self.backtests.run(work or WatchedWork(self.tenant), checked)


def looks(counts: Mapping[int, int], plan: str = "free") -> list[Event]:
    """Looks in the hours that end so many hours before noon."""
    return [
        Event(
            f"{plan}-{hours}-{number}",
            "web",
            "look",
            NOON - hours * HOUR - 30 * MINUTE + number,
            properties={"plan": plan},
        )
        for hours, count in counts.items()
        for number in range(count)
    ]


def firings(found: Backtest, rule: str) -> list[tuple[float, float | None, str]]:
    """Since and until in hours before noon, and severity."""
    return [
        (
            (one.since_us - NOON) / HOUR,
            None if one.until_us is None else (one.until_us - NOON) / HOUR,
            one.severity,
        )
        for one in found.replays[rule].firings
    ]
