"""A server that dies in the middle of a checkpoint: nothing is lost, nothing is opened twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from trueline_server.cases.model import CaseKind
from trueline_server.checkpoints.model import Asked
from trueline_server.operations.model import State, WorkStoppedError
from trueline_stores.errors import StoreError
from trueline_stores.warehouse.client import Warehouse

from tests.integration.checkpoints.checkpoint_world import NPS, CheckpointWorld, cell, rules_of


@dataclass
class SteppedWork:
    """The work of an operation on this thread, which is to end after so many steps."""

    tenant: str
    request: bytes
    ends_after: int | None = None
    told: list[tuple[int, int, str]] = field(default_factory=list)

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Note it."""
        self.told.append((done, total, message))

    def stopped(self) -> bool:
        """Whether it has told enough."""
        return self.ends_after is not None and len(self.told) >= self.ends_after

    def go_on(self) -> None:
        """As the work of an operation."""
        if self.stopped():
            raise WorkStoppedError


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[CheckpointWorld]:
    """Two cells, one of which misses."""
    found = CheckpointWorld(warehouse, tmp_path, rules_of(NPS, cell("{fact: nps}", "other", 20)))
    found.put("nps", agency=28.0)
    yield found
    found.close()


def _begun(world: CheckpointWorld) -> SteppedWork:
    """An operation that runs, as another process would see it."""
    started = world.checkpoints.run(world.tenant, Asked("scaling"))
    begun = world.operations._store.begin(world.tenant, started.id)
    assert begun is not None
    return SteppedWork(world.tenant, begun.request)


def _cases(world: CheckpointWorld) -> list[str]:
    return [case.id for kind in (CaseKind.BACKLOG, CaseKind.ESCALATION) for case in world.cases_of(kind)]


def test_a_run_that_died_between_its_cells_is_done_again(world: CheckpointWorld) -> None:
    """The next process judges the same instant, although time went on and a later fact came in."""
    at_us = world.clock()
    work = _begun(world)
    work.ends_after = 1
    with pytest.raises(WorkStoppedError):
        world.operation.run(work)
    assert work.told == [(0, 2, "agency nps")]
    assert (_cases(world), world.checkpoints.list(world.tenant)) == ([], [])
    world.clock.turn(3600)
    world.put("nps", agency=50.0)
    world.restart()
    world.operations.begin()
    (operation,) = world.operations.list(world.tenant)
    ended = world.operations.wait(world.tenant, operation.id, 60)
    assert (ended.state, ended.attempts) == (State.SUCCEEDED, 2)
    assert ended.result is not None
    found = world.checkpoints.get(world.tenant, ended.result.decode())
    assert (found.at_us, found.cells[0].reading.value) == (at_us, 28.0)
    assert _cases(world) == ["backlog-1", "escalation-1"]


def test_a_run_that_died_within_its_commit_left_nothing(world: CheckpointWorld) -> None:
    """Checkpoint, cases and what hears of them are one transaction."""

    def die() -> None:
        raise StoreError("the disk is full")

    work = _begun(world)
    world.on_heard = die
    with pytest.raises(StoreError):
        world.operation.run(work)
    assert (_cases(world), world.checkpoints.list(world.tenant)) == ([], [])
    world.on_heard = None
    assert world.operation.run(work) == b"checkpoint-1"
    assert _cases(world) == ["backlog-1", "escalation-1"]


def test_a_run_that_died_after_its_commit_is_not_done_again(world: CheckpointWorld) -> None:
    """It is answered from what is kept: nothing is read, opened or heard of a second time."""
    work = _begun(world)
    assert world.operation.run(work) == b"checkpoint-1"
    heard = list(world.heard)
    world.restart()
    world.put("nps", agency=50.0)
    again = SteppedWork(world.tenant, work.request)
    assert world.operation.run(again) == b"checkpoint-1"
    assert (again.told, world.heard, _cases(world)) == ([], heard, ["backlog-1", "escalation-1"])
    assert [event.kind for event in world.timeline("backlog-1")] == ["opened"]


def test_two_processes_that_did_one_run_keep_it_once(world: CheckpointWorld) -> None:
    """Whoever comes second finds the first one's checkpoint where it would have written its own."""
    work = _begun(world)
    # The second one has looked for a finished run and found none before the first one wrote it.
    first: list[bytes] = []
    read = world.reader.read

    def read_late(*asked: object) -> object:
        if not first:
            first.append(b"")
            first[0] = world.operation.run(SteppedWork(world.tenant, work.request))
        return read(*asked)  # type: ignore[arg-type]

    world.reader.read = read_late  # type: ignore[method-assign,assignment]
    assert world.operation.run(work) == first[0] == b"checkpoint-1"
    assert len(world.checkpoints.list(world.tenant)) == 1
    assert [event.kind for event in world.timeline("backlog-1")] == ["opened"]


def test_a_cancelled_run_leaves_nothing(world: CheckpointWorld) -> None:
    """Asked to end between two cells, it neither keeps a checkpoint nor opens a case."""
    started = world.checkpoints.run(world.tenant, Asked("scaling"))
    world.operations.cancel(world.tenant, started.id)
    world.operations.begin()
    assert world.operations.wait(world.tenant, started.id, 60).state is State.CANCELLED
    assert (_cases(world), world.checkpoints.list(world.tenant)) == ([], [])
