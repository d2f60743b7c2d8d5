"""Latency of GetAlignmentScore over many events, while more keep coming in."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from trueline import TruelineClient

from benchmarks.filling import Filling
from benchmarks.live import live_events, rate_of
from benchmarks.result import Result, machine
from benchmarks.server_process import ServerProcess

LIMIT_S = 0.1
RATE = 20_000
CALLS_PER_S = 25


def run(*, small: bool) -> Result:
    """Median over three measurements of the 99th percentile."""
    events, rate, seconds, rounds = (5_000, 1_000, 2.0, 1) if small else (5_000_000, RATE, 20.0, 3)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name, ServerProcess(Path(name)) as server:
        filling = Filling(server.address, events)
        filling.fill(events)
        filling.finish()
        with TruelineClient(server.address) as client:
            coverage = _first_score(client)
            measured = [_measure(client, server.address, rate, seconds) for _ in range(rounds)]
    p50 = statistics.median(round_[0] for round_ in measured)
    p99 = statistics.median(round_[1] for round_ in measured)
    return Result(
        benchmark="alignment",
        ratio=p99 / LIMIT_S,
        goal=1.0,
        better="lower",
        parts={
            "events": events,
            "events_per_s": rate,
            "accepted_per_s": [round(round_[3]) for round_ in measured],
            "calls": [round_[2] for round_ in measured],
            "p50_s": p50,
            "p99_s": p99,
            "p99_each_s": [round_[1] for round_ in measured],
            "coverage": coverage,
        },
        machine=machine(),
        summary=(
            f"p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms of 100 ms "
            f"over {events:,} events at {rate:,} more a second"
        ),
        small=small,
    )


def _first_score(client: TruelineClient) -> float:
    """Wait for the first score and answer its coverage: all KPIs of a generated business have a value."""
    score = client.alignment_score(min_position=1, timeout=120.0)
    if score.score is None:
        raise RuntimeError("the generated business has no score")
    return score.coverage


def _measure(client: TruelineClient, address: str, rate: int, seconds: float) -> tuple[float, float, int, float]:
    latencies: list[float] = []
    with live_events(address, rate, seconds + 2.0) as process:
        assert process.stdout is not None
        process.stdout.readline()
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            begin = time.perf_counter()
            client.alignment_score()
            latencies.append(time.perf_counter() - begin)
            time.sleep(max(1 / CALLS_PER_S - latencies[-1], 0.0))
        accepted = [int(line.split()[1]) for line in process.stdout]
        if process.wait() != 0:
            raise RuntimeError("the live events failed")
    ranked = sorted(latencies)
    return ranked[len(ranked) // 2], ranked[int(len(ranked) * 0.99)], len(ranked), rate_of(accepted, rate)
