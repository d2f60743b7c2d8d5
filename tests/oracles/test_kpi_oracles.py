"""The KPIs of the default pack over the real streams, compared with every row of their oracles."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pytest
from trueline_stores.event_schema import AMOUNT, INSTANT
from trueline_stores.warehouse.answers import Answer
from trueline_stores.warehouse.client import Warehouse

from tests.integration.kpis.tenants import PackKpis, insert_columns, microseconds, roles, us

pytestmark = pytest.mark.oracle

RETAIL = "events/online-retail"
DATASETS = ("orders", "small", "full")
# The oracles anchor retention at a user's first event of any name, and activation at the first order.
FIRST_EVENT = roles(signup=("*", 1), payment="order_placed", refund="order_cancelled")
FIRST_ORDER = roles(signup=("order_placed", 1), activation=("order_placed", 2))

Oracle = Callable[[str], list[dict[str, str]]]


@pytest.fixture(scope="module", params=DATASETS)
def dataset(request: pytest.FixtureRequest, data_dir: Path, warehouse: Warehouse) -> str:
    """One of the retail streams, whole, as a tenant of its name."""
    name = str(request.param)
    fields = [("id", pa.string()), ("name", pa.string()), ("occurred_at", INSTANT), ("user_id", pa.string())]
    options = pyarrow.json.ParseOptions(
        explicit_schema=pa.schema([*fields, ("value", pa.float64()), ("currency", pa.string())]),
        unexpected_field_behavior="ignore",
    )
    with gzip.open(data_dir / RETAIL / f"{name}.jsonl.gz") as lines:
        events = pyarrow.json.read_json(pa.py_buffer(lines.read()), parse_options=options)
    # Pence: two digits after the point are all there are.
    value = events["value"].cast(pa.decimal128(38, 2)).cast(AMOUNT)
    insert_columns(
        warehouse,
        f"oracle-{name}",
        {
            **{column: events[column] for column, _ in fields},
            "accepted_at": events["occurred_at"],
            "value": value,
            "currency": pc.fill_null(events["currency"], ""),
        },
    )
    return name


@pytest.fixture
def oracle(dataset: str, data_dir: Path) -> Oracle:
    """Reads an oracle file of the dataset."""
    return lambda name: read_rows(data_dir / RETAIL / "oracles" / dataset / f"{name}.csv")


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def data_end_us(oracle: Oracle) -> int:
    """The time of the last event."""
    return microseconds(datetime.fromisoformat(oracle("summary")[0]["last"]))


def midnight_us(day: date) -> int:
    """The start of a day."""
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=UTC))


def week(text: str) -> dict[str, str]:
    """The parameters of a weekly cohort, or of all."""
    if text == "ALL":
        return {}
    return {"cohort_from": text, "cohort_to": str(date.fromisoformat(text) + timedelta(days=7))}


def month_start(text: str, ahead: int) -> int:
    """The start of the month so many months after "2011-04"."""
    months = int(text[:4]) * 12 + int(text[5:7]) - 1 + ahead
    return midnight_us(date(months // 12, months % 12 + 1, 1))


def told(answer: Answer, digits: int = 6) -> str:
    """A value as the oracles write it."""
    return "" if answer.value is None else str(round(answer.value, digits))


def test_retention_equals_every_cohort_of_the_oracle(warehouse: Warehouse, dataset: str, oracle: Oracle) -> None:
    """Both bases, exact and on or after, for all users and each weekly cohort: active, eligible and rate are equal."""
    kpis = PackKpis(warehouse, f"oracle-{dataset}", FIRST_EVENT)
    end = data_end_us(oracle)
    rows = oracle("retention_weekly_cohorts")
    assert len(rows) > 250
    for row in rows:
        assert row["anchor"] == "first_event"
        for mode in ("exact", "on_or_after"):
            answer = kpis.answer(
                "d7_retention", end, n=int(row["n"]), mode=mode, basis=row["basis"], **week(row["cohort_week"])
            )
            found = (answer.numerator, answer.denominator, told(answer))
            rate = row[f"{mode}_rate"]
            assert found == (int(row[f"{mode}_active"]), int(row["eligible"]), rate and str(float(rate))), (row, mode)


def test_growth_equals_every_month_of_the_oracle(warehouse: Warehouse, dataset: str, oracle: Oracle) -> None:
    """Net and gross revenue and active users; the last month is not over, has the oracle's number and is partial."""
    kpis = PackKpis(warehouse, f"oracle-{dataset}", FIRST_EVENT)
    end = data_end_us(oracle)
    rows = oracle("growth_monthly")
    measures = {"net_revenue": "net", "gross_revenue": "gross", "active_users": "active"}
    partial = []
    for row in rows:
        over = month_start(row["month"], 1) <= end
        at, period = (month_start(row["month"], 1), "complete") if over else (end, "current")
        for measure, column in measures.items():
            answer = kpis.answer("growth_mom", at, measure=measure, period=period)
            growth = row[f"{column}_growth"]
            assert told(answer) == (growth and str(float(growth))), (row, measure)
            total = row["active_users"] if column == "active" else row[column]
            assert answer.numerator == float(total), (row, measure)
            assert answer.period_start_us == month_start(row["month"], 0)
            assert bool(answer.missing) == (not growth)
        assert answer.period_end_us is not None
        partial.append(answer.period_end_us > at)
    assert partial == [False] * (len(rows) - 1) + [True]


def test_churn_equals_every_month_of_the_oracle(warehouse: Warehouse, dataset: str, oracle: Oracle) -> None:
    """The churn of the last month but one is judged by a month that is not over, and is partial."""
    kpis = PackKpis(warehouse, f"oracle-{dataset}", FIRST_EVENT)
    end = data_end_us(oracle)
    rows = oracle("churn_monthly")
    partial = []
    for row in rows:
        over = month_start(row["month"], 2) <= end
        at, period = (month_start(row["month"], 2), "complete") if over else (end, "current")
        answer = kpis.answer("churn_rate", at, period=period)
        found = (answer.numerator, answer.denominator, told(answer))
        assert found == (int(row["churned"]), int(row["active"]), str(float(row["churn_rate"]))), row
        assert answer.period_start_us == month_start(row["month"], 0)
        assert answer.period_end_us is not None
        partial.append(answer.period_end_us > at)
    assert partial == [False] * (len(rows) - 1) + [True]


def test_activation_equals_every_cohort_of_the_oracle(warehouse: Warehouse, dataset: str, oracle: Oracle) -> None:
    """Signup = first order, activation = second order within 30 days, for all users and each weekly cohort."""
    kpis = PackKpis(warehouse, f"oracle-{dataset}", FIRST_ORDER)
    end = data_end_us(oracle)
    for row in oracle("activation"):
        answer = kpis.answer("signup_to_activation", end, within_days=30, **week(row["first_order_week"]))
        rate = row["activation_rate_30d"]
        found = (answer.numerator, answer.denominator, told(answer))
        assert found == (int(row["second_order_30d"]), int(row["matured"]), rate and str(float(rate))), row


def test_saas_retention_equals_every_cohort_of_the_oracle(data_dir: Path, warehouse: Warehouse) -> None:
    """Activity = login, anchor = signup, monthly cohorts: on day N, within the week from day N on, on or after it."""
    with gzip.open(data_dir / "events/saas/events_saas_simulated.csv.gz") as lines:
        events = pyarrow.csv.read_csv(pa.py_buffer(lines.read()))
    at = events["timestamp"].cast(INSTANT)
    insert_columns(
        warehouse,
        "oracle-saas",
        {
            "id": events["event_id"],
            "name": events["event_name"],
            "occurred_at": at,
            "accepted_at": at,
            "user_id": events["user_id"],
        },
    )
    end = microseconds(pc.max(at).as_py())
    kpis = PackKpis(warehouse, "oracle-saas", roles(signup="signup", activity="login"))
    rows = read_rows(data_dir / "events/saas/oracle_saas_retention.csv")
    columns = {"exact_day_N": ("exact", 1), "day_N_to_N_plus_6": ("exact", 7), "on_or_after_N": ("on_or_after", 1)}
    for row in rows:
        month = row["signup_month"]
        cohort = {}
        if month != "all":
            starts = [datetime.fromtimestamp(month_start(month, ahead) / 1e6, UTC).date() for ahead in (0, 1)]
            cohort = {"cohort_from": str(starts[0]), "cohort_to": str(starts[1])}
        for column, (mode, width) in columns.items():
            answer = kpis.answer("d30_retention", end, n=int(row["N"]), mode=mode, width_days=width, **cohort)
            assert (answer.numerator, answer.denominator) == (int(row[column]), int(row["cohort"])), (row, column)
    assert len(rows) == 33
    assert kpis.answer("d7_retention", us("2024-01-01")).missing == "nobody who signed up has come to day 7 yet"
