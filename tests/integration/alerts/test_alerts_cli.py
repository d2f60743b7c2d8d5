"""`trueline alerts` against a running service: what people type, and what they read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest
from trueline import TruelineClient
from trueline_cli.app import main

from tests.integration.alerts.dispatch_world import TENANT
from tests.integration.alerts.service_world import ServiceWorld

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def trueline(world: ServiceWorld, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Runs `trueline alerts` with some words; answers its status and what it printed."""
    monkeypatch.setenv("TRUELINE_AUTHOR", "ann")

    def run(*words: str) -> tuple[int, str, str]:
        status = main(["--address", world.address, "--token", TENANT, "alerts", *words])
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_what_fires_is_listed_and_taken(world: ServiceWorld, trueline: Typed) -> None:
    """Listed, shown, acknowledged by several ids at once, assigned, noted and resolved."""
    assert trueline() == (0, "nothing fires\n", "")
    world.fire("pro", "free", team="a[b]c")
    world.turn(40)
    out = trueline()[1]
    assert ("alert-1" in out, "plan=free team=a[b]c" in out) == (True, True)
    status, out, err = trueline("ack", "alert-1", "alert-9", "alert-2", "--note", "on it")
    assert status == 1
    assert [line.split("  ")[:2] for line in out.splitlines()] == [["alert-1", "ack (ann)"], ["alert-2", "ack (ann)"]]
    assert "there is no alert 'alert-9'" in err
    assert trueline("list", "--state", "open")[1] == "no such alert\n"
    assert "alert-2" in trueline("list", "--state", "ack", "--match", "plan=free")[1]
    assert "would be resolved" in trueline("resolve", "alert-1", "--dry-run")[1]
    assert "ack (ann)" in trueline("assign", "alert-1", "bob")[1]
    assert trueline("note", "alert-1", "called them")[1] == "noted on alert-1\n"
    assert "alert-1  resolved" in trueline("resolve", "alert-1", "--note", "mended")[1]
    shown = trueline("show", "alert-1")[1]
    for told in ("acknowledged by ann: on it", "owner changed from nobody to bob by ann", "resolved by ann: mended"):
        assert told in shown
    status, _, err = trueline("ack", "alert-1")
    assert (status, "is resolved already" in err) == (2, True)
    assert trueline("ack", "alert-1", "alert-2", "--etag", "3")[0] == 2
    assert json.loads(trueline("list", "--output", "json")[1])["alerts"][0]["id"] == "alert-2"


def test_why_somebody_was_told_or_not(world: ServiceWorld, trueline: Typed) -> None:
    """Who was told and why; the silence that keeps an alert from being told; what comes next."""
    world.fire("x", rule="down", severity="critical")
    world.turn(40)
    why = trueline("why", "alert-1")[1]
    for told in ("escalation quick: level first told", "then level second", "respond by", "first alerts of the group"):
        assert told in why
    assert "1 alert that fires now" in trueline("silence", "plan=x", "--for", "2h", "--reason", "r", "--dry-run")[1]
    silence = trueline("silence", "plan=y", "--for", "2h", "--reason", "known")[1].split()[0]
    world.fire("y")
    world.turn(40)
    assert f"not told: silence {silence}" in trueline("why", "alert-2")[1]
    assert "migration" in trueline("silences")[1]
    assert trueline("expire", silence)[1].startswith(f"{silence}  ended at")
    groups = [line.split()[-1] for line in trueline("groups")[1].splitlines() if line.startswith("  group ")]
    assert len(groups) == 2
    assert any("escalation" in trueline("notifications", "--group", group)[1] for group in groups)
    letter = json.loads(trueline("notifications", "--output", "json")[1])["notifications"][0]
    assert "no try to deliver it yet" in trueline("notifications", letter["id"])[1]
    assert f"queued for {letter['channel']}" in trueline("resend", letter["id"])[1]
    assert trueline("resend", "--dead")[1] == "nothing to send again\n"
    assert trueline("resend")[0] == 2


def test_many_are_taken_at_once(
    world: ServiceWorld, trueline: Typed, client: TruelineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By labels or by group: counted first, asked on a terminal, and nothing of what somebody has."""
    world.fire(*(f"p{number}" for number in range(1_203)))
    world.fire("x", rule="down", severity="critical")
    world.turn(40)
    client.acknowledge_alert("alert-1", author="bob")
    assert trueline("ack", "--match", "rule=busy", "--dry-run")[1] == "would acknowledge 1,202 alerts that nobody has\n"
    status, _, err = trueline("ack", "--match", "rule=busy")
    assert (status, "there are 1,202 alerts that nobody has; say --yes" in err) == (2, True)
    for said, taken in (("no\n", ""), ("y\n", "acknowledged 1,202 alerts\n")):
        answer = io.StringIO(said)
        monkeypatch.setattr(answer, "isatty", lambda: True)
        monkeypatch.setattr("sys.stdin", answer)
        status, out, err = trueline("ack", "--match", "rule=busy", "--note", "the importer")
        assert (status, out, err) == (0 if taken else 2, taken, "acknowledge 1,202 alerts that nobody has? [y/N] ")
    assert client.get_alert("alert-1").alert.acknowledged_by == "bob"
    assert client.get_alert("alert-900").alert.acknowledged_by == "ann"
    assert client.get_alert("alert-900").timeline[-1].text == "the importer"
    (group,) = client.get_alert("alert-1204").groups
    assert trueline("ack", "--group", group.id, "--yes")[1] == "acknowledged 1 alert\n"
    assert client.get_alert("alert-1204").groups[0].escalations[0].acknowledged_by == "ann"
    assert trueline("ack", "--group", group.id)[1] == "acknowledged 0 alerts\n"
    for words, told in (
        (("--group", "nowhere"), "is no group with alerts that fire"),
        (("--match", "rule"), "has no sign"),
        (("alert-1", "--match", "rule=busy"), "give the ids of alerts, or --match"),
        ((), "give the ids of alerts, or --match"),
    ):
        status, _, err = trueline("ack", *words)
        assert (status != 0, told in err) == (True, True), err


def test_on_80_columns(world: ServiceWorld, trueline: Typed) -> None:
    """Ids are whole, the title comes first, and each alert takes a few lines; P0 is what a rule calls P0."""
    world.fire("x" * 40, rule="down", severity="critical", team="a-team-with-a-long-name", region="eu-central-1")
    world.raise_alert("k", {"rule": "given", "severity": "P0"})
    world.turn(40)
    out = trueline("list")[1]
    assert max(map(len, out.splitlines())) <= 80
    assert len(out.splitlines()) < 12
    assert [line.split()[0] for line in out.splitlines() if line.startswith("alert-")] == ["alert-2", "alert-1"]
    assert out.splitlines()[1].split()[:3] == ["alert-2", "P0", "open"]
    assert trueline("list", "--severity", "P0")[1].count("alert-") == 1
    assert "alert-1" in trueline("list", "--severity", "critical")[1]
    out = trueline("notifications")[1]
    assert max(map(len, out.splitlines())) <= 80
    ids = [line.split()[0] for line in out.splitlines()[1:] if not line.startswith(" ")]
    assert ids
    assert all(len(each) == 32 for each in ids)
    assert {line.split()[1] for line in out.splitlines()[1:] if not line.startswith(" ")} <= {"queued", "sent"}


@pytest.mark.parametrize(
    "words",
    [
        ("silence", "plan=x", "--reason", "r"),
        ("silence", "plan=x", "--for", "2h"),
        ("silence", "plan=x", "--for", "2 hours", "--reason", "r"),
        ("silence", "plan=x", "--for", "2h", "--until", "2026-01-01", "--reason", "r"),
        ("list", "--state", "lost"),
    ],
)
def test_wrong_use_is_told(trueline: Typed, words: tuple[str, ...]) -> None:
    """A silence without an end or a reason is not even sent."""
    with pytest.raises(SystemExit) as ended:
        trueline(*words)
    assert ended.value.code == 2


def test_a_watch_into_a_pipe(world: ServiceWorld, client: TruelineClient, trueline: Typed) -> None:
    """What fires, a line each; with --resume what happened since; as JSON for scripts."""
    world.fire("pro")
    assert trueline("watch", "--once")[1] == "alert-1  warning  open  busy plan=pro\n"
    told = [json.loads(line) for line in trueline("watch", "--once", "--output", "json")[1].splitlines()]
    assert [message["kind"] for message in told] == ["snapshot", "synced"]
    client.acknowledge_alert("alert-1", author="ann", note="on it")
    missed = trueline("watch", "--once", "--resume", told[-1]["resume_token"])[1]
    assert missed.endswith("acknowledged by ann: on it  [alert-1 warning busy plan=pro]\n")
