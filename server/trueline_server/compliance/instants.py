"""The two instants of a question about the past: as of when, and by what was known when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from trueline_rules.expressions.showing import show_value

from trueline_server.errors import invalid_field

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AsOf:
    """What held at an instant, by what had been recorded by another (µs since 1970, UTC).

    Attributes:
        at_us: facts observed, evidence collected and waivers granted by then, and rules in force then.
        known_us: what was recorded later is left out, revocations of waivers as well; None = all that is known.

    """

    at_us: int
    known_us: int | None = None

    @property
    def told_us(self) -> int:
        """Until when what holds as soon as it is recorded counts: rules, and waivers with their revocations."""
        return self.at_us if self.known_us is None else min(self.at_us, self.known_us)


def as_of(at_us: int | None, known_us: int | None, now_us: int) -> AsOf:
    """The instants asked for; without an instant it is that of the knowledge, and without both now.

    Raises:
        TruelineError: INVALID_FIELD, if one lies ahead of the server's clock, or before 1970.

    """
    _check("at", at_us, now_us)
    _check("known_at", known_us, now_us)
    if at_us is None:
        at_us = now_us if known_us is None else known_us
    return AsOf(at_us, known_us)


def _check(field: str, instant_us: int | None, now_us: int) -> None:
    if instant_us is None:
        return
    if instant_us > now_us:
        told = f"is {shown(instant_us)}, which lies ahead of the server's clock, {shown(now_us)}"
        raise invalid_field(field, f"{told}; what has not happened cannot be judged, so leave it out for now")
    if instant_us < 0:
        raise invalid_field(field, f"is {shown(instant_us)}, before the year 1970; give a later instant")


def shown(at_us: int) -> str:
    """An instant for people; µs since 1970 (UTC)."""
    return show_value(_EPOCH + timedelta(microseconds=at_us))
