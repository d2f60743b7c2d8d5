"""What schedules are to those who run them and ask about them. No protobuf, no SQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from trueline_rules.schedule_model import Schedule


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """One run of a schedule.

    Attributes:
        tenant: for whom.
        schedule: which.
        nominal_us: the instant that the cron expression means, or at which somebody asked for it.
        own_instant: whether it says what was so at `nominal_us`, and not what is so when it is begun; that is what
            `missed: run_all` asks for, where a run may be made up for long after its time.
        key: the same whenever this run is begun again, e.g. after a crash; at most 128 bytes.

    """

    tenant: str
    schedule: Schedule
    nominal_us: int
    own_instant: bool
    key: str


@dataclass(frozen=True, slots=True)
class Begun:
    """What a run began.

    Attributes:
        message: for people.
        operation: name of the operation that does it; "" = it is done already.

    """

    message: str
    operation: str = ""


# Begins a run, or does what is done at once; long work is an operation. Called again with the same key after a crash
# (and must then not do it twice), raises what it fails with.
RunKind = Callable[[ScheduledRun], Begun]


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """A schedule, and how far it has come; instants in µs since 1970 (UTC), by the server's clock.

    Attributes:
        schedule: the document in force.
        next_us: when it runs next, jitter included.
        last_started_us, last_finished_us: of the last run; None before the first.
        last_outcome: "ok", "failed" or "" before the first.
        last_message: what it began, or why it failed.
        runs: how many runs were begun.
        missed: how many fell out because nothing ran in time.
        runner: the process that begins a run just now; "" = none.

    """

    schedule: Schedule
    next_us: int
    last_started_us: int | None
    last_finished_us: int | None
    last_outcome: str
    last_message: str
    runs: int
    missed: int
    runner: str
