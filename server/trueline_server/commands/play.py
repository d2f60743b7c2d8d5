"""Plays events into a running server through the command line's own verbs, and prints the board."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from trueline_stores.warehouse.statements import ReadClocks

from trueline_server.bootstrap import RunningServer
from trueline_server.synthetic import is_synthetic
from trueline_server.transport.credentials import OPEN_TENANT

# Wildcard hosts are where to listen, not where to connect.
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104


@dataclass(frozen=True, slots=True)
class Play:
    """What to play.

    Attributes:
        synthetic: events to generate; 0 = none.
        seed: of the generated business.
        events: file to ingest; "" = none.
        mapping: file or name of the mapping that reads it; "" = the server's.
        token: credential of the calls; "" = none.
        output: "table" or "json".

    """

    synthetic: int = 0
    seed: int = 1
    events: str = ""
    mapping: str = ""
    token: str = ""
    output: str = "table"

    async def former_events(self, server: RunningServer) -> int:
        """Synthetic events that the server's data directory has already, if it is to play others; 0 = play.

        Another run is another business: its events would lie over those of the first, and no KPI would be either's.
        """
        if not self.synthetic:
            return 0
        await server.caught_up()
        tenant = server.settings.tokens.get(self.token, OPEN_TENANT)
        clocks = await asyncio.to_thread(server.backend.warehouse.run, ReadClocks(tenant))
        return sum(int(events) for source, events, *_ in clocks if is_synthetic(source))

    async def show(self, server: RunningServer) -> int:
        """Print the board of what is there. Answers an exit status."""
        return await self._cli(reachable(server.address), "score")

    async def run(self, server: RunningServer) -> int:
        """Ingest or generate, wait until all of it is in the metrics, print the board. Answers an exit status."""
        address = reachable(server.address)
        if self.synthetic:
            generate = ("generate", "--events", str(self.synthetic), "--seed", str(self.seed))
            status = await self._cli(address, *generate, board=False)
        elif self.events:
            mapping = ("--mapping", self.mapping) if self.mapping else ()
            status = await self._cli(address, "ingest", self.events, *mapping, board=False)
        else:
            return 0
        if status > 1:
            return status
        await server.caught_up()
        return max(status, await self.show(server))

    async def _cli(self, address: str, *verb: str, board: bool = True) -> int:
        """Run a verb. Of the output for scripts, the board is all that goes to standard output."""
        environment = {**os.environ, **({"TRUELINE_TOKEN": self.token} if self.token else {})}
        process = await asyncio.create_subprocess_exec(
            *command_line(address, self.output, verb),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=None if board or self.output != "json" else sys.stderr,
        )
        try:
            return await process.wait()
        except asyncio.CancelledError:
            if process.returncode is None:
                process.terminate()
                await process.wait()
            raise


def command_line(address: str, output: str, verb: Sequence[str]) -> list[str]:
    """The arguments of a process that runs a verb of the command line against a server."""
    name, *arguments = verb
    return [sys.executable, "-m", "trueline_cli", name, *arguments, "--address", address, "--output", output]


def reachable(address: str) -> str:
    """Where a client on this machine finds a server that listens on an address."""
    host, _, port = address.rpartition(":")
    return f"{_WILDCARDS.get(host, host)}:{port}"
