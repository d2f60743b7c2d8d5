"""A world of churn for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_stores.warehouse.client import Warehouse

from tests.integration.churn.churn_world import ChurnWorld


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ChurnWorld]:
    """A tenant of its own: the warehouse is shared."""
    made = ChurnWorld(warehouse, tmp_path, f"churn-{abs(hash(request.node.nodeid))}")
    yield made
    made.close()
