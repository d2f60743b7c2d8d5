"""The dispatcher over a real state database, with its timers and a turned clock; alerts are raised by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select, update
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_rules.routing_model import Silence
from trueline_server.alerts.cases import AlertChange
from trueline_server.alerts.dispatching import Dispatcher
from trueline_server.alerts.escalating import Escalating
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.cases import changes, store
from trueline_server.cases.model import SYSTEM, Case, CaseKind, NewCase
from trueline_server.clock import ManualClock
from trueline_server.timers.wheel import TimerWheel
from trueline_stores.state.case_tables import NOTIFICATIONS
from trueline_stores.state.database import StateDatabase

TENANT = "t"
START = 1_717_243_200_000_000  # 2024-06-01T12:00Z
HEAD = "apiVersion: trueline/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n{}\n"


def document(kind: str, name: str, spec: str) -> str:
    """A rule document; the spec is indented by two."""
    return HEAD.format(kind, name, "\n".join(f"  {line}" for line in spec.strip().splitlines()))


ROOT = document("Route", "default", "channels: [ops]\ngroup_by: [rule]\nescalation: none")
OPS = document("NotificationChannel", "ops", "type: log")
_MARKS = {"firing": "", "resolved": "-", "moved": "~"}
# Rules whose alerts are raised here, so that `equal` may name their labels.
RULES = [
    document("Metric", "looks", "events: [look]\naggregation: count\ngroup_by: [properties.plan]\nwindow: 1m"),
    document("AlertRule", "busy", "facts: {n: {metric: looks}}\nwarning: n > 1\ncritical: n > 2"),
    document("AlertRule", "down", "facts: {n: {metric: looks}}\ncritical: n > 1"),
]


def rules_of(*documents: str) -> RuleSet:
    """The default pack with these documents."""
    return load_texts([("world.yaml", "---\n".join([*RULES, *documents]))])


@dataclass
class DispatchWorld:
    """What dispatches, and what was queued."""

    folder: Path
    rules: RuleSet
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    silences: list[Silence] = field(default_factory=list)
    # Whether what is queued goes at once; else it waits, as for a rate limit.
    carrying: bool = True
    durable: bool = True

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self.state = StateDatabase.sqlite(self.folder / "state.sqlite3", durable=self.durable)
        self.wheel = TimerWheel(self.state, self.clock)
        suppressing = Suppressing(self._silences)
        escalating = Escalating(lambda _: self.rules, suppressing, self.wheel)
        self.dispatcher = Dispatcher(lambda _: self.rules, suppressing, escalating, self.wheel)

    def _silences(self, _connection: Connection, _tenant: str, _now_us: int) -> list[Silence]:
        return self.silences

    def restart(self) -> None:
        """Forget what is in memory, and begin as a server does."""
        self.state.close()
        self._open()
        self.wheel.hasten()

    def turn(self, seconds: float) -> None:
        """Turn the clock in steps of ten seconds, and run what is due after each."""
        left = seconds
        while left > 0:
            self.clock.turn(min(10, left))
            left -= 10
            self.tick()

    def tick(self) -> None:
        """Run what is due now; what is queued goes, unless it waits."""
        self.wheel.tick()
        if self.carrying:
            waits = NOTIFICATIONS.c.state == "queued"
            gone = {"state": "sent", "sent_as": NOTIFICATIONS.c.id, "finished_us": self.clock()}
            with self.state.writing() as connection:
                connection.execute(update(NOTIFICATIONS).where(waits).values(gone))

    def fire(self, *names: str, rule: str = "busy", severity: str = "warning", **labels: str) -> list[Case]:
        """Alerts begin to fire, one for each name of a plan."""
        new = [
            NewCase(
                CaseKind.ALERT,
                f"{rule}/{name}",
                severity,
                f"{rule} {name}",
                labels={"rule": rule, "plan": name, "severity": severity, **labels},
                rule=rule,
                starts_us=self.clock(),
            )
            for name in names
        ]
        with self.state.writing() as connection:
            cases = store.insert_cases(connection, TENANT, new, self.clock())
            self._hear(connection, [AlertChange(case, True) for case in cases])
        return cases

    def raise_alert(self, key: str, labels: Mapping[str, str]) -> None:
        """An alert with exactly these labels begins to fire."""
        new = NewCase(CaseKind.ALERT, key, "warning", key, labels=labels, rule="given", starts_us=self.clock())
        with self.state.writing() as connection:
            (case,) = store.insert_cases(connection, TENANT, [new], self.clock())
            self._hear(connection, [AlertChange(case, True)])

    def channels_by_alert(self) -> dict[str, set[str]]:
        """The channels that each alert was told to, by its key."""
        found: dict[str, set[str]] = {}
        with self.state.reading() as connection:
            for row in connection.execute(select(NOTIFICATIONS)):
                for alert in row.content["alerts"]:
                    found.setdefault(alert["fingerprint"], set()).add(row.channel)
        return found

    def change(self, case: Case, how: str, *arguments: Any) -> Case:
        """A case is changed by one of the functions of `changes`; the dispatcher hears of it."""
        with self.state.writing() as connection:
            known = store.find_case(connection, TENANT, case.id)
            assert known is not None
            after, event = getattr(changes, how)(known, *arguments, self.clock())
            if how == "change_severity":
                after = replace(after, labels={**after.labels, "severity": after.severity})
            store.update_cases(connection, [after])
            store.insert_events(connection, TENANT, [event], self.clock())
            self._hear(connection, [AlertChange(after, after.is_open)])
        return after

    def resolve(self, *cases: Case) -> None:
        """Alerts are over."""
        with self.state.writing() as connection:
            known = store.find_cases(connection, TENANT, [case.id for case in cases])
            made = [changes.resolve(known[case.id], SYSTEM, self.clock(), ends_us=self.clock()) for case in cases]
            store.update_cases(connection, [case for case, _ in made])
            store.insert_events(connection, TENANT, [event for _, event in made], self.clock())
            self._hear(connection, [AlertChange(case, False) for case, _ in made])

    def silence(self, *silences: Silence) -> None:
        """These silences hold from now on, and no others."""
        self.silences = list(silences)
        with self.state.writing() as connection:
            self.dispatcher.silences_changed(connection, TENANT, [one.ends_us for one in silences], self.clock())

    def _hear(self, connection: Connection, alerts: Sequence[AlertChange]) -> None:
        self.dispatcher.take(connection, TENANT, alerts, self.clock())

    def told(self) -> list[tuple[int, str, str, list[str]]]:
        """What was queued and not dropped, in order: seconds since the start, channel, reason, what each alert is.

        An alert is told as its plan: "pro" fires, "-pro" is resolved, "~pro" goes another way.
        """
        columns = NOTIFICATIONS.c
        kept = select(NOTIFICATIONS).where(columns.state != "dropped")
        with self.state.reading() as connection:
            rows = connection.execute(kept.order_by(columns.created_us, columns.channel, columns.reason)).all()
        return [
            (
                (row.created_us - START) // 1_000_000,
                row.channel,
                row.reason,
                [_MARKS[alert["status"]] + alert["labels"].get("plan", "") for alert in row.content["alerts"]],
            )
            for row in rows
        ]

    def timeline(self, case: Case) -> list[tuple[str, str]]:
        """Kind and text of what happened to a case."""
        with self.state.reading() as connection:
            return [(each.kind.value, each.text) for each in store.events_of(connection, TENANT, case.id)]


# Makes a world of rule documents.
Make = Callable[..., DispatchWorld]
