"""Random histories through groups and escalations together, against a plain account: nothing falls through."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from trueline_rules.model import Metadata
from trueline_rules.routing.matchers import parse_matcher
from trueline_rules.routing_model import Silence
from trueline_server.cases.model import CaseState
from trueline_server.timers.store import next_due
from trueline_stores.state.case_tables import ALERT_GROUPS, ESCALATIONS, GROUP_MEMBERS

from tests.integration.alerts.dispatch_world import OPS, START, DispatchWorld, document, rules_of
from tests.integration.alerts.plain_alerts import SECOND, Known, Plain

ADA = document("NotificationChannel", "ada_mail", "type: log\nperson: ada")
BOSS = document("NotificationChannel", "boss_mail", "type: log\nperson: boss")
# Two ways, so that a change of severity goes from one to the other; the route itself tells one channel, or none.
PEOPLE = document(
    "EscalationPolicy",
    "people",
    """
levels:
  - {name: L1, notify: [{person: ada}]}
  - {name: boss, after: 10m, notify: [{person: boss}]}
acknowledge_timeout: 40m
targets: {respond_within: 15m, update_every: 30m}
""",
)
FAST = document(
    "EscalationPolicy",
    "fast",
    """
levels:
  - {name: L1, notify: [{person: ada}], repeat: 1, every: 2m}
  - {name: boss, after: 5m, notify: [{person: boss}]}
repeat: 1
repeat_after: 10m
acknowledge_timeout: 20m
""",
)
URGENT = document("Route", "urgent", "matchers: ['severity=\"critical\"']\nescalation: fast")
LONG_US = START + 300 * 24 * 3600 * SECOND

names = st.sampled_from("abc")
fires = st.tuples(st.just("fire"), names, st.sampled_from(["warning", "warning", "critical"]))
acts = st.one_of(
    fires,
    fires,
    st.tuples(st.just("resolve"), names),
    st.tuples(st.just("blink"), names),
    st.tuples(st.just("turn"), names),
    st.tuples(st.just("ack"), names, st.sampled_from(["ada", "bob"])),
    st.tuples(st.just("unack"), names),
    st.tuples(st.just("silence"), names),
    st.tuples(st.just("restart")),
)
# Before each act time passes: hardly any, to the next look, to the next level, until an acknowledgement runs out.
waits = st.sampled_from([0, 0, 29, 30, 120, 301, 301, 600, 1000, 3000])
histories = st.lists(st.tuples(waits, acts), min_size=8, max_size=30)


class _History:
    """A world that random things happen to, and the account of them."""

    def __init__(self, folder: Path, *, told: bool) -> None:
        channels = "[ops]" if told else "[]"
        root = document("Route", "default", f"channels: {channels}\ngroup_by: [rule]\nescalation: people")
        self.world = DispatchWorld(folder, rules_of(OPS, ADA, BOSS, PEOPLE, FAST, URGENT, root), durable=False)
        self.plain = Plain(self.world)

    def do(self, what: str, *how: str) -> None:
        """Do one thing, and see."""
        if what == "restart":
            self.world.restart()
            self.world.wheel.tick()
        else:
            alert = self.plain.alerts.setdefault(how[0], Known())
            if what == "fire":
                self._fire(how[0], how[1])
            elif what == "silence":
                alert.silent = not alert.silent
                self._silence()
            elif alert.case is not None:
                getattr(self, f"_{what}")(how[0], *how[1:])
        self.plain.look()
        self.plain.ought()

    def wait(self, seconds: int) -> None:
        """Let time pass, from timer to timer."""
        world, until_us = self.world, self.world.clock() + seconds * SECOND
        while True:
            with world.state.reading() as connection:
                next_us = next_due(connection)
            if next_us is None or next_us > until_us:
                break
            world.clock.turn(max(0, next_us - world.clock()) / SECOND)
            world.tick()
            self.plain.look()
            self.plain.ought()
        world.clock.turn((until_us - world.clock()) / SECOND)
        self.plain.look()
        self.plain.ought()

    def end(self) -> None:
        """Let everything be over."""
        for alert in self.plain.alerts.values():
            alert.silent = False
        self._silence()
        for name, alert in self.plain.alerts.items():
            if alert.case is not None:
                self._resolve(name)
        self.wait(4000)
        self.plain.over()
        with self.world.state.reading() as connection:
            for table in (ALERT_GROUPS, GROUP_MEMBERS, ESCALATIONS):
                assert connection.execute(select(func.count()).select_from(table)).scalar_one() == 0
        assert not self.world.wheel.last_error

    def _fire(self, name: str, severity: str) -> None:
        alert = self.plain.alerts[name]
        if alert.case is None:
            (alert.case,) = self.world.fire(name, severity=severity)
            self.plain.changed(name)

    def _resolve(self, name: str) -> None:
        alert = self.plain.alerts[name]
        assert alert.case is not None
        self.world.resolve(alert.case)
        alert.case = None

    def _blink(self, name: str) -> None:
        known = self.plain.alerts[name].case
        assert known is not None
        self._resolve(name)
        self._fire(name, known.severity)

    def _turn(self, name: str) -> None:
        alert = self.plain.alerts[name]
        assert alert.case is not None
        other = "warning" if alert.case.severity == "critical" else "critical"
        alert.case = self.world.change(alert.case, "change_severity", other)
        self.plain.changed(name)

    def _ack(self, name: str, by: str) -> None:
        alert = self.plain.alerts[name]
        assert alert.case is not None
        alert.case = self.world.change(alert.case, "acknowledge", by)

    def _unack(self, name: str) -> None:
        alert = self.plain.alerts[name]
        assert alert.case is not None
        if alert.case.state is CaseState.ACKNOWLEDGED:
            self.world.change(alert.case, "unacknowledge", "ada")

    def _silence(self) -> None:
        silent = [name for name, alert in self.plain.alerts.items() if alert.silent]
        self.world.silence(
            *(
                Silence(Metadata(f"s{name}"), (parse_matcher(f"plan={name}"),), "ada", "x", START, LONG_US)
                for name in silent
            )
        )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=histories, told=st.booleans())
def test_nothing_falls_through(history: list[tuple[int, tuple[str, ...]]], *, told: bool) -> None:
    """Whatever happens in whatever order: each case that nobody has is told, to all levels, and never once it is over.

    A case that is open, unacknowledged and not suppressed has a step to come, or its own escalation is exhausted and
    its last level was told of it. Whoever was told that something fires is told the end.
    """
    with tempfile.TemporaryDirectory() as folder:
        lived = _History(Path(folder), told=told)
        try:
            for seconds, (what, *how) in history:
                lived.wait(seconds)
                lived.do(what, *how)
            lived.wait(2500)
            lived.end()
        finally:
            lived.world.state.close()
