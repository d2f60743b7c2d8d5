"""`trueline rules`: what it prints, for people and for programs, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from trueline_cli.app import main

METRIC = """apiVersion: trueline/v1
kind: Metric
metadata: {name: sales}
spec: {events: [x], aggregation: count, window: 1h}
---
"""
RULE = """apiVersion: trueline/v1
kind: AlertRule
metadata: {name: low}
spec:
  facts: {a: {metric: sales}}
  warning: a < 5
---
apiVersion: trueline/v1
kind: RuleTest
metadata: {name: low}
spec:
  rule: low
  cases:
    - {name: fires, given: {a: 1}, expect: {severity: warning}}
"""
KPI = """apiVersion: trueline/v1
kind: Kpi
metadata: {name: spy}
spec:
  unit: ratio
  direction: higher
  target: 1
  statement: |
    SELECT  -- not of file
    length(file('/etc/passwd')) AS value
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A file with a rule whose test shows half of it."""
    path = tmp_path / "rules.yaml"
    path.write_text(METRIC + RULE, encoding="utf-8")
    return path


def test_check_counts_what_it_read(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Good files: what there is, and the revision; exit status 0."""
    assert main(["rules", "check", str(rules)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("✓ ")
    assert "7 AlertRule" in told
    assert "revision " in told


def test_check_shows_the_line_and_a_caret(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad files: each problem with its line and a caret under the column; exit status 1."""
    rules.write_text(METRIC + RULE.replace("a < 5", "a < 5 and b > 1"), encoding="utf-8")
    assert main(["rules", "check", str(rules)]) == 1
    problem, line, caret, last = capsys.readouterr().err.splitlines()
    assert problem.startswith(f"{rules}:11:22: spec.warning does not compile: unknown fact 'b'")
    assert line == "      warning: a < 5 and b > 1"
    assert caret.index("^") == line.index("b >")
    assert last == "✗ 1 problem; nothing was loaded"


def test_a_line_writes_nothing_to_the_terminal_but_text(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences in a file are shown as signs, and the caret is where it was."""
    rules.write_text(METRIC + RULE.replace("a < 5", "a < 5 \x1b[31mred"), encoding="utf-8")
    assert main(["rules", "check", str(rules)]) == 1
    problem, line, caret, _ = capsys.readouterr().err.splitlines()
    assert problem == f"{rules}:11:18: not valid YAML: the character U+001B is not allowed"
    assert line == "      warning: a < 5 \N{REPLACEMENT CHARACTER}[31mred"
    assert caret.index("^") == line.index("\N{REPLACEMENT CHARACTER}")


def test_of_a_long_line_what_is_about_the_place(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A condition of a thousand letters does not fill the terminal; the caret points at the words at fault."""
    many = ", ".join(map(str, range(300)))
    rules.write_text(METRIC + RULE.replace("a < 5", f"a in [{many}] or b > 1 or a > 1000"), encoding="utf-8")
    assert main(["rules", "check", str(rules)]) == 1
    problem, line, caret, _ = capsys.readouterr().err.splitlines()
    assert "unknown fact 'b'" in problem
    assert len(line) < 130
    assert line[caret.index("^") :].startswith("b > 1 or a > 1000")


def test_check_points_into_a_statement(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A statement of a KPI that is refused is shown at the words at fault, also as JSON."""
    rules.write_text(KPI, encoding="utf-8")
    assert main(["rules", "check", str(rules)]) == 1
    problem, line, caret = capsys.readouterr().err.splitlines()
    assert problem == f"{rules}:10:12: KPI spy: the function file is refused: {problem.partition('refused: ')[2]}"
    assert line == "        length(file('/etc/passwd')) AS value"
    assert caret.index("^") == line.index("file(")
    assert main(["rules", "check", "--output", "json", str(rules)]) == 1
    (told,) = json.loads(capsys.readouterr().out)["problems"]
    assert (told["file"], told["line"], told["column"]) == (str(rules), 10, 12)


def test_check_for_programs(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON: counts, problems and warnings, each with its place."""
    rules.write_text(METRIC + RULE.replace("a < 5", "a < 5 and a > 7"), encoding="utf-8")
    assert main(["rules", "check", "--output", "json", str(rules)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["check"], one["document"]) for one in told["warnings"]] == [("never true", "AlertRule low")]
    rules.write_text("kind: AlertRule\n", encoding="utf-8")
    assert main(["--output", "json", "rules", "check", str(rules)]) == 1
    assert {one["line"] for one in json.loads(capsys.readouterr().out)["problems"]} == {1}


def test_test_tells_what_is_not_shown(rules: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outcomes by test, gaps by rule, and a threshold for branches that makes it fail; JUnit beside it."""
    junit = tmp_path / "junit.xml"
    assert main(["rules", "test", str(rules), "--run", "^low:", "--junit", str(junit)]) == 0
    told = capsys.readouterr().out
    assert "✓ low (1 case)" in told
    assert "! low: no case in which it does not fire" in told
    assert [case.get("name") for case in ET.parse(junit).iter("testcase")] == ["fires"]
    assert main(["rules", "test", str(rules), "--coverage", "100"]) == 1
    assert "% of the branches were taken, 100 % are asked for" in capsys.readouterr().err


def test_a_failing_test_says_why(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The decision, the one expected, and the reason; exit status 1, also as JSON."""
    rules.write_text(METRIC + RULE.replace("{a: 1}", "{a: 7}"), encoding="utf-8")
    assert main(["rules", "test", str(rules)]) == 1
    told = capsys.readouterr().out
    lines = rules.read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, start=1) if "name: fires" in text)
    assert f"✗ low (1 case)\n    fail: fires ({rules}:{line})\n      expected warning, decided none\n" in told
    assert main(["rules", "test", "--output", "json", str(rules)]) == 1
    assert json.loads(capsys.readouterr().out)["counts"]["fail"] == 1


def test_explain(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The decision, a sentence with the nearest change, and the tree; what cannot be read is wrong use."""
    assert main(["rules", "explain", "low", str(rules), "--given", "a=7"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(
        "low: none\n\nwarning: does not fire, because a < 5 is false (a = 7); fires at a < 5; now 7\n"
    )
    assert main(["rules", "explain", "low", str(rules), "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "unknown"
    for wrong, message in (
        (["lwo"], "no AlertRule is called 'lwo'; did you mean 'low'?"),
        (["low", "--given", "b=1"], "the rule has no fact 'b'"),
        (["low", "--given", "a"], "--given is written FACT=VALUE, is 'a'"),
        (["low", "--given", "a=x"], "the fact 'a' is a number, 'x' is none"),
    ):
        name, *rest = wrong
        assert main(["rules", "explain", name, str(rules), *rest]) == 2
        assert message in capsys.readouterr().err


def test_schemas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One for any kind, that of one kind, the files of all; an unknown kind is wrong use and names the nearest."""
    assert main(["rules", "schema"]) == 0
    assert "AlertRule" in json.loads(capsys.readouterr().out)["properties"]["kind"]["enum"]
    assert main(["rules", "schema", "AlertRule"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "trueline/v1 AlertRule"
    assert main(["rules", "schema", "--out", str(tmp_path / "schemas")]) == 0
    assert (tmp_path / "schemas" / "RuleTest.schema.json").exists()
    assert (tmp_path / "schemas" / "rules.schema.json").exists()
    assert main(["rules", "schema", "Alert"]) == 2
    assert "did you mean 'AlertRule'?" in capsys.readouterr().err
