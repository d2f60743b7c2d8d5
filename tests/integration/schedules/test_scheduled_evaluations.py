"""Alert rules that a schedule evaluates: through the live evaluation, at its times and time zone, once for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_server.alerts.scheduled import evaluation_runs
from trueline_server.schedules.model import ScheduledRun
from trueline_server.schedules.runner import ScheduleRunner, schedules_of
from trueline_server.schedules.service import ScheduleService
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import NOON, AlertWorld, Shelf, alert, document, rules_of
from tests.unit.streams.support import MINUTE

QUIET = alert("quiet", "n: {metric: by_plan}", "warning: n >= 2\n  live: false")
LIVE = alert("busy", "n: {metric: by_plan}", "warning: n >= 2")
# Eight in the evening in Berlin is six in the evening in UTC, in summer.
EVENING = document(
    "Schedule", "evening", "cron: 0 20 * * *\n  time_zone: Europe/Berlin\n  run: {evaluate: [quiet, busy]}"
)


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[AlertWorld]:
    """A shop with a rule that is evaluated live and one that a schedule evaluates; it is noon."""
    made = AlertWorld(warehouse, tmp_path, Shelf(rules_of(QUIET, LIVE, EVENING)))
    made.until(0, made.look(-10))
    made.live.tick()
    yield made
    made.log.close()
    made.state.close()


def runner_of(world: AlertWorld) -> ScheduleRunner:
    """What runs the schedules."""
    kinds = {"evaluate": evaluation_runs(world.live)}
    return ScheduleRunner(world.state, world.shelf.of, lambda: [world.tenant], kinds, world.clock)


def last_message(world: AlertWorld, runner: ScheduleRunner) -> str:
    """What the last run told."""
    (found,) = ScheduleService(world.state, world.shelf.of, runner, world.clock).list(world.tenant)
    return found.last_message


def busy_until(world: AlertWorld, minute: int) -> None:
    """Two looks in each of the last five minutes, judged live as far as it goes."""
    looks = [world.look(each * 60 - 50 + number, "pro") for each in range(minute - 4, minute + 1) for number in (0, 1)]
    world.until(minute, *looks)
    world.live.tick()


def calm(world: AlertWorld, minute: int) -> None:
    """One look in each of the last five minutes."""
    world.until(minute, *[world.look(each * 60 - 50, "pro") for each in range(minute - 4, minute + 1)])


def test_what_is_not_live_waits_for_its_schedule(world: AlertWorld) -> None:
    """Nothing judges it before eight in Berlin, then it fires; the next events leave it as it is."""
    runner = runner_of(world)
    runner.tick()
    busy_until(world, 30)
    assert (world.states("busy"), world.states("quiet")) == ({"pro": "firing warning"}, {})
    busy_until(world, 359)
    assert runner.tick() == 0
    assert "quiet" not in world.live.states_of(world.tenant).rules
    busy_until(world, 360)
    assert runner.tick() == 1
    assert world.states("quiet") == {"pro": "firing warning"}
    told = last_message(world, runner)
    assert told == "2 of 2 rules judged as of 2024-06-01T17:58:00Z: quiet (1), busy (1) fires"
    calm(world, 370)
    world.live.tick()
    assert (world.states("busy"), world.states("quiet")) == ({"pro": "resolved warning"}, {"pro": "firing warning"})
    assert [d.after for d in world.decisions() if d.rule == "quiet"] == ["firing warning"]


def test_the_next_run_resolves_it(world: AlertWorld) -> None:
    """A day later it is judged again, with the values of then."""
    runner = runner_of(world)
    runner.tick()
    busy_until(world, 360)
    runner.tick()
    calm(world, 360 + 1440)
    assert runner.tick() == 1
    assert world.states("quiet") == {"pro": "resolved warning"}
    assert [d.after for d in world.decisions() if d.rule == "quiet"] == ["firing warning", "resolved warning"]


def test_a_run_that_is_begun_again_changes_nothing_more(world: AlertWorld) -> None:
    """After a crash in between, the same instant is judged already: one transition, one alert."""
    heard: list[int] = []
    world.live.add_inside(lambda _, evaluated: heard.extend(1 for _ in evaluated.evaluation.changed))
    busy_until(world, 360)
    heard.clear()
    begin = evaluation_runs(world.live)
    schedule = schedules_of(world.shelf.active)["evening"]
    run = ScheduledRun(world.tenant, schedule, world.clock(), own_instant=False, key="schedule:evening:1")
    first = begin(run)
    assert begin(run) == first
    assert heard == [1]
    world.restart()
    assert evaluation_runs(world.live)(run) == first
    assert world.states("quiet") == {"pro": "firing warning"}
    assert len([d for d in world.decisions() if d.rule == "quiet"]) == 1


def test_what_is_behind_is_judged_first(world: AlertWorld) -> None:
    """Instants that the live evaluation has not come to are made up for in their order, so that `for` goes on."""
    slow = alert("busy", "n: {metric: by_plan}", "warning: n >= 2\n  for: 2m")
    world.shelf.active = rules_of(QUIET, slow, EVENING)
    calm(world, 354)
    world.live.tick()
    for minute in range(355, 361):
        world.until(minute, *[world.look(minute * 60 - 50 + number, "pro") for number in (0, 1)])
    assert world.live.states_of(world.tenant).evaluated_us == NOON + 352 * MINUTE
    world.live.evaluate(world.tenant, frozenset({"quiet"}))
    assert world.live.states_of(world.tenant).evaluated_us == NOON + 358 * MINUTE
    assert (world.states("busy"), world.states("quiet")) == ({"pro": "firing warning"}, {"pro": "firing warning"})
    began = [(d.at_us - NOON) // MINUTE for d in world.decisions() if d.rule == "busy"]
    assert began == [355, 357]


def test_without_events_nothing_is_judged(world: AlertWorld) -> None:
    """A tenant that never had any is told so, and no alert is opened."""
    schedule = schedules_of(world.shelf.active)["evening"]
    run = ScheduledRun("nobody", schedule, world.clock(), own_instant=False, key="schedule:evening:1")
    assert evaluation_runs(world.live)(run).message == "nothing was judged: there are no complete events yet"
