"""The use case of schedules: lists them with how far they have come, and runs one out of turn."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace

from trueline_rules.names import hint, nearest, quoted
from trueline_rules.schedules.runs import next_due
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError
from trueline_server.rules.in_force import RulesOf
from trueline_server.schedules.model import Begun, ScheduledRun, ScheduleState
from trueline_server.schedules.runner import ScheduleRunner, schedules_of
from trueline_server.schedules.store import all_progress, anchored, find_progress, timing_of, write_progress


class ScheduleService:
    """Answers about schedules. Methods block; thread-safe."""

    def __init__(self, state: StateDatabase, rules: RulesOf, runner: ScheduleRunner, clock: Clock) -> None:
        self._state = state
        self._rules = rules
        self._runner = runner
        self._clock = clock

    def list(self, tenant: str) -> Sequence[ScheduleState]:
        """The schedules in force, by name."""
        now_us = self._clock()
        with self._state.reading() as connection:
            known = all_progress(connection)
        found = []
        for name, schedule in schedules_of(self._rules(tenant)).items():
            progress = known.get((tenant, name))
            if progress is None:
                progress = anchored(None, tenant, schedule, now_us)
            # One that was changed is anchored by the runner at its next look.
            current = progress.timing == timing_of(schedule)
            found.append(
                ScheduleState(
                    schedule=schedule,
                    next_us=progress.due_us if current else next_due(schedule, now_us, tenant).at_us,
                    last_started_us=progress.last_started_us,
                    last_finished_us=progress.last_finished_us,
                    last_outcome=progress.last_outcome,
                    last_message=progress.last_message,
                    runs=progress.runs,
                    missed=progress.missed,
                    runner=progress.runner if now_us < progress.lease_until_us else "",
                )
            )
        return found

    def run(self, tenant: str, schedule: str, *, request_id: str = "") -> Begun:
        """Run a schedule now, beside its times. The same request id runs it once.

        Raises:
            TruelineError: UNKNOWN_SCHEDULE; what the run fails with.

        """
        schedules = schedules_of(self._rules(tenant))
        found = schedules.get(schedule)
        if found is None:
            raise TruelineError(
                "NOT_FOUND",
                "UNKNOWN_SCHEDULE",
                f"no Schedule {quoted(schedule)} is in force{hint(schedule, schedules)}",
                metadata={"name": schedule, "nearest": nearest(schedule, schedules) or ""},
            )
        started_us = self._clock()
        own = hashlib.blake2b(request_id.encode(), digest_size=16).hexdigest() if request_id else secrets.token_hex(16)
        key = f"asked:{schedule}:{own}"
        begun = self._runner.begin(ScheduledRun(tenant, found, started_us, own_instant=False, key=key))
        with self._state.writing() as connection:
            progress = find_progress(connection, tenant, schedule) or anchored(None, tenant, found, started_us)
            told = replace(
                progress,
                last_started_us=started_us,
                last_finished_us=self._clock(),
                last_outcome="ok",
                last_message=begun.message,
                runs=progress.runs + 1,
            )
            write_progress(connection, told)
        return begun
