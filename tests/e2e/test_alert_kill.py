"""kill -9 at random moments while alerts fire: each is opened once, each is told, and twice only with one key."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from trueline import Event, Fact, TruelineClient
from trueline.errors import UnavailableError

from benchmarks.server_process import ServerProcess
from tests.integration.notifications.receivers import HttpReceiver, Request

KILLS = 6
ACCOUNTS_A_ROUND = 5
LONGEST_S = 90.0
RULES = """
apiVersion: trueline/v1
kind: FactType
metadata: {{name: owed}}
spec: {{subject: account, type: number}}
---
apiVersion: trueline/v1
kind: AlertRule
metadata: {{name: owes}}
spec:
  facts: {{owed: {{fact: owed}}}}
  warning: owed > 10
---
apiVersion: trueline/v1
kind: NotificationChannel
metadata: {{name: hook}}
spec: {{type: webhook, url: "{url}"}}
---
apiVersion: trueline/v1
kind: Route
metadata: {{name: owes}}
spec: {{matchers: ['rule="owes"'], channels: [hook], escalation: none, group_by: [account], group_wait: 1s}}
"""
# Judged by the second, and up to the newest event.
SETTINGS = {"TRUELINE_ALERT_INTERVAL_S": "1", "TRUELINE_MAX_DISORDER_S": "0"}


class _Business:
    """Tells of an event now and then, so that there is a watermark, until it is closed."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with TruelineClient(self._address) as client:
            while not self._closing.wait(0.2):
                # While the server is gone nothing happens in the shop.
                with contextlib.suppress(UnavailableError):
                    client.ingest([Event(source="shop", name="look", occurred_at=datetime.now(UTC))], timeout=5)

    def wait(self, seconds: float) -> None:
        """Let some time pass."""
        self._closing.wait(seconds)

    def close(self) -> None:
        """End."""
        self._closing.set()
        self._thread.join()


@pytest.mark.slow
def test_killed_while_alerts_fire(tmp_path: Path) -> None:
    """After six kills every account has one open alert and was told of; a key always says the same."""
    rng = random.Random(7)
    receiver = HttpReceiver()
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES.format(url=receiver.url), encoding="utf-8")
    server = ServerProcess(tmp_path, {**SETTINGS, "TRUELINE_RULES": str(rules)})
    expected: set[str] = set()
    try:
        server.start()
        business = _Business(server.address)
        try:
            with TruelineClient(server.address) as client:
                for number in range(KILLS):
                    accounts = [f"a{number}-{each}" for each in range(ACCOUNTS_A_ROUND)]
                    client.put_facts(
                        [Fact(subject_id=account, name="owed", value=20.0) for account in accounts], timeout=60
                    )
                    expected |= set(accounts)
                    # Some are not judged yet, some are about to be told, some are being told.
                    business.wait(rng.random() * 3.5)
                    server.kill()
                    server.start()
                _until(business, lambda: expected <= _told(receiver))
                alerts = client.list_alerts(rule="owes", limit=1000)
        finally:
            business.close()
        assert sorted(alert.labels["account"] for alert in alerts) == sorted(expected)
        said: defaultdict[str, set[str]] = defaultdict(set)
        for request in receiver.requests:
            said[request.key].add(",".join(alert["case"] for alert in _alerts(request)))
        assert all(len(contents) == 1 for contents in said.values())
        # One message about each alert: what came twice came with its key.
        assert len(said) == len(expected)
    finally:
        server.kill()
        receiver.close()


def _told(receiver: HttpReceiver) -> set[str]:
    return {alert["labels"]["account"] for request in receiver.requests for alert in _alerts(request)}


def _alerts(request: Request) -> list[dict[str, Any]]:
    return [alert for part in request.json["notifications"] for alert in part["alerts"]]


def _until(business: _Business, holds: Callable[[], bool]) -> None:
    waited = 0.0
    while not holds():
        assert waited < LONGEST_S, "not everything was told in time"
        business.wait(0.5)
        waited += 0.5
