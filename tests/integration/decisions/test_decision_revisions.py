"""Decisions explained by the revisions that the state database keeps: activated, replaced, loaded after a restart."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.decisions.explaining import DecisionExplainer
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.rules.activation import Activation
from trueline_server.rules.book import RuleBook, Sets
from trueline_server.rules.moves import Needs
from trueline_server.rules.operator_files import OperatorFiles
from trueline_server.rules.store import Taken
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

from tests.integration.decisions import decision_world as w

TENANT = "decision-revisions"


class InMemoryMetrics:
    """Metrics that are there at once: these rules read none."""

    def prepare(self, needs: Needs) -> None:
        """Nothing is to be done."""

    def taken(self, needs: Needs) -> Mapping[str, Taken]:
        """Nothing was."""
        return {}

    def settle(self, needs: Needs) -> None:
        """Nothing is to be done."""


def open_rules(state: StateDatabase) -> tuple[RuleBook, Activation]:
    """The default pack in force, or what was in force last."""
    book = RuleBook(state, Sets({}))
    clock, files = ManualClock(w.NOON), OperatorFiles(())
    activation = Activation(state, book, InMemoryMetrics(), lambda _: {}, files=files, clock=clock)
    activation.open()
    return book, activation


def decide(state: StateDatabase, log: DecisionLog, rules: RuleSet, number: int) -> str:
    """A decision over the same facts each time; answers its id."""
    facts: dict[str, w.Value | None] = {"number": 60.0, "text": "b", "bool": True, "ssn": "1"}
    judged = w.judged(rules, TENANT, "everything", facts, at_us=w.NOON + number)
    decision = DecisionRecorder(w.KEY, ManualClock(w.NOON)).record(judged, kind="transition")
    with state.writing() as connection:
        log.keep(connection, [decision])
    return decision.id


def test_each_decision_is_explained_by_the_revision_that_was_in_force(tmp_path: Path, warehouse: Warehouse) -> None:
    """Rules are activated one after the other; after a restart all decisions come out as they did."""
    clock, made = ManualClock(w.NOON), {}
    with w.open_log(tmp_path, warehouse, clock) as (state, log):
        book, activation = open_rules(state)
        for number, limit in enumerate((10, 100, 10, 15)):
            assert activation.activate(TENANT, [("world.yaml", w.texts(limit))]).problems == ()
            made[decide(state, log, book.of(TENANT), number)] = (limit, "warning" if limit < 20 else "unknown")
        activation.activate(TENANT, ())
        assert "everything" not in book.of(TENANT).alert_rules
    with closing(StateDatabase.sqlite(tmp_path / "state.sqlite3")) as state:
        log = DecisionLog(state, warehouse, clock)
        explainer = DecisionExplainer(log, open_rules(state)[0].rules_at, DecisionRecorder(w.KEY, clock))
        for decision_id, (limit, expected) in made.items():
            explained = explainer.explain(TENANT, decision_id)
            assert (explained.same, explained.replayed) == (True, expected)
            assert explained.explanations["warning"].text.startswith(f"number / 3 > {limit} ")
        log.close()
