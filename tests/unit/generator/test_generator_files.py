"""`trueline generate --out` writes files that hold the generated events."""

import argparse
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyarrow import parquet
from trueline_server.commands.generate import command
from trueline_server.generator import generate

END = "2025-06-12T10:30:00Z"


def _run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    args = parser.parse_args(["--events", "1500", "--seed", "5", "--end", END, *arguments])
    args.output = "json"
    return command.run(args)


def _expected() -> list[dict[str, object]]:
    events = []
    for batch in generate(events=1_500, seed=5, end=datetime(2025, 6, 12, 10, 30, tzinfo=UTC)):
        for row in batch.to_pylist():
            bags = dict([*row.pop("properties"), *row.pop("numbers"), *row.pop("flags")])
            event = {key: value for key, value in row.items() if value is not None}
            event["occurred_at"] = row["occurred_at"].isoformat().replace("+00:00", "Z")
            if row["value"] is not None:
                event["value"] = float(row["value"])
            events.append(event | {"properties": bags})
    return events


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    """Each line is one event as JSON, what is absent is left out, and the summary says how many and that they are
    synthetic; the same arguments write the same bytes.
    """
    target = tmp_path / name
    assert _run("--out", str(target)) == 0

    summary = json.loads(capsys.readouterr().out)
    raw = target.read_bytes()
    text = gzip.decompress(raw) if name.endswith(".gz") else raw
    assert _expected() == [json.loads(line) for line in text.splitlines()]
    assert (summary["events"], summary["seed"], summary["synthetic"]) == (1_500, 5, True)
    assert _run("--out", str(target)) == 0
    assert raw == target.read_bytes()


def test_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    """With `-` the events go to standard output and the summary to standard error."""
    assert _run("--out", "-") == 0

    captured = capsys.readouterr()
    assert _expected() == [json.loads(line) for line in captured.out.splitlines()]
    assert json.loads(captured.err)["events"] == 1_500


def test_parquet(tmp_path: Path) -> None:
    """A Parquet file has the same events, with the properties as JSON text."""
    target = tmp_path / "out.parquet"
    assert _run("--out", str(target)) == 0

    rows = parquet.read_table(target).to_pylist()
    found = []
    for row in rows:
        event = {key: value for key, value in row.items() if value is not None}
        event["occurred_at"] = row["occurred_at"].isoformat().replace("+00:00", "Z")
        found.append(event | {"properties": json.loads(row["properties"])})
    assert _expected() == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seed", "-1", "--out", "x.jsonl"], "seed must be at least 0"),
        (["--out", "x.xlsx"], "end the name in .jsonl, .jsonl.gz or .parquet"),
    ],
)
def test_wrong_use(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Wrong arguments end with status 2 and say what would be right; no file is written."""
    assert _run(*arguments) == 2
    assert message in capsys.readouterr().err
    assert not Path("x.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--events", "999"], "events must be at least 1,000, got 999"),
        (["--days", "13"], "days must be at least 14, got 13"),
        (["--events", "many"], "'many' is not a whole number"),
    ],
)
def test_too_few(capsys: pytest.CaptureFixture[str], arguments: list[str], message: str) -> None:
    """Fewer than a business needs is refused by the parser, and the help says how many it needs."""
    with pytest.raises(SystemExit) as ended:
        _run(*arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err

    with pytest.raises(SystemExit):
        _run("--help")
    told = capsys.readouterr().out
    assert "from 1,000" in told
    assert "from 14" in told


def test_cannot_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be written ends with status 2 and the reason."""
    assert _run("--out", str(tmp_path / "absent" / "out.jsonl")) == 2
    assert "No such file or directory" in capsys.readouterr().err
