"""A Trueline server as a process of its own, on a free port of the loopback device; benchmarks and tests use it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

START_S = 60.0
STOP_S = 60.0


class ServerFailedError(RuntimeError):
    """The server ended or did not begin to serve; the message has the end of what it wrote."""


class ServerProcess:
    """Starts, stops and kills a server by its process id, any number of times on one data directory.

    Args:
        folder: the data directory is `data` in it, and what the server writes goes to `server.log`.
        settings: TRUELINE_* variables on top of the defaults.

    """

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = folder / "data"
        self.log = folder / "server.log"
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Process id of the server that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start and wait until the server serves.

        Raises:
            ServerFailedError: it ended, or does not serve within a minute.

        """
        self.launch()
        self.wait_until_serving()

    def launch(self) -> None:
        """Start without waiting."""
        # Once chosen the port stays, so that clients find the server again.
        self.address = self.address or f"127.0.0.1:{_free_port()}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TRUELINE_")}
        command = [sys.executable, "-m", "trueline_cli", "up", "--data-dir", str(self.data_dir)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env={**inherited, **self._settings, "TRUELINE_ADDRESS": self.address},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_serving(self) -> None:
        """Wait for the health service to say SERVING; see start()."""
        deadline = time.monotonic() + START_S
        with grpc.insecure_channel(self.address, options=[("grpc.max_reconnect_backoff_ms", 100)]) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            while time.monotonic() < deadline:
                if self._process is None or self._process.poll() is not None:
                    raise ServerFailedError(f"the server ended:\n{self._tail()}")
                try:
                    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=1.0, wait_for_ready=True)
                except grpc.RpcError:
                    continue
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
                time.sleep(0.02)
        raise ServerFailedError(f"the server does not serve after {START_S:.0f} s:\n{self._tail()}")

    def stop(self) -> int | None:
        """Ask the server to end, wait for it, and answer its exit status; kill it if it does not end."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once, as a crash of the machine would."""
        self._end(signal.SIGKILL)

    def resident_bytes(self) -> int:
        """Resident memory of the server."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def _end(self, sign: signal.Signals) -> int | None:
        process, self._process = self._process, None
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(sign)
        try:
            return process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait(STOP_S)

    def _tail(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:] if self.log.exists() else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
