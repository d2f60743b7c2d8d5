"""A roadmap whose search is cut: the same in another process, with another hash seed, and on a busier machine."""

from __future__ import annotations

import os
import random
import subprocess
import sys

from trueline_server.scoring.placing import Item, total
from trueline_server.scoring.roadmap import Plan, plan

_LIMIT_S = 600.0
_CAPACITIES = [14.0] * 5


def cut_short() -> tuple[list[Item], Plan]:
    """A roadmap of features that are worth about what they take, so that the best one is hard to find."""
    draw = random.Random(11)
    items = []
    for number in range(30):
        effort = draw.uniform(1, 9)
        after = {f"f{draw.randrange(number)}" for _ in range(2)} if number and draw.random() < 0.4 else set()
        # Sets of texts come in another order in each process.
        items.append(Item(f"f{number}", 20 + 6 * effort + draw.uniform(-2, 2), effort, tuple(after)))
    return items, plan(items, _CAPACITIES, _LIMIT_S, work=2_000_000)


def test_the_same_request_has_the_same_roadmap_on_a_slower_machine() -> None:
    """The search does not come to its end, and the bound says so; processor time that others take changes nothing."""
    items, found = cut_short()
    assert found.bound > total(items, len(_CAPACITIES), found.periods) * 1.001
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    try:
        told = subprocess.run(
            [sys.executable, "-c", "import test_roadmap_repeats as one; print(repr(one.cut_short()[1]))"],
            cwd=os.path.dirname(__file__),
            env={**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            capture_output=True,
            text=True,
            check=True,
            timeout=_LIMIT_S,
        )
    finally:
        for one in busy:
            one.kill()
            one.wait()
    assert told.stdout.splitlines()[-1] == repr(found)
