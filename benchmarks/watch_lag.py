"""How long it takes from the acceptance of a batch until WatchMetrics has shown its events."""

from __future__ import annotations

import bisect
import statistics
import tempfile
import threading
import time
from pathlib import Path

from trueline import MetricChanges, MetricSnapshot, Synced, TruelineClient

from benchmarks.live import live_events, rate_of
from benchmarks.result import Result, machine
from benchmarks.server_process import ServerProcess

LIMIT_S = 1.0
RATE = 20_000
# Counts every event of a minute, so its newest revision tells up to where events are visible.
METRIC = "events_per_minute"


def run(*, small: bool) -> Result:
    """Median over three measurements of the 99th percentile."""
    rate, seconds, rounds = (1_000, 3.0, 1) if small else (RATE, 30.0, 3)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name, ServerProcess(Path(name)) as server:
        measured = [_measure(server.address, rate, seconds) for _ in range(rounds)]
    p50 = statistics.median(round_[0] for round_ in measured)
    p99 = statistics.median(round_[1] for round_ in measured)
    return Result(
        benchmark="watch_lag",
        ratio=p99 / LIMIT_S,
        goal=1.0,
        better="lower",
        parts={
            "events_per_s": rate,
            "accepted_per_s": [round(round_[3]) for round_ in measured],
            "seconds": seconds,
            "batches": [round_[2] for round_ in measured],
            "p50_s": p50,
            "p99_s": p99,
            "p99_each_s": [round_[1] for round_ in measured],
        },
        machine=machine(),
        summary=f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms of 1,000 ms at {rate:,} events/s",
        small=small,
    )


class _Seen:
    """When which log position was visible first."""

    def __init__(self) -> None:
        self.synced = threading.Event()
        self.positions: list[int] = []
        self.times_us: list[float] = []

    def follow(self, client: TruelineClient) -> None:
        for message in client.watch_metrics([METRIC]):
            if isinstance(message, Synced):
                self.synced.set()
            elif isinstance(message, (MetricSnapshot, MetricChanges)):
                now = time.time() * 1e6
                newest = max((point.revision for point in message.points), default=0)
                if newest > (self.positions[-1] if self.positions else 0):
                    self.positions.append(newest)
                    self.times_us.append(now)

    def lag_s(self, position: int, accepted_at_us: int) -> float:
        first = bisect.bisect_left(self.positions, position)
        if first == len(self.positions):
            raise RuntimeError(f"position {position} was never visible")
        return max(self.times_us[first] - accepted_at_us, 0.0) / 1e6


def _measure(address: str, rate: int, seconds: float) -> tuple[float, float, int, float]:
    seen = _Seen()
    with TruelineClient(address) as client:
        watcher = threading.Thread(target=seen.follow, args=(client,), daemon=True)
        watcher.start()
        if not seen.synced.wait(30.0):
            raise RuntimeError("the watch does not become synced")
        with live_events(address, rate, seconds) as process:
            assert process.stdout is not None
            accepted = [tuple(map(int, line.split())) for line in process.stdout]
            if process.wait() != 0:
                raise RuntimeError("the live events failed")
        last = accepted[-1][0]
        client.status(min_position=last, timeout=60.0)
        deadline = time.monotonic() + 30.0
        while (not seen.positions or seen.positions[-1] < last) and time.monotonic() < deadline:
            time.sleep(0.05)
    watcher.join(10.0)
    lags = sorted(seen.lag_s(position, at) for position, at in accepted)
    return lags[len(lags) // 2], lags[int(len(lags) * 0.99)], len(lags), rate_of([at for _, at in accepted], rate)
