"""From values to the alerts that people see: what an evaluation opens, how severe it is, and how it is labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import Connection
from trueline_server.alerts.cases import AlertCases, AlertChange
from trueline_server.alerts.routing import routing_of
from trueline_server.cases.model import Case
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import AlertWorld, Shelf, alert, document, rules_of


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
    """Four plans burn where two alerts are allowed: one critical alert that counts them, until they are few."""
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


ACCOUNTS = (
    document("FactType", "burn", "subject: account\n  type: number"),
    document("FactType", "persona", "subject: account\n  type: text"),
    document("FactType", "health", "subject: account\n  type: text"),
    alert(
        "burning",
        "n: {fact: burn}, tier: {fact: tier}, persona: {fact: persona}, health: {fact: health}",
        "warning: n > 1\n  critical: n > 5\n"
        "  labels: {tier: {fact: tier}, persona: {fact: persona}, health: {fact: health}}",
    ),
    document("NotificationChannel", "log", "type: log"),
    document("Route", "default", "channels: [log]\n  escalation: matched"),
    *(
        document("EscalationPolicy", name, f"levels: [{{name: L1, notify: [{{channel: log}}]}}]\n  {match}")
        for name, match in (
            ("gold", "match: [tier=gold, severity=critical]\n  order: 1"),
            ("agencies", "match: [persona=agency]\n  order: 2"),
            ("unwell", "match: ['health=~\"at_risk|critical\"']\n  order: 3"),
            ("others", "match: []\n  order: 4"),
        )
    ),
)


def test_facts_of_an_account_choose_the_policy(shop: CaseWorld) -> None:
    """Tier, persona and health of an account are labels of its alert; they choose its policy, and make no alerts of
    their own. When the tier has changed, the same alert goes another way from its next change on."""
    world = shop.world
    rules = world.shelf.active = rules_of(*ACCOUNTS)
    world.put("burn", a=9.0, b=9.0, c=2.0, d=2.0)
    world.put("tier", a="gold", b="free", c="gold", lonely="gold")
    world.put("persona", b="agency", lonely="agency")
    world.put("health", c="at_risk")
    shop.minute(1, {"pro": 1})
    for minute in range(2, 5):
        shop.minute(minute, {})

    def ways() -> dict[str, tuple[str, str]]:
        found = {}
        for case in shop.open():
            (destination,) = routing_of(rules).tree.destinations(case.labels)
            found[case.labels["account"]] = case.id, destination.escalation
        return found

    first = ways()
    assert {account: policy for account, (_, policy) in first.items()} == {
        "a": "gold",
        "b": "agencies",
        "c": "unwell",
        "d": "others",
    }
    world.put("tier", a="free", c="gold")
    world.put("burn", a=2.0, c=9.0)
    for minute in range(5, 9):
        shop.minute(minute, {})
    after = ways()
    assert {account: policy for account, (_, policy) in after.items()} == {
        "a": "others",
        "b": "agencies",
        "c": "gold",
        "d": "others",
    }
    assert {account: name for account, (name, _) in after.items()} == {
        account: name for account, (name, _) in first.items()
    }
