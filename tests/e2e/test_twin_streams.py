"""A dirty stream through the real command line and server, against plain Python: the committed twin of the oracles."""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import Completeness, KpiValue, TruelineClient

from benchmarks.server_process import ServerProcess
from tests.e2e import twin as t
from tests.e2e.command_line import REASONS, Ingested, ingest
from tests.oracles import reading as r

RULES = Path(__file__).parent.parent / "oracles" / "rules"
DAY = timedelta(days=1)
MINUTES_5 = timedelta(minutes=5)
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Played:
    """The stream, a client of the server that it was played into, and what the command line answered."""

    twin: t.Twin
    client: TruelineClient
    ingested: Ingested

    @property
    def sales(self) -> list[t.Sale]:
        """The good events in the order of their arrival."""
        return self.twin.accepted


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The stream, ingested from a file and processed."""
    folder = tmp_path_factory.mktemp("twin")
    twin = t.make_twin(seed=20_240_103)
    file = folder / "twin.jsonl.gz"
    file.write_bytes(gzip.compress(("\n".join(twin.lines) + "\n").encode()))
    settings = {"TRUELINE_RULES": str(RULES), "TRUELINE_MAPPING": "online-retail-oracles"}
    with ServerProcess(folder, settings) as server, TruelineClient(server.address) as client:
        ingested = ingest(file, RULES / "online-retail.yaml", server.address, folder)
        client.status(min_position=client.status().accepted_position, timeout=120.0)
        yield Played(twin, client, ingested)


def _midnight(at: datetime) -> datetime:
    return t.start_of(at, DAY)


def _days(sales: list[t.Sale]) -> list[datetime]:
    """Every day from the first to the last event."""
    first = _midnight(min(sale.at for sale in sales))
    last = _midnight(max(sale.at for sale in sales))
    return [first + DAY * number for number in range((last - first).days + 1)]


def test_what_was_ingested(played: Played) -> None:
    """Each line is accepted, a duplicate or refused; the refused are told by line with a fitting reason."""
    refused = played.ingested.refused

    assert len(played.sales) == played.ingested.summary["accepted"] == played.client.status().events
    assert played.twin.duplicates == played.ingested.summary["duplicates"]
    assert played.twin.bad.keys() == refused.keys()
    misnamed = {kind: refused[line] for line, kind in played.twin.bad.items() if refused[line] not in REASONS[kind]}
    assert misnamed == {}
    assert set(played.twin.bad.values()) == set(REASONS)
    assert played.ingested.status == 1


def test_counts_by_name_and_day(played: Played) -> None:
    """Counts by day and event name."""
    expected = Counter((_midnight(sale.at), sale.name) for sale in played.sales)

    assert expected == r.counts_by_label(r.points(played.client, "events_daily_by_name"))


def test_distinct_users(played: Played) -> None:
    """Users by day, week and month, and by the 7 and 30 days up to each day."""
    days = _days(played.sales)
    ends = [day + DAY for day in days]

    assert t.distinct(played.sales, _midnight) == r.counts(r.points(played.client, "dau"))
    assert t.distinct(played.sales, t.monday) == r.counts(r.points(played.client, "wau"))
    assert t.distinct(played.sales, t.month) == r.counts(r.points(played.client, "mau"))
    for metric, length in (("wau_trailing", 7), ("mau_trailing", 30)):
        expected = t.sliding(played.sales, DAY * length, DAY, ends)
        found = r.points(played.client, metric, days[0], ends[-1], fill_empty=True)
        assert expected == r.counts_by_end(found)


def test_windows_of_minutes(played: Played) -> None:
    """On the busiest day: events of five minutes by name, users of an hour every five minutes."""
    day = max(_days(played.sales), key=lambda day: sum(_midnight(sale.at) == day for sale in played.sales))
    ends = [day + MINUTES_5 * number for number in range(1, 289)]
    tumbling = Counter(
        (t.start_of(sale.at, MINUTES_5), sale.name) for sale in played.sales if _midnight(sale.at) == day
    )

    assert tumbling == r.counts_by_label(r.points(played.client, "events_5m_by_name", day, day + DAY))
    users = r.points(played.client, "users_1h_5m", day, day + DAY, fill_empty=True)
    assert t.sliding(played.sales, HOUR, MINUTES_5, ends) == r.counts_by_end(users)


def test_active_at_instants(played: Played) -> None:
    """Users of the hour and of the day before a minute."""
    for sale in played.sales[::400]:
        end = t.start_of(sale.at, timedelta(minutes=1)) + timedelta(minutes=1)
        before = end - timedelta(minutes=1)
        for metric, length in (("active_1h", HOUR), ("active_24h", DAY)):
            expected = t.sliding(played.sales, length, timedelta(minutes=1), [end])
            assert expected == r.counts_by_end(r.points(played.client, metric, before, end, fill_empty=True))


def test_revenue(played: Played) -> None:
    """Money by day and by country: exact decimals."""
    metrics = {"gross": (t.ORDER,), "refunds": (t.CANCELLED,), "net": (t.ORDER, t.CANCELLED)}
    for metric, names in metrics.items():
        found = r.sums(r.points(played.client, f"{metric}_daily"))
        assert t.totals(played.sales, names) == {at.date(): total for at, total in found.items()}
    orders = [sale for sale in played.sales if sale.name == t.ORDER]
    assert Counter(_midnight(sale.at) for sale in orders) == r.counts(r.points(played.client, "payments_daily"))
    assert t.distinct(orders, _midnight) == r.counts(r.points(played.client, "payers_daily"))
    by_country: defaultdict[str, Decimal] = defaultdict(Decimal)
    for sale in orders:
        assert sale.value is not None
        by_country[sale.country] += sale.value
    found_by_country: defaultdict[str, Decimal] = defaultdict(Decimal)
    for point in r.points(played.client, "gross_by_country"):
        found_by_country[point.labels["properties.country"]] += Decimal(point.exact_value)
    assert by_country == found_by_country


def test_late_by_window(played: Played) -> None:
    """With no lateness allowed, a window lacks exactly what came after it was over; that is counted."""
    left = t.kept(played.sales, window=MINUTES_5, max_disorder=t.MAX_DISORDER)
    expected = Counter((t.start_of(sale.at, MINUTES_5), sale.name) for sale in left)
    left_daily = t.kept(played.sales, window=DAY, max_disorder=t.MAX_DISORDER)
    too_late = {metric.name: metric.too_late for metric in played.client.list_metrics()}

    assert expected == r.counts_by_label(r.points(played.client, "events_5m_by_name_late_dropped"))
    assert len(played.sales) - len(left) == too_late["events_5m_by_name_late_dropped"] > 0
    gross = r.sums(r.points(played.client, "gross_daily_late_dropped"))
    assert t.totals(left_daily, (t.ORDER,)) == {at.date(): total for at, total in gross.items()}


def test_late_by_event(played: Played) -> None:
    """With lateness measured from the event, what is more than fifteen minutes behind the newest does not count."""
    left = t.kept(played.sales, window=None, max_disorder=timedelta(minutes=15))
    expected = Counter(t.start_of(sale.at, HOUR) for sale in left)
    too_late = {metric.name: metric.too_late for metric in played.client.list_metrics()}

    assert expected == r.counts(r.points(played.client, "saas_events_hourly_late_dropped"))
    users = r.counts(r.points(played.client, "saas_users_hourly_late_dropped"))
    assert t.distinct(left, lambda at: t.start_of(at, HOUR)) == users
    assert len(played.sales) - len(left) == too_late["saas_events_hourly_late_dropped"] > 0


def test_corrections_are_labelled(played: Played) -> None:
    """A window that got an event after it was over is corrected and tells how many; the last day is partial."""
    newest: datetime | None = None
    expected: Counter[datetime] = Counter()
    for sale in played.sales:
        if newest is not None and _midnight(sale.at) + DAY <= newest - t.MAX_DISORDER:
            expected[_midnight(sale.at)] += 1
        newest = sale.at if newest is None else max(newest, sale.at)

    found = r.points(played.client, "events_daily")

    assert expected == Counter({p.window_start: p.late_events for p in found if p.late_events})
    assert expected
    states = {p.window_start: p.completeness for p in found}
    assert states.pop(_days(played.sales)[-1]) == Completeness.PARTIAL
    assert all((Completeness.CORRECTED if at in expected else Completeness.COMPLETE) == s for at, s in states.items())


def _kpi(played: Played, name: str, at: datetime) -> KpiValue:
    (found,) = [kpi for kpi in played.client.kpis(at=at, timeout=60.0) if kpi.name == name]
    return found


def test_growth_and_churn(played: Played) -> None:
    """Net revenue of March over February, and those active in February that were not in March."""
    february, march = datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)
    net: defaultdict[datetime, Decimal] = defaultdict(Decimal)
    active: defaultdict[datetime, set[str]] = defaultdict(set)
    for sale in played.sales:
        active[t.month(sale.at)].add(sale.user)
        if sale.name in (t.ORDER, t.CANCELLED):
            net[t.month(sale.at)] += sale.value or Decimal(0)
    at = datetime(2024, 4, 5, tzinfo=UTC)

    growth, churn = _kpi(played, "growth_mom", at), _kpi(played, "churn_rate", at)

    assert growth.value == pytest.approx(float(net[march] / net[february] - 1), abs=1e-9)
    gone = active[february] - active[march]
    assert (len(gone), len(active[february])) == (churn.numerator, churn.denominator)


def test_retention_and_activation(played: Played) -> None:
    """Who was active on the seventh day after the first event; who ordered again within thirty days of the first."""
    end = max(sale.at for sale in played.sales)
    days: defaultdict[str, set[date]] = defaultdict(set)
    orders: defaultdict[str, list[datetime]] = defaultdict(list)
    for sale in sorted(played.sales, key=lambda sale: sale.at):
        days[sale.user].add(sale.at.date())
        if sale.name == t.ORDER:
            orders[sale.user].append(sale.at)
    eligible = {user: min(seen) + 7 * DAY for user, seen in days.items() if min(seen) + 7 * DAY <= end.date()}
    matured = {user: times for user, times in orders.items() if times[0] + 30 * DAY <= end}
    again = [user for user, times in matured.items() if len(times) > 1 and times[1] <= times[0] + 30 * DAY]

    retention, activation = _kpi(played, "oracle_d7_retention", end), _kpi(played, "oracle_activation_30d", end)

    kept = [user for user, day in eligible.items() if day in days[user]]
    assert (len(kept), len(eligible)) == (retention.numerator, retention.denominator)
    assert (len(again), len(matured)) == (activation.numerator, activation.denominator)
