"""Runs schedules when they are due: each run once, by one process, also what was due while nothing ran."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from trueline_rules.model import RuleSet
from trueline_rules.schedule_model import Missed, Schedule
from trueline_rules.schedules.runs import DueRun
from trueline_stores.errors import StoreClosedError, StoreError
from trueline_stores.state.database import StateDatabase

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError
from trueline_server.looking import Looking
from trueline_server.rules.in_force import RulesOf
from trueline_server.schedules.leases import MOST_ATTEMPTS, Claimed, Leases, counts_anew, is_due
from trueline_server.schedules.model import Begun, RunKind, ScheduledRun
from trueline_server.schedules.store import Progress, all_progress, anchored, find_progress, forget, write_progress

_log = logging.getLogger(__name__)

# Tenant and name of a schedule.
_Key = tuple[str, str]

_LOOK_EVERY_S = 5.0
# What a repetition would fail with again.
_LASTING = frozenset({"NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION"})


class ScheduleRunner(Looking):
    """Runs what is due of the schedules of all tenants. One thread; as many processes as there are.

    A run is begun with a key made of its schedule and time. What died between beginning it and noting that begins it
    again with the same key, so that it is done once.
    """

    def __init__(
        self,
        state: StateDatabase,
        rules: RulesOf,
        tenants: Callable[[], Iterable[str]],
        kinds: Mapping[str, RunKind],
        clock: Clock,
    ) -> None:
        """`kinds` does what `run` of a schedule names, by action; `tenants` answers those whose schedules run."""
        super().__init__("running schedules", every_s=_LOOK_EVERY_S)
        self._state = state
        self._rules = rules
        self._tenants = tenants
        self._kinds = dict(kinds)
        self._clock = clock
        self._leases = Leases(state, clock)

    def tick(self) -> int:
        """Run everything that is due by the clock; answers how many runs were begun. The thread calls it; tests may.

        Raises:
            StoreError: the state database failed.

        """
        now_us = self._clock()
        tenants = frozenset(self._tenants())
        wanted = {
            (tenant, name): schedule
            for tenant in sorted(tenants)
            for name, schedule in schedules_of(self._rules(tenant)).items()
        }
        with self._state.reading() as connection:
            known = all_progress(connection)
        gone = [key for key in known if key[0] in tenants and key not in wanted]
        self._settle_in(wanted, gone, known, now_us)
        done = 0
        for (tenant, name), schedule in wanted.items():
            progress = known.get((tenant, name))
            if self._stopping.is_set():
                break
            if progress is not None and is_due(progress, now_us):
                claimed = self._leases.claim(tenant, schedule, now_us)
                done += 0 if claimed is None else self._run_all(claimed)
        return done

    def begin(self, run: ScheduledRun) -> Begun:
        """Begin a run, in turn or not.

        Raises:
            TruelineError: INVALID_FIELD, if nothing does what the schedule asks for; what the run fails with.

        """
        action = run.schedule.run.action
        kind = self._kinds.get(action)
        if kind is None:
            known = ", ".join(sorted(self._kinds)) or "nothing"
            told = f"this server cannot run a {action}; it runs: {known}"
            raise TruelineError("FAILED_PRECONDITION", "INVALID_FIELD", told, metadata={"field": "run"})
        return kind(run)

    def _settle_in(
        self, wanted: Mapping[_Key, Schedule], gone: Sequence[_Key], known: dict[_Key, Progress], now_us: int
    ) -> None:
        """New and changed schedules count from now on; those that are gone are forgotten."""
        fresh = [key for key, schedule in wanted.items() if counts_anew(known.get(key), schedule, now_us)]
        if not gone and not fresh:
            return
        with self._state.writing() as connection:
            forget(connection, gone)
            for tenant, name in fresh:
                found = find_progress(connection, tenant, name)
                schedule = wanted[tenant, name]
                # Another process may have been faster.
                if counts_anew(found, schedule, now_us):
                    found = anchored(found, tenant, schedule, now_us)
                    write_progress(connection, found)
                if found is not None:
                    known[tenant, name] = found

    def _run_all(self, claimed: Claimed) -> int:
        """Begin the runs of a schedule in order; how many were begun."""
        if not claimed.runs:
            self._leases.note(claimed, claimed.last_us, claimed.progress)
            return 0
        done = 0
        progress = replace(claimed.progress, missed=claimed.progress.missed + claimed.skipped)
        for run in claimed.runs:
            if self._stopping.is_set():
                break
            last_us = claimed.last_us if run is claimed.runs[-1] else run.nominal_us
            try:
                begun = self.begin(_scheduled(claimed, run))
            except StoreClosedError:
                raise
            except Exception as error:  # noqa: BLE001 one schedule that fails leaves the others theirs
                told = _told(error, claimed)
                if not _lasts(error) and progress.attempts + 1 < MOST_ATTEMPTS:
                    self._leases.try_again(claimed, progress, told)
                    return done
                progress = replace(progress, last_outcome="failed", last_message=told)
            else:
                done += 1
                progress = replace(progress, last_outcome="ok", last_message=begun.message)
            progress = replace(progress, runs=progress.runs + 1, attempts=0)
            progress = self._leases.note(claimed, last_us, progress)
        return done


def schedules_of(rules: RuleSet) -> dict[str, Schedule]:
    """The schedules of a rule set by name."""
    found = rules.documents.get("Schedule", {})
    return {name: found[name] for name in sorted(found) if isinstance(found[name], Schedule)}  # type: ignore[misc]


def _scheduled(claimed: Claimed, run: DueRun) -> ScheduledRun:
    schedule = claimed.schedule
    key = f"schedule:{schedule.metadata.name}:{run.nominal_us}"
    # Whether it is late does not count, so that a run that is begun again asks for the same.
    own_instant = schedule.missed is Missed.RUN_ALL
    return ScheduledRun(claimed.progress.tenant, schedule, run.nominal_us, own_instant, key)


def _lasts(error: Exception) -> bool:
    return isinstance(error, TruelineError) and error.code in _LASTING


def _told(error: Exception, claimed: Claimed) -> str:
    name = claimed.schedule.metadata.name
    if isinstance(error, TruelineError | StoreError):
        message: str = error.message
        _log.warning("schedule %s of tenant %s failed: %s", name, claimed.progress.tenant, message)
        return message
    _log.exception("schedule %s of tenant %s failed", name, claimed.progress.tenant)
    return "it failed; the server's log tells why"
