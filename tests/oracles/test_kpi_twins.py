"""Twins of the oracle tests: the same comparisons over a small stream whose numbers plain Python computes here."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta

import pytest
from trueline_stores.warehouse.client import Warehouse

from tests.integration.kpis.tenants import Happened, PackKpis, insert_happened, microseconds, roles, us
from tests.oracles import plain_kpis
from tests.oracles.plain_kpis import Row

TENANT = "kpi-twin"
ROWS = plain_kpis.draw_stream(7)
END_US = microseconds(ROWS[-1].at)
WEEKS = [None, *sorted({(t0 - timedelta(days=t0.weekday())).date() for t0 in plain_kpis.first_events(ROWS).values()})]
FIRST_EVENT = roles(signup=("*", 1), payment="order", refund="cancel")
FIRST_ORDER = roles(signup=("order", 1), activation=("order", 2))


@pytest.fixture(scope="module", autouse=True)
def stream(warehouse: Warehouse) -> None:
    """The stream in the warehouse."""
    events = [
        Happened(
            row.at.replace(tzinfo=None).isoformat(), row.name, row.user, None if row.value is None else str(row.value)
        )
        for row in ROWS
    ]
    insert_happened(warehouse, TENANT, events)


def cohort(week: date | None) -> dict[str, str]:
    """The parameters of a weekly cohort."""
    return {} if week is None else {"cohort_from": str(week), "cohort_to": str(week + timedelta(days=7))}


def next_month_us(month: str) -> int:
    """The end of a month."""
    start = datetime.fromisoformat(f"{month}-01")
    return us((start + timedelta(days=32)).replace(day=1).isoformat())


@pytest.mark.parametrize("mode", ["exact", "on_or_after"])
@pytest.mark.parametrize("basis", ["calendar_day", "elapsed_24h"])
def test_retention_equals_plain_python(warehouse: Warehouse, basis: str, mode: str) -> None:
    """Day 1, 7 and 30, for all users and each weekly cohort."""
    kpis = PackKpis(warehouse, TENANT, FIRST_EVENT)
    seen = set()
    for n, week in itertools.product([1, 7, 30], WEEKS):
        answer = kpis.answer("d7_retention", END_US, n=n, basis=basis, mode=mode, **cohort(week))
        expected = plain_kpis.retention(ROWS, n=n, basis=basis, mode=mode, week=week)
        assert (answer.numerator, answer.denominator) == expected, (n, week)
        assert answer.value == (expected[0] / expected[1] if expected[1] else None)
        seen.add(expected)
    assert len(seen) > 10


def test_retention_by_logins_equals_plain_python(warehouse: Warehouse) -> None:
    """Activity may be one event name, and a day a whole week from day N on."""
    kpis = PackKpis(warehouse, TENANT, roles(signup=("*", 1), activity="login"))
    for n, width in itertools.product([1, 7, 14], [1, 7]):
        answer = kpis.answer("d7_retention", END_US, n=n, width_days=width)
        expected = plain_kpis.retention(
            ROWS, n=n, basis="calendar_day", mode="exact", week=None, activity="login", width=width
        )
        assert (answer.numerator, answer.denominator) == expected, (n, width)


@pytest.mark.parametrize("measure", ["net_revenue", "gross_revenue", "active_users"])
def test_growth_equals_plain_python(warehouse: Warehouse, measure: str) -> None:
    """Each month over the one before; the last month is not over and is judged as the current one."""
    kpis = PackKpis(warehouse, TENANT, FIRST_EVENT)
    totals = plain_kpis.totals(ROWS)
    for before, month in itertools.pairwise([None, *totals]):
        over = next_month_us(month) <= END_US
        at = next_month_us(month) if over else END_US
        answer = kpis.answer("growth_mom", at, measure=measure, period="complete" if over else "current")
        assert answer.numerator == float(totals[month][measure])
        assert answer.period_end_us == next_month_us(month)
        if before is None:
            assert answer.value is None
            assert "2023-12" in answer.missing
        else:
            assert answer.value == pytest.approx(float(totals[month][measure] / totals[before][measure] - 1), rel=1e-12)
    assert len(totals) == 5


def test_churn_equals_plain_python(warehouse: Warehouse) -> None:
    """Each month with the one after it."""
    kpis = PackKpis(warehouse, TENANT, FIRST_EVENT)
    churn = plain_kpis.churn(ROWS)
    for month, after in itertools.pairwise(plain_kpis.months(ROWS)):
        over = next_month_us(after) <= END_US
        at = next_month_us(after) if over else END_US
        answer = kpis.answer("churn_rate", at, period="complete" if over else "current")
        assert (answer.numerator, answer.denominator) == churn[month]
        assert answer.period_start_us == us(f"{month}-01")


def test_activation_equals_plain_python(warehouse: Warehouse) -> None:
    """Signup = first order, activation = second order, for all users and each weekly cohort."""
    kpis = PackKpis(warehouse, TENANT, FIRST_ORDER)
    for days, week in itertools.product([1, 7, 30], WEEKS):
        answer = kpis.answer("signup_to_activation", END_US, within_days=days, **cohort(week))
        expected = plain_kpis.activation(ROWS, days=days, week=week)
        assert (answer.numerator, answer.denominator) == expected, (days, week)


def test_the_stream_has_what_the_comparison_needs() -> None:
    """Ties of a user's events, several months, users of one event, and a stream that ends within a month."""
    by_user: dict[str, list[Row]] = {}
    for row in ROWS:
        by_user.setdefault(row.user, []).append(row)
    assert any(a.at == b.at for rows in by_user.values() for a, b in itertools.pairwise(rows))
    assert any(len(rows) == 1 for rows in by_user.values())
    assert len(plain_kpis.months(ROWS)) == 5
    assert ROWS[-1].at.day > 1
