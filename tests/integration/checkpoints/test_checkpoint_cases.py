"""Misses as cases: opened once, followed through later checkpoints, resolved when a later one passes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_rules.checkpoint_model import Priority
from trueline_rules.checkpoints.comparing import Change
from trueline_rules.checkpoints.results import Outcome, Verdict
from trueline_server.cases import changes
from trueline_server.cases import store as case_store
from trueline_server.cases.model import CaseKind, CaseState
from trueline_server.checkpoints.backlog import BacklogChange
from trueline_server.checkpoints.model import Asked
from trueline_server.errors import TruelineError
from trueline_stores.warehouse.client import Warehouse

from tests.integration.checkpoints.checkpoint_world import DAY_US, NPS, CheckpointWorld, cell, rules_of

BACKLOG, ESCALATION = CaseKind.BACKLOG, CaseKind.ESCALATION
WEEK_S = 7 * 86_400


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[CheckpointWorld]:
    """One cell: agencies' net promoter score, to be 40."""
    found = CheckpointWorld(warehouse, tmp_path)
    yield found
    found.close()


def test_a_miss_opens_one_item_and_one_escalation(world: CheckpointWorld) -> None:
    """With priority, owner, what to do, and the labels that it is routed by; both are in the result and heard of."""
    world.put("nps", agency=28.0)
    found = world.run(title="Q2 2024")
    assert (found.verdict, found.title, found.counts[Outcome.FAIL]) == (Verdict.FAILED, "Q2 2024", 1)
    (item,) = world.cases_of(BACKLOG)
    (escalation,) = world.cases_of(ESCALATION)
    assert (
        (found.cells[0].backlog, found.cells[0].escalation) == (item.id, escalation.id) == ("backlog-1", "escalation-1")
    )
    assert (item.key, item.severity, item.owner, item.title) == (
        "scaling/persona:agency:nps",
        "high",
        "ann",
        "agency nps misses its target",
    )
    assert item.text == "28 misses the target of at least 40 by 30 %, over 1 observation"
    assert item.labels == {
        "kind": "checkpoint_miss",
        "rule": "scaling",
        "checkpoint": "scaling",
        "part": "persona",
        "persona": "agency",
        "measure": "nps",
        "severity": "high",
    }
    assert escalation.labels == item.labels
    assert len(escalation.key) == 32
    told = {
        name: item.details[name] for name in ("value", "target", "action", "escalation", "misses", "first_checkpoint")
    }
    assert told == {
        "value": 28.0,
        "target": 40.0,
        "action": "ask",
        "escalation": "escalation-1",
        "misses": 1,
        "first_checkpoint": "checkpoint-1",
    }
    assert world.heard == [("escalation-1", "high", True)]
    assert [event.kind for event in world.timeline(item.id)] == ["opened"]


def test_the_same_miss_adds_to_the_timeline(world: CheckpointWorld) -> None:
    """No second case, nobody is told again; a miss that grew is more urgent, which is heard of."""
    world.put("nps", agency=28.0)
    world.run()
    world.clock.turn(WEEK_S)
    world.run()
    assert [len(world.cases_of(kind)) for kind in (BACKLOG, ESCALATION)] == [1, 1]
    assert world.heard == [("escalation-1", "high", True)]
    assert [event.kind for event in world.timeline("backlog-1")] == ["opened", "note"]
    assert world.timeline("escalation-1")[-1].text.startswith("checkpoint-2: 28 misses the target")
    world.put("nps", agency=10.0)
    world.run()
    (item,) = world.cases_of(BACKLOG)
    assert (item.severity, item.labels["severity"], item.details["misses"]) == ("critical", "critical", 3)
    assert world.heard[1:] == [("escalation-1", "critical", True)]
    assert [event.kind for event in world.timeline("escalation-1")] == ["opened", "note", "severity_changed", "note"]


def test_a_checkpoint_that_passes_closes_the_loop(world: CheckpointWorld) -> None:
    """Both cases are resolved and say by which checkpoint; a later miss is a new one."""
    world.put("nps", agency=28.0)
    world.run()
    world.clock.turn(WEEK_S)
    world.put("nps", agency=44.0)
    found = world.run()
    assert (found.verdict, found.cells[0].backlog, found.cells[0].escalation) == (Verdict.PASSED, "", "")
    for case in (*world.cases_of(BACKLOG), *world.cases_of(ESCALATION)):
        assert (case.state, case.ends_us, case.details["resolved_by_checkpoint"]) == (
            CaseState.RESOLVED,
            found.at_us,
            found.id,
        )
        last = world.timeline(case.id)[-1]
        assert (last.kind, last.text) == ("resolved", "checkpoint-2: 44 exceeds the target 40, over 1 observation")
    assert world.heard[1:] == [("escalation-1", "high", False)]
    world.put("nps", agency=39.0)
    assert world.run().cells[0].backlog == "backlog-2"
    assert world.heard[2:] == [("escalation-2", "low", True)]


def test_insufficient_data_neither_passes_nor_escalates(world: CheckpointWorld) -> None:
    """Nothing is opened; what is open stays open and says that nobody knows."""
    assert world.run().verdict is Verdict.INCOMPLETE
    assert (world.cases_of(BACKLOG), world.heard) == ([], [])
    world.put("nps", agency=28.0)
    world.run()
    world.put("nps", agency=None)
    assert world.run().verdict is Verdict.INCOMPLETE
    (item,) = world.cases_of(BACKLOG)
    assert item.is_open
    assert world.timeline(item.id)[-1].text.startswith("checkpoint-3: persona agency has no value for fact nps")
    assert len(world.heard) == 1


def test_what_the_policy_does_not_want_is_not_opened(world: CheckpointWorld) -> None:
    """Only a backlog, or only an escalation; further labels are on both."""
    world.put("nps", agency=28.0)
    world.rules = rules_of(NPS, spec="on_miss: {escalate: false, labels: {team: growth}}")
    world.run()
    assert [case.labels["team"] for case in world.cases_of(BACKLOG)] == ["growth"]
    assert world.heard == []
    world.rules = rules_of(NPS, spec="on_miss: {backlog: false}", name="other")
    assert (world.run("other").cells[0].backlog, len(world.cases_of(BACKLOG))) == ("", 1)
    assert world.heard == [("escalation-1", "high", True)]


def test_a_cell_that_is_gone_leaves_nothing_open(world: CheckpointWorld) -> None:
    """Its cases say why they are resolved; those of other policies stay."""
    world.put("nps", agency=28.0)
    world.run()
    world.rules = rules_of(NPS, name="other")
    world.run("other")
    world.rules = rules_of(cell("{fact: nps}", "another", 20))
    world.run()
    assert [case.is_open for case in world.cases_of(BACKLOG)] == [False, True]
    assert world.timeline("backlog-1")[-1].text == "checkpoint-3: the policy does not have this cell any more"
    assert world.heard[-1] == ("escalation-1", "high", False)


def test_an_escalation_that_somebody_resolved_comes_back_only_if_it_is_worse(world: CheckpointWorld) -> None:
    """The item of the backlog stands for the miss; people hear of it again if that was called done and was not."""
    world.put("nps", agency=28.0)
    world.run()
    _resolve(world, "escalation-1")
    world.run()
    assert len(world.cases_of(ESCALATION)) == 1
    world.put("nps", agency=10.0)
    assert world.run().cells[0].escalation == "escalation-2"
    _resolve(world, "escalation-2")
    world.backlog.update(world.tenant, "backlog-1", BacklogChange(state=CaseState.RESOLVED), by="ann")
    found = world.run().cells[0]
    assert (found.backlog, found.escalation) == ("backlog-1", "escalation-3")


def test_an_item_that_was_called_done_is_open_again(world: CheckpointWorld) -> None:
    """The same item, with the owner and the priority that people gave it, and the same escalation beside it."""
    world.put("nps", agency=28.0)
    world.run()
    given = BacklogChange(owner="bob", priority=Priority.CRITICAL, state=CaseState.ACKNOWLEDGED)
    world.backlog.update(world.tenant, "backlog-1", given, by="bob")
    world.backlog.update(world.tenant, "backlog-1", BacklogChange(state=CaseState.RESOLVED), by="bob")
    world.clock.turn(WEEK_S)
    found = world.run().cells[0]
    assert (found.backlog, found.escalation) == ("backlog-1", "escalation-1")
    (item,) = world.cases_of(BACKLOG)
    assert (item.state, item.owner, item.severity, item.acknowledged_by, item.resolved_us, item.ends_us) == (
        CaseState.OPEN,
        "bob",
        "critical",
        "",
        None,
        None,
    )
    assert (item.details["misses"], item.details["priority_by"]) == (2, "bob")
    assert [event.kind for event in world.timeline(item.id)][-3:] == ["resolved", "opened", "note"]
    assert world.heard == [("escalation-1", "high", True)]


def test_an_item_that_was_done_stays_done(world: CheckpointWorld) -> None:
    """A checkpoint that passes says so of an item that somebody called done, so that a later miss is another one."""
    world.put("nps", agency=28.0)
    world.run()
    world.backlog.update(world.tenant, "backlog-1", BacklogChange(state=CaseState.RESOLVED), by="bob")
    world.put("nps", agency=44.0)
    passed = world.run()
    (item,) = world.cases_of(BACKLOG)
    assert (item.state, item.details["resolved_by_checkpoint"]) == (CaseState.RESOLVED, passed.id)
    assert world.timeline(item.id)[-1].text.startswith("checkpoint-2: 44 exceeds the target 40")
    version = item.version
    world.run()
    assert world.cases_of(BACKLOG)[0].version == version
    world.put("nps", agency=28.0)
    assert world.run().cells[0].backlog == "backlog-2"


def _resolve(world: CheckpointWorld, case_id: str) -> None:
    with world.state.writing() as connection:
        case = case_store.find_case(connection, world.tenant, case_id)
        assert case is not None
        after, event = changes.resolve(case, "ann", world.clock())
        case_store.update_cases(connection, [after])
        case_store.insert_events(connection, world.tenant, [event], world.clock())


def test_people_change_items(world: CheckpointWorld) -> None:
    """Owner, priority, state and notes, by etag; the priority that somebody set is not changed by checkpoints."""
    world.put("nps", agency=28.0)
    world.run()
    change = BacklogChange(owner="bob", priority=Priority.LOW, state=CaseState.ACKNOWLEDGED, note="in June")
    planned = world.backlog.update(world.tenant, "backlog-1", change, by="ann", etag="1", validate_only=True)
    assert (planned.owner, world.backlog.get(world.tenant, "backlog-1").case.owner) == ("bob", "ann")
    done = world.backlog.update(world.tenant, "backlog-1", change, by="ann", etag="1")
    assert (done.owner, done.severity, done.state, done.acknowledged_by, done.version) == (
        "bob",
        "low",
        CaseState.ACKNOWLEDGED,
        "ann",
        2,
    )
    with pytest.raises(TruelineError, match="was changed since you read it"):
        world.backlog.update(world.tenant, "backlog-1", change, by="ann", etag="1")
    world.put("nps", agency=10.0)
    world.run()
    item = world.backlog.get(world.tenant, "backlog-1")
    assert (item.case.severity, item.case.details["priority_by"], item.case.owner) == ("low", "ann", "bob")
    assert [event.kind for event in item.events] == [
        "opened",
        "owner_changed",
        "changed",
        "acknowledged",
        "note",
        "note",
    ]
    # The escalation follows the miss.
    assert world.cases_of(ESCALATION)[0].severity == "critical"


def test_the_backlog_is_listed_by_what_people_ask_for(world: CheckpointWorld) -> None:
    """By state, priority, owner and policy, the newest first, page by page; what cannot be found or done is told."""
    world.rules = rules_of(
        *(cell("{fact: nps}", measure, target, f", owner: {owner}") for measure, target, owner in _MANY)
    )
    world.put("nps", agency=10.0)
    world.run()
    listed = world.backlog.list
    assert [case.number for case in listed(world.tenant)] == [4, 3, 2, 1]
    assert [case.number for case in listed(world.tenant, before=4, most=2)] == [3, 2]
    assert [case.number for case in listed(world.tenant, priority=Priority.CRITICAL)] == [4, 2]
    assert [case.number for case in listed(world.tenant, owner="bob", states=[CaseState.OPEN])] == [3]
    assert listed(world.tenant, policy="another") == []
    assert listed("another tenant") == []
    for call in (world.backlog.get, lambda *of: world.backlog.update(*of, BacklogChange(note="x"), by="ann")):
        with pytest.raises(TruelineError) as caught:
            call(world.tenant, "escalation-1")
        assert caught.value.reason == "UNKNOWN_CASE"
    with pytest.raises(TruelineError, match="names nothing to change"):
        world.backlog.update(world.tenant, "backlog-1", BacklogChange(), by="ann")
    done = BacklogChange(state=CaseState.RESOLVED)
    world.backlog.update(world.tenant, "backlog-1", done, by="ann")
    with pytest.raises(TruelineError, match="backlog-1 is resolved already"):
        world.backlog.update(world.tenant, "backlog-1", BacklogChange(priority=Priority.LOW), by="ann")


_MANY = [("a", 11, "ann"), ("b", 40, "ann"), ("c", 13, "bob"), ("d", 90, "cid")]


def test_an_earlier_instant_changes_no_cases(world: CheckpointWorld) -> None:
    """What was so in spring neither opens nor mends what is so in summer; asked to judge only, no run does."""
    start_us = world.clock()
    world.put("nps", agency=44.0)
    world.clock.turn(WEEK_S)
    world.put("nps", agency=28.0)
    assert world.run(judge_only=True).judge_only
    assert world.cases_of(BACKLOG) == []
    assert not world.run().judge_only
    found = world.run(at_us=start_us + DAY_US)
    assert (found.verdict, found.judge_only) == (Verdict.PASSED, True)
    assert world.cases_of(BACKLOG)[0].is_open
    assert not world.run(days=30).judge_only


def test_a_clock_that_jumped_does_not_hold_up_what_is_so_now(world: CheckpointWorld) -> None:
    """A run far ahead, by a clock that was wrong, neither blocks those after it nor is one before them."""
    world.put("nps", agency=28.0)
    world.clock.turn(60 * 86_400)
    assert not world.run().judge_only
    world.clock.turn(-59 * 86_400)
    world.put("nps", agency=44.0)
    found = world.run()
    assert (found.verdict, found.judge_only) == (Verdict.PASSED, False)
    assert not world.cases_of(BACKLOG)[0].is_open


def test_checkpoints_are_listed_and_compared(world: CheckpointWorld) -> None:
    """The newest first, of one policy or all, without cells; compared with the one before, or any of the policy."""
    world.put("nps", agency=28.0)
    world.run()
    world.put("nps", agency=44.0)
    world.run()
    world.rules = rules_of(NPS, name="other")
    world.run("other")
    listed = world.checkpoints.list
    assert [(one.id, one.policy, one.cells) for one in listed(world.tenant)] == [
        ("checkpoint-3", "other", ()),
        ("checkpoint-2", "scaling", ()),
        ("checkpoint-1", "scaling", ()),
    ]
    assert [one.number for one in listed(world.tenant, policy="scaling", before=2)] == [1]
    found = world.checkpoints.compare(world.tenant, "checkpoint-2")
    assert [(one.change, one.moved, one.better) for one in found.changes] == [(Change.FIXED, 16.0, True)]
    for asked, told in (
        (("checkpoint-1",), "is the first checkpoint of scaling"),
        (("checkpoint-3", "checkpoint-1"), "compare two of one policy"),
        (("checkpoint-9",), "no checkpoint 'checkpoint-9' is kept"),
    ):
        with pytest.raises(TruelineError, match=told):
            world.checkpoints.compare(world.tenant, *asked)
    with pytest.raises(TruelineError, match="no checkpoint"):
        world.checkpoints.get("another tenant", "checkpoint-1")


def test_what_cannot_be_asked_for_is_told(world: CheckpointWorld) -> None:
    """Policies that there are not, days and instants out of range; a request id begins one run."""
    for asked, reason, told in (
        (Asked("scalin"), "UNKNOWN_CHECKPOINT", "did you mean 'scaling'?"),
        (Asked("scaling", days=400), "INVALID_FIELD", "days must be from 1 to 366"),
        (Asked("scaling", at_us=world.clock() + 1), "INVALID_FIELD", "lies ahead of the server's clock"),
        (Asked("scaling", at_us=1), "INVALID_FIELD", "is before the year 1971"),
        (Asked("scaling", title="x" * 300), "INVALID_FIELD", "title has more than 256 bytes"),
    ):
        with pytest.raises(TruelineError, match=told) as caught:
            world.checkpoints.check(world.tenant, asked)
        assert caught.value.reason == reason
    checked = world.checkpoints.check(world.tenant, Asked("scaling"))
    assert (checked.days, checked.title, checked.at_us) == (90, "scaling 2024-06-01", world.clock())
    first = world.checkpoints.run(world.tenant, Asked("scaling", request_id="r"))
    world.clock.turn(5)
    assert world.checkpoints.run(world.tenant, Asked("scaling", request_id="r")).id == first.id
    with pytest.raises(TruelineError, match="with other arguments"):
        world.checkpoints.run(world.tenant, Asked("scaling", days=5, request_id="r"))
