"""Live evaluation over a real warehouse and a real state database, with a small shop and a turned clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.alerts.corrected_kpis import CorrectedKpis
from trueline_server.alerts.corrections import Corrections
from trueline_server.alerts.decisions import AlertDecisions
from trueline_server.alerts.kpi_values import KeptKpis
from trueline_server.alerts.latest_points import LatestPoints
from trueline_server.alerts.live import LiveEvaluation
from trueline_server.alerts.reading import InstantReader
from trueline_server.alerts.shadow_kpis import ShadowKpis
from trueline_server.clock import ManualClock
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.model import Decision
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.facts.store import FactRow, FactStore
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks, TenantClock
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.store import KpiValues
from trueline_server.metrics.reader import MetricReader
from trueline_server.rules.live_facts import LiveFacts
from trueline_stores.bus import InProcessBus
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement
from trueline_streams.plans import plan_metrics
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import FlowSettings
from trueline_streams.warehouse_writer import WarehouseWriter

from tests.integration.warehouse.playing import tenant_name
from tests.unit.streams.reference import End, Event
from tests.unit.streams.support import MINUTE, SECOND, Append, PlainFlow, entries_of, log_batches

NOON = 1_717_243_200_000_000  # 2024-06-01T12:00Z
DISORDER_US = 120_000_000


def document(kind: str, name: str, spec: str) -> str:
    """A rule document; the spec is indented by two."""
    return f"apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n"


def alert(name: str, facts: str, conditions: str) -> str:
    """An AlertRule."""
    return document("AlertRule", name, f"facts: {{{facts}}}\n  {conditions}")


BASE = (
    document("EventMapping", "shop", "fields: {id: id, source: source, name: name, occurred_at: at}"),
    document(
        "Kpi",
        "looks",
        "unit: looks\n  direction: higher\n  target: 10\n  statement: "
        "SELECT count() AS value FROM events WHERE name = 'look'",
    ),
    document("Metric", "by_plan", "events: [look]\n  aggregation: count\n  group_by: [properties.plan]\n  window: 1m"),
    document("FactType", "tier", "subject: account\n  type: text"),
    document("FactType", "iban", "subject: account\n  type: text\n  sensitive: true"),
)


def rules_of(*alerts: str) -> RuleSet:
    """The small shop's rules with some alert rules."""
    return load_texts([("world.yaml", "---\n".join([*BASE, *alerts]))], default_pack=False)


@dataclass
class Shelf:
    """The rules of the test's tenant, which it changes as it likes."""

    active: RuleSet
    shadow: RuleSet | None = None
    known: dict[str, RuleSet] = field(default_factory=dict)

    def of(self, _tenant: str) -> RuleSet:
        """Those in force."""
        self.known[self.active.revision] = self.active
        return self.active

    def shadow_of(self, _tenant: str) -> RuleSet | None:
        """Those in the shadow."""
        return self.shadow

    def rules_at(self, _tenant: str, revision: str) -> RuleSet | None:
        """Those of a revision that was in force."""
        return self.known.get(revision)


class OwnClocks(Clocks):
    """The clock of one tenant: others that are in the warehouse of all tests are none of this world's."""

    def __init__(self, reader: Warehouse, max_disorder_us: int, tenant: str) -> None:
        super().__init__(reader, max_disorder_us)
        self._tenant = tenant

    def read(self, now_us: int) -> dict[str, TenantClock]:
        """At most one."""
        return {tenant: clock for tenant, clock in super().read(now_us).items() if tenant == self._tenant}


@dataclass
class AlertWorld:
    """A tenant, its rules, and what evaluates them."""

    warehouse: Warehouse
    folder: Path
    shelf: Shelf
    tenant: str = field(default_factory=tenant_name)
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    inside: list[Callable[..., None]] = field(default_factory=list)
    events: int = 0
    appends: list[Append] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = StateDatabase.sqlite(self.folder / "state.sqlite3")
        loader = PaneRecompute(self.warehouse, max_disorder_us=DISORDER_US)
        self.flow = PlainFlow(plan_metrics(self.shelf.active, FlowSettings()), loader, FlowSettings())  # type: ignore[arg-type]
        self.writer = WarehouseWriter(self.warehouse, InProcessBus())
        self._open()

    def _open(self) -> None:
        evaluator = Evaluator(Confinement(self.warehouse), self.clock)
        clocks = OwnClocks(self.warehouse, DISORDER_US, self.tenant)
        rules = self.shelf.of
        self.materialiser = Materialiser(evaluator, KpiValues(self.warehouse), clocks, rules, self.clock)
        kpis = KpiService(self.materialiser, evaluator, clocks, rules, self.clock)
        points = MetricReader(self.warehouse, rules, self.clock)
        self.facts = facts = LiveFacts(kpis, points, self.warehouse, FactStore(self.warehouse))
        kept = KeptKpis(self.warehouse, self.shelf.rules_at, rules)
        readers = (
            InstantReader(facts, kept.read, LatestPoints(self.warehouse)),
            InstantReader(facts, ShadowKpis(kept, evaluator).read, LatestPoints(self.warehouse)),
        )
        self.log = DecisionLog(self.state, self.warehouse, self.clock)
        decisions = AlertDecisions(self.log, DecisionRecorder(b"k" * 32, self.clock))
        recorder = DecisionRecorder(b"k" * 32, self.clock)
        self.corrected = CorrectedKpis(kept, evaluator)
        anew = InstantReader(facts, self.corrected.read, LatestPoints(self.warehouse))
        corrections = Corrections(
            self.warehouse,
            readers[0],
            self.state,
            self.log,
            recorder,
            clock=self.clock,
            kpis=(self.corrected, anew),
        )
        self.live = LiveEvaluation(
            self.shelf, clocks, readers, self.state, decisions, clock=self.clock, corrections=corrections
        )
        for each in self.inside:
            self.live.add_inside(each)

    def restart(self) -> None:
        """Forget all that is in memory, as a process that is killed does."""
        self.state.close()
        self.state = StateDatabase.sqlite(self.folder / "state.sqlite3")
        self._open()

    def happen(self, *events: Event, finished: bool = False) -> None:
        """Events that are accepted now; of a live source unless it is finished."""
        before = len(self.appends)
        self.appends.append((self.tenant, self.clock(), list(events)))
        if finished:
            self.appends.append((self.tenant, self.clock(), End("web")))
        for batch in log_batches(entries_of(self.appends)[before:], ()):
            self.writer.write(self.flow.process(batch))

    def look(self, seconds: float, plan: str = "free") -> Event:
        """A look so many seconds after noon."""
        self.events += 1
        return Event(f"e{self.events}", "web", "look", NOON + round(seconds * SECOND), properties={"plan": plan})

    def until(self, minutes: float, *events: Event) -> None:
        """Turn the clock to so many minutes after noon; a live source has told of events until now."""
        self.clock.turn((NOON + round(minutes * MINUTE) - self.clock()) / SECOND)
        self.events += 1
        self.happen(*events, Event(f"e{self.events}", "web", "tick", self.clock()))

    def put(self, name: str, **values: Any) -> None:
        """A fact about accounts: account=value, observed now."""
        rows = [FactRow("account", account, name, self.clock(), value) for account, value in values.items()]
        FactStore(self.warehouse).write(self.tenant, rows, 1)

    def states(self, rule: str, stage: str = "active") -> dict[str, str]:
        """State and severity of what is not quiet, by the values of its labels."""
        kept = self.live.states_of(self.tenant, stage).rules.get(rule)
        found = {} if kept is None else kept.instances
        return {
            ",".join(value for _, value in labels): f"{each.state.value} {each.severity.value if each.severity else ''}"
            for labels, each in sorted(found.items())
        }

    def decisions(self, kind: str = "transition") -> list[Decision]:
        """What the decision log has of a kind, the oldest first."""
        self.log.flush()
        return sorted(
            self.log.list(self.tenant, kind=kind, most=1000), key=lambda each: (each.at_us, each.rule, each.labels)
        )
