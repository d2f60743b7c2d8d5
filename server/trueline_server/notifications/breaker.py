"""The circuit breaker of a channel: after failures in a row nothing is tried for a while, then one message probes."""

from __future__ import annotations

FAILURES = 5
FIRST_PAUSE_US = 30_000_000
LONGEST_PAUSE_US = 300_000_000


class CircuitBreaker:
    """Counts tries. Not thread-safe: its owner locks. Instants in µs by one clock."""

    def __init__(self) -> None:
        self.failures = 0
        self.open_until_us: int | None = None
        self._pause_us = FIRST_PAUSE_US

    def allows(self, now_us: int) -> bool:
        """Whether a message may be tried."""
        return self.open_until_us is None or now_us >= self.open_until_us

    @property
    def probing(self) -> bool:
        """Whether the next message is a probe, which gets a single try."""
        return self.open_until_us is not None

    def succeeded(self) -> None:
        """The other side did its work: whatever was counted is over."""
        self.failures, self.open_until_us, self._pause_us = 0, None, FIRST_PAUSE_US

    def failed(self, now_us: int) -> None:
        """A try failed."""
        self.failures += 1
        if self.open_until_us is not None:
            self._pause_us = min(self._pause_us * 2, LONGEST_PAUSE_US)
            self.open_until_us = now_us + self._pause_us
        elif self.failures >= FAILURES:
            self.open_until_us = now_us + self._pause_us

    def clock_went_back(self, by_us: int) -> None:
        """Keep the rest of a pause as long as it was."""
        if self.open_until_us is not None:
            self.open_until_us -= by_us
