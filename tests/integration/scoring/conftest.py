"""A world of accounts for each test."""

from __future__ import annotations

import uuid

import pytest
from trueline_stores.warehouse.client import Warehouse

from tests.integration.scoring.health_world import HealthWorld


@pytest.fixture
def world(warehouse: Warehouse) -> HealthWorld:
    """A tenant of its own: the warehouse is shared."""
    return HealthWorld(warehouse, f"health-{uuid.uuid4().hex}")
