"""Opening the parts of a server: a half-done start is rolled back; a dataflow that stands still is told to probes."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from trueline_rules.errors import RuleFileError
from trueline_server import bootstrap
from trueline_server.bootstrap import running
from trueline_server.clock import now_us
from trueline_server.settings import Settings
from trueline_server.transport.health import Health
from trueline_stores.errors import DirectoryHeldError
from trueline_stores.lock import lock_directory
from trueline_streams.runner import FlowRunner

from tests.integration.server.serving import serving


def test_half_done_start_is_rolled_back(tmp_path: Path) -> None:
    """When the warehouse cannot be opened, the log is closed and the directory is free again."""
    (tmp_path / "warehouse").write_text("in the way")
    before = {thread.name for thread in threading.enumerate()}

    with pytest.raises(FileExistsError), bootstrap.open_backend(Settings(data_dir=tmp_path), now_us):
        pytest.fail("the warehouse was opened over a file")

    assert (tmp_path / "log.sqlite3").exists()
    assert {thread.name for thread in threading.enumerate()} <= before
    with lock_directory(tmp_path):
        pass


def test_held_directory_is_left_alone(tmp_path: Path) -> None:
    """A start on a directory that is held touches nothing in it."""
    with lock_directory(tmp_path):
        before = sorted(path.name for path in tmp_path.iterdir())
        with (
            pytest.raises(DirectoryHeldError, match="process"),
            bootstrap.open_backend(Settings(data_dir=tmp_path), now_us),
        ):
            pytest.fail("a held directory was opened")
        assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_broken_rules_open_nothing(tmp_path: Path) -> None:
    """Rule files are read before anything is made."""
    file = tmp_path / "rules.yaml"
    file.write_text("kind: Nonsense\n")
    settings = Settings(data_dir=tmp_path / "data", rules=(file,))

    with pytest.raises(RuleFileError), bootstrap.open_backend(settings, now_us):
        pytest.fail("broken rules were taken")

    assert not settings.data_dir.exists()


@dataclass
class Flow:
    """A dataflow that a test stops and mends."""

    healthy: bool = True


def test_probes_hear_of_a_dataflow_that_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server is NOT_SERVING while the dataflow is not well, and SERVING again when it has recovered."""
    monkeypatch.setattr(running, "HEALTH_INTERVAL_S", 0.001)
    states = health_pb2.HealthCheckResponse

    async def run() -> None:
        health, flow = Health(("trueline.v1.MetricService",)), Flow()
        await health.set(serving=True)
        async with serving({}, health=health) as channel:
            watching = asyncio.create_task(running._watch_health(health, cast(FlowRunner, flow)))
            watch = health_pb2_grpc.HealthStub(channel).Watch(
                health_pb2.HealthCheckRequest(service="trueline.v1.MetricService")
            )
            seen = [(await watch.read()).status]
            for healthy in (False, True):
                flow.healthy = healthy
                seen.append((await watch.read()).status)
            assert seen == [states.SERVING, states.NOT_SERVING, states.SERVING]
            watch.cancel()
            watching.cancel()
            await asyncio.wait({watching})

    asyncio.run(run())
