"""The definitions of the oracles once more, in plain Python over a small stream: no SQL, no columns."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Row:
    """An event."""

    at: datetime
    name: str
    user: str
    value: Decimal | None = None


def draw_stream(seed: int) -> list[Row]:
    """Some customers who order, cancel and look around over four months, in time order, with ties and gaps."""
    rng = random.Random(seed)
    start = datetime(2024, 1, 3, tzinfo=UTC)
    rows = []
    for number in range(60):
        user = f"u{number}"
        at = start + timedelta(days=rng.randrange(95), minutes=rng.randrange(1440))
        rows.append(Row(at, "looked", user))
        for _ in range(rng.choice([0, 1, 2, 6, 14])):
            at += timedelta(minutes=rng.choice([0, 7, 600, 1440, 1439, 1441, 3 * 1440, 7 * 1440, 10080, 30 * 1440]))
            pence = Decimal(rng.randrange(100, 90_000)) / 100
            kind = rng.choice(["order", "order", "order", "cancel", "login"])
            value = {"order": pence, "cancel": -pence}.get(kind)
            rows.append(Row(at, kind, user, value))
    return sorted((row for row in rows if row.at < datetime(2024, 5, 6, 15, 30, tzinfo=UTC)), key=lambda row: row.at)


def first_events(rows: Sequence[Row], name: str | None = None) -> dict[str, datetime]:
    """When each user's first event was (of a name)."""
    first: dict[str, datetime] = {}
    for row in rows:
        if name is None or row.name == name:
            first[row.user] = min(row.at, first.get(row.user, row.at))
    return first


def retention(
    rows: Sequence[Row],
    *,
    n: int,
    basis: str,
    mode: str,
    week: date | None,
    activity: str | None = None,
    width: int = 1,
) -> tuple[int, int]:
    """Active and eligible users of a weekly cohort (None = all), as the oracles define them."""
    end = max(row.at for row in rows)
    active, eligible = 0, 0
    for user, t0 in first_events(rows).items():
        day0 = t0.date()
        if week is not None and day0 - timedelta(days=day0.weekday()) != week:
            continue
        by_calendar = basis == "calendar_day"
        if (by_calendar and day0 + n * DAY > end.date()) or (not by_calendar and t0 + (n + width) * DAY > end):
            continue
        eligible += 1
        ages = [
            (row.at.date() - day0).days if by_calendar else (row.at - t0) // DAY
            for row in rows
            if row.user == user and (activity is None or row.name == activity)
        ]
        active += any(n <= age < n + width if mode == "exact" else age >= n for age in ages)
    return active, eligible


def months(rows: Sequence[Row]) -> list[str]:
    """The months of the stream, as "2024-01"."""
    return sorted({f"{row.at:%Y-%m}" for row in rows})


def totals(rows: Sequence[Row]) -> dict[str, dict[str, Decimal]]:
    """Net and gross revenue and active users of each month."""
    found: dict[str, dict[str, Decimal]] = {}
    for month in months(rows):
        inside = [row for row in rows if f"{row.at:%Y-%m}" == month]
        gross = sum((row.value or Decimal(0) for row in inside if row.name == "order"), Decimal(0))
        refunds = sum((row.value or Decimal(0) for row in inside if row.name == "cancel"), Decimal(0))
        users = Decimal(len({row.user for row in inside}))
        found[month] = {"gross_revenue": gross, "net_revenue": gross + refunds, "active_users": users}
    return found


def churn(rows: Sequence[Row]) -> dict[str, tuple[int, int]]:
    """Churned and active users of each month but the last."""
    active = defaultdict(set)
    for row in rows:
        active[f"{row.at:%Y-%m}"].add(row.user)
    known = months(rows)
    return {
        month: (len(active[month] - active[after]), len(active[month])) for month, after in itertools.pairwise(known)
    }


def activation(rows: Sequence[Row], *, days: int, week: date | None) -> tuple[int, int]:
    """Users with a second order within some days of the first, and those whose days are over."""
    end = max(row.at for row in rows)
    again, matured = 0, 0
    for user, t0 in first_events(rows, "order").items():
        if week is not None and t0.date() - timedelta(days=t0.date().weekday()) != week:
            continue
        if t0 + days * DAY > end:
            continue
        matured += 1
        orders = sorted(row.at for row in rows if row.user == user and row.name == "order")
        again += len(orders) > 1 and orders[1] <= t0 + days * DAY
    return again, matured
