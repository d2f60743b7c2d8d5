"""The simulated SaaS business, and its disordered week under three policies."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import TruelineClient

from tests.oracles.conftest import Streams
from tests.oracles.reading import DAY, counts, counts_by_end, instant, points, rows, sums

pytestmark = pytest.mark.oracle

# Policy of the oracle -> tenant and suffix of the metrics' names.
POLICIES = {
    "dedup_all": ("saas-week", ""),
    "dedup_drop_late_15m": ("saas-week", "_late_dropped"),
    "no_dedup_all": ("saas-week-every-line", ""),
}


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("events_daily", "events"),
        ("dau", "dau"),
        ("saas_signups_daily", "signups"),
        ("wau_trailing", "wau7"),
        ("mau_trailing", "mau30"),
    ],
)
def test_daily_counts(streams: Streams, saas: Path, metric: str, column: str) -> None:
    """Events, signups and distinct users of each day, week and month up to it."""
    table = rows(saas / "oracle_saas_daily.csv")
    expected = {instant(row["date"]) + DAY: int(row[column]) for row in table}
    first, last = instant(table[0]["date"]), instant(table[-1]["date"]) + DAY

    assert expected == counts_by_end(points(streams["saas"].client, metric, first, last, fill_empty=True))


def test_daily_revenue(streams: Streams, saas: Path) -> None:
    """Invoices paid on each day."""
    expected = {instant(row["date"]): Decimal(row["revenue"]) for row in rows(saas / "oracle_saas_daily.csv")}

    assert expected == sums(points(streams["saas"].client, "saas_revenue_daily"))


def test_everything_is_in(streams: Streams, saas: Path) -> None:
    """Every row of the file is one event."""
    summary = json.loads((saas / "oracle_saas_summary.json").read_text(encoding="utf-8"))

    assert summary["rows"] == streams["saas"].ingested.summary["accepted"] == streams["saas"].client.status().events


def _hourly(client: TruelineClient, suffix: str) -> dict[datetime, tuple[int, int, Decimal]]:
    events = counts(points(client, f"saas_events_hourly{suffix}"))
    users = counts(points(client, f"saas_users_hourly{suffix}"))
    revenue = sums(points(client, f"saas_revenue_hourly{suffix}"))
    return {at: (events[at], users[at], revenue[at]) for at in events}


@pytest.mark.parametrize("policy", POLICIES)
def test_disordered_week(streams: Streams, saas: Path, policy: str) -> None:
    """Events, users and revenue of each hour: with duplicates removed, without the late ones, and line by line."""
    tenant, suffix = POLICIES[policy]
    expected = {
        instant(row["window_start"]): (int(row["events"]), int(row["users"]), Decimal(row["revenue"]))
        for row in rows(saas / "oracle_disorder_saas_week_hourly.csv")
        if row["policy"] == policy and row["events"] != "0"
    }

    assert expected == _hourly(streams[tenant].client, suffix)


def test_disorder_is_told(streams: Streams, saas: Path) -> None:
    """Malformed lines, duplicates and late events are counted; of the oracle's late lines 33 are first copies."""
    summary = json.loads((saas / "oracle_disorder_saas_week_summary.json").read_text(encoding="utf-8"))
    stream = streams["saas-week"]
    too_late = {metric.name: metric.too_late for metric in stream.client.list_metrics()}

    assert summary["malformed"] == stream.ingested.summary["refused"]
    assert summary["duplicates"] == stream.ingested.summary["duplicates"]
    assert summary["lines"] == sum(stream.ingested.summary[key] for key in ("accepted", "duplicates", "refused"))
    assert too_late["saas_events_hourly_late_dropped"] == 33
    assert too_late["saas_events_hourly"] == 0
