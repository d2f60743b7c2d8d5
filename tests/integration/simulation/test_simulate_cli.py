"""`trueline rules simulate` over a file of series and over rule tests: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from simulation_texts import SHOP, series
from trueline_cli.app import main

BAD = '{metric: failed, labels: {plan: pro}, values: "0x5 30x20 0x10"}'
SILENCE = "silences:\n  - {matchers: [plan=pro], until: 20m, author: bob, reason: a trial}\nuntil: 1h\n"
TEST = """---
apiVersion: trueline/v1
kind: RuleTest
metadata: {name: failing}
spec:
  rule: failing
  cases:
    - {name: at once, given: {n: 1}, expect: {severity: none}}
    - {name: soon, series: [{fact: n, labels: {plan: pro}, values: "9x9"}], expect: [{at: 9m, alerts: []}]}
    - {name: later, series: [{fact: n, labels: {plan: pro}, values: "0x5 30x9"}], expect: [{at: 9m, alerts: []}]}
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A rule file with a test, and a bad day."""
    rules, day = tmp_path / "shop.yaml", tmp_path / "day.yml"
    rules.write_text("---\n".join(SHOP) + TEST, encoding="utf-8")
    day.write_text(series(BAD, more=SILENCE), encoding="utf-8")
    return str(rules), str(day)


def test_the_timeline_for_people(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each thing that happens, within 100 columns; then who got how much, and what nobody was told."""
    rules, day = files
    assert main(["rules", "simulate", rules, "--series", day]) == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0] == "Monday, 2026-03-02 (UTC)"
    assert "12:09:30  not told      failing plan=pro" in told
    assert "silenced by silence 1 of bob" in told
    assert "ada (ada_mail)  level L1 of shop" in told
    assert "1 alert: 1 over, 0 open at the end" in told
    assert "not told: 1 silenced" in told
    assert "1 rule, 38 evaluations, 2026-03-02 12:00 to 2026-03-02 13:00, every 1m" in told


def test_what_concerns_somebody(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """One person's lines and messages; whom nobody knows is told, with who was meant."""
    rules, day = files
    simulate = ["rules", "simulate", rules, "--series", day]
    assert main([*simulate, "--who", "ada"]) == 0
    told = capsys.readouterr().out
    assert "ada_mail" in told
    assert "wall" not in told
    assert main([*simulate, "--who", "adda"]) == 2
    assert "did you mean 'ada'?" in capsys.readouterr().err
    assert main([*simulate, "--lines", "2"]) == 0
    assert "more; --lines 0 shows all" in capsys.readouterr().out


def test_the_timeline_for_programs(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Entries with kind, people, reason; the summary; the same each time."""
    rules, day = files
    outs = []
    for _ in range(2):
        assert main(["rules", "simulate", rules, "--series", day, "--output", "json"]) == 0
        outs.append(capsys.readouterr().out)
    assert outs[0] == outs[1]
    found = json.loads(outs[0])
    untold = next(one for one in found["entries"] if one["kind"] == "untold")
    assert (untold["reason"], untold["channels"], untold["at"]) == ("silenced", ["wall"], "2026-03-02T12:09:30Z")
    sent = next(one for one in found["entries"] if one["kind"] == "sent" and one["people"])
    assert (sent["people"], sent["policy"], sent["level"], sent["attempt"]) == (["ada"], "shop", "L1", 1)
    assert found["summary"]["untold"] == {"silenced": 1}
    assert found["total_entries"] == len(found["entries"])


def test_a_check_for_builds(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """What must not happen makes the status 1, and only that."""
    rules, day = files
    Path(day).write_text(series(BAD, more="until: 1h\n"), encoding="utf-8")
    simulate = ["rules", "simulate", rules, "--series", day]
    assert main([*simulate, "--fail-on", "unreached"]) == 0
    capsys.readouterr()
    assert main([*simulate, "--fail-on", "deadline", "--fail-on", "exhausted"]) == 1
    told = capsys.readouterr().err
    assert "--fail-on deadline: 1 deadlines were missed" in told
    assert "--fail-on exhausted: 1 escalations came to their end" in told


def test_the_series_of_a_test(files: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The first case with series, or the one that is named; the clock goes on as long as is wanted."""
    rules, _ = files
    simulate = ["rules", "simulate", rules, "--test", "failing"]
    assert main([*simulate, "--until", "1h"]) == 0
    assert "00:03:00  fires" in capsys.readouterr().out
    assert main([*simulate, "--case", "later", "--from", "2026-03-02T12:00:00Z"]) == 0
    assert "12:09:00  fires" in capsys.readouterr().out
    assert main([*simulate, "--case", "latter"]) == 2
    assert "did you mean 'later'?" in capsys.readouterr().err
    assert main(["rules", "simulate", rules, "--test", "fail"]) == 2
    assert "no RuleTest is called 'fail'; did you mean 'failing'?" in capsys.readouterr().err


def test_what_cannot_be_simulated(files: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong use and files that do not load are 2, these with line and caret."""
    rules, day = files
    for arguments, told in (
        (["--series", str(tmp_path / "none.yml")], "cannot be read"),
        (["--series", day, "--days", "3"], "--days goes with --history only"),
        (["--series", day, "--case", "soon"], "--case is about a test"),
        (["--history", "--until", "3h"], "a history ends with --to"),
        (["--series", day, "--rule", "faling"], "did you mean 'failing'?"),
        (["--test", "failing", "--rule", "failing"], "a test is about one rule"),
    ):
        assert main(["rules", "simulate", rules, *arguments]) == 2
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit) as refused:
        main(["rules", "simulate", rules])
    assert refused.value.code == 2
    capsys.readouterr()
    broken = tmp_path / "broken.yml"
    broken.write_text(series(BAD.replace("metric: failed", "metric: faild")), encoding="utf-8")
    assert main(["rules", "simulate", rules, "--series", str(broken)]) == 2
    found = capsys.readouterr().err
    assert f"{broken}:3:14: series[0].metric is 'faild', which is not defined; did you mean 'failed'?" in found
    assert main(["rules", "simulate", str(broken), "--series", day]) == 2
