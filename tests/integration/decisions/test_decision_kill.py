"""Kill -9 at any moment: a decision that was committed gets to the warehouse, and exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def start(directory: Path, *arguments: object) -> subprocess.Popen[str]:
    """The process, ready."""
    command = [
        sys.executable,
        "-m",
        "tests.integration.decisions.keeping_process",
        str(directory),
        *map(str, arguments),
    ]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def killed_after(directory: Path, answers: int, *arguments: object) -> list[int]:
    """Start it, kill it after so many commits; answers the numbers that it had committed by then."""
    with start(directory, *arguments) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        lines = [process.stdout.readline() for _ in range(answers)]
        process.kill()
        lines += process.stdout.read().splitlines()
    # A line is written at once, so that the last one is whole.
    return [int(line) for line in lines if line.strip().isdecimal()]


def arrived(directory: Path) -> list[int]:
    """The numbers of all rows in the warehouse, after what waited was moved there."""
    with start(directory, 0, 0) as process:
        told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return [int(line.split()[1]) for line in told.splitlines()]


def check(kept: Sequence[int], found: Sequence[int]) -> None:
    """Nothing committed is missing and nothing is doubled; what was committed but not told may be there."""
    assert len(found) == len(set(found))
    assert set(kept) <= set(found)


def test_killed_between_commit_and_flush(tmp_path: Path) -> None:
    """A decision that waits in the state database when the process dies is in the warehouse after the next start."""
    kept = killed_after(tmp_path, 5, 0, 5)
    assert kept == [0, 1, 2, 3, 4]
    check(kept, arrived(tmp_path))
    assert arrived(tmp_path) == kept


@pytest.mark.slow
def test_killed_at_random_while_it_flushes(tmp_path: Path) -> None:
    """Whatever the flush was doing, also between writing to the warehouse and taking out of the state database."""
    rng = random.Random(20_240_601)
    kept: list[int] = []
    for number in range(6):
        kept += killed_after(tmp_path, rng.randrange(1, 200), number * 100_000, 100_000, "flush")
    check(kept, arrived(tmp_path))
