"""Servers in processes of their own, as operators start them; ended by their process id, whatever a test does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.server_process import ServerProcess


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with a fresh data directory, for a test that stops or kills it."""
    with ServerProcess(tmp_path) as process:
        yield process


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for the tests of a module that do not disturb each other; starting one takes a few seconds."""
    with ServerProcess(tmp_path_factory.mktemp("server")) as process:
        yield process
