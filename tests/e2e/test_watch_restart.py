"""Watches of the SDK, the command line and Node.js over a server that restarts: they wait for it and miss nothing."""

from __future__ import annotations

import asyncio
import json
import queue
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trueline import AsyncTruelineClient, Event, RetryPolicy, TruelineClient

from benchmarks.server_process import ServerProcess
from tests.e2e.test_node_client import node_of

ROOT = Path(__file__).resolve().parents[2]
# A call gives up long before a server is back.
IMPATIENT = RetryPolicy(attempts=2, first=0.05, longest=0.1)
METRIC = "events_by_name"
# Starting a server on a busy machine takes its time.
WAIT_S = 120.0


class Seen:
    """What a watch told, as it comes in: counted events of a name, and that it waits."""

    def __init__(self) -> None:
        self._told: queue.Queue[tuple[str, Any]] = queue.Queue()

    def point(self, labels: dict[str, str], value: float) -> None:
        """A point of the metric."""
        self._told.put((labels["name"], value))

    def waits(self, *_: object) -> None:
        """The watch says that it waits."""
        self._told.put(("waits", None))

    def fails(self, why: str) -> None:
        """Something that a watch does not do."""
        self._told.put(("fails", why))

    def until(self, wanted: tuple[str, Any]) -> list[tuple[str, Any]]:
        """All that is told up to something; fails if it does not come."""
        told: list[tuple[str, Any]] = []
        while not told or told[-1] != wanted:
            told.append(self._told.get(timeout=WAIT_S))
            assert told[-1][0] != "fails", told[-1][1]
        return told


def send(server: ServerProcess, name: str, count: int) -> None:
    """Events of one name, accepted."""
    with TruelineClient(server.address) as client:
        result = client.ingest([Event(source="s", name=name, id=f"{name}-{n}") for n in range(count)])
        assert result.accepted == count


def over_a_restart(server: ServerProcess, seen: Seen) -> None:
    """Events before, between and after; the server is away until the watch has noticed."""
    # Names of its own, as the server has seen other watches.
    before, between, after = (f"{word}-{uuid.uuid4().hex[:8]}" for word in ("before", "between", "after"))
    send(server, before, 3)
    seen.until((before, 3.0))
    server.stop()
    seen.until(("waits", None))
    server.start()
    send(server, between, 2)
    told = seen.until((between, 2.0))
    # What stayed as it was is not told as another state.
    assert {item for item in told if item[0] == before} <= {(before, 3.0)}
    send(server, after, 1)
    seen.until((after, 1.0))


def test_the_client_waits(shared_server: ServerProcess) -> None:
    """Longer than its tries of a call."""
    seen = Seen()
    client = TruelineClient(shared_server.address, retry=IMPATIENT)

    def read() -> None:
        for message in client.watch_metrics([METRIC], heartbeat=1.0, on_wait=seen.waits):
            for point in getattr(message, "points", ()):
                seen.point(dict(point.labels), point.value or 0.0)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        over_a_restart(shared_server, seen)
    finally:
        client.close()
        reader.join(WAIT_S)
    assert not reader.is_alive()


def test_the_async_client_waits(shared_server: ServerProcess) -> None:
    """In the same way."""
    seen = Seen()

    async def read() -> None:
        async with AsyncTruelineClient(shared_server.address, retry=IMPATIENT) as client:
            restarting = asyncio.create_task(asyncio.to_thread(over_a_restart, shared_server, seen))
            restarting.add_done_callback(lambda _: asyncio.ensure_future(client.close()))
            async for message in client.watch_metrics([METRIC], heartbeat=1.0, on_wait=seen.waits):
                for point in getattr(message, "points", ()):
                    seen.point(dict(point.labels), point.value or 0.0)
            await restarting

    asyncio.run(read())


def test_the_command_line_says_that_it_waits(shared_server: ServerProcess) -> None:
    """On standard error; on standard output it goes on as if nothing had been."""
    command = [sys.executable, "-m", "trueline_cli", "metrics", "watch", METRIC, "--output", "json"]
    watch_process([*command, "--address", shared_server.address], shared_server, says="waits for the server")


def test_the_node_client_waits(shared_server: ServerProcess) -> None:
    """In the same way, and longer than gRPC for Node.js would by itself."""
    client = ROOT / "clients" / "node"
    command = [node_of(client), str(client / "test" / "watching.js"), shared_server.address, METRIC]
    watch_process(command, shared_server, says="waits for the server")


def watch_process(command: list[str], server: ServerProcess, says: str) -> None:
    """A watch as a process that prints its messages as JSON lines."""
    seen = Seen()

    def told(line: str) -> None:
        for point in json.loads(line).get("points", ()):
            seen.point(point["labels"], point["value"])

    def noticed(line: str) -> None:
        seen.waits() if says in line else seen.fails(line)

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        readers = [reading(process.stdout, told), reading(process.stderr, noticed)]
        try:
            over_a_restart(server, seen)
            assert process.poll() is None
        finally:
            process.kill()
            for reader in readers:
                reader.join(WAIT_S)


def reading(stream: Iterator[str] | None, line: Callable[[str], None]) -> threading.Thread:
    """A thread that hands on the lines of a stream until it ends."""
    assert stream is not None
    reader = threading.Thread(target=lambda: [line(each) for each in stream])
    reader.start()
    return reader
