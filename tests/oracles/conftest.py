"""One real server for all oracle tests: each stream is played into a tenant of its own when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from trueline import TruelineClient

from benchmarks.server_process import ServerProcess
from tests.e2e.command_line import Ingested, ingest

RULES = Path(__file__).parent / "rules"
PROCESSED_S = 300.0

# Tenant -> (file below data/events, mapping).
STREAMS = {
    "full": ("online-retail/full.jsonl.gz", "online-retail.yaml"),
    "small": ("online-retail/small.jsonl.gz", "online-retail.yaml"),
    "duplicated": ("online-retail/dirty/a_dup3pct.jsonl.gz", "online-retail.yaml"),
    "disordered": ("online-retail/dirty/b_outoforder_late.jsonl.gz", "online-retail.yaml"),
    "malformed": ("online-retail/dirty/c_malformed1pct.jsonl.gz", "online-retail.yaml"),
    "saas": ("saas/events_saas_simulated.csv.gz", "saas.yaml"),
    "saas-week": ("saas/disorder_saas_week.jsonl.gz", "saas.yaml"),
    "saas-week-every-line": ("saas/disorder_saas_week.jsonl.gz", "saas-every-line.yaml"),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that was played into its tenant and is processed to its end."""

    client: TruelineClient
    ingested: Ingested


class Streams:
    """Plays streams on demand."""

    def __init__(self, server: ServerProcess, events: Path, folder: Path) -> None:
        self._server = server
        self._events = events
        self._folder = folder
        self._played: dict[str, Stream] = {}

    def __getitem__(self, tenant: str) -> Stream:
        if tenant not in self._played:
            self._played[tenant] = self._play(tenant)
        return self._played[tenant]

    def close(self) -> None:
        """Close the clients."""
        for stream in self._played.values():
            stream.client.close()

    def _play(self, tenant: str) -> Stream:
        file, mapping = STREAMS[tenant]
        token = token_of(tenant)
        ingested = ingest(self._events / file, RULES / mapping, self._server.address, self._folder, token)
        client = TruelineClient(self._server.address, token=token)
        client.status(min_position=client.status().accepted_position, timeout=PROCESSED_S)
        return Stream(client, ingested)


def token_of(tenant: str) -> str:
    """The credential of a tenant of these tests."""
    return f"token-of-{tenant}"


@pytest.fixture(scope="session")
def streams(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Streams]:
    """Streams by tenant, in a server with the metrics and KPIs of `rules/`."""
    settings = {
        "TRUELINE_RULES": str(RULES),
        "TRUELINE_MAPPING": "online-retail-oracles",
        "TRUELINE_TOKENS": ",".join(f"{token_of(tenant)}={tenant}" for tenant in STREAMS),
    }
    folder = tmp_path_factory.mktemp("oracle-server")
    with ServerProcess(folder, settings) as server:
        streams = Streams(server, data_dir / "events", folder)
        yield streams
        streams.close()


@pytest.fixture(scope="session")
def retail(data_dir: Path) -> Path:
    """Folder of the real shop's stream."""
    return data_dir / "events" / "online-retail"


@pytest.fixture(scope="session")
def saas(data_dir: Path) -> Path:
    """Folder of the simulated SaaS business."""
    return data_dir / "events" / "saas"
