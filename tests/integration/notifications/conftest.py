"""What the tests of notifications share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.notifications.notify_world import World
from tests.integration.notifications.receivers import HttpReceiver


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A sender and all that it needs."""
    opened = World(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    """An HTTP server."""
    opened = HttpReceiver()
    yield opened
    opened.close()
