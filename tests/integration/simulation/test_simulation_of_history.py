"""Simulations over the history of a tenant in a real warehouse, as operations over a real connection."""

from __future__ import annotations

import asyncio
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from trueline.simulations import Simulation, TimelineEntryKind, simulation
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_set_pb2, simulation_pb2
from trueline_server.backtests.model import Asked, RuleSource
from trueline_server.simulation.model import EntryKind
from trueline_server.simulation.service import Simulations
from trueline_server.transport.times import timestamp_of
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

from tests.integration.backtests.backtest_world import NOON, RULES, WatchedWork, World, looks
from tests.integration.backtests.test_backtest_operation import served
from tests.integration.rules_service.rule_world import document
from tests.integration.warehouse.playing import tenant_name
from tests.unit.streams.support import HOUR, MINUTE

ROUTES = "---\n".join(
    [
        document("Route", "default", "channels: [ops]\n  escalation: shop"),
        document("NotificationChannel", "ops", "type: log\n  person: ada"),
        document(
            "EscalationPolicy",
            "shop",
            "levels: [{name: L1, notify: [{person: ada}]}, {name: L2, after: 1h, notify: [{person: ada}]}]",
        ),
    ]
)


def _world(warehouse: Warehouse) -> World:
    """A shop in which three looks an hour come, but for two hours."""
    world = World(warehouse, tenant_name())
    world.happen(looks({6: 3, 5: 3, 4: 1, 3: 0, 2: 3, 1: 3, 0: 3}))
    return world


def _asked(**how: object) -> Asked:
    files = (("world.yaml", RULES), ("routes.yaml", ROUTES))
    asked = {"start_us": NOON - 6 * HOUR, "end_us": NOON, "every_us": 10 * MINUTE, "rule_names": ("few",), **how}
    return Asked(RuleSource(files), **asked)  # type: ignore[arg-type]


def test_the_history_of_a_tenant(warehouse: Warehouse) -> None:
    """The alert of the hours with too few looks, who is told of it, and how far the work is."""
    world = _world(warehouse)
    simulations, work = Simulations(world.backtests), WatchedWork(world.tenant)
    found = simulations.run(work, simulations.check(world.tenant, _asked()))
    told = [
        ((entry.at_us - NOON) // MINUTE, entry.kind, entry.people)
        for entry in found.entries
        if entry.kind in {EntryKind.OPENED, EntryKind.RESOLVED, EntryKind.SENT}
    ]
    assert [one for one in told if one[1] is not EntryKind.SENT] == [
        (-240, EntryKind.OPENED, ()),
        (-120, EntryKind.RESOLVED, ()),
    ]
    assert {people for _, kind, people in told if kind is EntryKind.SENT} == {("ada",)}
    assert found.evaluations == 37
    assert found.watermark_us is not None


def test_as_kpis_and_facts_are_judged_live(warehouse: Warehouse) -> None:
    """Every rule has its values at its own instants: nothing is without data that a backtest finds."""
    world = _world(warehouse)
    asked = _asked(every_us=HOUR, rule_names=("kpi", "best", "few", "fell", "plans"))
    simulations = Simulations(world.backtests)
    checked = simulations.check(world.tenant, asked)
    found = simulations.run(WatchedWork(world.tenant), checked)
    replayed = world.backtests.run(WatchedWork(world.tenant), checked)
    opened = {
        (entry.rule, entry.at_us)
        for entry in found.entries
        if entry.kind is EntryKind.OPENED and not entry.labels.get("state")
    }
    fired = {(firing.rule, firing.since_us) for one in replayed.replays.values() for firing in one.firings}
    assert opened == fired


def test_it_is_an_operation(warehouse: Warehouse, tmp_path: Path) -> None:
    """Begun, waited for, and its result read by the client; asked again with its id it is the same one."""
    world = _world(warehouse)

    async def run() -> tuple[str, str, Simulation]:
        database = StateDatabase.sqlite(tmp_path / "state.sqlite3")
        async with served(world, database) as services:
            request = pb.SimulateRulesRequest(
                source=rule_set_pb2.RuleSource(
                    files=[
                        rule_set_pb2.RuleFile(name="world.yaml", text=RULES),
                        rule_set_pb2.RuleFile(name="routes.yaml", text=ROUTES),
                    ]
                ),
                start_time=timestamp_of(NOON - 6 * HOUR),
                end_time=timestamp_of(NOON),
                every=Duration(seconds=600),
                rule_names=["few"],
                request_id="once",
            )
            begun = (await services.call(services.rules.SimulateRules, request)).operation
            again = (await services.call(services.rules.SimulateRules, request)).operation
            ended = await services.wait(begun.name)
            result = simulation_pb2.SimulateRulesResult()
            assert ended.response.Unpack(result)
            return begun.name, again.name, simulation(result)

    name, again, found = asyncio.run(run())
    assert name == again
    assert TimelineEntryKind.OPENED in {entry.kind for entry in found.entries}
    assert found.total_entries == len(found.entries)
    assert (found.rules, found.evaluations) == (("few",), 37)
    assert [one.person for one in found.summary.recipients if one.messages] == ["ada"]
