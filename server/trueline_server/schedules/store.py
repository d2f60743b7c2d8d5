"""How far schedules have come, in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection, delete, insert, select, update
from trueline_rules.schedule_model import Schedule
from trueline_rules.schedules.runs import next_due
from trueline_stores.state.case_tables import SCHEDULE_RUNS

_TABLE = SCHEDULE_RUNS.c


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a schedule of a tenant has come; see SCHEDULE_RUNS and ScheduleState."""

    tenant: str
    schedule: str
    timing: str
    settled_us: int
    due_us: int
    attempts: int = 0
    runner: str = ""
    lease_until_us: int = 0
    last_started_us: int | None = None
    last_finished_us: int | None = None
    last_outcome: str = ""
    last_message: str = ""
    runs: int = 0
    missed: int = 0


def timing_of(schedule: Schedule) -> str:
    """What decides when a schedule runs; where it changed, the times before it count no more."""
    return f"{schedule.cron} {schedule.time_zone} {schedule.jitter_us}"


def anchored(progress: Progress | None, tenant: str, schedule: Schedule, now_us: int) -> Progress:
    """A schedule that counts from now on, and what is known of its runs."""
    timing, due_us = timing_of(schedule), next_due(schedule, now_us, tenant).at_us
    if progress is None:
        return Progress(tenant, schedule.metadata.name, timing, now_us, due_us)
    return replace(progress, timing=timing, settled_us=now_us, due_us=due_us, attempts=0)


def all_progress(connection: Connection) -> dict[tuple[str, str], Progress]:
    """That of all tenants, by tenant and schedule."""
    rows = connection.execute(select(SCHEDULE_RUNS)).mappings()
    return {(row["tenant"], row["schedule"]): Progress(**row) for row in rows}


def find_progress(connection: Connection, tenant: str, schedule: str) -> Progress | None:
    """That of one schedule."""
    query = select(SCHEDULE_RUNS).where(_TABLE.tenant == tenant, _TABLE.schedule == schedule)
    row = connection.execute(query).mappings().first()
    return None if row is None else Progress(**row)


def write_progress(connection: Connection, progress: Progress) -> None:
    """Keep how far a schedule has come, in place of what was kept."""
    values = asdict(progress)
    key = (_TABLE.tenant == progress.tenant, _TABLE.schedule == progress.schedule)
    if not connection.execute(update(SCHEDULE_RUNS).where(*key).values(values)).rowcount:
        connection.execute(insert(SCHEDULE_RUNS).values(values))


def forget(connection: Connection, keys: Iterable[tuple[str, str]]) -> None:
    """Forget schedules that are not in force any more, so that one of the same name begins anew."""
    for tenant, schedule in keys:
        connection.execute(delete(SCHEDULE_RUNS).where(_TABLE.tenant == tenant, _TABLE.schedule == schedule))
