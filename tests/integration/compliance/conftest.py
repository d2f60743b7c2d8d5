"""A world of compliance for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from trueline_stores.warehouse.client import Warehouse

from tests.integration.compliance.compliance_world import ComplianceWorld


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ComplianceWorld]:
    """A tenant of its own: the warehouse is shared."""
    made = ComplianceWorld(warehouse, tmp_path, f"compliance-{abs(hash(request.node.nodeid))}")
    yield made
    made.close()
