"""Every benchmark runs through with few events, and its result can be kept and shown."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.result import MARKERS, Result, load_results, machine, table, write_table

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_small(name: str) -> None:
    """Its last line is one JSON object with a ratio above zero, the goal, and the machine that it ran on."""
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", name, "--quick"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout.splitlines()[-1])
    assert result["benchmark"] == name
    assert result["ratio"] > 0
    assert result["small"]
    assert result["better"] in {"higher", "lower"}
    assert {"cores", "python"} <= result["machine"].keys()


def _result(ratio: float, better: str) -> Result:
    return Result("ingest", ratio, 1.0, better, {"events": 1}, machine(), "fast", small=False)


@pytest.mark.parametrize(("ratio", "better", "met"), [(2.0, "higher", True), (2.0, "lower", False)])
def test_goal(ratio: float, better: str, met: bool) -> None:
    """Whether the goal is met depends on which way is better."""
    assert met == _result(ratio, better).met


def test_table_in_a_file(tmp_path: Path) -> None:
    """Results that were kept become a table between the markers of a file, and the rest of the file stays."""
    _result(2.0, "higher").save(tmp_path)
    text = table(load_results(("ingest", "memory"), tmp_path))
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{MARKERS[0]}\nold\n{MARKERS[1]}\nafter\n", encoding="utf-8")

    write_table(text, readme)

    content = readme.read_text(encoding="utf-8")
    assert "| `ingest` | fast | 2.00 | ≥ 1 | yes |" in content
    assert content.startswith("before\n")
    assert content.endswith("after\n")
    assert "old" not in content


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """`--list` names every benchmark."""
    assert main(["--list"]) == 0
    assert list(BENCHMARKS) == [line.split()[0] for line in capsys.readouterr().out.splitlines()]


def test_file_without_markers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without the markers is left alone; the command ends with status 2 and says so."""
    readme = tmp_path / "README.md"
    readme.write_text("nothing", encoding="utf-8")

    assert main(["table", "--write", str(readme)]) == 2
    assert MARKERS[0] in capsys.readouterr().err
    assert readme.read_text(encoding="utf-8") == "nothing"
