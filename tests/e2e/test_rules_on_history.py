"""`trueline rules backtest` and `diff` on the history of a server: what plain Python says would have fired."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from trueline import BatchingSender, Event, TruelineClient
from trueline_cli.app import main

from benchmarks.server_process import ServerProcess

FIRST = datetime(2025, 3, 1, tzinfo=UTC)
# Payments a day.
PAID = [3, 0, 1, 5, 1, 1, 4, 0, 2, 6]
RULE = """apiVersion: trueline/v1
kind: AlertRule
metadata: {name: few_payments}
spec:
  facts: {paid: {metric: payments}}
  warning: paid < 3
  critical: paid < 2
---
apiVersion: trueline/v1
kind: Metric
metadata: {name: payments}
spec: {events: [payment_succeeded], aggregation: count, window: 1d}
"""


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A rule over a metric of its own."""
    path = tmp_path_factory.mktemp("rules") / "few.yaml"
    path.write_text(RULE, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, rules: Path) -> object:
    """A server that has seen ten days of payments."""
    with ServerProcess(tmp_path_factory.mktemp("server"), {"TRUELINE_RULES": str(rules)}) as server:
        with TruelineClient(server.address) as client, BatchingSender(client) as sender:
            for day, count in enumerate(PAID):
                for number in range(count):
                    at = FIRST + timedelta(days=day, hours=1, minutes=number)
                    sender.send(Event(id=f"{day}-{number}", source="t", name="payment_succeeded", occurred_at=at))
            sender.flush()
            client.finish_import("t")
            client.status(min_position=client.status().accepted_position, timeout=60.0)
        yield server.address


def _span(days: int) -> list[str]:
    end = FIRST + timedelta(days=days)
    return ["--from", (FIRST + timedelta(days=1)).isoformat(), "--to", end.isoformat(), "--every", "1d"]


def _iso(day: int) -> str:
    return (FIRST + timedelta(days=day)).isoformat().replace("+00:00", "Z")


def test_backtest_equals_plain_python(address: str, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A day's window ends at midnight and is judged then; firings are the runs of days with few payments or none."""
    arguments = ["rules", "backtest", str(rules), "--address", address, "--rule", "few_payments", *_span(10)]
    assert main([*arguments, "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["few_payments"]
    firings = [(one["since"], one["until"], one["severity"]) for one in found["firings"]]
    expected = []
    for day, count in enumerate(PAID, start=1):
        fires = count < 3
        severity = "critical" if count < 2 else "warning"
        if fires and expected and expected[-1][1] is None:
            expected[-1] = (
                expected[-1][0],
                None,
                "critical" if "critical" in {expected[-1][2], severity} else severity,
            )
        elif fires:
            expected.append((_iso(day), None, severity))
        elif expected and expected[-1][1] is None:
            expected[-1] = (expected[-1][0], _iso(day), expected[-1][2])
    assert firings == expected
    assert (found["evaluations"], found["without_data"]) == (10, 0)
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "few_payments                 critical  2025-03-03 00:00  2025-03-05 00:00     2d 0h" in told
    assert "1 rules, 10 evaluations" in told


def test_diff_tells_what_an_edit_would_have_changed(
    address: str, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit that is lowered: the firing that ends with a day of two payments ends a day earlier, the others stay."""
    edited = tmp_path / "few.yaml"
    edited.write_text(RULE.replace("paid < 3", "paid < 2"), encoding="utf-8")
    arguments = ["rules", "diff", str(rules), str(edited), "--history", "--address", address, "--rule", "few_payments"]
    assert main([*arguments, *_span(10)]) == 0
    told = capsys.readouterr().out
    assert "- **changed** AlertRule `few_payments`: `spec.warning`: `paid < 3` → `paid < 2`" in told
    moved = "2025-03-09 00:00 | 2025-03-11 00:00 → 2025-03-10 00:00"
    assert f"| changed | `few_payments` | critical | {moved} |" in told
    assert told.count("| `few_payments` |") == 1
    assert main(["--output", "json", *arguments, *_span(10)]) == 0
    changes = json.loads(capsys.readouterr().out)
    assert [one["change"] for one in changes["firings"]] == ["changed"]


def test_what_cannot_be_replayed_is_told(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No server, a rule that does not exist, a span that ends before it begins."""
    nobody = ["--address", "127.0.0.1:1"]
    assert main(["rules", "backtest", str(rules), *nobody, *_span(2), "--rule", "few_payments"]) == 1
    assert "127.0.0.1:1 answers UNAVAILABLE" in capsys.readouterr().err
    assert main(["rules", "backtest", str(rules), *nobody, "--rule", "few_payment"]) == 2
    assert "did you mean 'few_payments'?" in capsys.readouterr().err
    assert main(["rules", "backtest", str(rules), *nobody, "--from", "2025-02-02", "--to", "2025-02-01"]) == 2
    assert "is not before" in capsys.readouterr().err
