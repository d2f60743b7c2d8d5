"""The dataflow as it runs: Bytewax in a thread, with its recovery store on disk."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest
from trueline_streams.recovery import resume_position

from tests.integration.streams.flow_support import (
    DISORDER,
    PLANS,
    Crash,
    FailingWriter,
    Filling,
    expected,
    flow_runner,
    reach,
    running,
    stream,
)
from tests.unit.streams.reference import Reference
from tests.unit.streams.support import (
    HOUR,
    InMemoryWarehouse,
    assert_same,
    feed_all,
    metric_of,
    plan_of,
)


def test_the_flow_writes_what_plain_python_computes(tmp_path: Path) -> None:
    """Appends that come in while the flow runs all reach the warehouse once, for several tenants and sources."""
    log, filling, warehouse = stream(60), Filling(), InMemoryWarehouse()
    with running(flow_runner(filling, warehouse, PLANS, tmp_path, log)) as runner:
        for append in log:
            last = filling.append(append)
        reach(runner, last)
        assert runner.healthy
    assert not runner.healthy
    assert_same(warehouse, expected(log))
    assert warehouse.position == filling.log.end()


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """Stopped and started three times, it reads on behind the last event and leaves open panes open."""
    log, filling, warehouse = stream(40), Filling(), InMemoryWarehouse()
    for part in (log[:15], log[15:16], log[16:]):
        runner = flow_runner(filling, warehouse, PLANS, tmp_path, log)
        assert runner.resume_position() == filling.log.end()
        with running(runner):
            reach(runner, [filling.append(append) for append in part][-1])
    assert resume_position(tmp_path) == filling.log.end()
    assert_same(warehouse, expected(log))


@pytest.mark.parametrize("error", [ConnectionError, Crash])
@pytest.mark.parametrize(("before", "after"), [((3,), ()), ((), (3,)), ((1,), (2, 5, 6)), ((4, 5, 6, 7), ())], ids=str)
def test_failing_writes_lose_nothing_and_count_nothing_twice(
    tmp_path: Path, error: type[BaseException], before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    """Before or after it happened, whether it is tried again or takes the flow down: every event counts once."""
    log, filling, warehouse = stream(30), Filling(), InMemoryWarehouse()
    writer = FailingWriter(warehouse, error, before=before, after=after)
    runner = flow_runner(filling, writer, PLANS, tmp_path, log, max_batch_events=20, max_cells=10)
    for append in log:
        last = filling.append(append)
    with running(runner):
        reach(runner, last)
        assert runner.healthy
    assert runner.failures == len(before) + len(after)
    assert_same(warehouse, expected(log))


def test_a_long_failure_is_reported_and_got_over(tmp_path: Path) -> None:
    """While the warehouse is out of reach the runner says so; once it is back the flow goes on by itself."""
    log, filling, warehouse = stream(5), Filling(), InMemoryWarehouse()
    failed, repaired = threading.Event(), threading.Event()

    class Unreachable:
        def write(self, changes: object) -> None:
            if not repaired.is_set():
                failed.set()
                raise ConnectionError("the warehouse is out of reach")
            warehouse.write(changes)  # type: ignore[arg-type]

    for append in log:
        last = filling.append(append)
    runner = flow_runner(filling, Unreachable(), PLANS, tmp_path, log)
    with running(runner):
        assert failed.wait(30)
        while runner.error is None:
            assert runner.join(0.01) is False
        assert not runner.healthy
        assert "out of reach" in str(runner.error)
        repaired.set()
        reach(runner, last)
        assert runner.error is None
    assert_same(warehouse, expected(log))


def test_a_metric_that_comes_back_is_computed_from_the_events(tmp_path: Path) -> None:
    """A metric that was away for a run does not go on from its old state: it would miss what came meanwhile."""
    log, filling, warehouse = stream(30), Filling(), InMemoryWarehouse()
    for part, plans in ((log[:10], PLANS), (log[10:20], PLANS[:1]), (log[20:], PLANS)):
        with running(flow_runner(filling, warehouse, plans, tmp_path, log)) as runner:
            reach(runner, [filling.append(append) for append in part][-1])
    reference = expected(log)
    touched = {key for key, point in warehouse.points.items() if point.revision > 120}
    assert touched
    assert {key: warehouse.points[key] for key in touched} == {key: reference.points[key] for key in touched}


def test_state_of_a_removed_metric_is_deleted(tmp_path: Path) -> None:
    """The recovery store forgets a metric that is no longer planned as soon as the flow has moved on."""
    log, filling, warehouse = stream(6), Filling(), InMemoryWarehouse()
    for part, plans in ((log[:3], PLANS), (log[3:], PLANS[:1])):
        with running(flow_runner(filling, warehouse, plans, tmp_path, log)) as runner:
            reach(runner, [filling.append(append) for append in part][-1])
    with sqlite3.connect(tmp_path / "part-0.sqlite3") as connection:
        rows = connection.execute(
            "SELECT state_key FROM snaps WHERE step_id = 'trueline.merge' AND ser_change IS NOT NULL"
        ).fetchall()
    connection.close()
    assert {key.split("\x1f")[1] for (key,) in rows} == {"events"}


def test_a_redefined_metric_starts_from_the_events(tmp_path: Path) -> None:
    """With another definition under the same name, the first touch of a pane computes all of it again."""
    log, filling, warehouse = stream(20), Filling(), InMemoryWarehouse()
    redefined = [plan_of(metric_of("events", "count", window="1h"), HOUR)]
    for part, plans in ((log[:10], PLANS[:1]), (log[10:], redefined)):
        with running(flow_runner(filling, warehouse, plans, tmp_path, log)) as runner:
            reach(runner, [filling.append(append) for append in part][-1])
    reference = feed_all(Reference(redefined, DISORDER), log)
    hours = {key: point for key, point in warehouse.points.items() if point.pane_end_us - point.pane_start_us == HOUR}
    assert hours
    assert hours == {key: reference.points[key] for key in hours}


def test_a_full_batch_does_not_wait_and_the_rest_does(tmp_path: Path) -> None:
    """With an hour between publications, full batches go at once; what is less than a batch waits for the clock."""
    log, filling, warehouse = stream(11, tenants=1), Filling(), InMemoryWarehouse()
    for append in log[:-1]:
        filling.append(append)
    settings = {"max_batch_events": 12, "publish_interval_us": HOUR}
    with running(flow_runner(filling, warehouse, PLANS, tmp_path, log, **settings)) as runner:
        reach(runner, 60)
        assert not runner.progress.wait(61, 0.1)
    assert warehouse.position == 60


def test_a_new_runner_flags_what_may_have_been_written(tmp_path: Path) -> None:
    """Events that were in the log when the flow was built travel as replayed; later ones do not."""
    log, filling = stream(4), Filling()
    flags: list[tuple[int, bool]] = []

    class Noting:
        def write(self, changes: object) -> None:
            flags.extend((stamped.events["position"][0].as_py(), stamped.replayed) for stamped in changes.events)  # type: ignore[attr-defined]

    first = filling.append(log[0])
    with running(flow_runner(filling, Noting(), PLANS, tmp_path, log)) as runner:
        reach(runner, first)
        reach(runner, filling.append(log[1]))
    assert flags == [(1, True), (7, False)]
