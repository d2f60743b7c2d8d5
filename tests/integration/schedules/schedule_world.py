"""Schedules over a real state database, with a turned clock and runs that a test watches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.schedules.model import Begun, ScheduledRun, ScheduleState
from trueline_server.schedules.runner import ScheduleRunner
from trueline_server.schedules.service import ScheduleService
from trueline_server.schedules.store import Progress, find_progress
from trueline_stores.state.database import StateDatabase

from tests.integration.alerts.alert_world import document

MAPPING = document("EventMapping", "shop", "fields: {id: id, source: source, name: name, occurred_at: at}")
POLICY = document(
    "CheckpointPolicy",
    "scaling",
    "personas: {agency: Sells.}\n  "
    "cells: [{persona: agency, measure: m, target: 1, direction: higher, value: {kpi: k}}]",
)
KPI = document(
    "Kpi", "k", "unit: u\n  direction: higher\n  target: 1\n  statement: SELECT count() AS value FROM events"
)


def us(text: str) -> int:
    """Microseconds since 1970 of an instant in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def shown(at_us: int) -> str:
    """The other way."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%m-%d %H:%M:%S")


def schedule(cron: str, *, name: str = "daily", spec: str = "", action: str = "checkpoint: scaling") -> str:
    """A Schedule."""
    return document("Schedule", name, f"cron: '{cron}'\n  run: {{{action}}}\n  {spec}")


def rules_of(*schedules: str) -> RuleSet:
    """Rules with some schedules."""
    return load_texts([("world.yaml", "---\n".join([MAPPING, KPI, POLICY, *schedules]))], default_pack=False)


@dataclass
class ScheduleWorld:
    """A process that runs schedules of one tenant or more."""

    folder: Path
    rules: RuleSet = field(default_factory=lambda: rules_of(schedule("0 9 * * *")))
    clock: ManualClock = field(default_factory=lambda: ManualClock(us("2024-06-01T08:00")))
    tenants: list[str] = field(default_factory=lambda: ["t"])
    begun: list[ScheduledRun] = field(default_factory=list)
    # Called before a run is begun; raises what the run is to fail with.
    before: Callable[[ScheduledRun], None] = field(default=lambda _: None)

    def __post_init__(self) -> None:
        self.state = StateDatabase.sqlite(self.folder / "state.sqlite3")
        self.runner = ScheduleRunner(
            self.state, lambda _: self.rules, lambda: self.tenants, {"checkpoint": self._begin}, self.clock
        )
        self.service = ScheduleService(self.state, lambda _: self.rules, self.runner, self.clock)

    def _begin(self, run: ScheduledRun) -> Begun:
        self.before(run)
        self.begun.append(run)
        return Begun(f"run {len(self.begun)}")

    def other_process(self) -> ScheduleWorld:
        """Another process on the same database, rules and clock."""
        return ScheduleWorld(self.folder, self.rules, self.clock, self.tenants)

    def at(self, text: str) -> int:
        """Turn the clock to an instant and look; how many runs were begun."""
        self.clock.turn((us(text) - self.clock()) / 1e6)
        return self.runner.tick()

    def times(self) -> list[str]:
        """Nominal instants of what was begun."""
        return [shown(run.nominal_us) for run in self.begun]

    def progress(self, name: str = "daily") -> Progress:
        """How far a schedule has come."""
        with self.state.reading() as connection:
            found = find_progress(connection, "t", name)
        assert found is not None
        return found

    def told(self) -> ScheduleState:
        """The one schedule as it is listed."""
        (found,) = self.service.list("t")
        return found
