"""The five quality checks over one stream: 100 good events, and some of each kind of bad ones."""

from __future__ import annotations

import pytest
from trueline_stores.warehouse.client import Warehouse

from tests.integration.kpis.tenants import BUSINESS, Happened, PackKpis, insert_happened, us

AT = us("2024-06-30T12:00")


@pytest.fixture(scope="module")
def checks(warehouse: Warehouse) -> PackKpis:
    """20 users with 5 events each on different days, then the bad ones."""
    events = [
        Happened(f"2024-06-{day:02}T{user:02}:00", "look", f"u{user}") for user in range(20) for day in range(10, 15)
    ]
    events += [Happened("2024-06-20T08:00", "look", "robot") for _ in range(300)]
    events += [Happened("2024-06-21T08:00", "look")] * 8
    events += [Happened("2024-06-21T08:00", "spend", "", "5")] * 3
    events += [
        Happened("2024-06-22T08:00", "paid", "u1", "5"),
        Happened("2024-06-22T08:00", "paid", "u1"),
        Happened("2024-06-22T08:00", "paid", "u1", "5", currency=""),
        Happened("2024-06-22T08:00", "look", "u1", "5", currency=""),
        Happened("2024-06-22T08:00", "look", "u1", "0", currency=""),
        Happened("2024-06-22T08:00", "refunded", "", "5"),
        Happened("2024-06-22T08:00", "signup", ""),
    ]
    emails = ["a@x.org", " A@x.org", "b@x.org", "c@x.org", ""]
    events += [
        Happened("2024-06-23T08:00", "signup", f"s{n}", properties={"email": email} if email else {})
        for n, email in enumerate(emails)
    ]
    events += [Happened("2024-05-01T08:00", "look", "")] * 50
    insert_happened(warehouse, "pack-quality", events)
    return PackKpis(warehouse, "pack-quality", BUSINESS)


def test_orphans(checks: PackKpis) -> None:
    """10 of 420 events of the window have no subject; spend has none by nature, older ones are not counted."""
    answer = checks.answer("orphaned_events", AT)
    assert (answer.numerator, answer.denominator) == (10, 420)


def test_duplicate_users(checks: PackKpis) -> None:
    """Two of four known addresses are the same but for case and blanks."""
    answer = checks.answer("duplicate_users", AT)
    assert (answer.numerator, answer.denominator) == (2, 4)


def test_missing_fields(checks: PackKpis) -> None:
    """A payment without value, one without currency, a value without currency, a refund and a signup of nobody."""
    answer = checks.answer("missing_fields", AT)
    assert (answer.numerator, answer.denominator) == (5, 423)


def test_freshness(checks: PackKpis) -> None:
    """Hours since the newest event."""
    assert checks.answer("freshness", AT).value == pytest.approx(7 * 24 + 4)


def test_freshness_of_an_import_at_its_end(warehouse: Warehouse) -> None:
    """It can be judged neither fresh nor old; of a live source the same instant is an age of 0."""
    end = us("2024-06-23T08:00")
    answers = {}
    for tenant, accepted_at in (("imported", "2024-06-23T08:10"), ("live", "2024-06-23T08:09")):
        insert_happened(
            warehouse, f"fresh-{tenant}", [Happened("2024-06-23T08:00", "look", "u", accepted_at=accepted_at)]
        )
        found = PackKpis(warehouse, f"fresh-{tenant}", BUSINESS)
        answers[tenant] = found.answer("freshness", end)
        assert found.answer("freshness", us("2024-06-25T08:00")).value == pytest.approx(48)
    assert answers["imported"].value is None
    assert answers["imported"].missing == "no source is live: what was imported is judged at its own end"
    assert (answers["live"].value, answers["live"].missing) == (0, "")


def test_anomalies(checks: PackKpis) -> None:
    """One of 26 users had a day with 300 events where one is usual."""
    answer = checks.answer("anomalies", AT)
    assert (answer.numerator, answer.denominator) == (1, 26)
    assert checks.answer("anomalies", AT, robust_z=1000.0).numerator == 0
