"""What is open on a screen: the worst first, and cut so that lines and screens stay short."""

from __future__ import annotations

import pytest
from trueline_cli.compliance.worst import SHOWN, OpenControl, show_worst, worst_first


def _control(number: int, severity: str = "low", status: str = "fail", *, subject: str = "p") -> OpenControl:
    return OpenControl(subject, "post", f"P-{number}", severity, status, "Parcels are sealed. " * 9)


def _shown(controls: list[OpenControl], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    show_worst(controls, "--all")
    return capsys.readouterr().out


def test_the_most_severe_comes_first_and_what_fails_before_what_is_not_known() -> None:
    """Of the same severity and status the order of frameworks and controls stays."""
    unknown = "insufficient_evidence"
    controls = [_control(1), _control(2, "critical", unknown), _control(3, "high"), _control(4, "critical")]
    controls += [_control(5, "critical", unknown), _control(6, "high")]
    controls.append(_control(7, "unspecified"))
    assert [one.control_id for one in worst_first(controls)] == ["P-4", "P-2", "P-5", "P-3", "P-6", "P-1", "P-7"]


def test_more_than_a_screen_is_counted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All are in the counts, the worst have a line each, and the last line says how many more there are and how."""
    controls = [_control(number) for number in range(1, 1_500)] + [_control(1_500, "critical")]
    told = _shown(controls, capsys, monkeypatch)
    rows = [line for line in told.splitlines() if line.startswith("P-")]
    assert (len(rows), rows[0].split()[:3]) == (SHOWN, ["P-1500", "critical", "fail"])
    assert f"{1_500 - SHOWN:,} more; --all shows them" in told
    assert "1,499" in told
    assert max(map(len, told.splitlines())) <= 80


def test_subjects_and_frameworks_are_named_where_there_are_several(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one subject and framework they would only take room."""
    alone = _shown([_control(1)], capsys, monkeypatch)
    assert ("subject" in alone, "post" in alone, "more" in alone) == (False, False, False)
    both = _shown([_control(1), _control(2, subject="q")], capsys, monkeypatch)
    assert [line.split()[:2] for line in both.splitlines() if "P-" in line] == [["p", "P-1"], ["q", "P-2"]]


def test_nothing_open_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of an empty table."""
    assert _shown([], capsys, monkeypatch).strip() == "nothing is open"
