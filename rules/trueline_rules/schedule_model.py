"""What on-call calendars and schedules of runs say, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from trueline_rules.model import Metadata
from trueline_rules.routing_model import TimeInterval


class Missed(StrEnum):
    """What happens to runs that nobody made in time, because nothing ran."""

    RUN_ONCE = "run_once"
    SKIP = "skip"
    RUN_ALL = "run_all"


class Unit(StrEnum):
    """Unit of the length of a shift, in local time."""

    HOUR = "h"
    DAY = "d"
    WEEK = "w"


@dataclass(frozen=True, slots=True)
class Rotation:
    """Shifts of a layer: how long each is, and when the first one begins.

    Attributes:
        length: of a shift, in `unit`s.
        unit: local hours, days or weeks: a day that is 23 or 25 hours long is one day.
        starts: local time of the first handover, without a zone.

    """

    length: int
    unit: Unit
    starts: datetime


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns.

    Attributes:
        shifts: who is on call in each shift, one or several people; in turn, from `rotation.starts` on.
        rotation: None = the one shift lasts for ever.
        only: time intervals outside of which nobody of this layer is on call; () = always.

    """

    shifts: tuple[tuple[str, ...], ...]
    rotation: Rotation | None = None
    only: tuple[TimeInterval, ...] = ()


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody who is on call in the place of whoever would be, from_us <= at < until_us."""

    person: str
    from_us: int
    until_us: int


@dataclass(frozen=True, slots=True)
class OnCallSchedule:
    """Who is on call when.

    Attributes:
        time_zone: IANA name; of handovers, and of intervals that name none of their own.
        layers: a later one wins over those before it while somebody of it is on call.
        overrides: by their beginning; no two overlap.

    """

    metadata: Metadata
    time_zone: str
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """What a schedule runs.

    Attributes:
        action: one of kinds.schedule.ACTIONS.
        names: of what it is done to, at least one; several for "evaluate" alone.
        period: of "study" alone: the last complete "week", "month" or "quarter" is studied.

    """

    action: str
    names: tuple[str, ...]
    period: str = ""

    @property
    def target(self) -> str:
        """What it is done to, for people."""
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is run.

    Attributes:
        cron: five fields, as `crontab` has them, in upper case; "@daily" and the like are written out.
        time_zone: IANA name; of the fields of `cron`.
        jitter_us: how much later at most each run is; the same for all runs of a schedule and a key.
        missed: what happens to runs that were missed.
        run: what is run.

    """

    metadata: Metadata
    cron: str
    time_zone: str
    jitter_us: int
    missed: Missed
    run: Run
