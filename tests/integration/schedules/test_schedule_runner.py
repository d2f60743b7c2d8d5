"""Schedules that run: in time, once, by one process, after outages, through clocks that jump and daylight saving."""

from __future__ import annotations

from pathlib import Path

import pytest
from trueline_server.errors import TruelineError
from trueline_server.schedules.leases import LEASE_US
from trueline_server.schedules.model import ScheduledRun

from tests.integration.schedules.schedule_world import ScheduleWorld, document, rules_of, schedule, shown, us


@pytest.fixture
def world(tmp_path: Path) -> ScheduleWorld:
    """Every day at nine, from eight o'clock of a first of June on."""
    found = ScheduleWorld(tmp_path)
    assert found.runner.tick() == 0
    return found


def test_a_schedule_runs_when_it_is_due_and_once(world: ScheduleWorld) -> None:
    """Not before, not twice; it tells when it ran, what came of it, and when it runs next."""
    assert shown(world.told().next_us) == "06-01 09:00:00"
    assert world.at("2024-06-01T08:59:59") == 0
    assert world.at("2024-06-01T09:00:05") == 1
    assert world.at("2024-06-01T09:00:10") == 0
    assert world.at("2024-06-02T09:00:00") == 1
    assert world.times() == ["06-01 09:00:00", "06-02 09:00:00"]
    (first, second) = world.begun
    assert (first.key, first.own_instant) == (f"schedule:daily:{us('2024-06-01T09:00')}", False)
    assert first.key != second.key
    told = world.told()
    assert (told.runs, told.missed, told.last_outcome, told.last_message, told.runner) == (2, 0, "ok", "run 2", "")
    assert (shown(told.next_us), told.last_started_us) == ("06-03 09:00:00", us("2024-06-02T09:00"))


def test_jitter_moves_a_run_and_not_what_it_stands_for(tmp_path: Path) -> None:
    """Tenants take turns within it, each always at its own time."""
    world = ScheduleWorld(tmp_path, rules_of(schedule("0 9 * * *", spec="jitter: 30m")), tenants=["a", "b", "c"])
    world.runner.tick()
    seen: dict[str, int] = {}
    for minute in range(31):
        world.at(f"2024-06-01T09:{minute:02d}:59")
        for run in world.begun:
            seen.setdefault(run.tenant, minute)
    assert set(seen) == {"a", "b", "c"}
    assert len(set(seen.values())) == 3
    assert world.times() == ["06-01 09:00:00"] * 3


@pytest.mark.parametrize(
    ("missed", "times", "skipped"),
    [
        ("run_once", ["06-04 09:00:00"], 2),
        ("skip", [], 3),
        ("run_all", ["06-02 09:00:00", "06-03 09:00:00", "06-04 09:00:00"], 0),
    ],
)
def test_runs_that_were_missed_are_what_the_schedule_says(
    tmp_path: Path, missed: str, times: list[str], skipped: int
) -> None:
    """After a stop of three days: the last one, none, or all in order, each of which stands for its own time."""
    world = ScheduleWorld(tmp_path, rules_of(schedule("0 9 * * *", spec=f"missed: {missed}")))
    world.runner.tick()
    assert world.at("2024-06-01T09:00") == 1
    world.state.close()
    again = world.other_process()
    assert again.at("2024-06-04T20:00") == len(times)
    assert again.times() == times
    assert {run.own_instant for run in again.begun} <= {missed == "run_all"}
    assert (again.told().missed, shown(again.told().next_us)) == (skipped, "06-05 09:00:00")
    assert again.runner.tick() == 0


def test_two_processes_run_a_schedule_once(world: ScheduleWorld) -> None:
    """While one begins the run the other leaves it alone, and afterwards there is nothing left to do."""
    other = world.other_process()
    inside: list[int] = []
    world.before = lambda _: inside.append(other.runner.tick())
    assert world.at("2024-06-01T09:00") == 1
    assert (inside, other.begun) == ([0], [])
    assert other.runner.tick() == 0
    assert (other.at("2024-06-02T09:00"), world.runner.tick()) == (1, 0)


def test_a_process_that_died_leaves_its_lease_for_a_while(world: ScheduleWorld) -> None:
    """The next one begins the run again once the lease is over, with the same key."""

    class Killed(BaseException):
        """The process is gone: nothing after this line runs."""

    seen: list[ScheduledRun] = []

    def die(run: ScheduledRun) -> None:
        seen.append(run)
        raise Killed

    world.before = die
    with pytest.raises(Killed):
        world.at("2024-06-01T09:00")
    other = world.other_process()
    assert other.told().runner
    assert other.runner.tick() == 0
    other.clock.turn(LEASE_US / 1e6 - 1)
    assert other.runner.tick() == 0
    other.clock.turn(1)
    assert other.runner.tick() == 1
    assert [run.key for run in other.begun] == [run.key for run in seen]
    assert other.told().runs == 1


def test_whoever_was_slower_than_its_lease_has_nothing_to_say(world: ScheduleWorld) -> None:
    """What the other one noted meanwhile stays; both begun the same run with the same key."""
    other = world.other_process()

    def hang(_: ScheduledRun) -> None:
        world.clock.turn(LEASE_US / 1e6)
        assert other.runner.tick() == 1

    world.before = hang
    assert world.at("2024-06-01T09:00") == 1
    assert [run.key for run in world.begun] == [run.key for run in other.begun]
    assert (other.told().runs, other.told().last_message) == (1, "run 1")
    assert world.runner.tick() == 0


def test_a_clock_that_jumps_ahead_and_back(world: ScheduleWorld) -> None:
    """Ahead is an outage; back again, the schedule goes on from there, and runs that were begun keep their keys."""
    assert world.at("2024-06-01T09:00") == 1
    assert world.at("2024-09-01T10:00") == 1
    assert world.times()[-1] == "09-01 09:00:00"
    assert world.at("2024-06-01T09:05") == 0
    assert shown(world.told().next_us) == "06-02 09:00:00"
    assert world.at("2024-06-02T09:00") == 1
    assert world.times()[-1] == "06-02 09:00:00"


def test_a_clock_that_is_set_back_a_little_runs_nothing_twice(world: ScheduleWorld) -> None:
    """What is settled stays settled until the clock has passed it again."""
    assert world.at("2024-06-01T09:00:05") == 1
    assert world.at("2024-06-01T08:59:30") == 0
    assert world.at("2024-06-01T09:00:05") == 0
    assert world.at("2024-06-02T09:00:00") == 1


def test_a_clock_that_was_set_back_frees_a_lease_of_the_future(world: ScheduleWorld) -> None:
    """A lease cannot end later than any lease does."""
    other = world.other_process()
    other.before = lambda _: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        other.at("2024-06-01T09:30")
    assert world.at("2024-06-01T09:00") == 1


def test_daylight_saving_moves_runs_with_the_wall_clock(tmp_path: Path) -> None:
    """At nine in Berlin, whatever that is in UTC; at half past two on the day that has no half past two: once."""
    rules = rules_of(
        schedule("0 9 * * *", spec="time_zone: Europe/Berlin"),
        schedule("30 2 * * *", name="night", spec="time_zone: Europe/Berlin"),
    )
    world = ScheduleWorld(tmp_path, rules)
    world.at("2024-03-29T12:00")
    for day in ("2024-03-30", "2024-03-31", "2024-04-01"):
        for hour in range(24):
            world.at(f"{day}T{hour:02d}:00")
            world.at(f"{day}T{hour:02d}:30")
    of = {"daily": [], "night": []}  # type: dict[str, list[str]]
    for run in world.begun:
        of[run.schedule.metadata.name].append(shown(run.nominal_us))
    assert of["daily"] == ["03-30 08:00:00", "03-31 07:00:00", "04-01 07:00:00"]
    assert of["night"] == ["03-30 01:30:00", "03-31 01:00:00", "04-01 00:30:00"]


def test_a_schedule_that_changes_counts_from_then_on(world: ScheduleWorld) -> None:
    """Times that it did not have yet were not missed; one that is gone and comes back begins anew."""
    assert world.at("2024-06-01T09:00") == 1
    world.rules = rules_of(schedule("0 6 * * *"))
    assert world.at("2024-06-03T07:00") == 0
    assert shown(world.told().next_us) == "06-04 06:00:00"
    world.rules = rules_of()
    assert world.at("2024-06-05T07:00") == 0
    assert world.service.list("t") == []
    world.rules = rules_of(schedule("0 6 * * *"))
    assert world.at("2024-06-08T07:00") == 0
    assert world.at("2024-06-09T06:00") == 1


def test_a_run_that_fails_for_now_is_tried_again(world: ScheduleWorld) -> None:
    """After pauses that double, with the same key; at last it is failed, and the next time is another."""
    failing = [True]
    tried: list[str] = []

    def fail(run: ScheduledRun) -> None:
        tried.append(run.key)
        if failing[0]:
            raise TruelineError("RESOURCE_EXHAUSTED", "TOO_MANY_OPERATIONS", "wait")

    world.before = fail
    assert world.at("2024-06-01T09:00:00") == 0
    assert world.told().last_message == "wait; it is tried again in 10 s"
    assert world.at("2024-06-01T09:00:09") == 0
    assert world.at("2024-06-01T09:00:10") == 0
    failing[0] = False
    assert world.at("2024-06-01T09:00:30") == 1
    assert (tried, world.told().runs, world.told().last_outcome) == ([tried[0]] * 3, 1, "ok")
    failing[0] = True
    for second in (0, 10, 30):
        world.at(f"2024-06-02T09:00:{second:02d}")
    world.at("2024-06-02T09:01:10")
    world.at("2024-06-02T09:02:30")
    assert (len(tried), world.told().last_outcome, world.told().last_message) == (8, "failed", "wait")
    assert (world.told().runs, shown(world.told().next_us)) == (2, "06-03 09:00:00")


def test_a_run_that_must_fail_again_is_not_tried_again(world: ScheduleWorld) -> None:
    """A name that nothing has any more; other schedules run all the same."""
    world.rules = rules_of(
        document("AlertRule", "low", "facts: {k: {kpi: k}}\n  warning: k < 1"),
        schedule("0 9 * * *"),
        schedule("0 9 * * *", name="other"),
        schedule("0 9 * * *", name="rest", action="backtest: low"),
    )
    world.runner.tick()

    def fail(run: ScheduledRun) -> None:
        if run.schedule.metadata.name == "daily":
            raise TruelineError("NOT_FOUND", "UNKNOWN_CHECKPOINT", "no CheckpointPolicy 'scaling' is in force")

    world.before = fail
    assert world.at("2024-06-01T09:00") == 1
    told = {state.schedule.metadata.name: state for state in world.service.list("t")}
    assert (told["daily"].last_outcome, told["daily"].runs) == ("failed", 1)
    assert told["daily"].last_message == "no CheckpointPolicy 'scaling' is in force"
    assert told["other"].last_outcome == "ok"
    assert told["rest"].last_message == "this server cannot run a backtest; it runs: checkpoint"
    assert world.runner.tick() == 0


def test_a_schedule_is_run_out_of_turn(world: ScheduleWorld) -> None:
    """Its times stay what they are; the same request id has the same key, and an unknown name is told."""
    assert world.service.run("t", "daily", request_id="r").message == "run 1"
    world.service.run("t", "daily", request_id="r")
    world.service.run("t", "daily")
    keys = [run.key for run in world.begun]
    assert (keys[0] == keys[1], keys[2] == keys[0]) == (True, False)
    assert max(len(key) for key in keys) <= 128
    assert (world.told().runs, shown(world.told().next_us)) == (3, "06-01 09:00:00")
    with pytest.raises(TruelineError, match="did you mean 'daily'") as caught:
        world.service.run("t", "dayly")
    assert (caught.value.reason, caught.value.metadata["nearest"]) == ("UNKNOWN_SCHEDULE", "daily")


def test_the_thread_runs_what_is_due_and_ends(world: ScheduleWorld) -> None:
    """It can be stopped twice, and leaves no lease."""
    world.runner.start()
    world.runner.stop()
    world.runner.stop()
    assert world.progress().runner == ""
