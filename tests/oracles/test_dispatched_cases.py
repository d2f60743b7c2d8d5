"""The live service notifies the receivers that a real amtool says: alerts through groups, timers and the queue."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.integration.alerts.dispatch_world import DispatchWorld
from tests.oracles.alertmanager_routes import name_of
from tests.oracles.test_routing_cases import load

pytestmark = pytest.mark.oracle


def test_every_case_is_notified_to_the_receivers_of_amtool(data_dir: Path, tmp_path: Path) -> None:
    """Each label set fires as an alert of its own; its notifications are queued for exactly these receivers."""
    folder = data_dir / "rules" / "routing"
    if not folder.is_dir():
        pytest.skip(f"the routing cases are not at {folder}; set TRUELINE_DATA")
    by_config: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in json.loads((folder / "routing_cases.json").read_text(encoding="utf-8"))["cases"]:
        by_config[case["config"]].append(case)
    compared = 0
    for config, cases in by_config.items():
        own = tmp_path / config
        own.mkdir()
        world = DispatchWorld(own, load(folder / config))
        for number, case in enumerate(cases):
            world.raise_alert(f"case-{number}", case["labels"])
        # Longer than any group waits.
        world.turn(600)
        told = world.channels_by_alert()
        for number, case in enumerate(cases):
            expected = {name_of(receiver) for receiver in case["receivers"]}
            assert told.get(f"case-{number}", set()) == expected, case
            compared += 1
        world.state.close()
    assert compared >= 120
