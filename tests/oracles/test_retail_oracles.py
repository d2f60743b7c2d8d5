"""The real shop's stream, clean and dirty, against what two independent programs computed from it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import Completeness, TruelineClient

from tests.oracles.conftest import Streams
from tests.oracles.reading import (
    DAY,
    counts,
    counts_by_end,
    counts_by_label,
    instant,
    points,
    rows,
    sums,
    sums_by_label,
)

pytestmark = pytest.mark.oracle

# Tenant and the oracles that it must equal. Dirty variants are of the small extract and must come out as clean.
VARIANTS = [
    ("full", "full"),
    ("small", "small"),
    ("duplicated", "small"),
    ("disordered", "small"),
    ("malformed", "small"),
]
ZERO = Decimal(0)


@pytest.fixture(params=VARIANTS, ids=[tenant for tenant, _ in VARIANTS])
def variant(request: pytest.FixtureRequest, streams: Streams, retail: Path) -> tuple[TruelineClient, Path]:
    """A client of the variant's tenant, and the folder of its oracles."""
    tenant, oracles = request.param
    return streams[tenant].client, retail / "oracles" / oracles


Variant = tuple[TruelineClient, Path]


def _only(folder: Path, pattern: str) -> tuple[Path, datetime]:
    """The one file of a pattern `..._DAY.csv`, and its day."""
    (path,) = folder.glob(pattern)
    return path, instant(path.stem.rsplit("_", 1)[1])


def test_summary(variant: Variant) -> None:
    """The warehouse has each event once, and knows the time of the last one."""
    client, oracles = variant
    (expected,) = rows(oracles / "summary.csv")

    status = client.status()

    assert int(expected["ids"]) == status.events
    assert [instant(expected["last"])] == [source.latest_event_at for source in status.sources]
    assert all(source.finished for source in status.sources)


def test_events_per_name_per_day(variant: Variant) -> None:
    """Counts by day and event name."""
    client, oracles = variant
    expected = {(instant(r["day"]), r["name"]): int(r["events"]) for r in rows(oracles / "events_per_name_per_day.csv")}

    assert expected == counts_by_label(points(client, "events_daily_by_name"))


@pytest.mark.parametrize(
    ("metric", "column"), [("dau", "dau"), ("wau_trailing", "trailing_7d"), ("mau_trailing", "trailing_30d")]
)
def test_active_users_daily(variant: Variant, metric: str, column: str) -> None:
    """Distinct users of each day and of the 7 and 30 days up to it; days without any are zero, not absent."""
    client, oracles = variant
    table = rows(oracles / "active_users_daily.csv")
    expected = {instant(row["day"]) + DAY: int(row[column]) for row in table}
    first, last = instant(table[0]["day"]), instant(table[-1]["day"]) + DAY

    assert expected == counts_by_end(points(client, metric, first, last, fill_empty=True))


@pytest.mark.parametrize(
    ("metric", "file", "key", "column"),
    [
        ("wau", "active_users_weekly.csv", "week_monday", "wau"),
        ("mau", "active_users_monthly.csv", "month", "mau"),
    ],
)
def test_active_users_by_calendar(variant: Variant, metric: str, file: str, key: str, column: str) -> None:
    """Distinct users of each ISO week and of each month."""
    client, oracles = variant
    expected = {instant(row[key]): int(row[column]) for row in rows(oracles / file)}

    assert expected == counts(points(client, metric))


@pytest.mark.parametrize(("metric", "column"), [("active_1h", "active_1h"), ("active_24h", "active_24h")])
def test_active_at_instants(variant: Variant, metric: str, column: str) -> None:
    """Distinct users of the hour and the day before an instant: without the instant itself, and, since the shop's times
    are whole minutes, with it (the window that ends a minute later).
    """
    client, oracles = variant
    minute = timedelta(minutes=1)
    for row in rows(oracles / "active_at_instants.csv"):
        at = instant(row["at"])
        expected = {at: int(row[f"{column}_halfopen_left_closed"]), at + minute: int(row[column])}

        assert expected == counts_by_end(points(client, metric, at - minute, at + minute, fill_empty=True))


@pytest.mark.parametrize(
    ("suffix", "file", "key"), [("daily", "revenue_daily.csv", "day"), ("monthly", "revenue_monthly.csv", "month")]
)
def test_revenue(variant: Variant, suffix: str, file: str, key: str) -> None:
    """Money taken and given back, payments and payers by day and month: to the penny."""
    client, oracles = variant
    table = {instant(row[key]): row for row in rows(oracles / file)}

    for column in ("gross", "refunds"):
        found = sums(points(client, f"{column}_{suffix}"))
        assert {at: Decimal(row[column]) for at, row in table.items()} == {at: found.get(at, ZERO) for at in table}
        assert found.keys() <= table.keys()
    assert {at: Decimal(row["net"]) for at, row in table.items()} == sums(points(client, f"net_{suffix}"))
    for column in ("payments", "payers"):
        expected = {at: int(row[column]) for at, row in table.items() if row[column] != "0"}
        assert expected == counts(points(client, f"{column}_{suffix}"))


def test_revenue_by_country(variant: Variant) -> None:
    """The same by the property `country`, over the whole stream."""
    client, oracles = variant
    table = {row["country"]: row for row in rows(oracles / "revenue_by_country.csv")}

    for column in ("gross", "refunds", "net"):
        found = sums_by_label(points(client, f"{column}_by_country"))
        assert {country: Decimal(row[column]) for country, row in table.items()} == {
            country: found.get(country, ZERO) for country in table
        }
        assert found.keys() <= table.keys()
    for column in ("payments", "payers"):
        found_counts = {label: n for (_, label), n in counts_by_label(points(client, f"{column}_by_country")).items()}
        assert {country: int(row[column]) for country, row in table.items() if row[column] != "0"} == found_counts


def test_tumbling_windows(variant: Variant) -> None:
    """Five-minute windows of the busiest day, by event name."""
    client, oracles = variant
    path, day = _only(oracles, "tumbling_5min_*.csv")
    expected = {(instant(row["window_start"]), row["name"]): int(row["events"]) for row in rows(path)}

    assert expected == counts_by_label(points(client, "events_5m_by_name", day, day + DAY))


@pytest.mark.parametrize(("metric", "column"), [("users_1h_5m", "distinct_users"), ("events_1h_5m", "events")])
def test_sliding_windows(variant: Variant, metric: str, column: str) -> None:
    """Hours that end every five minutes of the busiest day: distinct users and events, zeros included."""
    client, oracles = variant
    path, day = _only(oracles, "sliding_1h_5min_*.csv")
    expected = {instant(row["window_end"]): int(row[column]) for row in rows(path)}

    assert expected == counts_by_end(points(client, metric, day, day + DAY, fill_empty=True))


def test_completeness(variant: Variant) -> None:
    """The import has ended, so every day is final but the last one, which the data end in the midst of."""
    client, oracles = variant
    (summary,) = rows(oracles / "summary.csv")

    found = {point.window_start: point.completeness for point in points(client, "dau")}

    last = max(at for at in found if at is not None)
    assert instant(summary["last"]) - last < DAY
    assert found.pop(last) == Completeness.PARTIAL
    assert set(found.values()) <= {Completeness.COMPLETE, Completeness.CORRECTED}
