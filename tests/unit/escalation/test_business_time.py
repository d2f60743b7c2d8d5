"""Clocks that run in business hours only: across nights, weekends, holidays, leap days and changes of the clocks."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.escalation.business_time import add, between, opens
from trueline_rules.escalation_model import BusinessHours

MINUTE = 60_000_000
HOUR = 60 * MINUTE
WEEK = (0, 1, 2, 3, 4)
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
BERLIN = BusinessHours("Europe/Berlin", WEEK, 9 * 60, 17 * 60, ("2026-12-25",))
# Zones with changes at midnight, of half an hour, over a date line, for Ramadan, and none at all.
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
)


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("start", "span", "end"),
    [
        ("2026-03-02T10:00+01:00", 4 * HOUR, "2026-03-02T14:00+01:00"),
        ("2026-03-02T15:00+01:00", 4 * HOUR, "2026-03-03T11:00+01:00"),
        ("2026-03-02T13:00+01:00", 4 * HOUR, "2026-03-02T17:00+01:00"),
        ("2026-03-02T13:00+01:00", 4 * HOUR + 1, "2026-03-03T09:00:00.000001+01:00"),
        ("2026-03-06T16:00+01:00", 2 * HOUR, "2026-03-09T10:00+01:00"),
        ("2026-03-07T12:00+01:00", HOUR, "2026-03-09T10:00+01:00"),
        ("2026-03-02T03:00+01:00", 0, "2026-03-02T03:00+01:00"),
        ("2026-12-24T16:00+01:00", 2 * HOUR, "2026-12-28T10:00+01:00"),
        ("2026-03-27T16:00+01:00", 2 * HOUR, "2026-03-30T10:00+02:00"),
        ("2028-02-28T16:00+01:00", 9 * HOUR, "2028-02-29T17:00+01:00"),
    ],
    ids=[
        "within a day",
        "over a night",
        "to the closing",
        "just beyond the closing",
        "over a weekend",
        "from a Saturday",
        "no span",
        "over a holiday and a weekend",
        "over the change of the clocks",
        "on a leap day",
    ],
)
def test_a_span_of_business_time(start: str, span: int, end: str) -> None:
    """It passes while the business is open, and the time between both ends is the span."""
    found = add(_at(start), span, BERLIN)
    assert found // 1_000_000 == _at(end) // 1_000_000
    assert between(_at(start), found, BERLIN) == span


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29T00:00+01:00", 23),
        ("Europe/Berlin", "2026-10-25T00:00+02:00", 25),
        ("Africa/Cairo", "2026-04-24T00:00+02:00", 23),
        ("America/Havana", "2025-11-02T00:00-04:00", 25),
        ("Australia/Lord_Howe", "2026-04-05T00:00+11:00", 24.5),
        ("Pacific/Apia", "2011-12-30T00:00-10:00", 0),
        ("UTC", "2026-03-29T00:00+00:00", 24),
    ],
    ids=["skipped", "repeated", "skipped at midnight", "repeated at midnight", "half an hour", "no day", "UTC"],
)
def test_a_day_from_midnight_to_24_is_as_long_as_it_is(zone: str, day: str, hours: float) -> None:
    """00:00 to 24:00 is the whole day, also when the clocks change in it."""
    date = day[:10]
    whole = BusinessHours(zone, EVERY_DAY, 0, 1440)
    start = _at(day)
    others = BusinessHours(zone, EVERY_DAY, 0, 1440, (date,))
    assert between(start - 48 * HOUR, start + 72 * HOUR, whole) == 120 * HOUR
    assert between(start - 48 * HOUR, start + 72 * HOUR, others) == (120 - hours) * HOUR


def test_opening_in_a_skipped_hour_is_when_the_clocks_leap() -> None:
    """A business that opens at 02:30 opens at 03:00 on the day that has no 02:30."""
    night = BusinessHours("Europe/Berlin", EVERY_DAY, 150, 300)
    assert opens(_at("2026-03-29T00:00+01:00"), night) == _at("2026-03-29T03:00+02:00")
    never = BusinessHours("Europe/Berlin", EVERY_DAY, 125, 170)
    assert opens(_at("2026-03-29T00:00+01:00"), never) == _at("2026-03-30T02:05+02:00")


def test_opens_is_now_while_it_is_open() -> None:
    """The end is exclusive: at five the business is closed."""
    assert opens(_at("2026-03-02T10:00+01:00"), BERLIN) == _at("2026-03-02T10:00+01:00")
    assert opens(_at("2026-03-02T17:00+01:00"), BERLIN) == _at("2026-03-03T09:00+01:00")
    assert opens(5, None) == 5


def test_a_business_that_never_opens_is_an_error() -> None:
    """Nothing is looked for without an end."""
    closed = BusinessHours("UTC", (), 0, 1440)
    for call in (lambda: opens(0, closed), lambda: add(0, 1, closed)):
        with pytest.raises(ValueError, match="does not open within"):
            call()
    assert between(0, 10**15, closed) == 0


calendars = st.builds(
    BusinessHours,
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 6), min_size=1, unique=True).map(lambda days: tuple(sorted(days))),
    st.integers(0, 600),
    st.integers(601, 1440),
    st.just(()) | st.just(("2026-03-29", "2026-12-25")),
)
# 2011 to 2027, so that the zones' odd changes are in it.
instants = st.integers(1_300_000_000, 1_800_000_000).map(lambda second: second * 1_000_000)
spans = st.integers(1, 200 * HOUR)


@settings(deadline=None)
@given(instants, spans, calendars)
def test_between_is_the_inverse_of_add(start: int, span: int, hours: BusinessHours) -> None:
    """As much business time passes as was added, and not before the end."""
    end = add(start, span, hours)
    assert between(start, end, hours) == span
    assert between(end, start, hours) == -span
    assert between(start, end - 1, hours) < span


@settings(deadline=None)
@given(instants, spans, spans, calendars)
def test_spans_add_up(start: int, first: int, second: int, hours: BusinessHours) -> None:
    """One after the other is as long as both at once."""
    assert add(add(start, first, hours), second, hours) == add(start, first + second, hours)


@settings(deadline=None)
@given(instants, instants, instants, calendars)
def test_times_between_add_up(a: int, b: int, c: int, hours: BusinessHours) -> None:
    """From a to c is from a to b and from b to c; never more than by the wall clock."""
    assert between(a, b, hours) + between(b, c, hours) == between(a, c, hours)
    assert abs(between(a, b, hours)) <= abs(b - a)


@settings(deadline=None)
@given(instants, calendars)
def test_it_is_open_when_it_opens(at: int, hours: BusinessHours) -> None:
    """From the instant told on business time passes, and before it none did."""
    opening = opens(at, hours)
    assert opening >= at
    assert between(at, opening, hours) == 0
    assert between(opening, opening + 1, hours) == 1
