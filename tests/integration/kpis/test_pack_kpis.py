"""KPIs and quality checks of the default pack over small streams whose numbers are worked by hand."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from trueline_rules.loader import load_rules
from trueline_stores.errors import StatementRefusedError
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.recompute import PaneRecompute

from tests.integration.kpis.tenants import BUSINESS, KPIS, Happened, PackKpis, insert_happened, roles, us

TENANT = "pack-business"
END = us("2024-03-10T12:00")


@pytest.fixture(scope="module")
def kpis(warehouse: Warehouse) -> PackKpis:
    """January: ann, bob, cat. February: bob left, dan came. March is not over."""
    signups = {"ann": "2024-01-02", "bob": "2024-01-05", "cat": "2024-01-20", "dan": "2024-02-09", "eve": "2024-03-09"}
    events = [
        Happened(f"{day}T08:00", "signup", user, properties={"email": f"{user}@x.org"}) for user, day in signups.items()
    ]
    events += [
        Happened("2024-01-02T09:00", "workflow", "ann"),
        Happened("2024-01-12T08:00:00.000001", "workflow", "bob"),
        Happened("2024-02-09T08:00", "workflow", "dan"),
        Happened("2024-02-01T08:00", "workflow", "zoe"),
        Happened("2024-01-31T23:59:59.999999", "paid", "ann", "100"),
        Happened("2024-02-01T00:00", "paid", "ann", "100"),
        Happened("2024-02-10T00:00", "paid", "cat", "60"),
        Happened("2024-02-11T00:00", "refunded", "cat", "-10"),
        Happened("2024-03-01T00:00", "paid", "ann", "500"),
        Happened("2024-02-05T00:00", "spend", "", "40", properties={"channel": "ads"}),
        Happened("2024-02-06T00:00", "spend", "", "10"),
        Happened("2024-02-08T00:00", "invite", "ann"),
        Happened("2024-02-08T01:00", "invite", "ann"),
        Happened("2024-02-08T02:00", "invite", "cat"),
        Happened("2024-02-09T09:00", "accepted", "dan"),
        Happened("2024-02-09T10:00", "accepted", "yan"),
    ]
    insert_happened(warehouse, TENANT, sorted(events, key=lambda event: event.at))
    return PackKpis(warehouse, TENANT, BUSINESS)


def test_activation_rate_of_the_last_thirty_complete_days(kpis: PackKpis) -> None:
    """From 9 February on: dan activated at his signup; eve's signup on 9 March did not."""
    answer = kpis.answer("activation_rate", END)
    assert (answer.numerator, answer.denominator, answer.value) == (1, 2, 0.5)
    assert (answer.period_start_us, answer.period_end_us) == (us("2024-02-09"), us("2024-03-10"))


def test_activation_rate_of_the_current_period_is_partial(kpis: PackKpis) -> None:
    """It begins a day later and ends after the instant judged, so that dan is out."""
    answer = kpis.answer("activation_rate", END, period="current")
    assert (answer.numerator, answer.denominator) == (0, 1)
    assert answer.period_end_us is not None
    assert answer.period_end_us > END


def test_signup_to_activation_counts_matured_signups_only(kpis: PackKpis) -> None:
    """bob came a microsecond after his seven days; eve's are not over."""
    answer = kpis.answer("signup_to_activation", END)
    assert (answer.numerator, answer.denominator) == (2, 4)
    assert kpis.answer("signup_to_activation", us("2024-01-09T08:00")).denominator == 1
    assert kpis.answer("signup_to_activation", us("2024-01-09T07:59:59.999999")).missing.startswith("nobody signed up")


def test_ltv_cac_of_february(kpis: PackKpis) -> None:
    """Active: ann, cat, dan, zoe, yan. Net 150 of 5 users is 30 each; 1 of 3 left; spend 50 for 1 signup."""
    answer = kpis.answer("ltv_cac", END)
    assert answer.numerator == pytest.approx(30 / (1 / 3))
    assert answer.denominator == pytest.approx(50)
    assert answer.value == pytest.approx(90 / 50)
    assert (answer.period_start_us, answer.period_end_us) == (us("2024-02-01"), us("2024-03-01"))


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2024-01-10", "nobody was active in 2023-12"),
        ("2024-02-10", "nobody was active in 2023-12"),
        ("2024-05-01", "nobody was active in 2024-04"),
    ],
)
def test_ltv_cac_without_its_parts(kpis: PackKpis, at: str, said: str) -> None:
    """It says which part there is not."""
    answer = kpis.answer("ltv_cac", us(at), period="complete")
    assert answer.value is None
    assert answer.missing == said if at != "2024-01-10" else "2023-12" in answer.missing


def test_ltv_cac_needs_spend_and_somebody_who_left(warehouse: Warehouse) -> None:
    """A lifetime without end and customers that cost nothing have no ratio."""
    events = [
        Happened("2024-01-02T08:00", "paid", "ann", "5"),
        Happened("2024-02-02T08:00", "paid", "ann", "5"),
        Happened("2024-02-02T08:00", "signup", "bob"),
    ]
    insert_happened(warehouse, "pack-faithful", events)
    found = PackKpis(warehouse, "pack-faithful", BUSINESS)
    assert "so a lifetime cannot be told" in found.answer("ltv_cac", us("2024-03-01")).missing
    insert_happened(warehouse, "pack-free", [*events, Happened("2024-01-03T08:00", "login", "cat")])
    free = PackKpis(warehouse, "pack-free", BUSINESS)
    assert free.answer("ltv_cac", us("2024-03-01")).missing == "nothing was spent on marketing in 2024-02"


def test_growth_takes_refunds_off(kpis: PackKpis) -> None:
    """100 in January, 150 net in February; with gross revenue 160."""
    assert kpis.answer("growth_mom", END).value == pytest.approx(0.5)
    assert kpis.answer("growth_mom", END, measure="gross_revenue").value == pytest.approx(0.6)
    assert kpis.answer("growth_mom", END, period="current").value == pytest.approx(500 / 150 - 1)


def test_refunds_count_off_whatever_their_sign(warehouse: Warehouse) -> None:
    """Some businesses write them as positive numbers; and nobody has to have any."""
    events = [
        Happened("2024-01-02T08:00", "paid", "ann", "100"),
        Happened("2024-02-02T08:00", "paid", "ann", "100"),
        Happened("2024-02-03T08:00", "refunded", "ann", "30"),
    ]
    insert_happened(warehouse, "pack-refunds", events)
    assert PackKpis(warehouse, "pack-refunds", BUSINESS).answer("growth_mom", us("2024-03-01")).value == pytest.approx(
        -0.3
    )
    without = PackKpis(warehouse, "pack-refunds", roles(payment="paid"))
    assert without.answer("growth_mom", us("2024-03-01")).value == 0


@pytest.mark.parametrize("sign", ["", "-"], ids=["positive refunds", "negative refunds"])
def test_the_revenue_of_the_metrics_is_that_of_the_kpis(warehouse: Warehouse, sign: str) -> None:
    """Payments less refunds, whatever the sign of a refund: one number for a month, however it is asked for."""
    tenant = f"pack-revenue-{'negative' if sign else 'positive'}"
    insert_happened(
        warehouse,
        tenant,
        [
            Happened("2024-01-02T08:00", "paid", "ann", "100"),
            Happened("2024-01-03T08:00", "refunded", "ann", f"{sign}0.1"),
            Happened("2024-02-02T08:00", "paid", "ann", "100.25"),
            Happened("2024-02-02T09:00", "refunded", "bob", f"{sign}30"),
            Happened("2024-02-03T08:00", "refunded", "ann"),
        ],
    )
    growth = PackKpis(warehouse, tenant, BUSINESS).answer("growth_mom", us("2024-03-01"))
    for name in ("revenue_daily", "revenue_24h"):
        metric = load_rules([]).metrics[name]
        assert metric.less == ("refund",)
        metric = replace(metric, less_events=("refunded",))
        recompute = PaneRecompute(warehouse)
        points, _ = recompute.compute(recompute.query(tenant, metric, ("paid", "refunded"), 100))
        february = us("2024-02-01")
        totals = [sum(p.total for p in points if (p.pane_start_us >= february) == later) for later in (True, False)]
        assert totals == [70_250_000_000, 99_900_000_000]
        assert (growth.numerator, growth.denominator) == tuple(total / 1e9 for total in totals)


def test_churn_of_february(kpis: PackKpis) -> None:
    """Of ann, bob and cat, bob was not there in February."""
    answer = kpis.answer("churn_rate", END)
    assert (answer.numerator, answer.denominator) == (1, 3)


def test_viral_coefficient_of_february(kpis: PackKpis) -> None:
    """dan accepted and activated, yan did not activate; ann and cat invited."""
    answer = kpis.answer("viral_coefficient", END)
    assert (answer.numerator, answer.denominator, answer.value) == (1, 2, 0.5)
    assert kpis.answer("viral_coefficient", us("2024-02-15")).missing == "nobody invited anybody in 2024-01"


@pytest.mark.parametrize(
    ("kpi", "parameters", "said"),
    [
        ("d7_retention", {"mode": "exat"}, "mode is exact or on_or_after"),
        ("d7_retention", {"basis": "week"}, "basis is calendar_day or elapsed_24h"),
        ("d7_retention", {"eligible_when": "ever"}, "eligible_when is day_started or day_over"),
        ("growth_mom", {"period": "last"}, "period is complete or current"),
        ("growth_mom", {"measure": "revenue"}, "measure is net_revenue, gross_revenue or active_users"),
        ("churn_rate", {"period": ""}, "period is complete or current"),
        ("activation_rate", {"period": "x"}, "period is complete or current"),
        ("ltv_cac", {"period": "x"}, "period is complete or current"),
        ("viral_coefficient", {"period": "x"}, "period is complete or current"),
        ("d7_retention", {"n": "seven"}, "seven"),
    ],
)
def test_unknown_choices_are_refused(kpis: PackKpis, kpi: str, parameters: dict[str, str], said: str) -> None:
    """A typo in a parameter is told, not read as the default."""
    with pytest.raises(StatementRefusedError) as refused:
        kpis.answer(kpi, END, **parameters)
    assert said in refused.value.message


def test_retention_may_wait_until_the_day_is_over(warehouse: Warehouse) -> None:
    """By default a user counts from the start of day N on, as in the oracles; on that day the value is partial."""
    insert_happened(
        warehouse, "pack-day", [Happened("2024-01-01T08:00", "signup", "ann"), Happened("2024-01-08T20:00", "x", "ann")]
    )
    found = PackKpis(warehouse, "pack-day", BUSINESS)
    noon, after = us("2024-01-08T12:00"), us("2024-01-09")
    assert (found.answer("d7_retention", noon).value, found.answer("d7_retention", after).value) == (0, 1)
    assert found.answer("d7_retention", noon).period_end_us == after
    assert found.answer("d7_retention", noon, eligible_when="day_over").value is None
    assert found.answer("d7_retention", after, eligible_when="day_over").value == 1


def test_every_kpi_says_why_it_has_no_value_for_a_tenant_without_events(warehouse: Warehouse) -> None:
    """None fails, none answers a number."""
    found = PackKpis(warehouse, "pack-nobody", BUSINESS)
    for name in KPIS:
        answer = found.answer(name, END)
        assert answer.value is None, name
        assert answer.missing, name


@pytest.mark.parametrize("name", sorted(KPIS))
def test_the_first_days_of_1970_look_back_to_1969(warehouse: Warehouse, name: str) -> None:
    """Where the time of computers begins, what a KPI looks back on does not turn into the far future."""
    tenant = f"pack-dawn-{name}"
    insert_happened(warehouse, tenant, [Happened("1970-01-05T10:00", "look", "u1")])
    answer = PackKpis(warehouse, tenant, BUSINESS).answer(name, us("1970-01-05T10:00"))
    assert not re.search(r"\b2[0-9]{3}\b", answer.missing)
    for instant_us in (answer.period_start_us, answer.period_end_us):
        assert instant_us is None or abs(instant_us) < us("1970-03-15")
    if name == "activation_rate":
        assert answer.missing == "nobody signed up from 1969-12-06 to 1970-01-04"
