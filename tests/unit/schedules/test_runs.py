"""When schedules run: cron expressions in time zones, jitter, and the runs that were missed."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.local_time import wall_clock, zone_of
from trueline_rules.model import Metadata
from trueline_rules.schedule_model import Missed, Run, Schedule
from trueline_rules.schedules.cron import instants_after, written_out, wrong_cron
from trueline_rules.schedules.runs import GRACE_US, MOST_COUNTED, MOST_MADE_UP, due_runs, jitter_of, next_due

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
YEAR = 365 * DAY


def _at(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) * 1_000_000


def _schedule(cron: str, zone: str = "UTC", jitter: int = 0, missed: Missed = Missed.RUN_ONCE) -> Schedule:
    return Schedule(Metadata("nightly"), written_out(cron), zone, jitter, missed, Run("backtest", ("churn_rate_high",)))


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00Z", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00Z", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T02:10+01:00", ["2026-10-26T02:30+01:00"]),
        ("Europe/Berlin", "0 * * * *", "2026-03-29T00:30Z", ["2026-03-29T01:00Z", "2026-03-29T02:00Z"]),
        ("Europe/Berlin", "0 * * * *", "2026-10-25T00:30Z", ["2026-10-25T01:00Z", "2026-10-25T02:00Z"]),
        ("America/Havana", "@daily", "2026-03-07T12:00-05:00", ["2026-03-08T01:00-04:00", "2026-03-09T00:00-04:00"]),
        ("America/Havana", "@daily", "2026-10-31T12:00-04:00", ["2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00"]),
        ("Africa/Cairo", "@daily", "2026-04-23T12:00+02:00", ["2026-04-24T01:00+03:00", "2026-04-25T00:00+03:00"]),
        ("Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00Z", ["2026-10-04T02:30+11:00"]),
        ("Pacific/Apia", "0 9 * * *", "2011-12-29T10:00-10:00", ["2011-12-31T00:00+14:00", "2011-12-31T09:00+14:00"]),
        ("UTC", "0 0 29 2 *", "2026-01-01T00:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]),
        ("UTC", "0 6 * * MON-FRI", "2026-03-06T06:00Z", ["2026-03-09T06:00Z", "2026-03-10T06:00Z"]),
        ("UTC", "0 0 L * *", "2028-02-01T00:00Z", ["2028-02-29T00:00Z", "2028-03-31T00:00Z"]),
        ("Asia/Kathmandu", "0 9 13 * FRI", "2026-03-01T00:00Z", ["2026-03-06T09:00+05:45", "2026-03-13T09:00+05:45"]),
    ],
    ids=[
        "a skipped time runs as the clocks leap",
        "a repeated time runs once",
        "not again in the second passing",
        "hourly over a skipped hour",
        "hourly over a repeated hour",
        "skipped midnight",
        "repeated midnight",
        "skipped midnight in Cairo",
        "half an hour",
        "a skipped day",
        "leap days",
        "over a weekend",
        "the last day of a month",
        "either day",
    ],
)
def test_instants_of_an_expression(zone: str, cron: str, after: str, expected: list[str]) -> None:
    """As Debian's cron has it: each day's run comes once a day, hourly runs come by elapsed time."""
    found = list(islice(instants_after(written_out(cron), zone, _at(after)), len(expected)))
    assert found == [_at(instant) for instant in expected]


def test_a_minute_of_steps_in_a_skipped_hour_is_left_out() -> None:
    """With '*' in the minutes a job runs by the wall clock only, as in Debian's cron; docs/rules.md says so."""
    (found,) = islice(instants_after("*/30 2 * * *", "Europe/Berlin", _at("2026-03-28T12:00Z")), 1)
    assert found == _at("2026-03-30T02:00+02:00")


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("0 6 * *", "must have five fields (minute hour day month weekday) or be a name such as @daily, has 4"),
        ("0 0 6 * * *", "has 6; there is no field for seconds"),
        ("@dayly", "is '@dayly', which is no name of an interval; did you mean '@daily'?"),
        ("@reboot", "which is no name of an interval; known: @annually"),
        ("61 * * * *", "has the minute '61', which is not within 0-59"),
        ("0 24 * * *", "has the hour '24', which is not within 0-23"),
        ("0 0 0 * *", "has the day of the month '0', which is not within 1-31"),
        ("0 0 * FEV *", "has the month 'FEV', which is not within 1-12 or JAN-DEC"),
        ("0 0 * * FUN", "has the day of the week 'FUN', which is not within 0-7 or SUN-SAT"),
        ("0 22-2 * * *", "has the hour '22-2'"),
        ("0 0 30 2 *", "is '0 0 30 2 *', a day that no year has"),
        ("*/0 * * * *", "has the minute '*/0'"),
        ("٣ * * * *", "has the minute"),
    ],
)
def test_a_mistake_in_an_expression_is_named(written: str, wrong: str) -> None:
    """Which field, what it holds and what it may hold."""
    assert wrong in str(wrong_cron(written))


def test_expressions_that_are_right() -> None:
    """Names, steps, lists, the last day, the n-th weekday, and names of intervals in any case."""
    for written in (
        "@Daily",
        "*/15 * * * *",
        "0 6 * jan-mar mon,wed",
        "0 0 L * *",
        "0 0 * * 5#2",
        "0 0 29 2 *",
        "0 0 * * 7",
    ):
        assert wrong_cron(written) is None, written
    assert written_out(" @weekly ") == "0 0 * * 0"


def test_jitter_is_the_same_for_each_run_and_differs_by_tenant() -> None:
    """Runs are later by a fixed time below the jitter, so none overtakes another, however large it is."""
    schedule = _schedule("*/5 * * * *", jitter=HOUR)
    assert len({jitter_of(schedule, str(tenant)) for tenant in range(100)}) > 90
    first = next_due(schedule, 0, "a")
    second = next_due(schedule, first.nominal_us, "a")
    assert first.at_us - first.nominal_us == second.at_us - second.nominal_us == jitter_of(schedule, "a")
    assert all(0 <= jitter_of(schedule, str(tenant)) < HOUR for tenant in range(100))
    assert jitter_of(_schedule("@daily")) == 0


START = _at("2026-03-02T00:00Z")


@pytest.mark.parametrize(
    ("missed", "made", "skipped"),
    [(Missed.SKIP, [], 5), (Missed.RUN_ONCE, [5], 4), (Missed.RUN_ALL, [1, 2, 3, 4, 5], 0)],
    ids=str,
)
def test_missed_runs(missed: Missed, made: list[int], skipped: int) -> None:
    """After an outage of five hours: none, the last one or all are made up for; nothing is due twice."""
    schedule = _schedule("@hourly", missed=missed)
    found = due_runs(schedule, START, START + 5 * HOUR + 10 * MINUTE)
    assert [(run.nominal_us - START) // HOUR for run in found.runs] == made
    assert (found.skipped, found.last_us) == (skipped, START + 5 * HOUR)
    assert due_runs(schedule, found.last_us, START + 5 * HOUR + 20 * MINUTE).runs == ()


@pytest.mark.parametrize("missed", Missed)
def test_a_run_that_is_a_little_late_is_not_missed(missed: Missed) -> None:
    """A busy scheduler loses no run; beside one in time, `run_once` does not make up for those before it."""
    schedule = _schedule("@hourly", missed=missed)
    found = due_runs(schedule, START, START + 3 * HOUR + GRACE_US)
    assert found.runs[-1].nominal_us == START + 3 * HOUR
    assert len(found.runs) == (3 if missed is Missed.RUN_ALL else 1)


def test_years_of_outage_are_bounded() -> None:
    """A job that runs each minute makes up for a hundred runs, and counts up to a thousand."""
    found = due_runs(_schedule("* * * * *", missed=Missed.RUN_ALL), START - 20 * YEAR, START + 30_000_000)
    assert len(found.runs) == MOST_MADE_UP + 1
    assert found.runs[-1].nominal_us == START
    assert found.skipped == MOST_COUNTED - MOST_MADE_UP - 1
    yearly = due_runs(_schedule("0 0 1 1 *", missed=Missed.RUN_ALL), START - 20 * YEAR, START)
    assert len(yearly.runs) == 20


def test_a_clock_set_back_does_not_stop_a_schedule() -> None:
    """What was settled in a year that the clock has left is no reason to wait for that year."""
    schedule = _schedule("@hourly")
    found = due_runs(schedule, START + YEAR, START)
    assert (found.runs, found.last_us) == ((), START)
    assert due_runs(schedule, START + 1, START) == due_runs(schedule, START + 1, START + 1)


crons = st.sampled_from(
    [
        "@daily",
        "30 2 * * *",
        "*/10 * * * *",
        "0 */6 * * *",
        "15,45 0-3 * * *",
        "0 0 29 2 *",
        "30 1 * * SUN",
        "5 4 1 */2 *",
    ]
)
zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/Havana", "Africa/Cairo", "Africa/Casablanca", "Australia/Lord_Howe"]
)
instants = st.integers(1_300_000_000, 1_800_000_000).map(lambda second: second * 1_000_000)


@settings(deadline=None)
@given(crons, zones, instants)
def test_instants_ascend_and_do_not_depend_on_where_one_looks_from(cron: str, zone: str, after: int) -> None:
    """The next run after a run is the one that was after it before: a restart changes nothing."""
    found = list(islice(instants_after(written_out(cron), zone, after), 6))
    assert all(first < second for first, second in pairwise([after, *found]))
    for place, at_us in enumerate(found[:-1]):
        assert next(instants_after(written_out(cron), zone, at_us)) == found[place + 1]
        assert next(instants_after(written_out(cron), zone, at_us - 1)) == at_us


@settings(deadline=None)
@given(zones, st.integers(0, 23), st.integers(0, 59), instants)
def test_a_daily_run_comes_once_a_day(zone: str, hour: int, minute: int, after: int) -> None:
    """On each day of the calendar once, at its time, or as the clocks leap over it."""
    found = list(islice(instants_after(f"{minute} {hour} * * *", zone, after), 40))
    local = [wall_clock(at_us, zone_of(zone)) for at_us in found]
    assert all(second.date() - first.date() == timedelta(days=1) for first, second in pairwise(local))
    off = [clock for clock in local if (clock.hour, clock.minute) != (hour, minute)]
    assert len(off) <= 1
    assert all(timedelta() < clock - clock.replace(hour=hour, minute=minute) <= timedelta(hours=1) for clock in off)


@settings(deadline=None)
@given(
    crons, zones, st.sampled_from(Missed), st.integers(0, HOUR), st.lists(st.integers(1, DAY), max_size=20), instants
)
def test_no_run_is_due_twice_and_each_is_accounted_for(  # noqa: PLR0917
    cron: str, zone: str, missed: Missed, jitter: int, pauses: list[int], start: int
) -> None:
    """However often one looks, each run is made once or skipped, in order, never early."""
    schedule, now, last = _schedule(cron, zone, jitter, missed), start, start
    made, skipped = [], 0
    for pause in pauses:
        now += pause
        found = due_runs(schedule, last, now)
        assert all(run.at_us <= now for run in found.runs)
        made += [run.nominal_us for run in found.runs]
        skipped, last = skipped + found.skipped, found.last_us
    all_of_them = []
    for at_us in instants_after(schedule.cron, zone, start):
        if at_us + jitter_of(schedule) > now:
            break
        all_of_them.append(at_us)
    assert made == sorted(set(made))
    assert set(made) <= set(all_of_them)
    assert len(made) + skipped == len(all_of_them)
