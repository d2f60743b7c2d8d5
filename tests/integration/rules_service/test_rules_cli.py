"""`trueline rules` against a server: what it prints for people and for programs, and its exit status."""

from __future__ import annotations

import importlib.metadata
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from trueline import RuleStage, TruelineClient
from trueline_cli.app import main

from tests.integration.rules_service.life_world import BROKEN, LOW, LOWER, NOON, LifeServer

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(life: LifeServer, tenant: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs `trueline rules …` as the tenant; answers status, output and errors. Output fits 80 columns."""
    monkeypatch.setenv("TRUELINE_AUTHOR", "ann")
    monkeypatch.setenv("COLUMNS", "80")

    def run(*argv: str) -> tuple[int, str, str]:
        status = main(["--address", life.address, "--token", tenant, "rules", *argv])
        out, err = capsys.readouterr()
        if "json" not in argv:
            assert [line for line in out.splitlines() if len(line) > 80] == []
        return status, out, err

    return run


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a rule file; the working directory."""
    monkeypatch.chdir(tmp_path)
    folder = Path("rules")
    folder.mkdir()
    (folder / "low.yaml").write_text(LOW, encoding="utf-8")
    (folder / "notes.txt").write_text("not a rule", encoding="utf-8")
    return folder


def test_from_the_shadow_into_force_and_back(cli: Cli, client: TruelineClient, rules: Path) -> None:
    """Each step says what is there now and how to go on; nothing is asked."""
    status, out, _ = cli("activate", "rules", "--dry-run")
    base = client.rule_revisions().active
    assert base is not None
    assert (status, out.splitlines()[0].split(" revision ")[0]) == (0, "✓ the rules load; they would be")
    assert f"active now: revision {base.revision}; nothing was changed" in out
    status, out, _ = cli("activate", "rules", "--shadow", "--note", "from 30 %")
    shadow = client.rule_revisions().shadow
    assert shadow is not None
    assert out.splitlines() == [
        f"✓ in the shadow: revision {shadow.revision} since 2024-06-01 12:00 by ann",
        "  its differences:       trueline rules shadow",
        "  to put it into force:  trueline rules activate --shadowed",
    ]
    status, out, _ = cli("activate", "rules", "--shadow", "--dry-run")
    assert out == f"✓ the rules load; they are in the shadow already: revision {shadow.revision}\n"
    assert cli("shadow")[1].splitlines()[-1] == "it decided like the active rules wherever both were evaluated"
    status, out, _ = cli("activate", "--shadowed")
    assert status == 0
    assert f"  before: revision {base.revision}; back to it: trueline rules rollback" in out
    status, out, _ = cli("rollback", "--note", "too many")
    assert (status, client.rule_revisions().active.revision) == (0, base.revision)  # type: ignore[union-attr]
    assert out.startswith(f"✓ active: revision {base.revision} since 2024-06-01 12:00 by ann, pinned\n")
    assert cli("activate", "--base")[1].endswith("  the same rules were active before\n")


def test_problems_are_shown_with_their_line(cli: Cli, client: TruelineClient, rules: Path) -> None:
    """All of them, also more than an error has room for, with a caret; status 2; nothing changes."""
    bad = "---\n".join(BROKEN.replace("name: low", f"name: low_{number}") for number in range(40))
    (rules / "low.yaml").write_text(bad, encoding="utf-8")
    before = client.rule_revisions()
    for how in ([], ["--dry-run"], ["--shadow"]):
        status, out, err = cli("activate", "rules", *how)
        lines = err.splitlines()
        assert (status, out, lines[-1]) == (2, "", "✗ 40 problems; nothing was changed")
        assert lines[0].startswith("rules/low.yaml:6:12: spec.warning does not compile: unknown fact 'rtae'")
        assert lines[1] == "      warning: rtae < 0.3"
        assert lines[2].index("^") == lines[1].index("rtae")
        assert len(lines) == 40 * 3 + 1
    status, out, _ = cli("activate", "rules", "--output", "json")
    assert (status, len(json.loads(out)["problems"])) == (2, 40)
    assert client.rule_revisions() == before


def test_wrong_use(cli: Cli, rules: Path) -> None:
    """Status 2 and a sentence: nothing or too much to activate, files that are not there or no text."""
    (rules / "bytes.yaml").write_bytes(b"kind: \xff\n")
    (rules / "empty").mkdir()
    for argv, told in (
        (["activate"], "give rule files, or --shadowed, or --revision REV, or --base"),
        (["activate", "rules", "--base"], "give rule files, or --shadowed, or --revision REV, or --base"),
        (["activate", "--shadowed"], "nothing is in the shadow; put rules there with --shadow"),
        (["activate", "--shadowed", "--shadow"], "--shadowed is in the shadow already"),
        (["activate", "missing.yaml"], "missing.yaml cannot be read: No such file"),
        (["activate", "rules/empty"], "holds no rule file; files end in .yaml or .yml"),
        (["activate", "rules"], "rules: a file is not UTF-8 in line 1"),
        (["show", "a", "b", "c"], "give a name, or a kind and a name"),
        (["explain"], "give the name of a rule, or --decision ID"),
        (["explain", "low", "--decision", "1"], "--decision says it all"),
        (["explain", "low", "rules", "--live"], "--live asks the rule in force"),
        (["explain", "low", "--live", "--given", "rate"], "--given is written FACT=VALUE, is 'rate'"),
    ):
        status, out, err = cli(*argv)
        assert (status, out) == (2, "")
        assert told in err


def test_what_a_server_refuses(cli: Cli, rules: Path) -> None:
    """Status 2 and the server's words, with the nearest name and where to look."""
    for argv, told in (
        (["show", "churn_rate_hihg"], "no document is called 'churn_rate_hihg'; did you mean 'churn_rate_high'?"),
        (["show", "Kpi", "churn"], "no Kpi is called 'churn'; did you mean 'churn_rate'?"),
        (["list", "kpi"], "kind is 'kpi', which is no kind of rule document; did you mean 'Kpi'?"),
        (["activate", "--revision", "77"], "no revision '77' of your rules is stored"),
        (["activate", "rules", "--etag", "7"], "etag is '7', but the active rules have changed and have '0' now"),
        (["rollback"], "nothing was in force before revision"),
        (["explain", "--decision", "abc"], "no decision 'abc' is in the log"),
        (["explain", "lwo", "--live"], "no alert rule in force is called 'lwo'"),
        (["decisions", "--from", "2024-02-02", "--to", "2024-02-01"], "end_time is not after start_time"),
    ):
        status, out, err = cli(*argv)
        assert (status, out) == (2, "")
        assert told in err


def test_documents(cli: Cli, client: TruelineClient, rules: Path) -> None:
    """A table with whose they are, cut to the width but never in a name; a document as a file that loads."""
    cli("activate", "rules")
    status, out, _ = cli("list", "AlertRule")
    rows = [line.split() for line in out.splitlines()]
    assert ["AlertRule", "low", "activated", "Too", "few", "activate."] in rows
    assert {("base", "operator"), ("churn_rate_high", "pack")} <= {(row[1], row[2]) for row in rows if len(row) > 2}
    assert "6 of the default pack, 1 of the operator's files, 1 of files that you activated" in out
    status, out, _ = cli("show", "AlertRule", "low")
    head, *text = out.splitlines()
    assert head.startswith("# from files that were activated: rules/low.yaml:3:18, revision ")
    Path("again.yaml").write_text("\n".join(text) + "\n", encoding="utf-8")
    assert "the rules load; they are active already" in cli("activate", "again.yaml", "--dry-run")[1]
    assert json.loads(cli("show", "Kpi", "churn_rate", "--output", "json")[1])["document"]["layer"] == "pack"
    assert len(json.loads(cli("list", "--output", "json")[1])["documents"]) > 40
    client.activate_rules({"a.yaml": LOW + "---\n" + LOW.replace("name: low", "name: churn_rate")})
    status, _, err = cli("show", "churn_rate")
    assert status == 2
    assert "trueline rules show AlertRule churn_rate or trueline rules show Kpi churn_rate" in err


def test_revisions(cli: Cli, rules: Path) -> None:
    """What is in force with its etag, what is kept, and the files of one as they were."""
    cli("activate", "rules", "--note", "from 30 %, because more of those who sign up stay than before")
    cli("activate", "rules", "--shadow")
    status, out, _ = cli("revisions")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["stage", "active", "shadow"]
    found = json.loads(cli("revisions", "--output", "json")[1])
    assert (found["active"]["etag"], found["shadow"]["etag"]) == ("1", "1")
    revision = found["active"]["revision"]
    status, out, _ = cli("revisions", revision)
    assert out.startswith(f"revision {revision}, kept since 2024-06-01 12:00 by ann\n  now active and in the shadow\n")
    assert "  rules/low.yaml  (6 lines)\n" in out
    assert cli("revisions", revision, "--files")[1] == f"# rules/low.yaml\n{LOW}"
    assert len(json.loads(cli("revisions", "--limit", "1", "--output", "json")[1])["revisions"]) == 1
    cli("activate", "--base")
    assert "no files of your own" in cli("revisions", cli_active(cli))[1]
    assert cli("revisions", "--files")[0] == 2


def cli_active(cli: Cli) -> str:
    """The active revision."""
    revision: str = json.loads(cli("revisions", "--output", "json")[1])["active"]["revision"]
    return revision


def test_decisions_and_why(cli: Cli, client: TruelineClient, rules: Path) -> None:
    """Asked live, listed with their facts and ids, explained by id; a shadow's differences with counts."""
    cli("activate", "rules")
    status, out, _ = cli("explain", "base", "--live", "--given", "rate=0.25", "--output", "json")
    decision = json.loads(out)["decision_id"]
    assert (status, json.loads(out)["decision"]) == (0, "warning")
    status, out, _ = cli("decisions")
    assert [line.split() for line in out.splitlines()[1:4]] == [
        ["2024-06-01", "12:00", "warning", "base"],
        ["request", "rate", "=", "0.25"],
        [decision],
    ]
    status, out, _ = cli("explain", "--decision", decision, "--output", "json")
    told = json.loads(out)
    assert (status, told["same"], told["conditions"][0]["truth"]) == (0, True, True)
    assert cli("decisions", "--kind", "transition")[1] == "there are no such decisions in the log\n"
    assert len(json.loads(cli("decisions", "--output", "json")[1])["decisions"]) == 1


def test_explanations_for_people(
    life: LifeServer, tenant: str, client: TruelineClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """The decision, the facts, a sentence for each severity, the tree; and that the replay comes to the same."""
    asked = ["--address", life.address, "--token", tenant, "rules", "explain"]
    assert main([*asked, "base", "--live", "--given", "rate="]) == 0
    out = capsys.readouterr().out
    assert out.startswith("base: unknown\nrate = missing\n\nwarning: unknown, because")
    decision = out.splitlines()[-1].removeprefix("logged as ")
    assert main([*asked, "--decision", decision]) == 0
    out = capsys.readouterr().out
    assert out.startswith("base: unknown\nabout 2024-06-01 12:00, decided 2024-06-01 12:00 by revision ")
    assert out.endswith("✓ judged again, it comes to the same\n")
    client.activate_rules({"a.yaml": LOW}, stage=RuleStage.SHADOW)
    life.differ(tenant, "none", "warning", NOON, plan="pro")
    found = client.shadow_differences().differences[0]
    assert main([*asked, "--decision", found.id]) == 0
    assert capsys.readouterr().out.startswith("low plan=pro: warning\nactive rules: none, shadow: warning\n")


def test_differences_of_a_shadow(cli: Cli, life: LifeServer, tenant: str, client: TruelineClient) -> None:
    """A table of counts and one of differences, then how to end it."""
    assert cli("shadow")[1].startswith("nothing is in the shadow; try rules there with:\n")
    assert cli("shadow", "--end")[1] == "there was nothing in the shadow\n"
    client.activate_rules({"a.yaml": LOW}, stage=RuleStage.SHADOW)
    life.differ(tenant, "none", "warning", NOON, plan="pro", country="GB")
    revision = life.book.shadow_of(tenant).revision  # type: ignore[union-attr]
    life.log.count_shadow(tenant, "low", revision, evaluations=1_005, different=2)
    status, out, _ = cli("shadow")
    assert status == 0
    assert ["low", "1,005", "1,003", "2", "1"] in [line.split() for line in out.splitlines()]
    assert "low country=GB plan=pro" in out
    assert "active rules: none, shadow: warning" in out
    assert json.loads(cli("shadow", "--output", "json")[1])["counts"] == [
        {"rule": "low", "evaluations": 1005, "differences": 1, "different": 2}
    ]
    assert cli("shadow", "--end")[1].startswith("✓ the shadow ended: revision ")
    assert client.rule_revisions().shadow is None


def test_watch(cli: Cli, life: LifeServer, tenant: str, client: TruelineClient, rules: Path) -> None:
    """What is in force and, in another process, each change at once; Ctrl-C is the way to end it."""
    cli("activate", "rules")
    status, out, _ = cli("watch", "--once")
    assert (status, out) == (0, f"active: revision {cli_active(cli)} since 2024-06-01 12:00 by ann\n")
    token = json.loads(cli("watch", "--once", "--output", "json")[1].splitlines()[-1])["resume_token"]
    client.activate_rules({"a.yaml": LOWER}, author="bob", note="lower")
    told = json.loads(cli("watch", "--once", "--output", "json", "--resume", token)[1].splitlines()[0])
    assert (told["kind"], told["change"]["kind"], told["change"]["note"]) == ("change", "activated", "lower")
    command = [sys.executable, "-m", "trueline_cli", "--address", life.address, "--token", tenant, "rules", "watch"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    assert "by bob" in process.stdout.readline()
    client.end_shadow()
    client.rollback_rules(author="eve", note="too few")
    assert "rolled back to revision " in process.stdout.readline()
    assert process.stdout.readline() == "  too few\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    process.stdout.close()


def test_without_the_server_extra(cli: Cli, monkeypatch: pytest.MonkeyPatch, rules: Path) -> None:
    """What needs only the API works; the rest says what to install."""
    nothing: Callable[..., list[Any]] = lambda **_: []  # noqa: E731
    monkeypatch.setattr(importlib.metadata, "entry_points", nothing)
    assert cli("activate", "rules", "--dry-run")[0] == 0
    assert cli("explain", "base", "--live")[0] == 0
    for argv in (["check", "rules", "--mapping", "x"], ["schema"], ["explain", "base", "--given", "rate=1"]):
        status, _, err = cli(*argv)
        assert (status, 'pip install "trueline[server]"' in err) == (2, True)
