"""The command line against a real server, from a file to the board."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.server_process import ServerProcess

MAPPING = """\
apiVersion: trueline/v1
kind: EventMapping
metadata: {name: till}
spec:
  fields:
    id: {constant: "{file}-{line}"}
    source: {constant: till}
    name: what
    occurred_at: {column: at, format: "%d.%m.%Y %H:%M"}
    user_id: {column: who, required: true}
    value: {column: paid, absent: ["-"]}
    currency: {constant: EUR}
"""
ROWS = """\
what,at,who,paid
till_sale,06.05.2024 07:08,u1,12.50
till_sale,06.05.2024 09:10,u2,7.25
till_visit,06.05.2024 09:11,u2,-
till_sale,06.05.2024 25:61,u3,1
till_sale,07.05.2024 10:00,,3
till_sale,07.05.2024 10:00,u1,3x
till_sale,08.05.2024 00:00,u1,1e30
"""


def cli(server: ServerProcess, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    command = [sys.executable, "-m", "trueline_cli", *argv, "--address", server.address]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def answer(server: ServerProcess, *argv: str) -> Any:
    """What a verb answers for scripts."""
    done = cli(server, *argv, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_from_a_file_to_the_board(shared_server: ServerProcess, tmp_path: Path) -> None:
    """A CSV with a mapping: good rows go in once, each bad one is told, and every verb shows what came of it."""
    mapping, data, errors = tmp_path / "till.yaml", tmp_path / "till.csv", tmp_path / "errors.jsonl"
    mapping.write_text(MAPPING, encoding="utf-8")
    data.write_text(ROWS, encoding="utf-8")

    done = cli(
        shared_server,
        "ingest",
        str(data),
        "--mapping",
        str(mapping),
        "--wait",
        "--errors",
        str(errors),
        "--output",
        "json",
    )
    assert done.returncode == 1, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["accepted"], summary["refused"], summary["finished"]) == (3, 4, ["till"])
    told = [json.loads(line) for line in errors.read_text(encoding="utf-8").splitlines()]
    assert sorted((item["line"], item["field"], item["reason"]) for item in told) == [
        (5, "occurred_at", "INVALID_TIMESTAMP"),
        (6, "user_id", "MISSING_FIELD"),
        (7, "value", "WRONG_TYPE"),
        (8, "value", "VALUE_OUT_OF_RANGE"),
    ]

    again = cli(shared_server, "ingest", str(data), "--mapping", str(mapping), "--keep-going", "--output", "json")
    assert again.returncode == 0, again.stderr
    summary = json.loads(again.stdout)
    assert (summary["accepted"], summary["duplicates"]) == (0, 3)

    span = ("--from", "2024-05-05", "--to", "2024-05-09")
    points = answer(shared_server, "metrics", "show", "events_by_name", *span, "--label", "name=till_sale")["points"]
    assert [(point["window_start"], point["value"], point["exact"]) for point in points] == [
        ("2024-05-06T00:00:00Z", 2.0, True)
    ]
    assert {source["source"] for source in answer(shared_server, "status")["sources"]} >= {"till"}
    score = answer(shared_server, "score")["score"]
    assert score["scorecard"] == "alignment"
    assert all(item["kpi"]["value"] is not None or item["kpi"]["missing"] for item in score["items"])
    for verb in ("score", "kpis", "actions", "quality", "metrics", "status"):
        table = cli(shared_server, verb)
        assert table.returncode == 0, table.stderr
        assert table.stdout.strip()
        assert max(map(len, table.stdout.splitlines())) <= 80


def test_watches_reach_the_end_of_their_snapshot(shared_server: ServerProcess) -> None:
    """With --once they end there, with a token to go on from."""
    for verb in (("metrics", "watch"), ("watch",)):
        done = cli(shared_server, *verb, "--once", "--output", "json")
        assert done.returncode == 0, done.stderr
        last = json.loads(done.stdout.splitlines()[-1])
        assert last["kind"] == "synced"
        assert last["resume_token"]


def test_a_wrong_mapping_is_told_with_its_place(shared_server: ServerProcess, tmp_path: Path) -> None:
    """The server's error names file and line; nothing is sent."""
    mapping, data = tmp_path / "till.yaml", tmp_path / "till.csv"
    mapping.write_text(MAPPING.replace("user_id:", "usr_id:"), encoding="utf-8")
    data.write_text(ROWS, encoding="utf-8")

    done = cli(shared_server, "ingest", str(data), "--mapping", str(mapping))

    assert done.returncode == 2
    assert "till.yaml:10:" in done.stderr
    assert "usr_id" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_names_are_told_with_the_nearest(shared_server: ServerProcess, tmp_path: Path) -> None:
    """A metric and a mapping that do not exist."""
    data = tmp_path / "till.csv"
    data.write_text(ROWS, encoding="utf-8")

    metric = cli(shared_server, "metrics", "show", "events_by_nam")
    mapping = cli(shared_server, "ingest", str(data), "--mapping", "podcats")

    assert (metric.returncode, mapping.returncode) == (2, 2)
    assert "did you mean" in metric.stderr
    assert "did you mean" in mapping.stderr
