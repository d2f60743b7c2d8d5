"""Times that come again and again, over the leaps of clocks too."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.routing.time_intervals import begins_us, covers, ends_us
from trueline_rules.routing_model import Range, TimeInterval

MINUTE = 60_000_000
BERLIN = "Europe/Berlin"


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> int:
    """An instant as wall clocks show it."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(local.timestamp()) * 1_000_000


def shown(at_us: int | None) -> str:
    """An instant as people read it."""
    return "never" if at_us is None else datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        (TimeInterval(times=((540, 1020),)), ["2026-03-02 09:00", "2026-03-02 16:59"], ["2026-03-02 17:00"]),
        (TimeInterval(times=((1380, 1440), (0, 60))), ["2026-03-02 23:59", "2026-03-02 00:00"], ["2026-03-02 01:00"]),
        (TimeInterval(weekdays=((0, 4),)), ["2026-03-06 12:00"], ["2026-03-07 12:00", "2026-03-08 12:00"]),
        (TimeInterval(weekdays=((5, 0),)), ["2026-03-07 12:00", "2026-03-09 12:00"], ["2026-03-10 12:00"]),
        (TimeInterval(days_of_month=((1, 5),)), ["2026-02-05 00:00"], ["2026-02-06 00:00"]),
        (TimeInterval(days_of_month=((-1, -1),)), ["2026-02-28 00:00", "2028-02-29 00:00"], ["2028-02-28 00:00"]),
        (TimeInterval(days_of_month=((-3, -1),)), ["2026-04-28 00:00"], ["2026-04-27 00:00"]),
        (TimeInterval(days_of_month=((20, -1),)), ["2026-02-28 00:00", "2026-04-30 00:00"], ["2026-04-19 00:00"]),
        (TimeInterval(days_of_month=((31, 31),)), ["2026-01-31 00:00"], ["2026-02-28 00:00", "2026-04-30 00:00"]),
        (TimeInterval(days_of_month=((-31, -30),)), ["2026-01-02 00:00", "2026-04-01 00:00"], ["2026-02-01 00:00"]),
        (TimeInterval(months=((11, 2),)), ["2026-11-01 00:00", "2026-02-28 00:00"], ["2026-03-01 00:00"]),
        (TimeInterval(years=((2026, 2027),)), ["2027-12-31 23:59"], ["2028-01-01 00:00"]),
        (TimeInterval(times=((0, 60),), weekdays=((0, 0),)), ["2026-03-02 00:30"], ["2026-03-03 00:30"]),
        (TimeInterval(times=((540, 600),), location=BERLIN), ["2026-07-01 07:00"], ["2026-07-01 09:00"]),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_in_an_interval(interval: TimeInterval, inside: list[str], outside: list[str]) -> None:
    """All parts that are given must hold, of each part any range; starts belong to it and ends do not."""
    assert [text for text in inside if not covers((interval,), at(text))] == []
    assert [text for text in outside if covers((interval,), at(text))] == []


def test_an_hour_that_comes_twice_is_in_it_twice() -> None:
    """On the last Sunday of October 02:30 comes twice in Berlin, and an interval around it goes on through both."""
    interval = (TimeInterval(times=((120, 180),), location=BERLIN),)

    begun = begins_us(interval, at("2026-10-25 00:00", BERLIN))
    assert begun == at("2026-10-25 02:00", BERLIN, fold=0)
    assert ends_us(interval, begun) == at("2026-10-25 03:00", BERLIN) == begun + 120 * MINUTE


def test_part_of_an_hour_that_comes_twice_ends_with_the_leap() -> None:
    """From 02:30 to 03:00 in Berlin comes twice, with half an hour between."""
    interval = (TimeInterval(times=((150, 180),), location=BERLIN),)

    first = begins_us(interval, at("2026-10-25 00:00", BERLIN))
    assert shown(first) == "2026-10-25 00:30"
    assert shown(ends_us(interval, first or 0)) == "2026-10-25 01:00"
    assert shown(begins_us(interval, at("2026-10-25 01:00"))) == "2026-10-25 01:30"


def test_an_hour_that_clocks_skip_does_not_come() -> None:
    """On the last Sunday of March there is no 02:30 in Berlin; the interval comes on the day after."""
    interval = (TimeInterval(times=((120, 180),), location=BERLIN),)

    assert shown(begins_us(interval, at("2026-03-29 00:00", BERLIN))) == "2026-03-30 00:00"


def test_what_never_ends_or_begins_says_so() -> None:
    """All the year round there is no end, and what is more than 400 days away is not looked for."""
    assert ends_us((TimeInterval(months=((1, 12),)),), at("2026-03-29 00:00")) is None
    assert begins_us((TimeInterval(years=((2040, 2040),)),), at("2026-03-29 00:00")) is None
    assert begins_us((), 0) is None


def test_neighbours_end_together() -> None:
    """The evening and the night after it are one span of time."""
    evening, night = TimeInterval(times=((1200, 1440),)), TimeInterval(times=((0, 360),))
    assert shown(ends_us((evening, night), at("2026-03-02 21:00"))) == "2026-03-03 06:00"


ranges = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda span: span[0] < span[1])


def some(strategy: st.SearchStrategy[Range]) -> st.SearchStrategy[tuple[Range, ...]]:
    """Nothing, or a few ranges."""
    return st.lists(strategy, max_size=2).map(tuple)


intervals = st.builds(
    TimeInterval,
    times=some(ranges),
    weekdays=some(st.tuples(st.integers(0, 6), st.integers(0, 6))),
    days_of_month=some(st.sampled_from([(1, 15), (-5, -1), (25, 29), (28, 28)])),
    location=st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)


@settings(max_examples=80, deadline=None)
@given(
    chosen=st.lists(intervals, min_size=1, max_size=2),
    day=st.sampled_from(["2026-03-28", "2026-10-24", "2026-03-07", "2026-04-04", "2026-10-03", "2026-06-27"]),
    minutes=st.integers(0, 2880),
)
def test_begin_and_end_are_what_looking_at_each_minute_finds(
    chosen: list[TimeInterval], day: str, minutes: int
) -> None:
    """Around every leap of a clock the next beginning and end are the first minutes at which it is so."""
    now = at(f"{day} 00:00") + minutes * MINUTE
    later = range(now, now + 2000 * MINUTE, MINUTE)
    for wanted, found in ((True, begins_us(chosen, now)), (False, ends_us(chosen, now))):
        first = next((minute for minute in later if covers(chosen, minute) is wanted), None)
        if first is not None:
            assert found == first
        else:
            assert found is None or found >= later.stop
