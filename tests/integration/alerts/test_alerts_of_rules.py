"""From values to the alerts that people see: what an evaluation opens, how severe it is, and how it is labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Connection
from trueline_server.alerts.cases import AlertCases, AlertChange
from trueline_server.cases.model import Case
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import AlertWorld, Shelf, alert, rules_of


@dataclass
class CaseWorld:
    """Rules that are evaluated live, and the alerts that come of it as they are now, by id."""

    world: AlertWorld
    cases: dict[str, Case] = field(default_factory=dict)
    firing: set[str] = field(default_factory=set)

    def hear(self, _connection: Connection, _tenant: str, alerts: Sequence[AlertChange], _now_us: int) -> None:
        """What the dispatcher would hear."""
        for change in alerts:
            self.cases[change.case.id] = change.case
            (self.firing.add if change.firing else self.firing.discard)(change.case.id)

    def open(self) -> list[Case]:
        """The alerts that are open, in order of their keys."""
        return sorted((self.cases[name] for name in self.firing), key=lambda case: case.key)

    def minute(self, minute: int, plans: dict[str, int]) -> None:
        """A minute in which each plan is looked at so often; the next ones make it complete."""
        looks = [
            self.world.look(minute * 60 - 50 + number, plan) for plan, count in plans.items() for number in range(count)
        ]
        self.world.until(minute, *looks)
        self.world.live.tick()


@pytest.fixture
def shop(warehouse: Warehouse, tmp_path: Path) -> Iterator[CaseWorld]:
    """A shop whose rules a test sets."""
    world = AlertWorld(warehouse, tmp_path, Shelf(rules_of()))
    found = CaseWorld(world)
    world.live.add_inside(AlertCases(found.hear, world.clock).take)
    world.until(0, world.look(-10))
    world.live.tick()
    yield found
    world.log.close()
    world.state.close()


def test_a_rule_over_its_limit_is_one_alert_as_severe_as_it_can_be(shop: CaseWorld) -> None:
    """Four plans burn where two alerts are allowed: one alert, critical, that counts them; it ends when they are few."""
    shop.world.shelf.active = rules_of(
        alert("busy", "n: {metric: by_plan}", "warning: n >= 2\n  critical: n >= 4\n  limit: 2\n  summary: Busy")
    )
    shop.minute(1, {"a": 5, "b": 5, "c": 2, "d": 2})
    for minute in range(2, 4):
        shop.minute(minute, {})
    (case,) = shop.open()
    assert (case.severity, case.labels["severity"], case.labels["state"]) == ("critical", "critical", "error")
    assert case.title == "More alerts than its limit: Busy"
    assert "4 active instances (2 critical, 2 warning), its limit is 2" in case.text
    for minute in range(4, 14):
        shop.minute(minute, {"a": 5 if minute < 12 else 0})
    assert [(each.labels.get("state"), each.severity) for each in shop.open()] == [(None, "critical")]


@pytest.mark.parametrize(("condition", "severity"), [("warning", "warning"), ("critical", "critical")])
def test_not_knowing_is_as_severe_as_the_rule(shop: CaseWorld, condition: str, severity: str) -> None:
    """A rule without data is an alert of the worst severity that the rule has a condition for."""
    shop.world.shelf.active = rules_of(alert("gone", "t: {fact: tier}", f"{condition}: t == 'gold'"))
    for minute in range(1, 4):
        shop.minute(minute, {})
    (case,) = shop.open()
    assert (case.severity, case.labels["severity"], case.labels["state"]) == (severity, severity, "no_data")
