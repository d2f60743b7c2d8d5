"""The board on a terminal of 80 columns: nothing that a reader needs is cut."""

from __future__ import annotations

import pytest
from trueline import mapping
from trueline.results import AlignmentScore, Band, Completeness, KpiValue
from trueline.v1 import kpi_service_pb2, system_service_pb2
from trueline_cli import style
from trueline_cli.board import board, taken_in
from trueline_rules.loader import load_rules

# Values as wide as they come: full percentages, a fall below zero, and the ratio that is no percentage.
WIDE = {"ltv_cac": 12.345, "growth_mom": -0.123, "viral_coefficient": 0.308}


def pack_score(band: int, completeness: int) -> AlignmentScore:
    """A score over the KPIs of the pack, all of one band and completeness."""
    rules = load_rules([])
    score = kpi_service_pb2.AlignmentScore(scorecard="alignment", score=61.25, band=band, coverage=1)
    for name, weight in rules.scorecards["alignment"].weights.items():
        known = rules.kpis[name]
        kpi = score.items.add(weight=weight, effective_weight=weight, contribution=12.5).kpi
        kpi.name, kpi.unit, kpi.target, kpi.value = name, known.unit, known.target, WIDE.get(name, 1.0)
        kpi.direction, kpi.attainment, kpi.band, kpi.completeness = 1, 1.0, band, completeness
    return mapping.alignment_score(score)


@pytest.mark.parametrize("band", range(len(Band)))
@pytest.mark.parametrize("completeness", range(len(Completeness)))
def test_nothing_is_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], band: int, completeness: int
) -> None:
    """Each KPI of the pack has its line, with name, value, target, band, bar and completeness in full."""
    monkeypatch.setenv("COLUMNS", "80")
    score = pack_score(band, completeness)

    style.show(board(score))

    lines = capsys.readouterr().out.splitlines()
    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= 80
    for item in score.items:
        line = next(line for line in lines if line.startswith(f"{item.kpi.name} "))
        words = [style.amount(item.kpi.value, item.kpi), style.amount(item.kpi.target, item.kpi), "12.5"]
        words += [style.BAND_WORDS[item.kpi.band], "████████", style.completeness(item.kpi.completeness)]
        assert all(f" {word}" in line for word in words), line


def test_a_long_name_takes_two_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The names of a team's own KPIs may be as long as they like; their numbers stay whole."""
    monkeypatch.setenv("COLUMNS", "80")
    message = kpi_service_pb2.AlignmentScore(scorecard="alignment")
    kpi = message.items.add(contribution=5).kpi
    kpi.name, kpi.unit, kpi.target, kpi.value = "median_hours_until_the_first_answer_to_a_ticket", "hours", 24, 17.5
    kpi.direction, kpi.band, kpi.completeness = 2, 3, 2

    style.show(board(mapping.alignment_score(message)))

    told = capsys.readouterr().out
    assert "…" not in told
    assert all(word in told for word in ("17.50 hours", "≤ 24 hours", "off track", "provisional"))
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.parametrize(
    ("unit", "value", "target", "shown", "aim"),
    [
        ("ratio", 3.2, 4, "3.20", "4"),
        ("ratio", 3, 4, "3", "4"),
        ("ratio", None, 4, style.NOTHING, "4"),
        ("ratio", 0.238, 0.25, "23.8 %", "25.0 %"),
        ("invitees per inviter", 0.308, 0.5, "0.31", "0.50"),
        ("hours", 1234.5, 24, "1,234.50 hours", "24 hours"),
        ("hours", 0.001, 24, "0.001 hours", "24 hours"),
        ("", 0.00123, 4, "0.0012", "4"),
        ("", 2e18, 4, "2e+18", "4"),
    ],
)
def test_a_number_is_shown_for_itself(unit: str, value: float | None, target: float, shown: str, aim: str) -> None:
    """A target looks the same in each row that has it; a unit in several words has no place in a table."""
    kpi = kpi_service_pb2.KpiValue(name="k", unit=unit, target=target, value=value)
    read: KpiValue = mapping.kpi_value(kpi)

    assert (style.amount(read.value, read), style.amount(read.target, read)) == (shown, aim)


def test_a_lag_is_no_number_of_events() -> None:
    """Positions are counted over all tenants, so a tenant without events is not told of some of its own."""
    status = system_service_pb2.GetStatusResponse(accepted_position=12, processed_position=10)
    assert taken_in(mapping.status(status)) == "0 events; the dataflow is 2 log positions behind"
    status.processed_position = 12
    assert taken_in(mapping.status(status)) == "0 events"


def test_names_of_others_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    """In tables and in sentences what does not print is a box; brackets and letters of any script stay as they are."""
    made = style.table("channel")
    made.add_row("\x1b[31mred\x00\x9b2J")
    made.add_row("[bold]渠道[/bold]")
    style.show("sent by \x1b]0;title\x07", made)
    told = capsys.readouterr().out
    assert not any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in told if letter != "\n")
    assert "\N{REPLACEMENT CHARACTER}[31mred\N{REPLACEMENT CHARACTER}" in told
    assert "[bold]渠道[/bold]" in told
