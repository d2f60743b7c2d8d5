"""When a schedule runs next, and what becomes of the runs that nobody made in time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile

from trueline_rules.schedule_model import Missed, Schedule
from trueline_rules.schedules.cron import instants_after
from trueline_rules.spans import SECOND_US

# A run that is later than this was missed. A scheduler that is only busy is not that late.
GRACE_US = 60 * SECOND_US
# Most runs that `run_all` makes up for; those before them are skipped, and counted up to MOST_COUNTED.
MOST_MADE_UP = 100
MOST_COUNTED = 1_000


@dataclass(frozen=True, slots=True, order=True)
class DueRun:
    """One run of a schedule.

    Attributes:
        nominal_us: the instant that the cron expression means: the identity of the run within its schedule.
        at_us: when it is due, jitter included.

    """

    nominal_us: int
    at_us: int


@dataclass(frozen=True, slots=True)
class DueRuns:
    """What is to be run now.

    Attributes:
        runs: in order; made up for or in time.
        skipped: how many runs fall out, up to MOST_COUNTED.
        last_us: nominal instant up to which everything is settled; pass it as `after_us` the next time.

    """

    runs: tuple[DueRun, ...]
    skipped: int
    last_us: int


def jitter_of(schedule: Schedule, key: str = "") -> int:
    """How much later than it says a schedule runs, below `jitter_us`; a key (a tenant's) has its own, always the same.

    As it is the same for all runs, it never changes their order, and every process that asks agrees.
    """
    if schedule.jitter_us <= 0:
        return 0
    digest = hashlib.blake2b(f"{schedule.metadata.name}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % schedule.jitter_us


def next_due(schedule: Schedule, after_us: int, key: str = "") -> DueRun:
    """The first run whose nominal instant is after one."""
    return next(_runs_after(schedule, after_us, key))


def due_runs(schedule: Schedule, after_us: int, now_us: int, key: str = "") -> DueRuns:
    """What is to be run now, of the runs whose nominal instant is after `after_us` and that are due by `now_us`.

    Runs in time (at most GRACE_US late) are always there. Of those that were missed there is none with `skip`, the
    last one with `run_once` unless a later one is in time, and the last MOST_MADE_UP with `run_all`.

    An `after_us` well beyond now comes from before the clock was set back, and counts as now. Whoever runs keeps the
    nominal instants of what was run, so that no run is made a second time then.
    """
    if after_us > now_us + GRACE_US:
        after_us = now_us
    last = _last_runs(schedule, after_us, now_us, key)
    if not last:
        return DueRuns((), 0, after_us)
    missed = [run for run in last if run.at_us < now_us - GRACE_US]
    in_time = last[len(missed) :]
    if schedule.missed is Missed.SKIP:
        kept = []
    elif schedule.missed is Missed.RUN_ONCE:
        kept = missed[-1:] if not in_time else []
    else:
        kept = missed[-MOST_MADE_UP:]
    return DueRuns((*kept, *in_time), len(missed) - len(kept), last[-1].nominal_us)


def _runs_after(schedule: Schedule, after_us: int, key: str) -> Iterator[DueRun]:
    jitter_us = jitter_of(schedule, key)
    for nominal_us in instants_after(schedule.cron, schedule.time_zone, after_us):
        yield DueRun(nominal_us, nominal_us + jitter_us)


def _last_runs(schedule: Schedule, after_us: int, now_us: int, key: str) -> list[DueRun]:
    """The last MOST_COUNTED runs that are due: looked for from now backwards, so that years of outage cost little."""
    span_us = 3600 * SECOND_US
    while True:
        from_us = max(after_us, now_us - span_us)
        found = list(takewhile(lambda run: run.at_us <= now_us, _runs_after(schedule, from_us, key)))
        if from_us == after_us or len(found) >= MOST_COUNTED:
            return found[-MOST_COUNTED:]
        span_us *= 4
