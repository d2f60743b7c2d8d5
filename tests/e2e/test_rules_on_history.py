"""`trueline rules backtest` and `diff` on the history of a server: what plain Python says would have fired."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from trueline import (
    AsyncTruelineClient,
    Backtest,
    BatchingSender,
    Event,
    FieldChange,
    Firing,
    InvalidRequestError,
    NotFoundError,
    Operation,
    OperationCancelledError,
    OperationState,
    RulesDifference,
    RuleSource,
    Severity,
    Simulation,
    TruelineClient,
)
from trueline_cli.app import main

from benchmarks.server_process import ServerProcess

FIRST = datetime(2025, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
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
PEOPLE = """apiVersion: trueline/v1
kind: NotificationChannel
metadata: {name: ada-log}
spec: {type: log, person: ada}
---
apiVersion: trueline/v1
kind: EscalationPolicy
metadata: {name: payments}
spec: {levels: [{name: L1, notify: [{person: ada}]}]}
---
apiVersion: trueline/v1
kind: Route
metadata: {name: payments}
spec: {matchers: [rule=few_payments], channels: [ada-log], escalation: payments}
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
    found = json.loads(capsys.readouterr().out)["rules"]["few_payments"]
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
    assert "few_payments  critical  2025-03-03 00:00  2025-03-05 00:00  2d 0h" in told
    assert "1 rule, 10 evaluations" in told
    assert max(map(len, told.splitlines())) <= 80


def test_diff_tells_what_an_edit_would_have_changed(
    address: str, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A limit that is lowered: the firing that ends with a day of two payments ends a day earlier, the others stay."""
    edited = tmp_path / "few.yaml"
    edited.write_text(RULE.replace("paid < 3", "paid < 2"), encoding="utf-8")
    arguments = ["rules", "diff", str(rules), str(edited), "--history", "--address", address, "--rule", "few_payments"]
    assert main([*arguments, *_span(10)]) == 0
    shown = capsys.readouterr().out
    words = " ".join(shown.split())
    assert "changed AlertRule few_payments spec.warning paid < 3 paid < 2" in words
    assert "changed few_payments critical 2025-03-09" in words
    assert max(map(len, shown.splitlines())) <= 80
    assert "|" not in shown
    assert main([*arguments, "--markdown", *_span(10)]) == 0
    told = capsys.readouterr().out
    assert "- **changed** AlertRule `few_payments`: `spec.warning`: `paid < 3` → `paid < 2`" in told
    moved = "2025-03-09 00:00 | 2025-03-11 00:00 → 2025-03-10 00:00"
    assert f"| changed | `few_payments` | critical | {moved} |" in told
    assert told.count("| `few_payments` |") == 1
    assert main(["--output", "json", *arguments, *_span(10)]) == 0
    changes = json.loads(capsys.readouterr().out)
    assert [one["change"] for one in changes["firings"]] == ["changed"]


def test_diff_of_what_a_server_has(
    address: str, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sides are revisions by their first digits, what is active, in the shadow or the base, or files on that base; what
    replaces a document changes it; the history of the two is told, too."""
    server = ["--address", address]
    edited = tmp_path / "few.yaml"
    edited.write_text(RULE.replace("paid < 3", "paid < 2"), encoding="utf-8")

    def fields(before: str, after: str) -> list[tuple[str, str, dict[str, dict[str, str]]]]:
        assert main(["rules", "diff", before, after, *server, "--output", "json"]) == 0
        documents = json.loads(capsys.readouterr().out)["documents"]
        return [(one["change"], one["name"], one["fields"]) for one in documents]

    warning = {"spec.warning": {"before": "paid < 3", "after": "paid < 2"}}
    changed = [("changed", "few_payments", warning)]
    assert fields("active", str(edited)) == changed
    assert fields("active", "base") == []
    with TruelineClient(address) as client:
        former = client.rule_revisions().active
        assert former is not None
        done = client.activate_rules({"few.yaml": edited.read_text(encoding="utf-8")})
        try:
            assert fields(former.revision[:8], done.revision[:8]) == changed
            assert fields("base", "active") == changed
            assert fields(str(rules), "active") == changed
            history = ["--history", "--rule", "few_payments", *_span(10)]
            assert main(["rules", "diff", "base", "active", *server, *history]) == 0
            assert "changed few_payments critical 2025-03-09" in " ".join(capsys.readouterr().out.split())
            found = client.diff_rules(RuleSource(base_alone=True))
            assert (found.after_revision, found.total_changes) == (done.revision, 1)
            assert found.changes[0].fields["spec.warning"] == FieldChange("paid < 3", "paid < 2")
            assert asyncio.run(_difference(address)) == found
        finally:
            client.activate_rules(base_alone=True)
        both = RuleSource(base_alone=True, revision=done.revision)
        with pytest.raises(InvalidRequestError, match="give files, a revision, or the base alone"):
            client.diff_rules(both)
        with pytest.raises(NotFoundError):
            client.diff_rules(RuleSource(revision="0" * 16))
    edited.write_text(RULE.replace("paid < 3", "piad < 3"), encoding="utf-8")
    assert main(["rules", "diff", "active", str(edited), *server]) == 2
    assert "the rules do not load; nothing was compared" in capsys.readouterr().err
    for wrong, told in (
        (["active", "shadow"], "nothing is in the shadow"),
        (["active", "0000"], "no revision begins with 0000"),
        (["active", "nowhere"], "nowhere is no file or folder, no revision"),
        (["active", "base", "--every", "1d"], "give --history, too"),
    ):
        assert main(["rules", "diff", *wrong, *server]) == 2
        assert told in capsys.readouterr().err


async def _difference(address: str) -> RulesDifference:
    async with AsyncTruelineClient(address) as client:
        return await client.diff_rules(RuleSource(base_alone=True))


def test_simulate_tells_who_would_have_been_told(
    address: str, rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The firings of the backtest are the alerts; each goes its whole way, to a person; also as an operation."""
    people = tmp_path / "people.yaml"
    people.write_text(PEOPLE, encoding="utf-8")
    server = ["--address", address]
    arguments = [
        "rules",
        "simulate",
        str(rules),
        str(people),
        "--history",
        *server,
        "--rule",
        "few_payments",
        *_span(10),
    ]
    assert main([*arguments, "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    opened = [one["at"] for one in found["entries"] if one["kind"] == "opened"]
    assert opened == [_iso(2), _iso(5), _iso(8)]
    told = [one for one in found["entries"] if one["kind"] == "sent"]
    assert {tuple(one["people"]) for one in told} == {("ada",)}
    assert told[0]["at"] == _iso(2).replace("00:00Z", "00:30Z")
    assert main([*arguments, "--who", "ada"]) == 0
    shown = capsys.readouterr().out
    assert "03-03 00:00:30  TOLD" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert main([*arguments, "--fail-on", "exhausted"]) == 1
    capsys.readouterr()
    assert main([*arguments, "--detach"]) == 0
    name = capsys.readouterr().out.strip()
    assert main(["operations", "wait", name, *server]) == 0
    assert "SimulateRules, succeeded" in capsys.readouterr().out
    with TruelineClient(address) as client:
        begun = client.simulate_rules(rules=["few_payments"], every=DAY, span=5 * DAY)
        assert isinstance(client.wait_operation(begun.name).result, Simulation)
        with pytest.raises(NotFoundError):
            client.simulate_rules(rules=["nothing"])


def test_the_rules_in_force_in_the_background(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without files those in force are replayed; detached, it is named, listed, waited for and shown."""
    server = ["--address", address]
    assert main(["rules", "backtest", *server, "--rule", "few_payments", *_span(10), "--detach"]) == 0
    name = capsys.readouterr().out.strip()
    assert main(["operations", "wait", name, *server]) == 0
    told = capsys.readouterr().out
    assert f"{name}  BacktestRules, succeeded" in told
    assert "few_payments  critical  2025-03-03 00:00  2025-03-05 00:00  2d 0h" in told
    assert main(["operations", "--address", address, "--output", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)["operations"]
    assert next(one for one in listed if one["name"] == name)["state"] == "succeeded"
    assert main(["operations", "show", name.removeprefix("operations/"), *server, "--output", "json"]) == 0
    assert [one["rule"] for one in json.loads(capsys.readouterr().out)["result"]["rules"]] == ["few_payments"]
    assert main(["operations", "cancel", name, *server]) == 0
    assert "succeeded" in capsys.readouterr().out
    assert main(["operations", *server]) == 0
    told = capsys.readouterr().out
    assert name.removeprefix("operations/") in told
    assert max(map(len, told.splitlines())) <= 80
    assert main(["operations", "show", "nothing", *server]) == 2
    assert "no operation operations/nothing is kept" in capsys.readouterr().err


def test_the_sdk_begins_and_waits(address: str) -> None:
    """Sync and async: the result is typed; asked again with its id it is the same; an error has its reason."""
    span = {"start": FIRST + timedelta(days=1), "end": FIRST + timedelta(days=10)}
    with TruelineClient(address) as client:
        begun = client.backtest_rules(rules=["few_payments"], every=DAY, request_id="sdk", **span)
        found = client.wait_operation(begun.name).result
        assert isinstance(found, Backtest)
        first = Firing("few_payments", {}, Severity.CRITICAL, FIRST + 2 * DAY, FIRST + 4 * DAY)
        assert found.rules[0].firings[0] == first
        assert (found.every, found.rules[0].evaluations) == (DAY, 10)
        with pytest.raises(NotFoundError) as refused:
            client.backtest_rules(rules=["nothing"])
        assert refused.value.reason == "UNKNOWN_RULE"

    async def run() -> None:
        async with AsyncTruelineClient(address) as client:
            again = await client.backtest_rules(rules=["few_payments"], every=DAY, request_id="sdk", **span)
            assert again.name == begun.name
            heard: list[Operation] = []
            assert (await client.wait_operation(again.name, heard=heard.append)).result == found
            assert heard[-1].done
            assert (await client.cancel_operation(again.name)).state is OperationState.SUCCEEDED
            assert again.name in {one.name for one in await client.list_operations("BacktestRules", limit=50)}
            assert (await client.get_operation(again.name)).result == found

    asyncio.run(run())


def test_cancelling_ends_it_soon(address: str) -> None:
    """A backtest of tens of thousands of KPI values ends after the one at hand; the next one has its turn."""
    with TruelineClient(address) as client:
        long = client.backtest_rules(every=timedelta(minutes=5), span=60 * DAY)
        after = client.backtest_rules(rules=["few_payments"], every=DAY)
        client.cancel_operation(long.name)
        ended = client.wait_operation(long.name, timeout=30)
        assert (ended.state, type(ended.error)) == (OperationState.CANCELLED, OperationCancelledError)
        assert client.wait_operation(after.name, timeout=30).state is OperationState.SUCCEEDED


def test_a_kill_does_not_lose_it(tmp_path: Path, rules: Path) -> None:
    """The server is killed while one runs and others wait; the next over its directory does them, by their names."""
    settings = {"TRUELINE_RULES": str(rules)}
    with ServerProcess(tmp_path, settings) as server:
        with TruelineClient(server.address) as client:
            client.ingest([Event(id="1", source="t", name="payment_succeeded", occurred_at=FIRST)])
            long = client.backtest_rules(every=timedelta(minutes=5), end=FIRST + 60 * DAY, span=60 * DAY)
            waiting = client.backtest_rules(rules=["few_payments"], end=FIRST + 60 * DAY, every=DAY)
        server.kill()
    with ServerProcess(tmp_path, settings) as server, TruelineClient(server.address) as client:
        assert client.get_operation(long.name).state in {OperationState.WAITING, OperationState.RUNNING}
        client.cancel_operation(long.name)
        found = client.wait_operation(waiting.name, timeout=60)
        assert found.result is not None
        assert found.result.end == FIRST + 60 * DAY


def test_what_cannot_be_replayed_is_told(address: str, rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No server, a rule that does not exist, a span that ends before it begins, rules that do not load."""
    nobody = ["--address", "127.0.0.1:1"]
    assert main(["rules", "backtest", str(rules), *nobody, *_span(2), "--rule", "few_payments"]) == 3
    assert "no server answers at 127.0.0.1:1" in capsys.readouterr().err
    backtest = ["rules", "backtest", "--address", address]
    assert main([*backtest, str(rules), "--rule", "few_payment"]) == 2
    assert "did you mean 'few_payments'?" in capsys.readouterr().err
    assert main([*backtest, str(rules), "--from", "2025-02-02", "--to", "2025-02-01"]) == 2
    assert "is not before" in capsys.readouterr().err
    broken = rules.with_name("broken.yaml")
    broken.write_text(RULE.replace("paid < 3", "paid < many"), encoding="utf-8")
    assert main([*backtest, str(broken)]) == 2
    told = capsys.readouterr().err
    assert f"{broken}:6:" in told
    assert "nothing was replayed" in told
