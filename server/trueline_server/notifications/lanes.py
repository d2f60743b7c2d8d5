"""What the sender remembers of each channel between two messages; all of it may be lost, as a restart does."""

from __future__ import annotations

from dataclasses import dataclass, field

from trueline_server.notifications.breaker import CircuitBreaker
from trueline_server.notifications.model import Outcome, Try

# Tenant and name of a channel.
LaneKey = tuple[str, str]


@dataclass(slots=True)
class Lane:
    """A channel of a tenant, which carries one message at a time.

    Attributes:
        breaker: whether messages are tried at all.
        busy: whether a message is under way.
        not_before_us: when it is to be looked at again (µs since 1970, UTC).
        turn: when it was last served, as a count; who waits longest is served first.
        stuck: keys of messages that fail again and again while the channel answers; others overtake them.
        error: what went wrong last; "" = nothing since it last worked.

    """

    breaker: CircuitBreaker = field(default_factory=CircuitBreaker)
    busy: bool = False
    not_before_us: int = 0
    turn: int = 0
    stuck: set[str] = field(default_factory=set)
    error: str = ""

    @property
    def failing(self) -> bool:
        """Whether its last try failed for the channel's sake."""
        return self.breaker.failures > 0

    def note(self, done: Try, now_us: int) -> None:
        """Count a try."""
        if done.outcome is Outcome.SENT or done.message_at_fault:
            self.breaker.succeeded()
        else:
            self.breaker.failed(now_us)
        self.error = "" if done.outcome is Outcome.SENT else done.answer
