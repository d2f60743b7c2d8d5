"""The whole server as a process: start, stop, signals, the lock, and what survives."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from trueline.v1 import (
    event_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    metric_service_pb2,
    metric_service_pb2_grpc,
    system_service_pb2,
    system_service_pb2_grpc,
)
from trueline_server.transport.server import SERVICES

from benchmarks.server_process import ServerProcess

# 2024-01-01T00:00:00Z
JANUARY = 1_704_067_200


def ingest(channel: grpc.Channel, count: int, first: int = 0) -> ingest_service_pb2.IngestOutcome:
    """Events of source s, one a second from 2024-01-01T00:00:00Z on."""
    events = [
        event_pb2.Event(
            id=f"e{n}",
            source="s",
            name="clicked",
            occurred_at=Timestamp(seconds=1_704_067_200 + n),
            user_id=f"u{n % 3}",
        )
        for n in range(first, first + count)
    ]
    request = ingest_service_pb2.IngestEventsRequest(events=events)
    return ingest_service_pb2_grpc.IngestServiceStub(channel).IngestEvents(request, timeout=30).outcome


def status(channel: grpc.Channel, position: int = 0) -> system_service_pb2.GetStatusResponse:
    """The status once a position is processed."""
    request = system_service_pb2.GetStatusRequest(min_position=position)
    return system_service_pb2_grpc.SystemServiceStub(channel).GetStatus(request, timeout=30)


def settings(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a server on a picked port; names without TRUELINE_."""
    own = {"ADDRESS": "127.0.0.1:0", "DATA_DIR": str(data_dir), **more}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUELINE_")}
    return inherited | {f"TRUELINE_{name}": value for name, value in own.items()}


def failed_start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """What a server that cannot start leaves: a status and a sentence, never a stack."""
    process = subprocess.run(
        [sys.executable, "-m", "trueline_server.app"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in process.stderr
    return process


def test_server_serves_all_services(shared_server: ServerProcess) -> None:
    """Health says SERVING for each service, and reflection lists them."""
    with grpc.insecure_channel(shared_server.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", *SERVICES):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert set(SERVICES) <= set(ProtoReflectionDescriptorDatabase(channel).get_services())


def test_events_go_from_the_wire_to_the_warehouse(shared_server: ServerProcess) -> None:
    """What is accepted is in the warehouse when its position is processed; sent again, it is a duplicate."""
    with grpc.insecure_channel(shared_server.address) as channel:
        outcome = ingest(channel, 10)
        assert (outcome.accepted, outcome.duplicates) == (10, 0)
        again = ingest(channel, 10)
        assert (again.accepted, again.duplicates) == (0, 10)
        state = status(channel, outcome.position)
        assert state.events == 10
        assert state.processed_position >= outcome.position
        assert [(source.source, source.events) for source in state.sources] == [("s", 10)]


def test_stopped_server_tells_watchers_and_keeps_events(server: ServerProcess) -> None:
    """SIGTERM ends it with status 0, without a stack; watchers hear NOT_SERVING; what was accepted is there again."""
    with grpc.insecure_channel(server.address) as channel:
        outcome = ingest(channel, 5)
        watch = metric_service_pb2_grpc.MetricServiceStub(channel).WatchMetrics(
            metric_service_pb2.WatchMetricsRequest()
        )
        next(watch)
        assert server.stop() == 0
        with pytest.raises(grpc.RpcError) as ended:
            list(watch)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
        assert "stopping" in ended.value.details()
    assert "Traceback" not in server.log.read_text()

    server.start()
    with grpc.insecure_channel(server.address) as channel:
        assert status(channel, outcome.position).events == 5
        assert ingest(channel, 5).duplicates == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_port_is_picked_and_told(tmp_path: Path, number: signal.Signals) -> None:
    """Port 0 picks a port, the first line of standard output says which, and a signal ends the server with status 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "trueline_server.app"],
        env=settings(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.fullmatch(r"listening on (127\.0\.0\.1:[1-9]\d*)\n", line)
        assert address is not None, line + process.communicate()[1]
        with grpc.insecure_channel(address[1]) as channel:
            assert status(channel).version
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        process.kill()
        process.communicate()


def test_second_signal_ends_at_once(server: ServerProcess) -> None:
    """A server that drains slowly, because a call is in progress, is ended by a second signal."""
    with grpc.insecure_channel(server.address) as channel:
        # Waits for a position that never comes, and keeps the server from ending for as long as it drains.
        waiting = system_service_pb2_grpc.SystemServiceStub(channel).GetStatus.future(
            system_service_pb2.GetStatusRequest(min_position=10**9), timeout=60
        )
        status(channel)
        os.kill(server.pid, signal.SIGTERM)
        health = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        with contextlib.suppress(grpc.RpcError):
            while next(watch).status == health_pb2.HealthCheckResponse.SERVING:
                pass
        assert server.stop() == 130
        assert isinstance(waiting.exception(), grpc.RpcError)


def test_killed_server_comes_back(server: ServerProcess) -> None:
    """After kill -9 the next one takes the directory over, and every accepted event is there once."""
    with grpc.insecure_channel(server.address) as channel:
        ingest(channel, 50)
    server.kill()
    server.start()
    with grpc.insecure_channel(server.address) as channel:
        outcome = ingest(channel, 60)
        assert (outcome.accepted, outcome.duplicates) == (10, 50)
        assert status(channel, outcome.position).events == 60


def test_second_server_is_refused(shared_server: ServerProcess) -> None:
    """A second server on the same directory exits with 3 and names the process that holds it."""
    second = failed_start(settings(shared_server.data_dir))
    assert second.returncode == 3
    assert f"process {shared_server.pid}" in second.stderr


def test_taken_port_is_told(shared_server: ServerProcess, tmp_path: Path) -> None:
    """A server whose port is taken exits with 2, says so, and gives its directory back."""
    second = failed_start(settings(tmp_path / "data", ADDRESS=shared_server.address))
    assert second.returncode == 2
    assert f"cannot listen on {shared_server.address}" in second.stderr
    assert "with --listen or TRUELINE_ADDRESS" in second.stderr
    with ServerProcess(tmp_path) as third, grpc.insecure_channel(third.address) as channel:
        assert ingest(channel, 1).accepted == 1


@pytest.mark.parametrize(
    ("variable", "value", "status_", "told"),
    [
        ("POLL_INTERVAL_MS", "often", 2, "TRUELINE_POLL_INTERVAL_MS has value 'often'"),
        ("RULES", "no/such/file.yaml", 2, "no/such/file.yaml"),
        ("MAPPING", "no such mapping", 2, "no such mapping"),
        ("DATA_DIR", "/dev/null/data", 3, "data cannot be kept in /dev/null/data: Not a directory. Choose another"),
    ],
    ids=["setting", "rule-file", "mapping", "data-dir"],
)
def test_wrong_settings_are_told(tmp_path: Path, variable: str, value: str, status_: int, told: str) -> None:
    """A server that cannot start says in a sentence what is wrong, and leaves nothing behind."""
    process = failed_start(settings(tmp_path / "data", **{variable: value}))
    assert process.returncode == status_
    assert told in process.stderr
    assert not (tmp_path / "data").exists()
