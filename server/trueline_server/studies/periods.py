"""Which period comes before another, and the last complete week, month or quarter; all by the calendar of UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from trueline_rules.study_model import Previous

from trueline_server.studies.model import Period

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_MONTHS = {"month": 1, "quarter": 3}
_LEAP_DAY = 29


def previous_period(period: Period, previous: Previous) -> Period:
    """The period that another is compared with.

    Whole months have as many months before them (of the first quarter the last one of the year before), all other
    periods as much time; a year before, months and days stay, and 29 February is the 28th.
    """
    start, end = _time(period.start_us), _time(period.end_us)
    if previous is Previous.YEAR:
        return Period(_us(_year_before(start)), _us(_year_before(end)))
    months = _months(end) - _months(start)
    if months > 0 and _begins_month(start) and _begins_month(end):
        return Period(_us(_month(_months(start) - months)), period.start_us)
    return Period(2 * period.start_us - period.end_us, period.start_us)


def last_complete(unit: str, at_us: int) -> Period:
    """The last week (from Monday), month or quarter that was over at an instant."""
    day = _time(at_us).replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        end = day - timedelta(days=day.weekday())
        return Period(_us(end - timedelta(days=7)), _us(end))
    size = _MONTHS[unit]
    end_month = _months(day) // size * size
    return Period(_us(_month(end_month - size)), _us(_month(end_month)))


def day_of(us: int) -> str:
    """An instant for people: the day, and the time where it is not midnight."""
    at = _time(us)
    return at.strftime("%Y-%m-%d" if (at.hour, at.minute, at.second) == (0, 0, 0) else "%Y-%m-%d %H:%M")


def _time(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _us(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _months(at: datetime) -> int:
    return at.year * 12 + at.month - 1


def _month(number: int) -> datetime:
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def _begins_month(at: datetime) -> bool:
    return at == _month(_months(at))


def _year_before(at: datetime) -> datetime:
    leap = at.month == 2 and at.day == _LEAP_DAY
    return at.replace(year=at.year - 1, day=28 if leap else at.day)
