"""A recording server for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from trueline import RetryPolicy, TruelineClient

from tests.integration.sdk.recording import Recorder, Running


@pytest.fixture
def running() -> Iterator[Running]:
    """A recording server, running."""
    server = Running(Recorder())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def recorder(running: Running) -> Recorder:
    """What the server records."""
    return running.recorder


@pytest.fixture
def client(running: Running) -> Iterator[TruelineClient]:
    """A client whose pauses are short."""
    with TruelineClient(running.address, timeout=20, retry=RetryPolicy(first=0.01, longest=0.05)) as client:
        yield client
