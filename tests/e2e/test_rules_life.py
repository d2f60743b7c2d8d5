"""Rules of a server in a process of its own: watched files, activation, kill -9, and starts with broken files."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from trueline import Event, TruelineClient, TruelineError
from trueline.rule_sets import RuleChangeKind, RulesChanged
from trueline.v1 import system_service_pb2 as pb
from trueline.v1 import system_service_pb2_grpc

from benchmarks.server_process import ServerProcess

FIRST = datetime(2025, 3, 1, tzinfo=UTC)
METRIC = (
    "apiVersion: trueline/v1\nkind: Metric\nmetadata: {{name: {name}}}\n"
    "spec: {{unit: views, events: [view], aggregation: count, window: {window}}}\n"
)
BROKEN = "kind: Nonsense\n"


def metric(name: str, window: str = "1d") -> str:
    """A count of views."""
    return METRIC.format(name=name, window=window)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the operator's rule files are, with one metric."""
    path = tmp_path / "rules"
    path.mkdir()
    (path / "base.yaml").write_text(metric("base_views"))
    return path


class Watching(ServerProcess):
    """A server that watches a folder of rule files closely, and tells Prometheus."""

    def __init__(self, folder: Path, rules: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            self.metrics = f"127.0.0.1:{probe.getsockname()[1]}"
        settings = {"RULES": str(rules), "RULES_SCAN_INTERVAL_S": "1", "METRICS_ADDRESS": self.metrics}
        super().__init__(folder, {f"TRUELINE_{name}": value for name, value in settings.items()})

    def scraped(self, line: str) -> bool:
        """Whether Prometheus reads a line."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=30) as answer:
            return line in answer.read().decode().splitlines()


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[Watching]:
    """A server over the folder."""
    with Watching(tmp_path, folder) as process:
        yield process


def send(client: TruelineClient, days: int, first: int = 0) -> None:
    """A view on each of some days; waits until they are counted."""
    instants = [FIRST + timedelta(days=day, hours=1) for day in range(first, first + days)]
    events = [Event(source="web", name="view", occurred_at=at) for at in instants]
    client.status(min_position=client.ingest(events).position, timeout=60.0)


def counts(client: TruelineClient, name: str) -> list[float | None]:
    """The values of all windows."""
    return [point.value for point in client.query_metric(name, start=FIRST, end=FIRST + timedelta(days=400)).points]


def rules_part(server: ServerProcess) -> pb.PartHealth:
    """How the part "rules" is."""
    with grpc.insecure_channel(server.address) as channel:
        health = system_service_pb2_grpc.SystemServiceStub(channel).GetSystemHealth(
            pb.GetSystemHealthRequest(), timeout=30
        )
    return next(part for part in health.parts if part.name == "rules")


def test_rule_files_are_watched(server: Watching, folder: Path) -> None:
    """New files hold for a running server; broken ones change nothing and are told everywhere until they are mended."""
    with TruelineClient(server.address) as client, closing(client.watch_rules()) as watch:
        send(client, 3)
        told = (message.change for message in watch if isinstance(message, RulesChanged))
        (folder / "more.yaml").write_text(metric("more_views", "2d"))
        assert next(told).kind is RuleChangeKind.LOADED
        assert sum(value or 0 for value in counts(client, "more_views")) == 3
        assert rules_part(server).healthy

        (folder / "more.yaml").write_text(BROKEN)
        failed = next(told)
        assert failed.kind is RuleChangeKind.LOAD_FAILED
        assert any(problem.place.file.endswith("more.yaml") and problem.place.line == 1 for problem in failed.problems)
        send(client, 1)
        assert counts(client, "base_views") == [2, 1, 1]
        assert sum(value or 0 for value in counts(client, "more_views")) == 4
        assert not rules_part(server).healthy
        assert "more.yaml:1" in rules_part(server).message
        assert server.scraped('trueline_rules_load_failed{tenant=""} 1.0')
        assert server.scraped('trueline_rule_changes_total{kind="load_failed"} 1.0')

        (folder / "more.yaml").write_text(metric("other_views"))
        assert next(told).kind is RuleChangeKind.LOAD_MENDED
        assert counts(client, "other_views") == [2, 1, 1]
        assert rules_part(server).healthy
        assert server.scraped('trueline_rules_load_failed{tenant=""} 0.0')


def test_a_start_with_broken_files_serves_the_last_good_set(server: Watching, folder: Path) -> None:
    """After kill -9 and with broken files the server comes up with all that was in force, and says so."""
    with TruelineClient(server.address) as client:
        send(client, 2)
        client.activate_rules({"own.yaml": metric("own_views")})
        before = client.status().rule_revision
        (folder / "base.yaml").write_text(BROKEN)
        server.kill()
        server.start()
        assert client.status().rule_revision == before
        send(client, 1)
        assert counts(client, "own_views") == counts(client, "base_views") == [2, 1]
        assert not rules_part(server).healthy
        assert "the last good rules" in server.log.read_text()


@pytest.mark.slow
def test_killed_while_metrics_are_activated(server: Watching) -> None:
    """Whatever moment it dies at, the old or the new set is in force afterwards, and no metric of it has a hole."""
    metrics = 20

    def files(turn: int) -> dict[str, str]:
        # One metric goes to and fro between two definitions.
        texts = [*(metric(f"m{turn}_{number}") for number in range(metrics)), metric("same", ("1d", "2d")[turn % 2])]
        return {"own.yaml": "---\n".join(texts)}

    def activate(turn: int) -> None:
        with TruelineClient(server.address) as other, contextlib.suppress(TruelineError):
            other.activate_rules(files(turn), timeout=30.0)

    with TruelineClient(server.address) as client:
        send(client, 40)
        began = time.monotonic()
        activate(0)
        took_s = time.monotonic() - began
        seen = []
        # From long before to long after the moment when it is done.
        for turn, share in enumerate((0.1, 0.5, 0.8, 1.0, 1.3, 3.0, 0.9), start=1):
            activating = threading.Thread(target=activate, args=(turn,))
            activating.start()
            activating.join(took_s * share)
            server.kill()
            server.start()
            activating.join(60)
            names = [each.name for each in client.list_metrics() if re.fullmatch(r"m\d_\d+", each.name)]
            assert len(names) == metrics
            (active,) = {int(name[1]) for name in names}
            assert active in (turn, *seen[-1:], 0)
            seen.append(active)
            send(client, 1, first=39)
            for name in [*names, "same"]:
                assert sum(value or 0 for value in counts(client, name)) == 40 + turn, (turn, name)
        assert len(set(seen)) > 1
