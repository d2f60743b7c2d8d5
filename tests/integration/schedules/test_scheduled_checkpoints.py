"""What a schedule runs: checkpoints and backtests as operations, once for each time, also after a crash in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_rules.loader import load_texts
from trueline_server.backtests.operation import BacktestOperation
from trueline_server.backtests.scheduled import backtest_runs
from trueline_server.checkpoints.scheduled import checkpoint_runs
from trueline_server.operations.model import State
from trueline_server.operations.runner import Operations
from trueline_server.operations.store import OperationStore
from trueline_server.schedules.leases import LEASE_US
from trueline_server.schedules.model import ScheduledRun
from trueline_server.schedules.runner import ScheduleRunner, schedules_of
from trueline_server.schedules.service import ScheduleService
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import document
from tests.integration.backtests.backtest_world import RULES, World, looks
from tests.integration.checkpoints.checkpoint_world import BASE, NPS, CheckpointWorld
from tests.integration.schedules.schedule_world import schedule
from tests.integration.warehouse.playing import tenant_name

HOUR_S = 3600


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[CheckpointWorld]:
    """A checkpoint each hour, all made up for; it is noon."""
    policy = document("CheckpointPolicy", "scaling", f"personas: {{agency: Sells.}}\n  cells:\n    {NPS}")
    text = "---\n".join([*BASE, policy, schedule("@hourly", spec="missed: run_all")])
    found = CheckpointWorld(warehouse, tmp_path, load_texts([("world.yaml", text)], default_pack=False))
    found.operations.begin()
    yield found
    found.close()


def _runner(world: CheckpointWorld) -> ScheduleRunner:
    kinds = {"checkpoint": checkpoint_runs(world.checkpoints)}
    return ScheduleRunner(world.state, world.rules_of, lambda: [world.tenant], kinds, world.clock)


def _done(world: CheckpointWorld) -> list[int]:
    """Hours after noon of all checkpoints, the oldest first."""
    for operation in world.operations.list(world.tenant):
        ended = world.operations.wait(world.tenant, operation.id, 60)
        assert ended.error is None
    listed = world.checkpoints.list(world.tenant)
    return [round((one.at_us - 1_717_243_200_000_000) / 3.6e9) for one in reversed(listed)]


def test_each_time_is_one_checkpoint(world: CheckpointWorld) -> None:
    """Under run_all each judges the instant that it stands for, also those that were missed, in their order."""
    runner = _runner(world)
    runner.tick()
    world.clock.turn(HOUR_S)
    assert runner.tick() == 1
    assert _done(world) == [1]
    world.clock.turn(3 * HOUR_S)
    assert runner.tick() == 3
    assert _done(world) == [1, 2, 3, 4]
    assert world.checkpoints.list(world.tenant)[0].title == "scaling 2024-06-01"


def test_a_crash_between_beginning_and_noting_begins_it_once(world: CheckpointWorld) -> None:
    """The operation is there already when the next process begins the same run."""
    runner = _runner(world)
    runner.tick()
    keep = runner._leases._keep
    runner._leases._keep = lambda _: None  # type: ignore[method-assign]
    world.clock.turn(HOUR_S)
    assert runner.tick() == 1
    assert _done(world) == [1]
    runner._leases._keep = keep  # type: ignore[method-assign]
    # Long enough that the run counts as missed by now.
    world.clock.turn(10 * LEASE_US / 1e6)
    assert _runner(world).tick() == 1
    assert _done(world) == [1]
    told = ScheduleService(world.state, world.rules_of, runner, world.clock).list(world.tenant)[0]
    assert (told.runs, told.last_outcome) == (1, "ok")
    assert told.last_message.startswith("checkpoint scaling as operations/")


def test_a_backtest_is_run_on_schedule(world: CheckpointWorld, warehouse: Warehouse) -> None:
    """Of the rule in force; the same run is one operation, however often it is begun."""
    other = World(warehouse, tenant_name())
    other.happen(looks({1: 1}))
    operations = Operations(OperationStore(world.state, other.clock), other.clock)
    begin = backtest_runs(BacktestOperation(other.backtests, operations))
    text = document("Schedule", "nightly", "cron: '@daily'\n  run: {backtest: few}")
    rules = load_texts([("world.yaml", f"{RULES}---\n{text}")], default_pack=False)
    schedules = schedules_of(rules)
    run = ScheduledRun(other.tenant, schedules["nightly"], other.clock(), own_instant=False, key="schedule:nightly:1")
    first = begin(run)
    assert first.message == f"backtest of few as {first.operation}"
    assert begin(run) == first
    operations.begin()
    ended = operations.wait(other.tenant, first.operation.removeprefix("operations/"), 60)
    assert ended.state is State.SUCCEEDED
    operations.close()
