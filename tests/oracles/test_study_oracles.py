"""Studies over the real shop and the simulated SaaS business, against what other programs computed from them."""

from __future__ import annotations

import csv
import gzip
from collections import Counter, defaultdict
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import StudyRun

from tests.oracles.conftest import Streams
from tests.oracles.reading import instant, rows

pytestmark = pytest.mark.oracle

STUDY_S = 120.0


def _month(text: str) -> tuple[datetime, datetime]:
    """Start and end of a month like 2011-03."""
    start = instant(f"{text}-01")
    return start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def _inputs(run: StudyRun, figure: str) -> dict[str, Decimal]:
    return {name: one.value for name, one in run.figures[figure].now.inputs.items()}


@pytest.mark.parametrize(
    ("tenant", "oracles"), [("full", "full"), ("small", "small"), ("disordered", "small")], ids=lambda name: name
)
def test_net_revenue_grows_as_the_oracle_has_it(streams: Streams, retail: Path, tenant: str, oracles: str) -> None:
    """Month by month of the shop, gross, net and growth of net revenue; and where it comes from adds up."""
    client = streams[tenant].client
    table = rows(retail / "oracles" / oracles / "growth_monthly.csv")
    for row in table[1:]:
        run = client.run_study("shop_growth", *_month(row["month"]), timeout=STUDY_S)
        net, growth = _inputs(run, "net_revenue"), _inputs(run, "revenue_growth")

        assert net["payments"] == Decimal(row["gross"]), row["month"]
        assert growth["net_revenue"] == net["payments"] - net["refunds"] == Decimal(row["net"]), row["month"]
        assert run.figures["revenue_growth"].value == pytest.approx(float(row["net_growth"]), abs=1e-6), row["month"]
        moved = growth["new"] + growth["expanded"] - growth["contracted"] - growth["lost"]
        assert moved == growth["net_revenue"] - growth["net_revenue_before"], row["month"]
        countries = [areas["business_success"]["net_revenue"].now.inputs for areas in run.by("country").values()]
        for name in ("payments", "refunds", "paying_users"):
            assert sum(each[name].value for each in countries) == net[name], row["month"]


def test_a_month_that_the_data_does_not_fill_is_told(streams: Streams) -> None:
    """The shop's data ends on the ninth of December, so its fall in revenue is none; a note says so."""
    run = streams["small"].client.run_study("shop_growth", *_month("2011-12"), timeout=STUDY_S)

    assert any(note.startswith("events end on 2011-12-0") for note in run.notes), run.notes


def test_revenue_of_each_month(streams: Streams, saas: Path) -> None:
    """What the SaaS business was paid in a month is what the oracle has of its days."""
    months: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows(saas / "oracle_saas_daily.csv"):
        months[row["date"][:7]] += Decimal(row["revenue"])
    for month, revenue in months.items():
        run = streams["saas"].client.run_study("saas_growth", *_month(month), timeout=STUDY_S)
        assert _inputs(run, "net_revenue")["payments"] == revenue, month


def test_renewals_and_cancellations_of_each_month(streams: Streams, saas: Path) -> None:
    """Plain Python counts the same invoices and cancellations, in all and by country."""
    counted: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    names = {"invoice_paid": "renewed", "subscription_cancelled": "ended"}
    with gzip.open(saas / "events_saas_simulated.csv.gz", "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["event_name"] in names:
                counted[row["timestamp"][:7]][row["country"], names[row["event_name"]]] += 1
    for month, expected in counted.items():
        run = streams["saas"].client.run_study("saas_renewals", *_month(month), timeout=STUDY_S)
        for country, areas in run.by("country").items():
            told = areas["business_success"]["renewal_rate"].now.inputs
            for what in names.values():
                assert told[what].value == expected[country, what], (month, country, what)
        renewed, ended = (sum(n for (_, what), n in expected.items() if what == name) for name in names.values())
        rate = run.figures["renewal_rate"]
        assert (rate.now.observations, rate.value) == (renewed + ended, renewed / (renewed + ended))
