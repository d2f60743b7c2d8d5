"""What escalation policies say, as frozen values: who is told, after how long, and what must happen by when."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.model import Metadata
from trueline_rules.routing.matchers import Matcher


class Reaches(StrEnum):
    """What a level names."""

    SCHEDULE = "schedule"
    PERSON = "person"
    CHANNEL = "channel"


class PostMortem(StrEnum):
    """Whether a post-mortem is written once a case is resolved."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    AS_NEEDED = "as_needed"
    NONE = "none"


class CaseKind(StrEnum):
    """What a policy opens: something that people are told of, or an item that waits on a list."""

    ALERT = "alert"
    BACKLOG = "backlog"


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a level tells: those on call in a schedule, a person, or a channel.

    Attributes:
        every: whether people are told on all of their channels; else on the first one.

    """

    kind: Reaches
    name: str
    every: bool = False

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Level:
    """One level of a policy.

    Attributes:
        name: what people call it; unique within its policy.
        after_us: how long after the level before was told; of the first level: after the case opened.
        notify: whom it tells.
        repeat: how often it is told again before the next level.
        every_us: how far these times are apart; 0 if it is told once.

    """

    name: str
    after_us: int
    notify: tuple[Target, ...]
    repeat: int = 0
    every_us: int = 0


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """When a business is open, in its own time zone.

    Attributes:
        time_zone: IANA name.
        weekdays: 0 = Monday ... 6 = Sunday, ascending.
        from_minute: of the day, from which it is open (0 to 1439).
        until_minute: of the day, at which it closes (1 to 1440; 1440 = 24:00).
        holidays: days that are closed, "2026-12-25", ascending.

    """

    time_zone: str
    weekdays: tuple[int, ...]
    from_minute: int
    until_minute: int
    holidays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inform:
    """Who is informed, and by when after the case opened; None = no time is set."""

    who: str
    within_us: int | None = None


@dataclass(frozen=True, slots=True)
class Targets:
    """What must happen by when, all counted from the opening but the post-mortem, which counts from the end.

    Attributes:
        respond_within_us: until somebody acknowledges.
        update_every_us: between two updates for those concerned.
        resolve_within_us: until it is resolved.
        post_mortem: whether one is written.
        post_mortem_within_us: until it is written.
        inform: who is told of it beside those who work on it.
        basis: "seed", "assumed" or "agreed": where the times come from.
        assumed: keys of those that are assumed all the same.

    """

    respond_within_us: int | None = None
    update_every_us: int | None = None
    resolve_within_us: int | None = None
    post_mortem: PostMortem = PostMortem.NONE
    post_mortem_within_us: int | None = None
    inform: tuple[Inform, ...] = ()
    basis: str = "assumed"
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EscalationPolicy:
    """Who is told of a case, level by level, until somebody acknowledges it.

    Attributes:
        levels: in order; empty only for a backlog, which tells nobody.
        rounds: how often all levels are gone through again after the first time.
        round_after_us: how long after the last level was told the next round begins; 0 if there is none.
        acknowledge_timeout_us: how long an acknowledgement holds; None = until the case is resolved.
        hours: when its clocks run; None = always.
        targets: what must happen by when.
        case: what it opens.
        basis: "seed", "assumed" or "agreed": where levels and their delays come from.
        match: which alerts take it where their route names no policy; () = all, None = none.
        order: policies that match are asked by this, the lowest first, then by name; the first one that holds is taken.

    """

    metadata: Metadata
    levels: tuple[Level, ...]
    rounds: int = 0
    round_after_us: int = 0
    acknowledge_timeout_us: int | None = None
    hours: BusinessHours | None = None
    targets: Targets = Targets()
    case: CaseKind = CaseKind.ALERT
    basis: str = "assumed"
    match: tuple[Matcher, ...] | None = None
    order: int = 0
