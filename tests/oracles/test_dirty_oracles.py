"""What becomes of the dirt in the dirty variants: duplicates, late events, malformed lines."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from trueline import Completeness, TruelineClient

from tests.e2e.command_line import REASONS
from tests.oracles.conftest import Streams
from tests.oracles.reading import DAY, counts, counts_by_label, instant, points, rows, sums

pytestmark = pytest.mark.oracle

BUSY_DAY = "2011-03-07"


@pytest.fixture(scope="module")
def expected(retail: Path) -> dict[str, Any]:
    """Numbers of the dirty variants."""
    answer: dict[str, Any] = json.loads((retail / "dirty" / "expected.json").read_text(encoding="utf-8"))
    return answer


def _too_late(client: TruelineClient) -> dict[str, int]:
    return {metric.name: metric.too_late for metric in client.list_metrics()}


def test_duplicates_are_told(streams: Streams, expected: dict[str, Any]) -> None:
    """Each second copy is reported as a duplicate and changes nothing."""
    ingested = streams["duplicated"].ingested

    assert expected["a_dup3pct"]["duplicates"] == ingested.summary["duplicates"]
    assert expected["a_dup3pct"]["unique_after_dedup"] == ingested.summary["accepted"]
    assert ingested.refused == {}
    assert ingested.status == 0


def test_late_events_correct_their_windows(streams: Streams, retail: Path) -> None:
    """Events two hours late are merged and told: their five-minute windows are labelled corrected, and none is lost."""
    client = streams["disordered"].client
    dropped = rows(retail / "dirty" / "b_outoforder_late.dropped.csv")

    found = points(client, "events_5m_by_name")

    late = sum(point.late_events for point in found)
    assert sum(row["dropped_5min_window"] == "1" for row in dropped) == late
    assert all((point.completeness is Completeness.CORRECTED) == (point.late_events > 0) for point in found[:-1])
    assert _too_late(client)["events_5m_by_name"] == 0


def test_late_events_dropped_from_short_windows(streams: Streams, retail: Path, expected: dict[str, Any]) -> None:
    """With no lateness allowed, five-minute windows of the busy day lack exactly the oracle's late events; they are
    counted.
    """
    client = streams["disordered"].client
    day = instant(BUSY_DAY)
    oracle = rows(retail / "dirty" / f"b_tumbling_5min_{BUSY_DAY}_after_drop.csv")
    wanted = {(instant(row["window_start"]), row["name"]): int(row["events"]) for row in oracle}

    assert wanted == counts_by_label(points(client, "events_5m_by_name_late_dropped", day, day + DAY))
    dropped = expected["b_outoforder_late"]["dropped_5min_windows (window_end <= watermark)"]
    assert dropped == _too_late(client)["events_5m_by_name_late_dropped"]


def test_late_events_dropped_from_days(streams: Streams, retail: Path, expected: dict[str, Any]) -> None:
    """With no lateness allowed, revenue by day is the oracle's after the drop."""
    client = streams["disordered"].client
    oracle = rows(retail / "dirty" / "b_revenue_daily_after_drop.csv")

    gross = sums(points(client, "gross_daily_late_dropped"))
    assert {instant(row["day"]): Decimal(row["gross"]) for row in oracle} == gross
    assert {instant(row["day"]): int(row["payments"]) for row in oracle} == counts(
        points(client, "payments_daily_late_dropped")
    )
    assert Decimal(expected["b_outoforder_late"]["gross_after_1day_drop"]) == sum(gross.values())
    assert _too_late(client)["gross_daily_late_dropped"] == 0


def test_malformed_lines_are_told_by_line(streams: Streams, retail: Path, expected: dict[str, Any]) -> None:
    """Each bad line is refused with its line number and a reason that fits; every good line is accepted."""
    ingested = streams["malformed"].ingested
    manifest = {int(row["line"]): row["kind"] for row in rows(retail / "dirty" / "c_malformed1pct.manifest.csv")}
    refused = ingested.refused

    assert expected["c_malformed1pct"]["good"] == ingested.summary["accepted"]
    assert expected["c_malformed1pct"]["bad"] == ingested.summary["refused"]
    assert manifest.keys() == refused.keys()
    assert expected["c_malformed1pct"]["bad_by_kind"] == dict(Counter(manifest[line] for line in refused))
    misnamed = {line: (kind, refused[line]) for line, kind in manifest.items() if refused[line] not in REASONS[kind]}
    assert misnamed == {}
    assert ingested.status == 1


def test_first_wins(streams: Streams, expected: dict[str, Any]) -> None:
    """An id that comes again with other content does not overwrite the first event."""
    gross = sum(sums(points(streams["malformed"].client, "gross_daily")).values())

    assert Decimal(expected["clean"]["gross_revenue"]) == gross
    assert Decimal(expected["c_malformed1pct"]["wrong_if_last_wins_gross"]) != gross


def test_far_future_moves_no_watermark(streams: Streams) -> None:
    """A refused event of the year 2099 does not make what follows late."""
    assert set(_too_late(streams["malformed"].client).values()) == {0}
