"""Periods of studies on the command line."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

import pytest
from trueline_cli import options
from trueline_cli.app import main
from trueline_cli.studies.periods import add_period, period_of

NOW = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)


def _asked(*words: str) -> tuple[datetime, datetime]:
    parser = argparse.ArgumentParser()
    add_period(parser)
    return period_of(parser.parse_args(words), NOW)


def _days(*days: str) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(day).replace(tzinfo=UTC) for day in days)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--quarter", "2026Q1"), ("2026-01-01", "2026-04-01")),
        (("--quarter", "2025-q4"), ("2025-10-01", "2026-01-01")),
        (("--month", "2025-12"), ("2025-12-01", "2026-01-01")),
        (("--days", "7"), ("2026-01-08", "2026-01-15")),
        (("--from", "2025-05-01", "--until", "2025-05-08"), ("2025-05-01", "2025-05-08")),
        ((), ("2025-12-01", "2026-01-01")),
    ],
    ids=" ".join,
)
def test_periods(words: tuple[str, ...], expected: tuple[str, str]) -> None:
    """Quarters and months are whole, days end at the last midnight, and without any it is the last month."""
    assert _asked(*words) == _days(*expected)


def test_from_alone_goes_up_to_now() -> None:
    """The end is the present unless it is said."""
    assert _asked("--from", "2026-01-01") == (datetime(2026, 1, 1, tzinfo=UTC), NOW)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--quarter", "2026Q1", "--days", "3"), "--quarter and --days both name a period"),
        (("--month", "2026-01", "--from", "2026-01-01"), "--month and --from both name a period"),
        (("--until", "2026-01-01"), "--until needs --from"),
    ],
)
def test_a_period_is_named_once(words: tuple[str, ...], message: str) -> None:
    """Two ways of naming it, or an end alone, are wrong use."""
    with pytest.raises(options.UsageError, match=message):
        _asked(*words)


@pytest.mark.parametrize(
    "words", [("--quarter", "2026Q5"), ("--quarter", "Q1"), ("--month", "2026-13"), ("--days", "0")]
)
def test_what_is_no_period_is_refused(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """The option and the value are named, with an example of how it is written."""
    with pytest.raises(SystemExit) as ended:
        main(["study", "run", "renewal_rate", *words])

    assert ended.value.code == 2
    assert f"'{words[1]}' is not a" in capsys.readouterr().err
