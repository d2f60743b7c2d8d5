"""Studies that a schedule runs."""

from __future__ import annotations

from trueline_server.schedules.model import Begun, RunKind, ScheduledRun
from trueline_server.studies.model import Asked
from trueline_server.studies.periods import day_of, last_complete
from trueline_server.studies.service import StudyService


def study_runs(service: StudyService) -> RunKind:
    """What a schedule with `run: {study: ...}` does: begins one of the last complete period, once for each key."""

    def begin(run: ScheduledRun) -> Begun:
        wanted = run.schedule.run
        # Of the instant that the schedule means, however late it is begun, so that it asks for the same again.
        period = last_complete(wanted.period, run.nominal_us)
        asked = Asked(wanted.target, period.start_us, period.end_us, request_id=run.key)
        operation = service.run(run.tenant, asked)
        span = f"{day_of(period.start_us)} to {day_of(period.end_us)}"
        return Begun(f"study {asked.study} of {span} as {operation.name}", operation.name)

    return begin
