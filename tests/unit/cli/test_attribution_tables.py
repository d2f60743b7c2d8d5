"""What tables of attribution say of journeys that are too long for a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from trueline.attribution import (
    AttributionAbout,
    AttributionReport,
    AttributionTotals,
    ChannelPath,
    ChannelPaths,
    ExplainedJourney,
    ExplainedTouch,
    TouchCredit,
)
from trueline_cli.attribution.tables import left_out, show_journey, show_paths

START = datetime(2026, 3, 1, tzinfo=UTC)
ABOUT = AttributionAbout("default", "r", "purchase", "USD", START, START + timedelta(days=31), None, 1)
TOTALS = AttributionTotals(1, Decimal(1), 0, Decimal(0), None)


def _journey(touches: int) -> ExplainedJourney:
    credit = {"linear": TouchCredit(1 / touches, Decimal(0), "one of equal parts")}
    told = tuple(
        ExplainedTouch(START + timedelta(seconds=place), timedelta(0), f"c{place}", "", "", 1.0, credit)
        for place in range(1, touches + 1)
    )
    return ExplainedJourney(ABOUT, "user:u", "", START, Decimal(5), "(none)", told)


def test_of_a_long_journey_the_ends_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """Twenty touches each, for each model; how many lie between, and what has all of them."""
    show_journey(_journey(100_000))
    told = capsys.readouterr().out
    assert "99,960 more touches between #20 and #99,981; --output csv has all" in told
    lines = [line.split() for line in told.splitlines()]
    assert [line[3] for line in lines if line[1:2] and line[1].startswith("2026")] == [
        f"c{place}" for place in (*range(1, 21), *range(99_981, 100_001))
    ]
    show_journey(_journey(40))
    assert "more touches" not in capsys.readouterr().out


def test_of_a_long_path_the_ends_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """As many touches as of a journey; a shorter path is there as it is."""
    paths = [ChannelPath(tuple(f"c{place}" for place in range(count)), 1, Decimal(1), 0, 1.0) for count in (41, 3)]
    show_paths(ChannelPaths(ABOUT, tuple(paths), (), 2))
    told = " ".join(capsys.readouterr().out.split())
    assert "c18 > c19 > (1 more) > c21 > c22" in told
    assert "c0 > c1 > c2" in told


def test_models_without_an_answer_are_told_now_and_before() -> None:
    """One that had none then is new, one that has none now had one, and one that has none at all is left out."""
    before = {"new": "too many", "never": "too many"}
    report = AttributionReport(
        ABOUT, (), TOTALS, TOTALS, {}, left_out={"gone": "x", "never": "y"}, left_out_before=before
    )
    assert left_out(report) == [
        "without gone, which had an answer then: x",
        "without never: y",
        "new is new, it had no answer then: too many",
    ]
    assert left_out(AttributionReport(ABOUT, (), TOTALS, None, {}, left_out={"gone": "x"})) == ["without gone: x"]
