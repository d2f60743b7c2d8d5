"""Which failures are tried again, how often and after which pause. Every call of the contract may be repeated."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import tenacity

from trueline.errors import TruelineError


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after which pauses a call is tried again.

    The pause before try n + 1 is drawn between half of it and all of min(longest, first · 2ⁿ) seconds, and is never
    shorter than what the server asks for (google.rpc.RetryInfo). A call's deadline bounds all its tries together.

    Attributes:
        attempts: most tries of a call, at least 1.
        first: seconds.
        longest: seconds.

    """

    attempts: int = 6
    first: float = 0.1
    longest: float = 5.0

    def endless(self) -> RetryPolicy:
        """The same pauses, for as many tries as a budget of time allows."""
        return replace(self, attempts=1_000_000)

    def pause(self, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after the failed try number `attempt` (from 1)."""
        bound = min(self.longest, self.first * 2.0 ** min(attempt - 1, 30))
        return max(retry_after or 0.0, random.uniform(bound / 2, bound))


def is_safe(error: BaseException) -> bool:
    """True for failures that a later try may not meet: no answer, or an explicit "try again later".

    RESOURCE_EXHAUSTED without a delay (a request that is too large) would fail again and is not retried.
    """
    if not isinstance(error, TruelineError):
        return False
    return error.code == "UNAVAILABLE" or (error.code == "RESOURCE_EXHAUSTED" and error.retry_after is not None)


def is_interruption(error: BaseException) -> bool:
    """True for failures of a stream after which it can go on from where it was cut.

    A stopping server may end its streams with CANCELLED; SLOW_READER says that the reader may resume.
    """
    return is_safe(error) or (isinstance(error, TruelineError) and error.code in {"CANCELLED", "ABORTED"})


def options(
    policy: RetryPolicy,
    budget: float | None,
    *,
    when: Callable[[BaseException], bool] = is_safe,
    sleep: Callable[[float], Any] | None = None,
    on_wait: Callable[[TruelineError], Any] | None = None,
) -> dict[str, Any]:
    """Arguments for tenacity's Retrying and AsyncRetrying.

    Args:
        policy: how often, and after which pauses.
        budget: bounds the seconds of all tries together; None = no bound.
        when: which failures are tried again.
        sleep: how to wait; None = as tenacity does.
        on_wait: hears of the first failure, before the wait for the second try.

    """

    def wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        return policy.pause(state.attempt_number, getattr(error, "retry_after", None))

    stop: Any = tenacity.stop_after_attempt(policy.attempts)
    if budget is not None:
        stop |= tenacity.stop_before_delay(budget)

    def before_sleep(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if on_wait is not None and state.attempt_number == 1 and isinstance(error, TruelineError):
            on_wait(error)

    chosen = {"retry": tenacity.retry_if_exception(when), "wait": wait, "stop": stop, "reraise": True}
    return chosen | {"before_sleep": before_sleep} | ({} if sleep is None else {"sleep": sleep})
