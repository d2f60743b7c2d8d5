"""Which period comes before another, and what a schedule studies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.study_model import Previous
from trueline_server.studies.model import Period
from trueline_server.studies.periods import day_of, last_complete, previous_period


def us(text: str) -> int:
    """A time in µs since 1970."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6)


def period(start: str, end: str) -> Period:
    """A period of two times."""
    return Period(us(start), us(end))


@pytest.mark.parametrize(
    ("asked", "previous", "expected"),
    [
        (("2026-03-01", "2026-04-01"), "period", ("2026-02-01", "2026-03-01")),
        (("2026-01-01", "2026-04-01"), "period", ("2025-10-01", "2026-01-01")),
        (("2026-03-02", "2026-03-09"), "period", ("2026-02-23", "2026-03-02")),
        (("2026-01-01", "2026-03-31"), "period", ("2025-10-04", "2026-01-01")),
        (("2026-01-01", "2026-04-01"), "year", ("2025-01-01", "2025-04-01")),
        (("2024-02-29", "2024-03-31"), "year", ("2023-02-28", "2023-03-31")),
        (("2026-03-01T06:00", "2026-04-01T06:00"), "period", ("2026-01-29T06:00", "2026-03-01T06:00")),
    ],
)
def test_the_previous_period(asked: tuple[str, str], previous: str, expected: tuple[str, str]) -> None:
    """Whole months have whole months before them, anything else as much time, and a year keeps the dates."""
    assert previous_period(period(*asked), Previous(previous)) == period(*expected)


@given(st.integers(0, 20_000), st.integers(1, 900))
def test_a_previous_period_ends_where_its_period_starts(first: int, days: int) -> None:
    """Nothing is counted in both, and nothing falls between them."""
    start = us("1990-01-01") + first * 86_400_000_000
    found = previous_period(Period(start, start + days * 86_400_000_000), Previous.PERIOD)

    assert found.end_us == start
    assert abs((found.end_us - found.start_us) // 86_400_000_000 - days) <= 4


@pytest.mark.parametrize(
    ("unit", "at", "expected"),
    [
        ("month", "2026-03-01", ("2026-02-01", "2026-03-01")),
        ("month", "2026-02-28T23:59", ("2026-01-01", "2026-02-01")),
        ("quarter", "2026-01-15", ("2025-10-01", "2026-01-01")),
        ("quarter", "2026-04-01T06:00", ("2026-01-01", "2026-04-01")),
        ("week", "2026-03-09T00:00", ("2026-03-02", "2026-03-09")),
        ("week", "2026-03-08T23:59", ("2026-02-23", "2026-03-02")),
    ],
)
def test_the_last_period_that_is_over(unit: str, at: str, expected: tuple[str, str]) -> None:
    """By the calendar of UTC; a week begins on Monday."""
    assert last_complete(unit, us(at)) == period(*expected)


@given(st.integers(us("1990-01-01"), us("2090-01-01")), st.sampled_from(["week", "month", "quarter"]))
def test_the_last_period_is_over_and_the_next_is_not(instant: int, unit: str) -> None:
    """It ends at or before the instant, and less than one such period before it."""
    found = last_complete(unit, instant)

    assert found.start_us < found.end_us <= instant
    assert instant - found.end_us < timedelta(days={"week": 7, "month": 31, "quarter": 92}[unit]) / timedelta(
        microseconds=1
    )


def test_days_for_people() -> None:
    """Midnight is the day alone."""
    assert (day_of(us("2026-03-01")), day_of(us("2026-03-01T06:30"))) == ("2026-03-01", "2026-03-01 06:30")
