"""The health of accounts end to end: facts and events come in, classes turn, alerts fire, people are told."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from trueline import AsyncTruelineClient, Event, Fact, InputSource, InvalidRequestError, TruelineClient

from benchmarks.server_process import ServerProcess

LONGEST_S = 120.0
# Judged by the second, and up to the newest event; people are told at once.
SETTINGS = {
    "TRUELINE_HEALTH_INTERVAL_S": "1",
    "TRUELINE_ALERT_INTERVAL_S": "1",
    "TRUELINE_MAX_DISORDER_S": "0",
}
ROUTE = """\
apiVersion: trueline/v1
kind: Route
metadata: {name: account_health}
spec: {matchers: ['rule="account_at_risk"'], group_by: [rule, health], group_wait: 1s}
"""
WELL = {"open_tickets": 0.0, "resolution_hours": 2.0, "support_satisfaction": 5.0, "subscription_status": "active"}
UNWELL = {
    "open_tickets": 20.0,
    "resolution_hours": 300.0,
    "support_satisfaction": 1.0,
    "subscription_status": "cancelled",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with the pack, which looks at accounts and alerts each second."""
    folder = tmp_path_factory.mktemp("health")
    (folder / "route.yaml").write_text(ROUTE)
    with ServerProcess(folder, {**SETTINGS, "TRUELINE_RULES": str(folder / "route.yaml")}) as running:
        yield running


@pytest.fixture
def client(server: ServerProcess) -> Iterator[TruelineClient]:
    """A client of it."""
    with TruelineClient(server.address) as made:
        yield made


def test_facts_turn_a_class_and_somebody_is_told(client: TruelineClient) -> None:
    """Facts change, the class turns, the event is there, the alert fires, the pack's policy escalates."""
    _work(client)
    _put(client, WELL)
    _until(client, lambda: _fact(client, "health") == "healthy")
    _put(client, UNWELL)
    _until(client, lambda: _fact(client, "health") == "at_risk")
    now = datetime.now(UTC)

    def turned() -> float:
        client.status(min_position=client.status().accepted_position)
        points = client.query_metric("health_changes_daily", end=now + timedelta(days=1)).points
        return sum(point.value or 0 for point in points if point.labels == {"properties.to": "at_risk"})

    _until(client, lambda: turned() == 1)
    _until(client, lambda: bool(client.list_alerts(rule="account_at_risk")))
    (alert,) = client.list_alerts(rule="account_at_risk")
    assert (alert.severity, alert.labels["account"], alert.labels["health"]) == ("warning", "acme", "at_risk")
    assert alert.labels["persona"] == "agency"
    _until(client, lambda: any(group.escalations for group in client.list_alert_groups()))
    (group,) = [one for one in client.list_alert_groups() if one.escalations]
    assert group.route.endswith("account_health/policy:account_health")
    _put(client, WELL)
    _until(client, lambda: not client.list_alerts(rule="account_at_risk", states=["open"]))


def test_one_account_and_all_of_them(client: TruelineClient, server: ServerProcess) -> None:
    """The same by itself and among all, sync and async; a class that is none is told with the nearest."""
    _put(client, WELL)
    health = client.score_account_health("acme")
    assert health.persona == "agency"
    assert health.churn is not None
    assert (health.churn.method, health.churn.model_id) == ("rule", "")
    tickets = health.dimensions["support"].inputs[0]
    assert (tickets.value, tickets.source, tickets.assumed) == ("0 tickets", InputSource.FACT, True)
    assert tickets.observed_at is not None
    with client.score_account_healths(account_ids=["acme", "nobody"], at=health.at) as stream:
        (one,) = stream
        assert stream.at == health.at
        assert stream.counts[one.health] == 1
    assert (one.health, one.score, one.coverage, one.persona) == (
        *(health.health, health.score, health.coverage),
        "agency",
    )
    assert one.dimensions == {name: of.score and of.score.value for name, of in health.dimensions.items()}
    assert one.churn_probability == health.churn.probability
    with pytest.raises(InvalidRequestError, match="did you mean 'critical'"):
        client.score_account_healths(health=["critial"])

    async def ask() -> tuple[object, list[object]]:
        async with AsyncTruelineClient(server.address) as other:
            stream = await other.score_account_healths(account_ids=["acme"], at=health.at)
            return await other.score_account_health("acme", at=health.at), [each async for each in stream]

    assert asyncio.run(ask()) == (client.score_account_health("acme", at=health.at), [one])


def test_the_generated_business_has_every_class_and_reads_well(server: ServerProcess, client: TruelineClient) -> None:
    """Tables of 80 columns, JSON lines, CSV; no class has more than two thirds of the accounts."""
    _cli(server, "generate", "--events", "20000")
    client.status(min_position=client.status().accepted_position, timeout=LONGEST_S)
    told = _cli(server, "health", "--all", "--class", "healthy", "--class", "insufficient_data")
    assert max(map(len, told.splitlines())) <= 80
    lines = [json.loads(line) for line in _cli(server, "health", "--all", "--output", "json").splitlines()]
    counts, accounts = lines[0]["counts"], lines[1:]
    assert sum(counts.values()) == len(accounts) > 100
    assert all(counts[name] for name in ("healthy", "warning", "at_risk", "critical"))
    assert max(counts.values()) < 2 / 3 * len(accounts)
    assert [one["account_id"] for one in accounts] == sorted(one["account_id"] for one in accounts)
    rows = list(csv.DictReader(io.StringIO(_cli(server, "health", "--all", "--class", "warning", "--output", "csv"))))
    assert {row["health"] for row in rows} == {"warning"}
    told = _cli(server, "health", rows[0]["account_id"], "--explain")
    assert max(map(len, told.splitlines())) <= 80
    for part in ("workflows_30d*", "since then", "Support: nothing is known", "* = weight and curve of the profile"):
        assert part in told
    # Each dimension's part of the score, and the score that they come to.
    head = told.split("Activity: ")[0].splitlines()
    parts = [
        float(line.split()[4])
        for line in head
        if line.startswith(("Activity", "Campaigns", "Usage", "Subscr")) and line.split()[4][0].isdigit()
    ]
    total = next(line.split() for line in head if line.startswith("all "))
    assert sum(parts) == pytest.approx(float(total[2]), abs=0.02)
    assert f"warning, {total[1]} of 100" in head[0]
    with TruelineClient(server.address) as another:
        another.put_facts([Fact(subject_id="odd", name="persona", value="martian")])
    told = _cli(server, "health", "odd")
    assert "persona: martian; the profile does not have it: weights of everybody else" in told
    told = _cli(server, "health", "nobody")
    assert "nobody: insufficient_data, no score; 0 % of it is known" in told
    assert "no score: it has no event, and no fact that the profile reads" in told
    assert "share" in _cli(server, "health", "--counts")


def _work(client: TruelineClient) -> None:
    """Three weeks in which acme makes and applies something each day."""
    today = datetime.now(UTC)
    events = [
        Event(source="shop", name=name, occurred_at=today - timedelta(days=day), account_id="acme", user_id="ada")
        for day in range(1, 22)
        for name in ("workflow_created", "suggestion_applied", "suggestion_applied")
    ]
    client.ingest(events)
    client.status(min_position=client.status().accepted_position)


def _put(client: TruelineClient, facts: dict[str, float | str]) -> None:
    known = {**facts, "persona": "agency"}
    found = client.put_facts([Fact(subject_id="acme", name=name, value=of) for name, of in known.items()])
    assert found.accepted == len(known)


def _fact(client: TruelineClient, name: str) -> object:
    found = client.get_facts("account", ["acme"], names=[name])
    return next((one.facts[name].value for one in found.subjects if name in one.facts), None)


def _until(client: TruelineClient, holds: Callable[[], bool]) -> None:
    """Wait while the business goes on: time passes for alerts by its events."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < LONGEST_S, "it did not come in time"
        position = client.ingest([Event(source="shop", name="look", occurred_at=datetime.now(UTC))]).position
        # One after the other: what piled up would keep the server from what is waited for.
        client.status(min_position=position)


def _cli(server: ServerProcess, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "trueline_cli", *arguments],
        env={**os.environ, "TRUELINE_ADDRESS": server.address},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
