"""Run as a process of its own: sends events that happen now, at a steady rate, and prints each batch's acceptance.

`python -m benchmarks.live ADDRESS RATE SECONDS` prints a line `POSITION ACCEPTED_AT_US` for every batch.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from trueline import ColumnBatch, TruelineClient

from benchmarks.business import column_batches, generated

BATCHES_PER_S = 20
SOURCE = "synthetic-live"


@contextmanager
def live_events(address: str, rate: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """The process, while it sends; it is ended with the block."""
    command = [sys.executable, "-m", "benchmarks.live", address, str(rate), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def rate_of(accepted_us: list[int], rate: int) -> float:
    """Events a second that were really accepted: first to last of batches sent at `rate`."""
    seconds = (accepted_us[-1] - accepted_us[0]) / 1e6
    return (len(accepted_us) - 1) * max(rate // BATCHES_PER_S, 1) / seconds


def main() -> None:
    """See the module."""
    address, rate, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    size = max(rate // BATCHES_PER_S, 1)
    templates = column_batches(generated(max(size, 1_000) * 4), size)[:4]
    with TruelineClient(address) as client:
        start = time.monotonic()
        for number in range(int(seconds * BATCHES_PER_S)):
            time.sleep(max(start + number / BATCHES_PER_S - time.monotonic(), 0.0))
            result = client.ingest_columns(_now(templates[number % len(templates)], f"live-{start}-{number}"))
            if result.rejections or result.accepted_at is None:
                raise RuntimeError(f"a live batch was refused: {result.rejections[:1]}")
            print(result.position, int(result.accepted_at.timestamp() * 1e6), flush=True)


def _now(template: ColumnBatch, prefix: str) -> ColumnBatch:
    """The template's events, as if they happened now."""
    return replace(
        template,
        ids=[f"{prefix}-{row}" for row in range(len(template))],
        source=SOURCE,
        occurred_at_us=[int(time.time() * 1e6)] * len(template),
    )


if __name__ == "__main__":
    main()
