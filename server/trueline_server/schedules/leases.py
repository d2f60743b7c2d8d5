"""The lease of a schedule: which process begins its runs just now, and what is noted once that is done."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from trueline_rules.schedule_model import Schedule
from trueline_rules.schedules.runs import GRACE_US, DueRun, due_runs, next_due
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.schedules.store import Progress, find_progress, timing_of, write_progress

# A runner that died holds a schedule for so long; shorter than the lateness from which on a run is missed.
LEASE_US = GRACE_US // 2
# A run that fails, and might not the next time, is begun again after pauses that double.
MOST_ATTEMPTS = 5
_FIRST_PAUSE_US = 10_000_000
_LONGEST_PAUSE_US = _FIRST_PAUSE_US << MOST_ATTEMPTS
# A clock that was set back by more than this will not soon reach the times that were settled before.
SET_BACK_US = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Claimed:
    """A schedule whose lease is held, and what is to be run of it."""

    schedule: Schedule
    progress: Progress
    runs: tuple[DueRun, ...]
    skipped: int
    last_us: int


class Leases:
    """Takes the leases of schedules for one process, and gives them back. Methods block; thread-safe."""

    def __init__(self, state: StateDatabase, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._name = secrets.token_hex(8)

    def claim(self, tenant: str, schedule: Schedule, now_us: int) -> Claimed | None:
        """Take the lease of a schedule; None if another process has it, or there is nothing to do any more."""
        with self._state.writing() as connection:
            progress = find_progress(connection, tenant, schedule.metadata.name)
            if progress is None or not is_due(progress, now_us) or _is_held(progress, self._name, now_us):
                return None
            due = due_runs(schedule, progress.settled_us, now_us, tenant)
            held = replace(progress, runner=self._name, lease_until_us=now_us + LEASE_US, last_started_us=now_us)
            write_progress(connection, held)
            return Claimed(schedule, held, due.runs, due.skipped, due.last_us)

    def note(self, claimed: Claimed, settled_us: int, progress: Progress) -> Progress:
        """Keep that all is settled up to a time; the lease ends unless more is to be run."""
        tenant = progress.tenant
        more = settled_us < claimed.last_us
        missed = progress.missed + (claimed.skipped if not claimed.runs else 0)
        now_us = self._clock()
        after = replace(
            progress,
            settled_us=settled_us,
            due_us=next_due(claimed.schedule, settled_us, tenant).at_us,
            runner=self._name if more else "",
            lease_until_us=now_us + LEASE_US if more else 0,
            last_finished_us=now_us,
            missed=missed,
            attempts=0,
        )
        self._keep(after)
        return after

    def try_again(self, claimed: Claimed, progress: Progress, told: str) -> None:
        """Keep that a run could not be begun, and when that is tried again; the lease ends."""
        now_us = self._clock()
        pause_us = _FIRST_PAUSE_US << progress.attempts
        # What fell out counts once a later run is settled, which none of these is yet.
        first = progress.settled_us == claimed.progress.settled_us
        self._keep(
            replace(
                progress,
                due_us=now_us + pause_us,
                attempts=progress.attempts + 1,
                runner="",
                lease_until_us=0,
                last_finished_us=now_us,
                last_outcome="failed",
                last_message=f"{told}; it is tried again in {pause_us // 1_000_000} s",
                missed=claimed.progress.missed if first else progress.missed,
            )
        )

    def _keep(self, progress: Progress) -> None:
        with self._state.writing() as connection:
            found = find_progress(connection, progress.tenant, progress.schedule)
            # Whoever was slower than its lease has nothing to say any more.
            if found is not None and found.runner == self._name and found.timing == progress.timing:
                write_progress(connection, progress)


def counts_anew(progress: Progress | None, schedule: Schedule, now_us: int) -> bool:
    """Whether a schedule is new, has other times, or was settled by a clock that was set back since."""
    if progress is None or progress.timing != timing_of(schedule):
        return True
    return progress.settled_us > now_us + SET_BACK_US


def is_due(progress: Progress, now_us: int) -> bool:
    """Whether there may be something to run."""
    # A pause that a clock set back made longer than any pause is over.
    return progress.due_us <= now_us or (progress.attempts > 0 and progress.due_us > now_us + _LONGEST_PAUSE_US)


def _is_held(progress: Progress, runner: str, now_us: int) -> bool:
    """Whether another process has the lease; one that ends later than any can was given by a clock set back since."""
    return progress.runner not in {"", runner} and now_us < progress.lease_until_us <= now_us + LEASE_US
