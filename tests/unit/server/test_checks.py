"""The checks of the doctor: what each says of a thing that is well, and of one that is not."""

from __future__ import annotations

import argparse
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from trueline_server.commands import checks
from trueline_server.commands.doctor import command
from trueline_server.commands.findings import State
from trueline_stores.lock import lock_directory


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10), State.BAD), ((3, 11), State.GOOD), ((3, 12), State.GOOD), ((3, 13), State.BAD)]
)
def test_python(version: tuple[int, int], state: State) -> None:
    """Versions without wheels of the dataflow engine are told with the way out."""
    finding = checks.check_python(version)

    assert finding.state is state
    assert bool(finding.way_out) == (state is State.BAD)


def test_packages() -> None:
    """What is missing is named with the command that installs it."""
    assert checks.check_packages().state is State.GOOD
    missing = checks.check_packages(["grpcio", "no-such-package"])
    assert (missing.state, missing.told) == (State.BAD, "missing: no-such-package")
    assert "trueline[server]" in missing.way_out


def test_data_dir(tmp_path: Path) -> None:
    """A directory that is absent, free, held or a file is told as what it is; looking leaves nothing behind."""
    absent = tmp_path / "a" / "b"
    assert "not there yet" in checks.check_data_dir(absent).told
    assert not absent.parent.exists()
    assert checks.check_data_dir(tmp_path).told.endswith("is free")
    assert list(tmp_path.iterdir()) == []
    with lock_directory(tmp_path):
        held = checks.check_data_dir(tmp_path)
        assert (held.state, f"in use by process {os.getpid()}" in held.told) == (State.GOOD, True)
    assert checks.check_data_dir(tmp_path).told.endswith("is free")
    file = tmp_path / "file"
    file.write_text("")
    assert checks.check_data_dir(file).state is State.BAD
    assert checks.check_data_dir(file / "below").state is State.BAD


def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little room is a notice, none is bad; the directory need not be there yet."""
    states = []
    for limit in ("NO_DISK", "LITTLE_DISK"):
        monkeypatch.undo()
        monkeypatch.setattr(checks, limit, 1 << 60)
        states.append(checks.check_disk(tmp_path / "absent").state)
    assert states == [State.BAD, State.NOTICE]


def test_rules(tmp_path: Path) -> None:
    """A rule file that does not load is told with its place."""
    assert checks.check_rules((), "").state is not State.BAD
    file = tmp_path / "rules.yaml"
    file.write_text("kind: Nonsense\n")
    broken = checks.check_rules((file,), "")
    assert broken.state is State.BAD
    assert broken.told.startswith(f"{file}:1")


def test_rules_with_a_refused_statement(tmp_path: Path) -> None:
    """A statement that would stop the start of the server is told with its place and its KPI."""
    file = tmp_path / "kpi.yaml"
    kpi = (
        "apiVersion: trueline/v1\nkind: Kpi\nmetadata: {{name: spy}}\nspec:\n  unit: ratio\n  direction: higher\n"
        "  target: 1\n  statement: SELECT {0} AS value\n"
    )
    file.write_text(kpi.format("length(file('/etc/passwd'))"))
    refused = checks.check_rules((file,), "")
    assert refused.state is State.BAD
    assert refused.told.startswith(f"{file}:8:{len('  statement: SELECT length(') + 1}: ")
    assert "KPI spy: the function file is refused" in refused.told
    file.write_text(kpi.format("1"))
    assert checks.check_rules((file,), "").state is not State.BAD


def test_every_problem_of_the_rules_is_named(tmp_path: Path) -> None:
    """Whoever mends the first need not come back for the second."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("kind: Nonsense\n")
    told = checks.check_rules((tmp_path,), "").told
    assert str(tmp_path / "a.yaml") in told
    assert str(tmp_path / "b.yaml") in told


def test_port() -> None:
    """A port that another process listens on cannot be used."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert checks.check_port(address).state is State.BAD
    assert checks.check_port(address).state is State.GOOD


def test_no_server() -> None:
    """That no server runs is a notice with the way to start one."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    (finding,) = checks.check_server(address, "")
    assert finding.state is State.NOTICE
    assert "trueline up" in finding.way_out


@pytest.mark.parametrize("output", ["table", "json"])
def test_doctor(
    tmp_path: Path, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line a check, or one JSON array; a setting that is none is noticed; nothing bad is status 0."""
    for name in [name for name in os.environ if name.startswith("TRUELINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRUELINE_DATADIR", "x")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"

    status = command.run(argparse.Namespace(address=address, data_dir=tmp_path, output=output))

    out = capsys.readouterr().out
    names = ["Python", "packages", "settings", "data directory", "disk", "rule files", "server", "port"]
    if output == "json":
        found = json.loads(out)
        assert [finding["check"] for finding in found] == names
        assert found[2]["way_out"] == "did you mean TRUELINE_DATA_DIR?"
    else:
        assert [line[2:].partition(":")[0] for line in out.splitlines()] == names
    assert status == 0


def test_doctor_of_a_server_that_is_ill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told that the server is not serving, and not that the server has its port."""
    server = grpc.server(ThreadPoolExecutor(1))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        status = command.run(argparse.Namespace(address=address, data_dir=tmp_path, output="json"))
    finally:
        server.stop(None).wait()
    found = {finding["check"]: finding["told"] for finding in json.loads(capsys.readouterr().out)}
    assert status == 1
    assert found["server"] == f"the one at {address} is not serving"
    assert "port" not in found


def test_doctor_of_a_broken_setting(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that cannot be read is status 1, and the checks that need it are left out."""
    monkeypatch.setenv("TRUELINE_POLL_INTERVAL_MS", "x")

    assert command.run(argparse.Namespace()) == 1
    assert "✗ settings: TRUELINE_POLL_INTERVAL_MS has value 'x'" in capsys.readouterr().out
