"""The time. Parts take a clock as an argument; tests pass one that they turn."""

from __future__ import annotations

import time
from collections.abc import Callable

# Answers microseconds since 1970-01-01T00:00:00Z.
Clock = Callable[[], int]


def now_us() -> int:
    """The time by the machine's clock, in microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


class ManualClock:
    """A clock that stands still until it is turned."""

    def __init__(self, now_us: int = 0) -> None:
        self._now_us = now_us

    def __call__(self) -> int:
        """Microseconds since 1970 (UTC)."""
        return self._now_us

    def turn(self, seconds: float) -> None:
        """Move on by some seconds."""
        self._now_us += round(seconds * 1_000_000)
