"""A process that dispatches alerts and is killed in the middle of one step, before its commit or right after it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trueline_server.alerts.service import AlertService, Asked
from trueline_server.alerts.silences import AskedSilence, SilenceService, silences_at
from trueline_server.cases import store
from trueline_server.cases.requests import Request
from trueline_server.clock import ManualClock
from trueline_stores.state.database import StateDatabase

from tests.integration.alerts.dispatch_world import OPS, START, TENANT, DispatchWorld, document, rules_of

RULES = (
    OPS,
    document("NotificationChannel", "ada_mail", "type: log\nperson: ada"),
    document("NotificationChannel", "boss", "type: log"),
    document(
        "EscalationPolicy",
        "people",
        "levels:\n  - {name: L1, notify: [{person: ada}]}\n  - {name: L2, after: 10m, notify: [{channel: boss}]}",
    ),
    document("Route", "default", "escalation: people\ngroup_by: [rule]\nchannels: [ops]"),
)
# What is done, and how many seconds after the alert fires: what people ask for, and what timers do.
STEPS = {"acknowledge": 60, "silence": 60, "resolve": 60, "flush": 30, "level": 630, "silence_ends": 1260}
SILENCED_S = 1200


class DyingWorld(DispatchWorld):
    """A dispatcher with silences in its database, and what people ask for."""

    def __init__(self, folder: Path, at_s: int = 0) -> None:
        super().__init__(folder, rules_of(*RULES), ManualClock(START + at_s * 1_000_000))

    def _open(self) -> None:
        super()._open()
        self.dispatcher._suppressing._silences = silences_at
        self.alerts = AlertService(self.state, self.dispatcher.take, self.clock)
        changed = self.dispatcher.silences_changed
        self.quiet = SilenceService(self.state, lambda _: self.rules, changed, self.clock)

    def close(self) -> None:
        """Let the database go."""
        self.state.close()

    def begin(self, step: str) -> None:
        """Come to where the step is due, and do nothing yet."""
        self.fire("pro")
        if step == "silence_ends":
            self.turn(60)
            self.do("silence")
        self.turn(STEPS[step] - 10 - (60 if step == "silence_ends" else 0))
        self.clock.turn(10)

    def do(self, step: str) -> None:
        """Do the step; what somebody asks for has a request id."""
        request = Request(f"r-{step}", step)
        asked = Asked(TENANT, "alert-1", "ada", request=request)
        if step == "acknowledge":
            self.alerts.acknowledge(asked)
        elif step == "resolve":
            self.alerts.resolve(asked)
        elif step == "silence":
            now_us = self.clock()
            ends_us = now_us + SILENCED_S * 1_000_000
            self.quiet.create(AskedSilence(TENANT, ("plan=pro",), "ada", "x", now_us, ends_us, request=request))
        else:
            self.tick()

    def events(self) -> list[tuple[str, str]]:
        """Kind and text of all that happened to the alert, without the names of silences, which are random."""
        with self.state.reading() as connection:
            happened = store.events_of(connection, TENANT, "alert-1")
        return [(each.kind.value, each.text.partition(" silenced by ")[0]) for each in happened]


def _die_at(point: str) -> None:
    """Have the next writing transaction kill the process, before or after its commit."""
    real: Any = StateDatabase.writing

    @contextmanager
    def writing(self: StateDatabase) -> Iterator[Any]:
        with real(self) as connection:
            yield connection
            if point == "before":
                os.kill(os.getpid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)

    StateDatabase.writing = writing  # type: ignore[method-assign]


def dispatch_and_die(folder: Path, step: str, point: str) -> None:
    """Do all up to the commit of a step, or to right after it, and be killed there."""
    world = DyingWorld(folder)
    world.begin(step)
    _die_at(point)
    world.do(step)
