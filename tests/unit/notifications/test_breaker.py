"""The circuit breaker of a channel."""

from __future__ import annotations

from trueline_server.notifications.breaker import CircuitBreaker

SECOND = 1_000_000


def opened(at_us: int = 0) -> CircuitBreaker:
    """One that just opened."""
    breaker = CircuitBreaker()
    for _ in range(5):
        assert breaker.allows(at_us)
        breaker.failed(at_us)
    return breaker


def test_opens_after_five_failures_in_a_row() -> None:
    """A success in between begins the count anew."""
    breaker = CircuitBreaker()
    for _ in range(4):
        breaker.failed(0)
    breaker.succeeded()
    for _ in range(4):
        breaker.failed(0)
    assert breaker.allows(0)
    breaker.failed(0)
    assert not breaker.allows(30 * SECOND - 1)
    assert breaker.allows(30 * SECOND)
    assert breaker.probing


def test_pauses_double_up_to_five_minutes() -> None:
    """Each probe that fails makes the next pause longer."""
    breaker, at_us, pauses = opened(), 0, []
    for _ in range(6):
        assert breaker.open_until_us is not None
        pauses.append((breaker.open_until_us - at_us) // SECOND)
        at_us = breaker.open_until_us
        breaker.failed(at_us)
    assert pauses == [30, 60, 120, 240, 300, 300]


def test_probe_that_passes_closes_it() -> None:
    """Afterwards it takes five failures again, and the first pause is short again."""
    breaker = opened()
    breaker.failed(30 * SECOND)
    breaker.succeeded()
    assert breaker.allows(31 * SECOND)
    assert not breaker.probing
    for _ in range(5):
        breaker.failed(100 * SECOND)
    assert breaker.open_until_us == 130 * SECOND


def test_clock_set_back() -> None:
    """The rest of the pause stays as long as it was."""
    breaker = opened(1000 * SECOND)
    breaker.clock_went_back(900 * SECOND)
    assert not breaker.allows(129 * SECOND)
    assert breaker.allows(130 * SECOND)
