"""One server with the life of rules behind it for a module; each test is a tenant of its own."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from trueline import TruelineClient
from trueline_stores.warehouse.client import Warehouse

from tests.integration.rules_service.life_world import LifeServer

_TENANTS = [f"life-{uuid4()}" for _ in range(80)]


@pytest.fixture(scope="module")
def life(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LifeServer]:
    """A server."""
    with LifeServer(warehouse, tmp_path_factory.mktemp("life"), _TENANTS) as server:
        yield server


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test is."""
    return _TENANTS.pop()


@pytest.fixture
def client(life: LifeServer, tenant: str) -> Iterator[TruelineClient]:
    """A client of the tenant."""
    with life.client(tenant) as client:
        yield client
