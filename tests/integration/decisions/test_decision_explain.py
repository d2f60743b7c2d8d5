"""Decisions of the log explained: judged again they come to what they came to, and no masked value is in a store."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from trueline_rules.alert_rules import compile_rule
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.decisions.explaining import DecisionExplainer
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.model import Decision
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.errors import TruelineError
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.tables import TABLES

from tests.integration.decisions import decision_world as w


class World:
    """A log, an explainer, and the revisions that it knows."""

    def __init__(self, state: StateDatabase, log: DecisionLog, tenant: str) -> None:
        self.state, self.log, self.tenant = state, log, tenant
        self.revisions: dict[str, RuleSet] = {}
        self.recorder = DecisionRecorder(w.KEY, ManualClock(w.NOON))
        self.explainer = DecisionExplainer(log, self.rules_at, self.recorder)

    def rules_at(self, tenant: str, revision: str) -> RuleSet:
        """A revision that is known."""
        if revision not in self.revisions:
            raise TruelineError("NOT_FOUND", "UNKNOWN_REVISION", f"no revision {revision}")
        return self.revisions[revision]

    def keep(self, rules: RuleSet, rule: str, facts: w.Mapping[str, w.Value | None], **more: object) -> Decision:
        """Judge facts, keep the decision, and answer it as it is in the log."""
        self.revisions[rules.revision] = rules
        what = w.judged(rules, self.tenant, rule, facts, **more)  # type: ignore[arg-type]
        decision = self.recorder.record(what, kind="transition")
        with self.state.writing() as connection:
            self.log.keep(connection, [decision])
        return decision


@pytest.fixture
def world(tmp_path: Path, warehouse: Warehouse, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world of its own for each test."""
    with w.open_log(tmp_path, warehouse, ManualClock(w.NOON)) as (state, log):
        yield World(state, log, f"explained-{abs(hash(request.node.nodeid))}")


@pytest.mark.parametrize("make", [lambda: load_texts([]), w.rules], ids=["default pack", "all types"])
def test_each_decision_of_a_random_run_is_explained_alike(world: World, make: Callable[[], RuleSet]) -> None:
    """Whatever the facts, of which some are masked and some missing: result and truths are those of then."""
    rng, rules = random.Random(20_240_602), make()
    truths: dict[str, dict[str, bool | None]] = {}
    for number in range(400):
        rule = rng.choice(sorted(rules.alert_rules))
        facts = w.random_facts(rng, rules, rule)
        decision = world.keep(rules, rule, facts, at_us=w.NOON + number)
        compiled = compile_rule(rules.alert_rules[rule], rules.fact_types)
        now = w.EPOCH + w.timedelta(microseconds=decision.at_us)
        truths[decision.id] = {name: each.evaluate(facts, now) for name, each in compiled.conditions.items()}
        assert decision.decision == compiled.severity(facts, now)
    logged = world.log.list(world.tenant, most=1000)
    assert {decision.id for decision in logged} == set(truths)
    assert {decision.decision for decision in logged} == {"critical", "warning", "none", "unknown"}
    for decision in logged:
        explained = world.explainer.explain(world.tenant, decision.id)
        assert (explained.same, explained.replayed, explained.note) == (True, decision.decision, "")
        assert {name: each.truth for name, each in explained.explanations.items()} == truths[decision.id]


def test_an_old_decision_is_explained_by_the_revision_that_made_it(world: World) -> None:
    """After the rule changed, the former condition is told with its result; the new one decides otherwise."""
    former, rules = w.rules(10), w.rules(100)
    facts = {"number": 60.0, "text": "b", "bool": True}
    old = world.keep(former, "everything", facts, at_us=w.NOON)
    new = world.keep(rules, "everything", facts, at_us=w.NOON + 1)
    assert (old.decision, new.decision) == ("warning", "unknown")
    for decision, limit in ((old, "10"), (new, "100")):
        explained = world.explainer.explain(world.tenant, decision.id)
        assert explained.same
        assert explained.explanations["warning"].text.startswith(f"number / 3 > {limit} ")


def test_masked_values_are_in_no_store(world: World, tmp_path: Path, warehouse: Warehouse) -> None:
    """Neither in the state database, while the decision waits there, nor in any table of the warehouse."""
    rules = w.rules()
    canary = "zz-canary-7c1f-zz"
    facts: dict[str, w.Value | None] = {"ssn": canary, "salary": 41_977.125, "number": 1.0, "text": "seen"}
    decision = world.keep(rules, "everything", facts, reason="failed", message=f"no number: {canary}")
    for file in tmp_path.glob("state.sqlite3*"):
        content = file.read_bytes()
        assert canary.encode() not in content
        assert b"41977" not in content
    assert b"seen" in b"".join(file.read_bytes() for file in tmp_path.glob("state.sqlite3*"))
    world.log.flush()
    for table in TABLES:
        everything = "concat(" + ", ' ', ".join(f"toString({name})" for name, _ in table.columns) + ")"
        found = warehouse.query(
            f"SELECT count() FROM {table.full_name} WHERE tenant = {{t:String}} "
            f"AND ({everything} LIKE '%zz-canary%' OR {everything} LIKE '%41977%')",
            {"t": world.tenant},
        )
        assert (table.name, found[0][0]) == (table.name, 0)
    explained = world.explainer.explain(world.tenant, decision.id)
    assert canary not in repr(explained)
    assert explained.decision.masked == ("salary", "ssn")
    assert explained.same


def test_a_decision_over_no_facts_says_why(world: World) -> None:
    """What was gone or failed is no result of conditions: there is nothing to judge, and the note says so."""
    rules = w.rules()
    notes = {}
    for number, reason in enumerate(("vanished", "no_rows", "failed")):
        decision = world.keep(
            rules, "hidden", {}, at_us=w.NOON + number, reason=reason, decision="none", message="the facts do not join"
        )
        explained = world.explainer.explain(world.tenant, decision.id)
        assert (explained.same, explained.replayed, explained.explanations) == (True, "none", {})
        notes[reason] = explained.note
    assert "label set was gone" in notes["vanished"]
    assert "no label set" in notes["no_rows"]


def test_what_cannot_be_explained_says_why(world: World) -> None:
    """A revision that is gone, a rule that it lacks, and a row that somebody changed are told, not raised."""
    rules = w.rules()
    decision = world.keep(rules, "everything", {"number": 60.0, "text": None})
    changes = {
        "no revision 0000": dataclasses.replace(decision, revision="0000"),
        "has no alert rule 'gone'": dataclasses.replace(decision, rule="gone"),
        "their digest differs": dataclasses.replace(decision, facts={"number": 61.0, "text": None}),
        "the log says critical": dataclasses.replace(decision, decision="critical"),
        "another condition": dataclasses.replace(decision, truths={"warning": "1"}),
    }
    for why, changed in changes.items():
        explained = world.explainer.replay(changed)
        assert not explained.same
        assert why in explained.note
    assert world.explainer.replay(decision).same
    with pytest.raises(TruelineError, match="no decision"):
        world.explainer.explain(world.tenant, "0" * 32)
