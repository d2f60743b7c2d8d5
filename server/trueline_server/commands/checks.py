"""The checks of the doctor: each looks at one thing and never raises."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import socket
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from trueline_server.commands.findings import Finding, State
from trueline_server.commands.statements import refused_statements

_EXTRA = re.compile(r"""([A-Za-z0-9._-]+).*;.*\bextra == ["']server["']""")
GIB = 1 << 30
# Merges of the warehouse want room for a second copy of what they merge.
LITTLE_DISK = 2 * GIB
NO_DISK = GIB // 4
CALL_S = 3.0
LARGE_LAG = 100_000


def check_python(version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    """Bytewax has wheels for 3.11 and 3.12 only."""
    told = f"{version[0]}.{version[1]}"
    if (3, 11) <= version <= (3, 12):
        return Finding("Python", State.GOOD, told)
    return Finding("Python", State.BAD, f"{told} cannot run the server", "install Python 3.12 or 3.11")


def check_packages(names: Sequence[str] | None = None) -> Finding:
    """Whether the server extra (or other packages) is installed, and working: a broken wheel shows itself only when it
    is loaded."""
    wanted = server_packages() if names is None else names
    modules: dict[str, list[str]] = {}
    for module, owners in metadata.packages_distributions().items():
        for owner in owners:
            modules.setdefault(_canonical(owner), []).append(module)
    missing, broken = [], []
    for name in wanted:
        public = sorted(module for module in modules.get(_canonical(name), ()) if not module.startswith("_"))
        try:
            metadata.version(name)
            if public:
                importlib.import_module(public[0])
        except metadata.PackageNotFoundError:
            missing.append(name)
        except Exception as error:  # noqa: BLE001  whatever a broken wheel raises
            broken.append(f"{name} ({error})")
    if missing or broken:
        told = [f"missing: {', '.join(missing)}"] if missing else []
        told += [f"cannot be loaded: {', '.join(broken)}"] if broken else []
        return Finding("packages", State.BAD, "; ".join(told), "pip install 'trueline[server]'")
    return Finding("packages", State.GOOD, f"all {len(wanted)} are installed, trueline {metadata.version('trueline')}")


def server_packages() -> list[str]:
    """What the server extra brings, by the names that it is installed by."""
    found = (_EXTRA.match(line) for line in metadata.requires("trueline") or ())
    return sorted({match[1] for match in found if match})


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def check_data_dir(directory: Path) -> Finding:
    """Whether a server can make the directory, or hold it and write into it."""
    if not directory.exists():
        parent = _existing(directory)
        if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            return Finding("data directory", State.GOOD, f"{directory} is not there yet; the server will make it")
        return Finding(
            "data directory", State.BAD, f"{directory} cannot be made in {parent}", "choose one with TRUELINE_DATA_DIR"
        )
    if not directory.is_dir() or not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return Finding(
            "data directory",
            State.BAD,
            f"{directory} is no directory that can be written",
            "give this user access to it, or choose another with TRUELINE_DATA_DIR",
        )
    return _check_lock(directory)


def _check_lock(directory: Path) -> Finding:
    from trueline_stores.errors import DirectoryHeldError, DirectoryUnusableError
    from trueline_stores.lock import LOCK_FILE, lock_directory

    # Where no server ever was, looking for one must not leave a lock file behind.
    if (directory / LOCK_FILE).exists():
        try:
            with lock_directory(directory):
                pass
        except DirectoryHeldError as error:
            pid, since = error.metadata["pid"], error.metadata["since"]
            return Finding("data directory", State.GOOD, f"{directory} is in use by process {pid} since {since}")
        except (DirectoryUnusableError, OSError) as error:
            way_out = "choose another with --data-dir or TRUELINE_DATA_DIR"
            return Finding("data directory", State.BAD, f"{directory} cannot be locked: {error}", way_out)
    return Finding("data directory", State.GOOD, f"{directory} is free")


def check_disk(directory: Path) -> Finding:
    """Whether there is room for the log and the warehouse."""
    parent = _existing(directory)
    free = shutil.disk_usage(parent).free
    told = f"{free / GIB:.1f} GiB free under {parent}"
    if free < NO_DISK:
        return Finding("disk", State.BAD, told, "free some; ingestion stops with LOG_FULL when it is full")
    if free < LITTLE_DISK:
        return Finding("disk", State.NOTICE, told, "free some before large imports")
    return Finding("disk", State.GOOD, told)


def check_rules(paths: Sequence[Path], mapping: str) -> Finding:
    """Whether the default pack and the rule files load together, and the statements of their KPIs are allowed."""
    from trueline_rules.errors import RuleFileError
    from trueline_rules.loader import load_rules

    try:
        rules = load_rules(paths, mapping=mapping or None)
    except RuleFileError as error:
        return Finding("rule files", State.BAD, "; ".join(map(str, error.problems)), "correct what is named")
    # Those of the default pack are known to be allowed, and looking takes some seconds.
    if paths:
        try:
            refused = refused_statements(paths, mapping)
        except OSError as error:
            return Finding("rule files", State.NOTICE, f"the statements of KPIs were not looked at: {error}")
        if refused:
            return Finding("rule files", State.BAD, "; ".join(map(str, refused)), "correct what is named")
    silent = sorted(name for name, metric in rules.metrics.items() if not rules.events_of(metric))
    told = (
        f"revision {rules.revision}: {len(rules.metrics)} metrics, {len(rules.kpis)} KPIs, "
        f"events read as '{rules.mapping.metadata.name}'"
    )
    if silent:
        return Finding(
            "rule files",
            State.NOTICE,
            f"{told}; without events: {', '.join(silent)}",
            "name the events that play their roles in the event mapping",
        )
    return Finding("rule files", State.GOOD, told)


def check_port(address: str) -> Finding:
    """Whether a server could listen, when none answers."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server binds: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            way_out = "choose another with --listen or TRUELINE_ADDRESS"
            return Finding("port", State.BAD, f"{address} cannot be used: {error.strerror}", way_out)
    return Finding("port", State.GOOD, f"{address} is free")


def check_server(address: str, token: str) -> list[Finding]:
    """Whether a server answers, is well, and keeps up."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc
    from trueline.v1 import system_service_pb2, system_service_pb2_grpc

    metadata_ = (("authorization", f"Bearer {token}"),) if token else ()
    with grpc.insecure_channel(address) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=CALL_S)
        except grpc.RpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                return [Finding("server", State.NOTICE, f"none answers at {address}", "start one with `trueline up`")]
            return [Finding("server", State.BAD, f"something else answers at {address}", "give its --address")]
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            told = f"the one at {address} is not serving"
            return [Finding("server", State.BAD, told, "its log tells why the dataflow stands still")]
        serving = Finding("server", State.GOOD, f"serving at {address}")
        system = system_service_pb2_grpc.SystemServiceStub(channel)
        try:
            status = system.GetStatus(system_service_pb2.GetStatusRequest(), metadata=metadata_, timeout=CALL_S)
            parts = system.GetSystemHealth(
                system_service_pb2.GetSystemHealthRequest(), metadata=metadata_, timeout=CALL_S
            ).parts
        except grpc.RpcError as error:
            way_out = "give the token with --token or TRUELINE_TOKEN"
            return [serving, Finding("lag", State.NOTICE, f"not told: {error.details()}", way_out)]
    ill = [
        Finding(f"its {part.name}", State.BAD, part.message, "its log tells more") for part in parts if not part.healthy
    ]
    lag = status.accepted_position - status.processed_position
    told = f"{lag:,} of {status.accepted_position:,} log positions are not in the metrics yet"
    if lag > LARGE_LAG:
        return [serving, *ill, Finding("lag", State.NOTICE, told, "send more slowly, or wait")]
    return [serving, *ill, Finding("lag", State.GOOD, told)]


def _existing(path: Path) -> Path:
    """The path, or the nearest directory above it that is there."""
    path = path.absolute()
    return next(each for each in (path, *path.parents) if each.exists())
