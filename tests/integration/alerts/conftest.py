"""A fresh AlertService for each test, with a client of its tenant; or only what dispatches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline import TruelineClient

from tests.integration.alerts.dispatch_world import OPS, ROOT, DispatchWorld, Make, document, rules_of
from tests.integration.alerts.service_world import ServiceWorld

URGENT = document(
    "Route",
    "urgent",
    """
matchers: ['severity="critical"']
group_by: [rule]
channels: [ops]
escalation: quick
""",
)
QUICK = document(
    "EscalationPolicy",
    "quick",
    """
levels:
  - {name: first, after: 0s, notify: [{channel: pager}]}
  - {name: second, after: 10m, notify: [{channel: ops}]}
acknowledge_timeout: 1h
targets: {respond_within: 15m, update_every: 30m, post_mortem: required, post_mortem_within: 1d, basis: agreed}
""",
)
# Another channel than that of the route, which would otherwise have told the first level already.
PAGER = document("NotificationChannel", "pager", "type: log")
HUSH = document(
    "Silence",
    "migration",
    """
matchers: [plan="legacy"]
author: cleo
reason: the old plan moves
starts: 2024-06-01T00:00:00Z
ends: 2024-06-10T00:00:00Z
""",
)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes a dispatcher's world of rule documents."""
    made: list[DispatchWorld] = []

    def one(*documents: str) -> DispatchWorld:
        made.append(DispatchWorld(tmp_path, rules_of(OPS, *(documents or (ROOT,)))))
        return made[-1]

    yield one
    for each in made:
        each.state.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServiceWorld]:
    """A service."""
    with ServiceWorld(tmp_path, rules_of(OPS, PAGER, ROOT, URGENT, QUICK, HUSH)) as world:
        yield world


@pytest.fixture
def client(world: ServiceWorld) -> Iterator[TruelineClient]:
    """A client."""
    with world.client() as client:
        yield client
