"""Resident memory of the embedded server after many events, against that after a fifth of them."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.filling import Filling
from benchmarks.result import Result, machine
from benchmarks.server_process import ServerProcess

GOAL = 1.3
SAMPLES = 20


def run(*, small: bool) -> Result:
    """One server, filled in two portions."""
    few, many = (2_000, 10_000) if small else (1_000_000, 5_000_000)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name, ServerProcess(Path(name)) as server:
        empty = server.resident_bytes()
        filling = Filling(server.address, many)
        filling.fill(few)
        after_few = _settled(server, small)
        filling.fill(many)
        after_many = _settled(server, small)
        filling.finish()
    megabytes = {"empty": empty >> 20, "after_few": after_few >> 20, "after_many": after_many >> 20}
    return Result(
        benchmark="memory",
        ratio=after_many / after_few,
        goal=GOAL,
        better="lower",
        parts={"few": few, "many": many, "resident_mb": megabytes},
        machine=machine(),
        summary=f"{after_many >> 20:,} MB after {many:,} events, {after_few >> 20:,} MB after {few:,}",
        small=small,
    )


def _settled(server: ServerProcess, small: bool) -> int:
    """Median over ten seconds: merges in the background come and go."""
    samples = []
    for _ in range(2 if small else SAMPLES):
        time.sleep(0.5)
        samples.append(server.resident_bytes())
    return int(statistics.median(samples))
