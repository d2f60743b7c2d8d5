"""The decision log over the real warehouse and a real state database: what is kept is there once, and is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.decisions.log import MOST_NOTED, DecisionLog
from trueline_server.decisions.model import Decision
from trueline_server.errors import TruelineError
from trueline_stores.errors import StoreClosedError
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.tables import TableSettings

from tests.integration.decisions import decision_world as w

HOUR = 3_600_000_000
DAY = 24 * HOUR


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    """The rules of the world."""
    return w.rules()


@pytest.fixture
def clock() -> ManualClock:
    """A minute after noon."""
    return ManualClock(w.NOON + 60_000_000)


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of its own for each test: the warehouse is shared."""
    return f"decisions-{abs(hash(request.node.nodeid))}"


@pytest.fixture
def opened(tmp_path: Path, warehouse: Warehouse, clock: ManualClock) -> Iterator[tuple[StateDatabase, DecisionLog]]:
    """A state database and a log over it."""
    with w.open_log(tmp_path, warehouse, clock) as parts:
        yield parts


def keep(opened: tuple[StateDatabase, DecisionLog], *decisions: Decision) -> None:
    """Keep decisions in a transaction of their own."""
    state, log = opened
    with state.writing() as connection:
        log.keep(connection, decisions)


def rows(warehouse: Warehouse, tenant: str) -> int:
    """Rows in the table, whether or not they are merged."""
    found = warehouse.query("SELECT count() FROM trueline.decisions WHERE tenant = {t:String}", {"t": tenant})
    return int(found[0][0])


def test_a_kept_decision_is_read_as_it_was(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, clock: ManualClock
) -> None:
    """Every field comes back, also odd labels and facts; it is there before anybody flushed."""
    decision = dataclasses.replace(
        w.decided(rules, tenant, 1, clock),
        labels=(("a'b\\", 'x"\n\t'), ("plan", "日本")),
        facts={"n": 1.5, "t": "it's\n\\", "s": frozenset({"", "'"}), "none": None, "inf": float("inf")},
        truths={"warning": "1?."},
        watermark_us=None,
        message="no\nway",
        compared="abc",
    )
    keep(opened, decision)
    assert opened[1].get(tenant, decision.id) == decision
    assert opened[1].list(tenant, labels={"a'b\\": 'x"\n\t'}) == [decision]
    assert opened[1].list(tenant, labels={"a'b\\": "x"}) == []


def test_what_is_undone_is_not_logged(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, clock: ManualClock
) -> None:
    """A decision is kept with the transaction that it tells of, or not at all."""
    state, log = opened
    with state.writing() as connection:
        log.keep(connection, [w.decided(rules, tenant, 1, clock)])
        connection.rollback()
    assert log.list(tenant) == []


def test_a_decision_kept_twice_is_there_once(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, clock: ManualClock, warehouse: Warehouse
) -> None:
    """Within one batch, and again after it was moved, as after a crash before it was taken out."""
    decision = w.decided(rules, tenant, 1, clock)
    for _ in range(2):
        keep(opened, decision, decision)
        opened[1].flush()
        assert opened[1].list(tenant) == [decision]
        assert rows(warehouse, tenant) == 1
    assert opened[1].state().written == 1


def test_decisions_wait_while_the_warehouse_fails(
    tmp_path: Path, rules: RuleSet, tenant: str, clock: ManualClock, warehouse: Warehouse
) -> None:
    """Kept, noted and counted things wait for it, and come once it answers; nothing is lost or doubled."""

    class Failing:
        """The shared warehouse, which refuses until it is told not to."""

        failing = True

        def __getattr__(self, name: str) -> object:
            if self.failing:
                raise StoreClosedError("the warehouse is closed")
            return getattr(warehouse, name)

    failing = Failing()
    with w.open_log(tmp_path, failing, clock) as opened:  # type: ignore[arg-type]
        log = opened[1]
        keep(opened, w.decided(rules, tenant, 1, clock))
        log.note([w.decided(rules, tenant, 2, clock, kind="request")])
        log.count(tenant, "hidden", "r", 7)
        for _ in range(2):
            with pytest.raises(StoreClosedError):
                log.flush()
        assert (log.state().written, log.state().waiting) == (0, 2)
        failing.failing = False
        log.flush()
        assert (log.state().written, log.state().waiting) == (2, 0)
        assert len(log.list(tenant)) == 2
        log.flush()
        counted = log.counts(tenant, start_us=clock() - HOUR, end_us=clock() + HOUR, rule="hidden")
        assert sum(each.unchanged for each in counted) == 7
    assert rows(warehouse, tenant) == 2


def test_lists_are_newest_first_and_filtered(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, clock: ManualClock
) -> None:
    """By rule, kind, span of instants and labels; pages follow each other without gap or overlap."""
    log = opened[1]
    made = [w.decided(rules, tenant, number, clock) for number in range(25)]
    made[3] = dataclasses.replace(made[3], labels=(("plan", "pro"), ("region", "eu")))
    made[4] = dataclasses.replace(made[4], kind="shadow", rule="everything")
    made.append(dataclasses.replace(w.decided(rules, tenant, 25, clock), decided_at_us=clock() + 1))
    keep(opened, *made)
    keep(opened, w.decided(rules, f"{tenant}-other", 1, clock))
    newest = made[::-1]
    assert log.list(tenant) == newest
    assert log.list(tenant, start_us=w.NOON + 5, end_us=w.NOON + 8) == newest[18:21]
    assert log.list(tenant, decided_since_us=clock() + 1) == [made[25]]
    assert log.list(tenant, labels={"plan": "pro"}) == [made[3]]
    assert log.list(tenant, labels={"plan": "pro", "region": "us"}) == []
    assert log.list(tenant, kind="shadow") == log.list(tenant, rule="everything") == [made[4]]
    paged: list[Decision] = []
    while page := log.list(tenant, after=paged[-1].id if paged else "", most=10):
        paged += page
    assert paged == newest


def test_rows_that_were_written_again_are_one_decision(
    opened: tuple[StateDatabase, DecisionLog],
    rules: RuleSet,
    tenant: str,
    clock: ManualClock,
) -> None:
    """A flush whose answer was lost is done again: each decision is listed once, and pages stay full."""
    log = opened[1]
    made = [w.decided(rules, tenant, number, clock, kind="request") for number in range(10)]
    for _ in range(3):
        log.note(made)
        log.flush()
    newest = made[::-1]
    assert log.list(tenant) == newest
    assert log.list(tenant, most=4) == newest[:4]
    assert log.list(tenant, most=4, after=newest[3].id) == newest[4:8]
    counted = log.counts(tenant, start_us=clock(), end_us=clock() + 1)
    assert [each.requests for each in counted] == [10]


def test_what_cannot_be_asked_is_refused(opened: tuple[StateDatabase, DecisionLog], tenant: str) -> None:
    """An id that is none, and a page that is too large, are named with their field."""
    for wrong in ("x" * 32, "12", "'; DROP"):
        with pytest.raises(TruelineError, match="must be the id of a decision") as refused:
            opened[1].list(tenant, after=wrong)
        assert refused.value.metadata == {"field": "after"}
    for most in (0, 1002):
        with pytest.raises(TruelineError, match="1 to 1001"):
            opened[1].list(tenant, most=most)


def test_decisions_of_others_are_not_found(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, clock: ManualClock
) -> None:
    """An id says nothing to another tenant, and a wrong one is named."""
    decision = w.decided(rules, tenant, 1, clock)
    keep(opened, decision)
    for whose, which in ((f"{tenant}-other", decision.id), (tenant, "nothing")):
        with pytest.raises(TruelineError) as refused:
            opened[1].get(whose, which)
        assert (refused.value.code, refused.value.reason) == ("NOT_FOUND", "UNKNOWN_DECISION")
        assert refused.value.metadata == {"decision": which}


def test_noted_decisions_are_bounded(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, clock: ManualClock
) -> None:
    """Beyond the bound they are dropped and counted, so that a burst of requests takes no memory."""
    log = opened[1]
    decision = w.decided(rules, tenant, 1, clock, kind="request")
    log.note(dataclasses.replace(decision, id=f"{number:032x}") for number in range(MOST_NOTED + 5))
    large = dataclasses.replace(decision, facts={"t": "x" * (40 * 1024 * 1024)})
    assert (log.state().waiting, log.state().dropped) == (MOST_NOTED, 5)
    log.flush()
    log.note([large, decision])
    assert (log.state().waiting, log.state().dropped) == (1, 6)


def test_closing_flushes(tmp_path: Path, warehouse: Warehouse, rules: RuleSet, tenant: str, clock: ManualClock) -> None:
    """What was noted and counted when the server stops is in the warehouse, and closing again does nothing."""
    with w.open_log(tmp_path, warehouse, clock) as (_, log):
        log.start()
        log.note([w.decided(rules, tenant, 1, clock, kind="request")])
        log.count(tenant, "hidden", rules.revision, 3)
        log.close()
        log.close()
        assert rows(warehouse, tenant) == 1
        assert [each.unchanged for each in log.counts(tenant, start_us=clock(), end_us=clock() + 1)] == [3]


def test_counts_add_up_by_the_hour(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, clock: ManualClock, warehouse: Warehouse
) -> None:
    """Unchanged results of a rule and revision are summed by hour over any number of flushes and merges."""
    log, before = opened[1], clock()
    for hour in range(3):
        for number in range(20):
            log.count(tenant, "hidden", "one", number)
            log.count(tenant, "everything", "two", 1)
            if number % 5 == 0:
                log.flush()
        keep(opened, w.decided(rules, tenant, hour, clock))
        log.note([w.decided(rules, tenant, hour, clock, kind="request")])
        clock.turn(3600)
    for _ in range(2):
        found = log.counts(tenant, start_us=before, end_us=before + 3 * HOUR)
        totals = {(each.rule, each.revision, (each.hour_us - w.NOON) // HOUR): each for each in found}
        assert {key: each.unchanged for key, each in totals.items() if each.unchanged} == {
            (rule, revision, hour): number
            for hour in range(3)
            for rule, revision, number in (("hidden", "one", 190), ("everything", "two", 20))
        }
        made = [totals["hidden", rules.revision, hour] for hour in range(3)]
        assert [(each.transitions, each.requests, each.shadow) for each in made] == [(1, 1, 0)] * 3
        warehouse.command("OPTIMIZE TABLE trueline.decision_counts FINAL")
    assert {each.rule for each in log.counts(tenant, start_us=before, end_us=before + HOUR, rule="hidden")} == {
        "hidden"
    }
    assert log.counts(tenant, start_us=before + 5 * HOUR, end_us=before + 9 * HOUR) == []


def test_decisions_expire(
    opened: tuple[StateDatabase, DecisionLog], rules: RuleSet, tenant: str, warehouse: Warehouse
) -> None:
    """Rows are deleted so many days after they were judged, whatever instant they are about; counts likewise."""
    log = opened[1]
    today = int(warehouse.query("SELECT toUnixTimestamp64Micro(now64(6))")[0][0])
    for number, age in enumerate((1, 29, 31, 400)):
        at = ManualClock(today - age * DAY)
        keep(opened, w.decided(rules, tenant, number, at))
        aged = DecisionLog(opened[0], warehouse, at)
        aged.count(tenant, "hidden", "r", 1)
        aged.flush()
    assert len(log.list(tenant)) == 4
    try:
        warehouse.migrate(TableSettings(decisions_ttl_days=30))
        for table in ("decisions", "decision_counts"):
            warehouse.command(f"OPTIMIZE TABLE trueline.{table} FINAL")
        assert [decision.at_us - w.NOON for decision in log.list(tenant)] == [1, 0]
        counted = log.counts(tenant, start_us=today - 500 * DAY, end_us=today + DAY, rule="hidden")
        assert sum(each.unchanged for each in counted) == 2
    finally:
        warehouse.migrate()
