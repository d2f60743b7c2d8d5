"""Live evaluation of one rule set as a server runs it, over a warehouse and a clock that is turned."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_rules.model import RuleSet
from trueline_server.alerts.decisions import AlertDecisions
from trueline_server.alerts.kpi_values import KeptKpis
from trueline_server.alerts.latest_points import LatestPoints
from trueline_server.alerts.live import LiveEvaluation
from trueline_server.alerts.reading import InstantReader
from trueline_server.clock import ManualClock
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.facts.store import FactStore
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.store import KpiValues
from trueline_server.metrics.reader import MetricReader
from trueline_server.rules.live_facts import LiveFacts
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement

DISORDER_US = 120_000_000


@dataclass(frozen=True, slots=True)
class Book:
    """The same rules for everybody, and nothing in the shadow."""

    rules: RuleSet

    def of(self, _tenant: str) -> RuleSet:
        """Those in force."""
        return self.rules

    def shadow_of(self, _tenant: str) -> RuleSet | None:
        """Nothing."""
        return None


def live_evaluation(
    rules: RuleSet, warehouse: Warehouse, state: StateDatabase, log: DecisionLog, clock: ManualClock
) -> LiveEvaluation:
    """Evaluates these rules for every tenant."""
    book = Book(rules)
    evaluator, clocks = Evaluator(Confinement(warehouse), clock), Clocks(warehouse, DISORDER_US)
    kpis = KpiService(
        Materialiser(evaluator, KpiValues(warehouse), clocks, book.of, clock), evaluator, clocks, book.of, clock
    )
    facts = LiveFacts(kpis, MetricReader(warehouse, book.of, clock), warehouse, FactStore(warehouse))
    reader = InstantReader(facts, KeptKpis(warehouse, lambda _, __: None, book.of).read, LatestPoints(warehouse))
    decisions = AlertDecisions(log, DecisionRecorder(b"k" * 32, clock))
    return LiveEvaluation(book, clocks, (reader, reader), state, decisions, clock=clock)
