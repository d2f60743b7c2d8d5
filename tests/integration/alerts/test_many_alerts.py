"""Ten thousand alerts at once: few messages, each of a bounded size, in bounded memory, and none is lost."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
from sqlalchemy import func, select
from trueline_server.alerts.messages import MOST_ALERTS
from trueline_stores.state.case_tables import GROUP_MEMBERS, NOTIFICATIONS

from tests.integration.alerts.dispatch_world import OPS, DispatchWorld, document, rules_of

MANY = 10_000
MIB = 1 << 20
POLICY = document(
    "EscalationPolicy", "people", "levels: [{name: L1, notify: [{person: ben}]}]\ntargets: {respond_within: 15m}"
)
BEN = document("NotificationChannel", "ben_mail", "type: log\nperson: ben")


def _resident() -> int:
    return psutil.Process().memory_info().rss


def test_ten_thousand_alerts_at_once(tmp_path: Path) -> None:
    """One message to the route and one to a person, which tell how many there are and name the first; what is kept in
    memory of so many is less than 12 KiB each; all of them are members, and the end of all is one message each."""
    route = document("Route", "default", "channels: [ops]\nescalation: people\ngroup_by: [rule]")
    world = DispatchWorld(tmp_path, rules_of(OPS, BEN, POLICY, route))
    world.fire("warm")
    before = _resident()
    cases = world.fire(*(f"p{number}" for number in range(MANY)), severity="critical")
    world.turn(40)
    assert _resident() - before < MANY * 12 * 1024
    with world.state.reading() as connection:
        rows = connection.execute(select(NOTIFICATIONS)).all()
        members = connection.execute(select(func.count()).select_from(GROUP_MEMBERS)).scalar_one()
    assert sorted(row.channel for row in rows) == ["ben_mail", "ops"]
    assert {row.content["alerts_total"] for row in rows} == {MANY + 1}
    assert {len(row.content["alerts"]) for row in rows} == {MOST_ALERTS}
    assert max(len(json.dumps(row.content)) for row in rows) < MIB
    assert members == MANY + 1
    world.resolve(*cases)
    world.turn(320)
    told = [(channel, reason) for _, channel, reason, _ in world.told()][2:]
    assert told.count(("ops", "some_resolved")) == 1
    assert len(told) <= 2
    assert _resident() - before < MANY * 20 * 1024


def test_thousands_of_groups_at_once(tmp_path: Path) -> None:
    """Each alert a group of its own: each tells and escalates once, and people get what their limits allow."""
    route = document("Route", "default", "channels: [ops]\nescalation: people\ngroup_by: ['...']")
    world = DispatchWorld(tmp_path, rules_of(OPS, BEN, POLICY, route))
    before, groups = _resident(), 2_000
    world.fire(*(f"p{number}" for number in range(groups)))
    world.turn(40)
    assert _resident() - before < groups * 16 * 1024
    with world.state.reading() as connection:
        query = select(NOTIFICATIONS.c.channel, func.count()).group_by(NOTIFICATIONS.c.channel)
        queued = {row[0]: row[1] for row in connection.execute(query)}
    assert queued == {"ben_mail": groups, "ops": groups}
