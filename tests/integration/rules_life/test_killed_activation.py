"""kill -9 during activations: the old or the new set is in force afterwards, whole, with all that belongs to it."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.rules_life.life_world import Life, living

ROUNDS = 4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_while_activating(tmp_path: Path, seed: int) -> None:
    """What was answered holds, at most one more; stages, revisions, texts and changes agree, and life goes on."""
    rng = random.Random(seed)
    for turn in range(1, ROUNDS + 1):
        command = [sys.executable, "-m", "tests.integration.rules_life.activating_process", str(tmp_path)]
        with subprocess.Popen([*command, str(turn * 1000)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            answered = [process.stdout.readline().strip() for _ in range(rng.randrange(1, 4))]
            # Into the middle of what follows; how far that came is what differs from round to round.
            for _ in range(rng.randrange(200_000)):
                pass
            process.send_signal(signal.SIGKILL)
            answered += process.stdout.read().split()
        with living(tmp_path) as life:
            check_whole(life, answered[-1])


def check_whole(life: Life, last_answered: str) -> None:
    """The sets in force are the last ones that were answered or the next, and everything about them agrees."""
    rules = life.book.of("acme")
    (number,) = {name[1:] for name in life.names("acme")}
    assert life.names("acme") == {f"a{number}", f"b{number}"}
    revisions = [info.revision for info in life.book.revisions("acme", most=10_000)]
    assert last_answered in revisions
    changes = [change for change in life.book.changes("acme", most=100_000) if change.tenant == "acme"]
    by_stage = {
        stage: [change for change in changes if change.kind == kind]
        for stage, kind in (("active", "activated"), ("shadow", "shadowed"))
    }
    assert changes[-1].revision == rules.revision
    assert last_answered in {change.revision for change in by_stage["active"][-2:]}
    for stage, own in by_stage.items():
        found = life.book.stage("acme", stage)
        assert found is not None
        assert (found.rules.revision, found.version) == (own[-1].revision, len(own))
        assert own[-1].author == found.author
        assert life.book.rules_at("acme", own[0].revision).revision == own[0].revision
    assert {change.revision for change in changes} <= set(revisions)
