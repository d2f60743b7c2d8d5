"""What a question about journeys is asked of: whose events, in which period, and known by when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trueline_rules.model import ANY
from trueline_streams.pane_statements import Parameters


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose conversions, and which.

    Attributes:
        tenant: whose.
        start_us: conversions from this instant on (µs since 1970, UTC).
        end_us: up to this one, without it.
        known_us: as far as events had been accepted by then; None = all that is known now.
        position: events up to this log position, so that all statements of an answer see the same; None = all.

    """

    tenant: str
    start_us: int
    end_us: int
    known_us: int | None = None
    position: int | None = None

    def bound(self, bound: Parameters) -> str:
        """SQL that holds for the tenant's events that were known."""
        holds = [f"tenant = {bound.add('tenant', 'String', self.tenant)}"]
        if self.known_us is not None:
            holds.append(f"accepted_at <= {instant('known_us', self.known_us, bound)}")
        if self.position is not None:
            holds.append(f"position <= {bound.add('last_position', 'UInt64', self.position)}")
        return " AND ".join(holds)


def named(key: str, names: Sequence[str], bound: Parameters) -> str:
    """SQL that holds for events with one of these names, for all if ANY is one; `key` names the parameter."""
    if ANY in names:
        return "1"
    return f"name IN {bound.add(key, 'Array(String)', list(names))}"


def instant(key: str, us: int, bound: Parameters) -> str:
    """SQL of an instant (µs since 1970, UTC); `key` names the parameter."""
    return f"fromUnixTimestamp64Micro({bound.add(key, 'Int64', us)}, 'UTC')"
