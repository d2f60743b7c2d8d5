"""kill -9 before and after the commit of each step, in real processes: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import multiprocessing
import signal
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.integration.alerts import dying_dispatcher
from tests.integration.alerts.dying_dispatcher import STEPS, DyingWorld, dispatch_and_die

# All that follows from any of the steps has happened by then.
LATER_S = 3600


@dataclass
class _Whole:
    """What happens if nothing is killed: before the step, by it, and all that comes of it."""

    before: list[tuple[str, str]]
    after: list[tuple[str, str]]
    later: tuple[object, object]


def _whole(folder: Path, step: str) -> _Whole:
    folder.mkdir()
    with closing(DyingWorld(folder)) as world:
        world.begin(step)
        before = world.events()
        world.do(step)
        after = world.events()
        world.turn(LATER_S)
        return _Whole(before, after, (world.told(), world.events()))


def test_killed_around_each_commit(tmp_path: Path) -> None:
    """Started again, and asked again by whoever had no answer, it comes to what it would have come to."""
    # Forked from one process that has imported what they need, which takes longer than what they do.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([dying_dispatcher.__name__])
    running = {}
    for step in STEPS:
        for point in ("before", "after"):
            folder = tmp_path / f"{step}-{point}"
            folder.mkdir()
            running[step, point] = context.Process(target=dispatch_and_die, args=(folder, step, point))
            running[step, point].start()
    for step in STEPS:
        whole = _whole(tmp_path / step, step)
        for point in ("before", "after"):
            running[step, point].join(120)
            assert running[step, point].exitcode == -signal.SIGKILL, (step, point)
            with closing(DyingWorld(tmp_path / f"{step}-{point}", STEPS[step])) as world:
                # The end of a silence has its group looked at by another transaction.
                done = point == "after" and step != "silence_ends"
                assert world.events() == (whole.after if done else whole.before), (step, point)
                world.wheel.hasten()
                world.do(step)
                world.turn(LATER_S)
                assert (world.told(), world.events()) == whole.later, (step, point)
