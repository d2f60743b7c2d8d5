"""How long `trueline --help` takes from start to end, beside a Python that does nothing."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.result import Result, machine

LIMIT_S = 0.3


def run(*, small: bool) -> Result:
    """Median of starts, taken in turn with an empty Python."""
    rounds = 3 if small else 15
    help_s, empty_s = [], []
    for _ in range(rounds):
        empty_s.append(_timed([sys.executable, "-c", "pass"]))
        help_s.append(_timed([sys.executable, "-m", "trueline_cli", "--help"]))
    measured, empty = statistics.median(help_s), statistics.median(empty_s)
    return Result(
        benchmark="cli_start",
        ratio=measured / LIMIT_S,
        goal=1.0,
        better="lower",
        parts={"help_s": measured, "empty_python_s": empty, "times_empty": measured / empty, "rounds": rounds},
        machine=machine(),
        summary=f"`trueline --help` {measured * 1000:.0f} ms (an empty Python {empty * 1000:.0f} ms), of 300 ms",
        small=small,
    )


def _timed(command: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start
