"""Newest points in one query are what reading each metric for itself answers."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from trueline_rules.alerting.columns import VectorColumn
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.alerts.latest_points import LatestPoints
from trueline_server.rules.live_facts import Asked
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import BASE, NOON, AlertWorld, Shelf, alert, document
from tests.unit.streams.reference import Event
from tests.unit.streams.support import MINUTE

AGGREGATIONS = ("count", "sum", "avg", "min", "max", "latest")


def _rules() -> RuleSet:
    metrics = [
        document(
            "Metric",
            f"{name}_by_plan",
            f"events: [look]\n  aggregation: {name}\n"
            + ("" if name == "count" else "  field: value\n")
            + "  group_by: [properties.plan, currency]\n  window: 1m",
        )
        for name in AGGREGATIONS
    ]
    read = [f"a: {{metric: {name}_by_plan}}" for name in AGGREGATIONS]
    read += [f"a: {{metric: {name}_by_plan, offset: 3m}}" for name in AGGREGATIONS]
    read += [f"a: {{metric: {name}_by_plan, by: [plan]}}" for name in AGGREGATIONS]
    alerts = [alert(f"r{number}", facts, "warning: a > 1") for number, facts in enumerate(read)]
    return load_texts([("world.yaml", "---\n".join([*BASE, *metrics, *alerts]))], default_pack=False)


@pytest.mark.parametrize("seed", range(3))
def test_newest_points_are_the_points_that_are_read_one_by_one(warehouse: Warehouse, tmp_path: Path, seed: int) -> None:
    """Of every aggregation, with offsets and joined label sets, also where a group has no value or no label."""
    rules, rng = _rules(), random.Random(seed)
    world = AlertWorld(warehouse, tmp_path, Shelf(rules))
    for minute in range(1, 16):
        events = [
            Event(
                f"{minute}-{number}",
                "web",
                "look",
                NOON + (minute - 1) * MINUTE + rng.randrange(MINUTE),
                value=rng.choice([None, 100_000_000, 2_500_000_000, -3_000_000_000, 1_000_000_000_000_001]),
                properties={"plan": rng.choice(["free", "pro", ""])},
                currency=rng.choice(["", "GBP", "EUR"]),
            )
            for number in range(rng.choice([0, 1, 6]))
        ]
        world.until(minute, *events)
    points = LatestPoints(warehouse)
    compared = 0
    for instant_us in (NOON + minute * MINUTE for minute in (1, 5, 9, 13, 18, 40)):
        for rule in rules.alert_rules.values():
            (source,) = rule.facts.values()
            assert points.fits(rules, source)
            columns, failures = points.read(world.tenant, rules, [source], instant_us)
            assert not failures
            expected = world.facts.read(Asked(world.tenant, rules, instant_us, False), {"a": source}).vectors["a"]
            assert columns[source] == VectorColumn.of(expected)
            compared += len(expected.rows)
    assert compared > 100
    world.log.close()
    world.state.close()
