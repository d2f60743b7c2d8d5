"""Misses that go through the routes: grouped, told once, resolved when mended, as alerts are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from trueline_rules.loader import load_texts
from trueline_server.alerts.dispatching import Dispatcher
from trueline_server.alerts.escalating import Escalating
from trueline_server.alerts.suppressing import Suppressing
from trueline_server.timers.wheel import TimerWheel
from trueline_stores.state.case_tables import NOTIFICATIONS
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import document
from tests.integration.checkpoints.checkpoint_world import BASE, CheckpointWorld, cell

ROUTES = (
    document("NotificationChannel", "growth", "type: log"),
    document("Route", "misses", "matchers: ['kind=\"checkpoint_miss\"', 'persona=\"agency\"']\n  channels: [growth]"),
)


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[CheckpointWorld]:
    """Two cells about agencies, on top of the default pack, with a route for what they miss."""
    cells = "\n    ".join([cell("{fact: nps}", "nps", 40), cell("{fact: answers}", "answers", 30)])
    policy = document("CheckpointPolicy", "mine", f"personas: {{agency: Sells.}}\n  cells:\n    {cells}")
    text = "---\n".join([*BASE, policy, *ROUTES])
    found = CheckpointWorld(warehouse, tmp_path, load_texts([("world.yaml", text)]))
    yield found
    found.close()


def test_misses_of_one_checkpoint_are_told_once_and_together(world: CheckpointWorld) -> None:
    """After the wait of the group, by the default grouping; when both are mended that is told, too."""
    wheel = TimerWheel(world.state, world.clock)
    suppressing = Suppressing(lambda *_: [])
    dispatcher = Dispatcher(world.rules_of, suppressing, Escalating(world.rules_of, suppressing, wheel), wheel)
    world.hears = dispatcher.take

    def told() -> list[tuple[str, str, list[str]]]:
        with world.state.reading() as connection:
            rows = connection.execute(select(NOTIFICATIONS).order_by(NOTIFICATIONS.c.created_us)).all()
        return [
            (row.channel, row.reason, sorted(alert["case"] for alert in row.content["alerts"]))
            for row in rows
            if row.channel == "growth"
        ]

    world.put("nps", agency=28.0)
    world.put("answers", agency=3.0)
    world.run("mine")
    wheel.tick()
    assert told() == []
    world.clock.turn(30)
    wheel.tick()
    assert told() == [("growth", "first", ["escalation-1", "escalation-2"])]
    world.put("nps", agency=50.0)
    world.put("answers", agency=50.0)
    world.run("mine")
    for _ in range(35):
        world.clock.turn(10)
        wheel.tick()
    assert told()[1:] == [("growth", "all_resolved", ["escalation-1", "escalation-2"])]
