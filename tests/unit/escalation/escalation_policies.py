"""Policies and reach for tests of escalation: small ones to read, and random ones."""

from hypothesis import strategies as st
from trueline_rules.escalation.actions import Reach, Reached, Recipient
from trueline_rules.escalation_model import (
    BusinessHours,
    EscalationPolicy,
    Inform,
    Level,
    PostMortem,
    Reaches,
    Target,
    Targets,
)
from trueline_rules.model import Metadata

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# 2026-03-02, a Monday, 12:00 UTC.
NOON = 1_772_452_800_000_000

ADA = Target(Reaches.PERSON, "ada")
LOG = Target(Reaches.CHANNEL, "log")
OPS = Target(Reaches.SCHEDULE, "ops")


def policy(*levels: Level, **settings: object) -> EscalationPolicy:
    """A policy of some levels."""
    return EscalationPolicy(Metadata("standard"), levels, **settings)  # type: ignore[arg-type]


def level(name: str, after_us: int = 0, *, repeat: int = 0, every_us: int = 0, notify: Target = LOG) -> Level:
    """A level that tells one target."""
    return Level(name, after_us, (notify,), repeat, every_us)


def everybody(target: Target, at_us: int) -> Reached:
    """Whoever is named is reached, by a channel of their own."""
    return Reached((Recipient(f"{target.kind}-{target.name}", "", target),))


def nobody(target: Target, at_us: int) -> Reached:
    """Nobody is ever reached."""
    return Reached((), "nobody is on call")


def all_but(*names: str) -> Reach:
    """Whoever is not named is reached."""
    return lambda target, at_us: (nobody if target.name in names else everybody)(target, at_us)


@st.composite
def policies(draw: st.DrawFn) -> EscalationPolicy:
    """Any policy that the loader lets pass, with spans of minutes and sometimes business hours."""
    minutes = st.integers(1, 90).map(lambda minutes: minutes * MINUTE)
    levels: list[Level] = []
    for place in range(draw(st.integers(1, 4))):
        repeat = draw(st.integers(0, 3))
        every_us = draw(minutes) if repeat else 0
        waited = levels[-1].repeat * levels[-1].every_us if levels else 0
        after_us = waited + draw(minutes) if levels else draw(st.just(0) | minutes)
        target = Target(draw(st.sampled_from(Reaches)), draw(st.sampled_from("abc")), draw(st.booleans()))
        levels.append(Level(f"level {place}", after_us, (target,), repeat, every_us))
    rounds = draw(st.integers(0, 3))
    required = draw(st.booleans())
    hours = BusinessHours("Europe/Berlin", (0, 1, 2, 3, 4), 9 * 60, 17 * 60, ("2026-03-05",))
    return policy(
        *levels,
        rounds=rounds,
        round_after_us=draw(minutes) if rounds else 0,
        acknowledge_timeout_us=draw(st.none() | minutes),
        hours=draw(st.none() | st.just(hours)),
        targets=Targets(
            respond_within_us=draw(st.none() | minutes),
            update_every_us=draw(st.none() | minutes),
            resolve_within_us=draw(st.none() | minutes),
            post_mortem=PostMortem.REQUIRED if required else PostMortem.NONE,
            post_mortem_within_us=draw(minutes) if required else None,
            inform=(Inform("users", draw(st.none() | minutes)),),
        ),
    )
