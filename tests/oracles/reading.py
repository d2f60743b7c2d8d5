"""Reads oracles (CSV) and metrics (over gRPC) into the same plain values, so that a test compares whole tables."""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from trueline import MetricPoint, TruelineClient

DAY = timedelta(days=1)
FIRST = datetime(1970, 1, 1, tzinfo=UTC)


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def instant(text: str) -> datetime:
    """A day, month or time of an oracle as its first instant (UTC)."""
    parsed = datetime.fromisoformat(f"{text}-01" if len(text) == len("2010-12") else text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def points(
    client: TruelineClient,
    metric: str,
    start: datetime = FIRST,
    end: datetime | None = None,
    *,
    fill_empty: bool = False,
) -> list[MetricPoint]:
    """All points of windows that end in (start, end]; every one must be exact."""
    found = list(client.query_metric(metric, start=start, end=end, fill_empty=fill_empty, timeout=120.0))
    assert all(point.exact for point in found)
    return found


def counts(found: list[MetricPoint]) -> dict[datetime, int]:
    """Start of the window -> number."""
    return {_start(point): _whole(point) for point in found}


def counts_by_end(found: list[MetricPoint]) -> dict[datetime, int]:
    """End of the window -> number, for windows that overlap."""
    return {_end(point): _whole(point) for point in found}


def counts_by_label(found: list[MetricPoint]) -> dict[tuple[datetime, str], int]:
    """Start of the window and only label -> number."""
    return {(_start(point), _label(point)): _whole(point) for point in found}


def sums(found: list[MetricPoint]) -> dict[datetime, Decimal]:
    """Start of the window -> exact sum."""
    return {_start(point): Decimal(point.exact_value) for point in found}


def sums_by_label(found: list[MetricPoint]) -> dict[str, Decimal]:
    """Only label -> exact sum, for metrics of which one window holds everything."""
    assert len({_start(point) for point in found}) == 1
    return {_label(point): Decimal(point.exact_value) for point in found}


def _start(point: MetricPoint) -> datetime:
    assert point.window_start is not None
    return point.window_start


def _end(point: MetricPoint) -> datetime:
    assert point.window_end is not None
    return point.window_end


def _label(point: MetricPoint) -> str:
    (label,) = point.labels.values()
    return label


def _whole(point: MetricPoint) -> int:
    assert point.value is not None
    assert point.value == int(point.value)
    return int(point.value)
