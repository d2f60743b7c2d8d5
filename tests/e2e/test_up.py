"""`trueline up` and `trueline demo` as people run them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from trueline_cli import app
from trueline_server.settings import Settings, written_default

CLI = [sys.executable, "-m", "trueline_cli"]


def environment(**more: str) -> dict[str, str]:
    """The environment without settings of the person who runs the tests."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TRUELINE_")} | more


def test_demo_prints_the_board_and_leaves_nothing(tmp_path: Path) -> None:
    """The generated business is played into a temporary server, the board says synthetic, and then all is gone."""
    done = subprocess.run(
        [*CLI, "demo", "--synthetic", "3,000"],
        env=environment(TMPDIR=str(tmp_path)),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "3,000 synthetic events" in done.stderr
    assert "Alignment score" in done.stdout
    assert "synthetic data" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_up_plays_a_file_with_its_mapping_and_a_token(tmp_path: Path) -> None:
    """A file is read by its mapping, whose roles hold for the KPIs; the server's own token lets the player in."""
    (tmp_path / "shop.yaml").write_text(
        "apiVersion: trueline/v1\n"
        "kind: EventMapping\n"
        "metadata: {name: tiny-shop, description: Orders of a shop.}\n"
        "spec:\n"
        "  fields:\n"
        "    id: {column: order, required: true}\n"
        "    source: {constant: tiny}\n"
        "    name: {constant: ordered}\n"
        "    occurred_at: {column: at, format: rfc3339}\n"
        "    user_id: {column: who}\n"
        "  roles:\n"
        "    activation: {events: [ordered]}\n"
    )
    (tmp_path / "orders.csv").write_text(
        "order,at,who\n" + "".join(f"{n},2024-03-{n:02}T12:00:00Z,u{n % 2}\n" for n in range(1, 21))
    )
    flags = ["--listen", "127.0.0.1:0", "--data-dir", "data", "--output", "json"]
    flags += ["--events", "orders.csv", "--mapping", "shop.yaml"]
    done = subprocess.run(
        [*CLI, "up", "--once", *flags],
        env=environment(TRUELINE_TOKENS="hush=acme"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "hush" not in done.stdout + done.stderr
    assert "events read as 'tiny-shop'" in done.stderr
    assert "listening on 127.0.0.1:" in done.stderr
    board = json.loads(done.stdout)
    assert board["status"]["events"] == 20
    assert [source["source"] for source in board["status"]["sources"]] == ["tiny"]


def test_up_does_not_play_a_second_business_over_the_first(tmp_path: Path) -> None:
    """On a directory with synthetic events it says how many there are, shows their board, and is content."""
    command = [*CLI, "up", "--once", "--listen", "127.0.0.1:0", "--data-dir", "data", "--synthetic", "2000"]
    first, second = (
        subprocess.run(
            command, env=environment(), cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        for _ in range(2)
    )
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert "2,000 synthetic events: a generated podcast business" in first.stderr
    assert "already has 2,000 synthetic events from a former run; not playing again" in second.stderr
    assert "remove data to start over" in second.stderr
    assert "a generated podcast business" not in second.stderr
    assert "2,000 events from synthetic-podcast" in second.stdout


def test_demo_for_scripts_prints_one_object(tmp_path: Path) -> None:
    """The board alone is on standard output; what was played is told on standard error."""
    ended = subprocess.run(
        [*CLI, "demo", "--synthetic", "2,000", "--output", "json"],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    board = json.loads(ended.stdout)
    assert 0 <= board["score"]["score"] <= 100
    assert "listening on 127.0.0.1:" in ended.stderr


@pytest.mark.parametrize("verb", ["up", "demo"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--events", "nosuch.jsonl"], "nosuch.jsonl: no such file"),
        (["--events", "."], ".: is a directory"),
        (["--synthetic", "999"], "events must be at least 1,000, got 999"),
        (["--synthetic", "abc"], "'abc' is not a whole number"),
    ],
    ids=["missing", "directory", "few", "no number"],
)
def test_what_cannot_be_played_is_wrong_use(
    verb: str, arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told before a server starts, with status 2, instead of an empty board after it."""
    with pytest.raises(SystemExit) as ended:
        app.main([verb, *arguments])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert told in err


def test_help_of_up_lists_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """With its default, in lines that fit a terminal; and it says how many events a business has at least."""
    with pytest.raises(SystemExit):
        app.main(["up", "--help"])
    told = capsys.readouterr().out
    lines = [line.split() for line in told.splitlines()]
    for setting in fields(Settings):
        assert [f"TRUELINE_{setting.name.upper()}", *written_default(setting).split()] in lines
    assert "from 1,000" in " ".join(told.split())
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_while_playing(tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C (to the whole group) or SIGTERM (to the server) ends the player and the server, without a stack."""
    process = subprocess.Popen(
        [*CLI, "up", "--listen", "127.0.0.1:0", "--data-dir", "data", "--synthetic", "50,000,000"],
        env=environment(),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        while "playing" not in (line := process.stderr.readline()):
            assert line, process.communicate()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
        out, err = process.communicate(timeout=90)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode in {0, 130}
    assert "Traceback" not in out + err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
