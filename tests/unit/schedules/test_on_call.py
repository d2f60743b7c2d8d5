"""Who is on call: shifts in turn, layers over layers, overrides, gaps, and nights in which the clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.model import Metadata
from trueline_rules.routing_model import TimeInterval
from trueline_rules.schedule_model import Layer, OnCallSchedule, Override, Rotation, Unit
from trueline_rules.schedules.on_call import Shift, on_call, shifts

HOUR = 3_600_000_000
DAY = 24 * HOUR
ADA, BOB, CY = ("ada",), ("bob",), ("cy",)


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1_000_000


def _rotation(length: str, starts: str) -> Rotation:
    return Rotation(int(length[:-1]), Unit(length[-1]), datetime.fromisoformat(starts))


def _schedule(*layers: Layer, zone: str = "Europe/Berlin", overrides: tuple[Override, ...] = ()) -> OnCallSchedule:
    return OnCallSchedule(Metadata("ops"), zone, layers, overrides)


WEEKLY = Layer((ADA, BOB), _rotation("1w", "2026-03-02T09:00"))


@pytest.mark.parametrize(
    ("at", "people"),
    [
        ("2026-03-02T08:59:59+01:00", ()),
        ("2026-03-02T09:00+01:00", ADA),
        ("2026-03-09T08:59:59+01:00", ADA),
        ("2026-03-09T09:00+01:00", BOB),
        ("2026-03-16T09:00+01:00", ADA),
        ("2026-03-30T08:59:59+02:00", BOB),
        ("2026-03-30T09:00+02:00", ADA),
        ("2027-03-01T09:00+01:00", ADA),
    ],
)
def test_people_take_turns_by_the_wall_clock(at: str, people: tuple[str, ...]) -> None:
    """The handover is at nine in summer and in winter, and nobody is on call before the first one."""
    assert on_call(_schedule(WEEKLY), _at(at)) == people


def test_a_shift_can_have_several_people_and_last_for_ever() -> None:
    """Without a rotation the one shift is always on call."""
    assert on_call(_schedule(Layer((("ada", "bob"),))), 0) == ("ada", "bob")


@pytest.mark.parametrize(
    ("zone", "starts", "length", "spans"),
    [
        ("Europe/Berlin", "2026-03-28T08:00+01:00", "1d", [23, 24, 24]),
        ("Europe/Berlin", "2026-10-24T08:00+02:00", "1d", [25, 24, 24]),
        ("Europe/Berlin", "2026-03-28T20:00+01:00", "12h", [11, 12, 12]),
        ("Europe/Berlin", "2026-03-28T02:30+01:00", "1d", [23.5, 23.5, 24]),
        ("Europe/Berlin", "2026-10-24T02:30+02:00", "1d", [24, 25, 24]),
        ("Australia/Lord_Howe", "2026-04-04T01:45+11:00", "1d", [24, 24.5, 24]),
        ("America/Havana", "2026-03-07T00:00-05:00", "1d", [24, 23, 24]),
        ("Pacific/Apia", "2011-12-28T09:00-10:00", "1d", [24, 15, 9]),
        ("Asia/Kathmandu", "2028-02-28T00:00+05:45", "1d", [24, 24, 24]),
    ],
    ids=[
        "a day of 23 hours",
        "a day of 25 hours",
        "half days",
        "a handover that is skipped",
        "a handover that comes twice",
        "half an hour",
        "midnight that is skipped",
        "a day that is skipped",
        "a leap day",
    ],
)
def test_handovers_where_the_clocks_change(zone: str, starts: str, length: str, spans: list[float]) -> None:
    """Each handover comes once: a skipped one as the clocks leap, one that comes twice at the first time."""
    schedule = _schedule(Layer((ADA, BOB, CY), _rotation(length, starts[:16])), zone=zone)
    first = _at(starts)
    assert on_call(schedule, first - 1) == ()
    found = shifts(schedule, first, first + sum(int(span * HOUR) for span in spans))
    assert [(shift.people, (shift.until_us - shift.from_us) / HOUR) for shift in found] == list(
        zip((ADA, BOB, CY), spans, strict=True)
    )


NIGHTS = Layer((CY,), only=(TimeInterval(times=((0, 480), (1080, 1440)), location="Europe/Berlin"),))


def test_a_later_layer_wins_while_somebody_of_it_is_on_call() -> None:
    """At night cy is called, in the day those below."""
    schedule = _schedule(WEEKLY, NIGHTS)
    assert on_call(schedule, _at("2026-03-02T12:00+01:00")) == ADA
    assert on_call(schedule, _at("2026-03-02T18:00+01:00")) == CY
    assert on_call(schedule, _at("2026-03-02T23:59:59+01:00")) == CY
    assert on_call(schedule, _at("2026-03-03T08:00+01:00")) == ADA


def test_an_override_stands_in_for_whoever_would_be_on_call() -> None:
    """It wins over all layers, from its beginning up to its end, also where nobody is on call."""
    start, end = _at("2026-03-02T17:00+01:00"), _at("2026-03-02T19:00+01:00")
    schedule = _schedule(WEEKLY, NIGHTS, overrides=(Override("dee", start, end),))
    assert [on_call(schedule, at) for at in (start - 1, start, end - 1, end)] == [ADA, ("dee",), ("dee",), CY]


def test_the_shifts_of_a_day_are_told_with_their_gaps() -> None:
    """Who is on call from when to when, cut at both ends; () where nobody is."""
    only = Layer((ADA,), only=(TimeInterval(times=((540, 1020),), weekdays=((0, 4),), location="Europe/Berlin"),))
    start = _at("2026-03-06T10:00+01:00")
    override = Override("dee", _at("2026-03-06T16:00+01:00"), _at("2026-03-06T18:00+01:00"))
    assert shifts(_schedule(only, overrides=(override,)), start, start + 4 * DAY) == (
        Shift(start, override.from_us, ADA),
        Shift(override.from_us, override.until_us, ("dee",)),
        Shift(override.until_us, _at("2026-03-09T09:00+01:00"), ()),
        Shift(_at("2026-03-09T09:00+01:00"), _at("2026-03-09T17:00+01:00"), ADA),
        Shift(_at("2026-03-09T17:00+01:00"), _at("2026-03-10T09:00+01:00"), ()),
        Shift(_at("2026-03-10T09:00+01:00"), start + 4 * DAY, ADA),
    )


def test_shifts_are_told_for_400_days_at_most() -> None:
    """A question without an end is refused."""
    with pytest.raises(ValueError, match="400 days"):
        shifts(_schedule(WEEKLY), 0, 401 * DAY)


zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe", "Pacific/Apia"]
)
rotations = st.builds(
    Rotation,
    st.integers(1, 30),
    st.sampled_from(Unit),
    st.integers(0, 10**6).map(lambda minutes: datetime.fromisoformat("2010-01-01") + timedelta(minutes=minutes)),
)
layers = st.builds(
    Layer,
    st.lists(st.sampled_from([ADA, BOB, CY, ("dee", "eve")]), min_size=1, max_size=4).map(tuple),
    rotations,
    st.just(()) | st.just((TimeInterval(times=((120, 600),), location="America/New_York"),)),
)
instants = st.integers(1_300_000_000, 1_800_000_000).map(lambda second: second * 1_000_000)


@settings(deadline=None)
@given(st.lists(layers, min_size=1, max_size=3), zones, instants, st.integers(1, 20 * DAY), st.data())
def test_shifts_and_instants_agree(found: list[Layer], zone: str, start: int, span: int, data: st.DataObject) -> None:
    """The shifts of a span cover it without a hole, neighbours differ, and at each instant they say who is on call."""
    schedule = _schedule(*found, zone=zone)
    told = shifts(schedule, start, start + span)
    assert (told[0].from_us, told[-1].until_us) == (start, start + span)
    for before, after in pairwise(told):
        assert before.until_us == after.from_us
        assert before.people != after.people
    at = data.draw(st.integers(start, start + span - 1))
    assert next(shift.people for shift in told if shift.from_us <= at < shift.until_us) == on_call(schedule, at)
