"""KPIs over gRPC: one check of each that the oracles know, at an instant when the oracle's row was complete."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import Completeness, KpiValue, TruelineClient

from tests.oracles.conftest import Streams
from tests.oracles.reading import instant, rows

pytestmark = pytest.mark.oracle

VARIANTS = [("full", "full"), ("disordered", "small"), ("duplicated", "small"), ("malformed", "small")]
Variant = tuple[TruelineClient, Path]


@pytest.fixture(params=VARIANTS, ids=[tenant for tenant, _ in VARIANTS])
def variant(request: pytest.FixtureRequest, streams: Streams, retail: Path) -> Variant:
    """A client of the variant's tenant, and the folder of its oracles."""
    tenant, oracles = request.param
    return streams[tenant].client, retail / "oracles" / oracles


def _kpi(client: TruelineClient, name: str, at: datetime) -> KpiValue:
    (found,) = [kpi for kpi in client.kpis(at=at, timeout=120.0) if kpi.name == name]
    return found


def _end(oracles: Path) -> datetime:
    (summary,) = rows(oracles / "summary.csv")
    return instant(summary["last"])


def _value(kpi: KpiValue) -> Decimal:
    assert kpi.value is not None, kpi.missing
    return Decimal(f"{kpi.value:.6f}")


def test_growth(variant: Variant) -> None:
    """Net revenue of October 2011 over September, judged in November."""
    client, oracles = variant
    (row,) = [row for row in rows(oracles / "growth_monthly.csv") if row["month"] == "2011-10"]

    kpi = _kpi(client, "growth_mom", instant("2011-11-15"))

    assert Decimal(row["net_growth"]) == _value(kpi)
    assert (instant("2011-10"), instant("2011-11")) == (kpi.period_start, kpi.period_end)
    assert kpi.completeness is not Completeness.PARTIAL


def test_churn(variant: Variant) -> None:
    """Those active in September 2011 that were not in October, judged in November."""
    client, oracles = variant
    (row,) = [row for row in rows(oracles / "churn_monthly.csv") if row["month"] == "2011-09"]

    kpi = _kpi(client, "churn_rate", instant("2011-11-15"))

    assert Decimal(row["churn_rate"]) == _value(kpi)
    assert (float(row["churned"]), float(row["active"])) == (kpi.numerator, kpi.denominator)


def test_retention(variant: Variant) -> None:
    """Those whose seventh calendar day after their first event lies in the data that were active on it."""
    client, oracles = variant
    wanted = {"anchor": "first_event", "basis": "calendar_day", "cohort_week": "ALL", "n": "7"}
    (row,) = [row for row in rows(oracles / "retention_weekly_cohorts.csv") if wanted.items() <= row.items()]

    kpi = _kpi(client, "oracle_d7_retention", _end(oracles))

    assert Decimal(row["exact_rate"]) == _value(kpi)
    assert (float(row["exact_active"]), float(row["eligible"])) == (kpi.numerator, kpi.denominator)


def test_activation(variant: Variant) -> None:
    """Customers who ordered again within thirty days of their first order."""
    client, oracles = variant
    (row,) = [row for row in rows(oracles / "activation.csv") if row["first_order_week"] == "ALL"]

    kpi = _kpi(client, "oracle_activation_30d", _end(oracles))

    assert Decimal(row["activation_rate_30d"]) == _value(kpi)
    assert (float(row["second_order_30d"]), float(row["matured"])) == (kpi.numerator, kpi.denominator)


def test_what_the_shop_cannot_know(variant: Variant) -> None:
    """KPIs that need marketing spend or invites have no value and say so; the score leaves them out and tells how much
    it covers.
    """
    client, _ = variant

    score = client.alignment_score(at=instant("2011-11-15"), timeout=120.0)

    missing = {item.kpi.name: item.kpi.missing for item in score.items if item.kpi.value is None}
    assert {"ltv_cac", "viral_coefficient"} == missing.keys()
    assert all(missing.values())
    assert score.coverage == pytest.approx(0.80)
    assert score.score is not None
    assert score.score == pytest.approx(sum(item.contribution for item in score.items))
    assert not score.synthetic
