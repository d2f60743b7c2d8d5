"""From a fact to an alert and back: a control that turns, its event, the rule of the docs over it, and its end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from trueline import Alert, AlertChanged, AlertsSnapshot, CaseState, Fact, Heartbeat, TruelineClient

from benchmarks.server_process import ServerProcess
from tests.e2e.test_compliance import POST

DOCS = Path(__file__).parent.parent.parent / "docs" / "compliance.md"
LONGEST_S = 120.0
# Judged by the second, and up to the newest event.
SETTINGS = {
    "TRUELINE_COMPLIANCE_INTERVAL_S": "1",
    "TRUELINE_ALERT_INTERVAL_S": "1",
    "TRUELINE_MAX_DISORDER_S": "0",
}


def _rules_of_the_docs() -> str:
    """What the page shows, with a window that is over at once."""
    found = re.search(r"```yaml file=turned\.yaml\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert found[1].count("window: 1m") == 1
    return found[1].replace("window: 1m", "window: 1s")


def _put(client: TruelineClient, parcel: str, *, sealed: bool) -> None:
    client.put_facts([Fact(subject_id=parcel, name="sealed", value=sealed)])


def _wait(client: TruelineClient, parcel: str, states: set[CaseState], meanwhile: Callable[[], None]) -> Alert:
    """The alert about a parcel, once it is in one of some states."""
    deadline = time.monotonic() + LONGEST_S
    for message in client.watch_alerts(heartbeat=1.0):
        found: tuple[Alert, ...] = ()
        if isinstance(message, AlertsSnapshot):
            found = message.alerts
        elif isinstance(message, AlertChanged):
            found = (message.alert,)
        for alert in found:
            if alert.labels.get("subject") == parcel and alert.state in states:
                return alert
        if isinstance(message, Heartbeat):
            meanwhile()
        assert time.monotonic() < deadline, f"no alert about {parcel} was {states} in time"
    raise AssertionError("the watch ended")


def _listed(server: ServerProcess, *arguments: str) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "trueline_cli", "alerts", "list", *arguments, "--output", "json"]
    environment = {**os.environ, "TRUELINE_ADDRESS": server.address}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    alerts: list[dict[str, object]] = json.loads(done.stdout)["alerts"]
    return alerts


def test_a_fact_fires_an_alert_and_another_one_ends_it(tmp_path: Path) -> None:
    """A fact turns a critical control to fail: its event comes, the rule fires for this control and parcel alone,
    `alerts list` shows it; once the control passes again, it is resolved."""
    (tmp_path / "rules.yaml").write_text(POST + "---\n" + _rules_of_the_docs(), encoding="utf-8")
    settings = {**SETTINGS, "TRUELINE_RULES": str(tmp_path / "rules.yaml")}
    with ServerProcess(tmp_path, settings) as server, TruelineClient(server.address) as client:
        flips = [True]

        def flip() -> None:
            """Turn another parcel's control, so that time goes on in the tenant's events, too."""
            flips.append(not flips[-1])
            _put(client, "other", sealed=flips[-1])

        _put(client, "p1", sealed=True)
        _put(client, "other", sealed=True)
        # A look tells nothing of what it sees first; once it tells of another parcel, it has seen this one, too.
        _wait(client, "other", {CaseState.OPEN}, flip)
        assert [each["labels"] for each in _listed(server) if "p1" in json.dumps(each["labels"])] == []

        _put(client, "p1", sealed=False)
        fired = _wait(client, "p1", {CaseState.OPEN}, flip)
        assert (fired.rule, fired.severity, fired.title) == (
            "a_control_fails",
            "critical",
            "A control that passed fails.",
        )
        assert fired.labels["framework"] == "post"
        assert fired.labels["control"] == "A.1"
        (shown,) = [each for each in _listed(server, "--rule", "a_control_fails") if each["id"] == fired.id]
        assert shown["state"] == "open"

        _put(client, "p1", sealed=True)
        resolved = _wait(client, "p1", {CaseState.RESOLVED}, flip)
        assert resolved.id == fired.id
        assert fired.id not in {each["id"] for each in _listed(server)}
