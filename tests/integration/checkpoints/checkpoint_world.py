"""Checkpoints of a small shop over a real warehouse and a real state database, with a turned clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection
from trueline_rules.checkpoints.results import CellResult, Outcome
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.alerts.cases import AlertChange, Hears
from trueline_server.cases import store as case_store
from trueline_server.cases.model import Case, CaseEvent, CaseKind
from trueline_server.checkpoints.backlog import BacklogService
from trueline_server.checkpoints.cases import CheckpointCases
from trueline_server.checkpoints.model import Asked, Checkpoint
from trueline_server.checkpoints.operation import CheckpointOperation
from trueline_server.checkpoints.readings import CellReader
from trueline_server.checkpoints.service import CheckpointService
from trueline_server.facts.store import FactRow, FactStore
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.store import KpiValues
from trueline_server.metrics.reader import MetricReader
from trueline_server.operations.runner import Operations
from trueline_server.operations.store import OperationStore
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement

from tests.integration.alerts.alert_world import DISORDER_US, NOON, AlertWorld, Shelf, document
from tests.unit.streams.reference import Event
from tests.unit.streams.support import MINUTE

DAY_US = 86_400_000_000
BASE = (
    document("EventMapping", "shop", "fields: {id: id, source: source, name: name, occurred_at: at}"),
    document(
        "Kpi",
        "ordered",
        "unit: ratio\n  direction: higher\n  target: 0.5\n  statement: "
        "SELECT countIf(name = 'order') AS numerator, countIf(name = 'visit') AS denominator, "
        "if(denominator = 0, NULL, numerator / denominator) AS value FROM events",
    ),
    document(
        "Metric", "orders", "events: [order]\n  aggregation: count\n  group_by: [properties.persona]\n  window: 1h"
    ),
    document(
        "Metric", "visits", "events: [visit]\n  aggregation: count\n  group_by: [properties.persona]\n  window: 1h"
    ),
    document("Metric", "rolling", "events: [visit]\n  aggregation: count\n  window: 1h\n  step: 5m"),
    document("Metric", "basket", "events: [order]\n  aggregation: avg\n  field: value\n  window: 1h"),
    document("FactType", "nps", "subject: persona\n  type: number"),
    document("FactType", "answers", "subject: persona\n  type: number"),
    document("FactType", "score", "subject: account\n  type: decimal"),
    document("FactType", "account_persona", "subject: account\n  type: text"),
)
NPS = "- {persona: agency, measure: nps, target: 40, direction: higher, value: {fact: nps}, owner: ann, action: ask}"


def cell(value: str, measure: str = "m", target: float = 1, rest: str = "") -> str:
    """An entry of the cells of a policy."""
    return f"- {{persona: agency, measure: {measure}, target: {target}, direction: higher, value: {value}{rest}}}"


def rules_of(*cells: str, spec: str = "", name: str = "scaling") -> RuleSet:
    """The shop's rules, with a policy of some cells about agencies."""
    written = "\n    ".join(cells)
    policy = document("CheckpointPolicy", name, f"personas: {{agency: Sells.}}\n  {spec}\n  cells:\n    {written}")
    return load_texts([("world.yaml", "---\n".join([*BASE, policy]))], default_pack=False)


@dataclass
class CheckpointWorld:
    """Checkpoints of one tenant."""

    warehouse: Warehouse
    folder: Path
    rules: RuleSet = field(default_factory=lambda: rules_of(NPS))
    heard: list[tuple[str, str, bool]] = field(default_factory=list)
    # Called inside of the transaction, too.
    on_heard: Callable[[], None] | None = None
    hears: Hears | None = None

    def __post_init__(self) -> None:
        self.events = AlertWorld(self.warehouse, self.folder, Shelf(self.rules))
        self.tenant, self.clock = self.events.tenant, self.events.clock
        self.facts = FactStore(self.warehouse)
        self._open()

    def _open(self) -> None:
        self.state = self.events.state
        clocks = Clocks(self.warehouse, DISORDER_US)
        evaluator = Evaluator(Confinement(self.warehouse), self.clock)
        materialiser = Materialiser(evaluator, KpiValues(self.warehouse), clocks, self.rules_of, self.clock)
        kpis = KpiService(materialiser, evaluator, clocks, self.rules_of, self.clock)
        self.reader = CellReader(kpis, MetricReader(self.warehouse, self.rules_of, self.clock), self.facts)
        self.operations = Operations(OperationStore(self.state, self.clock), self.clock)
        self.cases = CheckpointCases(self._hear)
        self.operation = CheckpointOperation(
            self.state, self.rules_of, self.reader, self.cases, self.operations, clock=self.clock
        )
        self.checkpoints = CheckpointService(self.state, self.rules_of, self.operation, clocks, self.clock)
        self.backlog = BacklogService(self.state, self.clock)

    def rules_of(self, _tenant: str) -> RuleSet:
        """The rules in force, which a test changes as it likes."""
        return self.rules

    def restart(self) -> None:
        """Forget all that is in memory, as a process that is killed does."""
        self.events.restart()
        self._open()

    def _hear(self, connection: Connection, tenant: str, alerts: Sequence[AlertChange], now_us: int) -> None:
        assert (tenant, now_us) == (self.tenant, self.clock())
        self.heard += [(change.case.id, change.case.severity, change.firing) for change in alerts]
        if self.hears is not None:
            self.hears(connection, tenant, alerts, now_us)
        if self.on_heard is not None:
            self.on_heard()

    def put(self, name: str, subject: str = "persona", **values: object) -> None:
        """Facts about subjects: id=value, observed now."""
        self.put_at(self.clock(), name, subject, **values)

    def put_at(self, at_us: int, name: str, subject: str = "persona", **values: object) -> None:
        """Facts about subjects, observed at an instant."""
        rows = [FactRow(subject, one, name, at_us, value) for one, value in values.items()]  # type: ignore[arg-type]
        self.facts.write(self.tenant, rows, self.clock())

    def event(self, name: str, minutes: float, persona: str = "agency", **fields: object) -> Event:
        """An event so many minutes after noon."""
        self.events.events += 1
        at_us = NOON + round(minutes * MINUTE)
        return Event(
            f"x{self.events.events}",
            "web",
            name,
            at_us,
            properties={"persona": persona},
            **fields,  # type: ignore[arg-type]
        )

    def run(self, policy: str = "scaling", **asked: object) -> Checkpoint:
        """A checkpoint, begun and done on threads of the operations."""
        if not any(thread.is_alive() for thread in self.operations._threads):
            self.operations.begin()
        started = self.checkpoints.run(self.tenant, Asked(policy, **asked))  # type: ignore[arg-type]
        ended = self.operations.wait(self.tenant, started.id, 60)
        assert ended.result is not None, ended.error
        return self.checkpoints.get(self.tenant, ended.result.decode())

    def result(self, **asked: object) -> CellResult:
        """What a checkpoint says of its first cell."""
        return self.run(**asked).cells[0]

    def outcomes(self, **asked: object) -> list[Outcome]:
        """Those of all cells."""
        return [one.outcome for one in self.run(**asked).cells]

    def cases_of(self, kind: CaseKind) -> list[Case]:
        """All cases of a kind, the oldest first."""
        with self.state.reading() as connection:
            return case_store.list_cases(connection, self.tenant, kind)[::-1]

    def timeline(self, case: str) -> list[CaseEvent]:
        """What happened to a case."""
        with self.state.reading() as connection:
            return case_store.events_of(connection, self.tenant, case)

    def close(self) -> None:
        """End the threads."""
        self.operations.close()
        self.state.close()
