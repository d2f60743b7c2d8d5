"""Revenue growth and campaign efficiency on the real warehouse, beside plain arithmetic over the same events."""

from __future__ import annotations

import random
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from study_world import DAY_US, FEBRUARY, MARCH, Happening, at, computed, figures, inputs, paid, put
from trueline_server.errors import TruelineError
from trueline_server.studies.model import Verdict
from trueline_stores.warehouse.client import Warehouse

_PERSONAS = ("agency", "brand", "solo_podcaster")
_payments = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.integers(0, 89),
        st.decimals("0.01", "500", places=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


def test_where_growth_comes_from(warehouse: Warehouse) -> None:
    """New, expanded, contracted and lost revenue add up to the change, refunds taken off whatever their sign."""
    tenant = put(
        warehouse,
        [
            paid(at("2026-02-10"), "stays", "50"),
            paid(at("2026-03-10"), "stays", "50"),
            paid(at("2026-02-10"), "grows", "20"),
            paid(at("2026-03-10"), "grows", "60", currency="EUR"),
            paid(at("2026-03-11"), "grows", "20", name="refunded", currency="USD"),
            paid(at("2026-02-10"), "shrinks", "80"),
            paid(at("2026-03-10"), "shrinks", "30"),
            paid(at("2026-02-10"), "goes", "40"),
            paid(at("2026-03-10"), "comes", "15"),
            paid(at("2026-03-10"), "regrets", "15"),
            paid(at("2026-03-12"), "regrets", "-15", name="refunded"),
        ],
    )

    found = figures(computed(warehouse, tenant, "growth"))

    growth, net = found["revenue_growth"], found["net_revenue"]
    # Before: 50 + 20 + 80 + 40. Now: 50 + (60 EUR at 2, less 20) + 30 + 15.
    assert (net.previous.value, net.now.value) == (190.0, 195.0)
    assert growth.now.value == pytest.approx(195 / 190 - 1)
    assert inputs(growth) == {
        "net_revenue": "195",
        "net_revenue_before": "190",
        "new": "15",
        "new_users": "1",
        "expanded": "80",
        "expanded_users": "1",
        "contracted": "50",
        "contracted_users": "1",
        "lost": "40",
        "lost_users": "1",
    }
    assert inputs(net) == {"payments": "230", "refunds": "35", "paying_users": "4"}


@settings(max_examples=12, deadline=None)
@given(payments=_payments, seed=st.integers(0, 1000))
def test_growth_does_not_depend_on_the_order_and_adds_up(
    warehouse: Warehouse, payments: list[tuple[int, int, Decimal, bool]], seed: int
) -> None:
    """Any order of the same events gives the same figures; groups add up to all, and moves to the change."""
    events = [
        paid(
            at("2026-01-01") + day * DAY_US + place,
            f"u{user}",
            str(value),
            _PERSONAS[user % 3],
            name="refunded" if refund else "paid",
        )
        for place, (user, day, value, refund) in enumerate(payments)
    ]
    shuffled = random.Random(seed).sample(events, len(events))

    found = computed(warehouse, put(warehouse, events), "growth")
    again = computed(warehouse, put(warehouse, shuffled), "growth")

    assert found.groups == again.groups
    total = inputs(figures(found)["revenue_growth"])
    parts = [
        inputs(figures(found, "persona", name)["revenue_growth"])
        for name in _PERSONAS
        if figures(found, "persona", name)
    ]
    for name, value in total.items():
        assert sum(Decimal(part[name]) for part in parts) == Decimal(value), name
    moved = Decimal(total["new"]) + Decimal(total["expanded"]) - Decimal(total["contracted"]) - Decimal(total["lost"])
    assert moved == Decimal(total["net_revenue"]) - Decimal(total["net_revenue_before"])


def test_growth_is_as_a_resampling_of_users_has_it(warehouse: Warehouse) -> None:
    """The interval of growth is as wide as growth spreads when users are drawn anew, and the difference's, too."""
    draw = np.random.default_rng(5)
    users = np.round(draw.gamma(2.0, 50.0, size=(400, 3)) * np.array([1.3, 1.1, 1.0]), 2)
    months = ("2026-03-10", "2026-02-10", "2026-01-20")
    tenant = put(
        warehouse,
        [
            paid(at(day), f"u{row}", f"{users[row, place]:.2f}")
            for row in range(400)
            for place, day in enumerate(months)
        ],
    )

    growth = figures(computed(warehouse, tenant, "growth"))["revenue_growth"]

    picks = draw.integers(0, 400, size=(4000, 400))
    sums = users[picks].sum(axis=1)
    now, before = sums[:, 0] / sums[:, 1] - 1, sums[:, 1] / sums[:, 2] - 1
    assert growth.now.low is not None
    assert growth.now.high is not None
    assert growth.difference is not None
    assert growth.difference.low is not None
    assert growth.difference.high is not None
    assert (growth.now.high - growth.now.low) / 2 == pytest.approx(1.966 * now.std(), rel=0.06)
    assert (growth.difference.high - growth.difference.low) / 2 == pytest.approx(1.966 * (now - before).std(), rel=0.06)


def test_values_times_ten_leave_shares_as_they_are(warehouse: Warehouse) -> None:
    """Growth and its interval do not depend on the unit of money, and net revenue follows it."""
    plain, tenfold = (
        figures(
            computed(
                warehouse,
                put(
                    warehouse,
                    [
                        paid(at(day), f"u{user}", str(Decimal(f"{(user * 7) % 13 + place}.25") * factor))
                        for user in range(12)
                        for place, day in enumerate(("2026-01-15", "2026-02-15", "2026-03-15"))
                    ],
                ),
                "growth",
            )
        )
        for factor in (1, 10)
    )

    assert plain["revenue_growth"].now.low == pytest.approx(tenfold["revenue_growth"].now.low)
    assert plain["revenue_growth"].now.value == tenfold["revenue_growth"].now.value
    assert tenfold["net_revenue"].now.value == pytest.approx(10 * (plain["net_revenue"].now.value or 0))


def test_an_amount_without_a_rate_is_refused(warehouse: Warehouse) -> None:
    """The error names the currency, the part of the study and the way out."""
    tenant = put(warehouse, [paid(at("2026-03-10"), "u", "5", currency="GBP")])

    with pytest.raises(TruelineError, match=r"amounts of revenue are in GBP beside USD.*rates: \{GBP: …\}") as refused:
        computed(warehouse, tenant, "growth")

    assert refused.value.reason == "MIXED_CURRENCIES"


def campaign(
    name: str, finished: str, cost: str, value: str, conversions: float = 4, **properties: str
) -> list[Happening]:
    """The events of a campaign that was paid for a month before it finished."""
    its = {"campaign": name} | properties
    end = at(finished)
    half = str(Decimal(value) / 2)
    events = [] if cost == "0" else [Happening("spent", end - 30 * DAY_US, value=cost, properties=its)]
    events += [
        Happening("converted", end - n * DAY_US, value=half, properties=its, numbers={"conversions": conversions / 2})
        for n in (2, 1)
    ]
    return [*events, Happening("finished", end, properties=its)]


def test_campaigns_that_finished_count_with_all_they_cost(warehouse: Warehouse) -> None:
    """Costs from before the period count; returns are as SciPy and plain arithmetic have them."""
    now = [("a", "100", "150"), ("b", "200", "500"), ("c", "50", "40"), ("d", "80", "160")]
    before = [("e", "100", "100"), ("f", "100", "120"), ("g", "100", "90")]
    events = [one for name, cost, value in now for one in campaign(name, "2026-03-20", cost, value)]
    events += [one for name, cost, value in before for one in campaign(name, "2026-02-20", cost, value)]
    found = computed(warehouse, put(warehouse, events), "campaigns")
    told = figures(found)

    rois, earlier = [0.5, 1.5, -0.2, 1.0], [0.0, 0.2, -0.1]
    welch = stats.ttest_ind(rois, earlier, equal_var=False)
    interval = stats.t.interval(0.95, 3, np.mean(rois), stats.sem(rois))
    average = told["avg_roi"]
    assert average.now.value == pytest.approx(0.7)
    assert (average.now.low, average.now.high) == (pytest.approx(interval[0]), pytest.approx(interval[1]))
    assert average.difference is not None
    assert average.difference.p_value == pytest.approx(welch.pvalue)
    assert average.difference.low == pytest.approx(welch.confidence_interval().low)
    assert told["total_roi"].now.value == pytest.approx(850 / 430 - 1)
    assert told["median_roi"].now.value == pytest.approx(0.75)
    assert told["median_roi"].difference is not None
    assert told["median_roi"].difference.p_value == pytest.approx(stats.mannwhitneyu(rois, earlier).pvalue)
    assert told["cost_per_conversion"].now.value == pytest.approx(430 / 16)
    assert inputs(told["avg_roi"]) == {
        "cost": "430",
        "value": "850",
        "conversions": "16",
        "campaigns": "4",
        "without_cost": "0",
    }
    assert [(each.id, each.roi) for each in found.campaigns][:2] == [("b", 1.5), ("a", 0.5)]


def test_campaigns_without_a_cost_are_named(warehouse: Warehouse) -> None:
    """They have no return on it: none of the figures counts them, and a note names them."""
    events = campaign("free", "2026-03-20", "0", "100") + campaign("paid", "2026-03-20", "10", "30")
    found = computed(warehouse, put(warehouse, events + campaign("other", "2026-03-21", "10", "10")), "campaigns")

    assert inputs(figures(found)["avg_roi"])["without_cost"] == "1"
    assert figures(found)["avg_roi"].now.value == 1.0
    assert "campaigns without a cost have no return on it and do not count: free" in found.notes


def test_campaigns_by_type(warehouse: Warehouse) -> None:
    """Each type has its figures; too few campaigns of a type are no figure but a reason."""
    events = [
        one
        for name, kind, cost, value in (("a", "host", "10", "30"), ("b", "host", "10", "20"), ("c", "roll", "10", "5"))
        for one in campaign(name, "2026-03-20", cost, value, type=kind)
    ]
    found = computed(warehouse, put(warehouse, events), "campaigns")

    assert figures(found, "type", "host")["avg_roi"].now.value == 1.5
    few = figures(found, "type", "roll")["avg_roi"]
    assert (few.now.value, few.now.missing, few.verdict) == (
        None,
        "1 of at least 2 campaigns with a cost",
        Verdict.INSUFFICIENT_DATA,
    )


def test_campaigns_that_run_count_with_what_is_of_the_period(warehouse: Warehouse) -> None:
    """Without events that end them, cost and value are those of the period; fields may be properties."""

    def event(name: str, day: str, which: str, **numbers: float) -> Happening:
        return Happening(name, at(day), properties={"campaign": which}, numbers=numbers)

    tenant = put(
        warehouse,
        [
            event("spent", "2026-02-20", "a", cost=10),
            event("spent", "2026-03-20", "a", cost=20),
            event("converted", "2026-03-21", "a", worth=50, conversions=5),
            event("spent", "2026-03-20", "b", cost=30),
            event("converted", "2026-04-21", "b", worth=500, conversions=5),
        ],
    )

    told = figures(computed(warehouse, tenant, "running"))

    assert told["total_roi"].now.value == 0.0
    assert told["cost_per_conversion"].now.value == 10.0
    assert inputs(told["total_roi"], previous=True)["cost"] == "10"


def test_data_that_begins_late_is_told(warehouse: Warehouse) -> None:
    """What the previous period lacks because nothing was recorded yet is no growth."""
    tenant = put(
        warehouse, [paid(at("2026-02-15"), f"u{n}", "5") for n in range(3)] + [paid(at("2026-03-15"), "u1", "9")]
    )

    found = computed(warehouse, tenant, "growth")

    assert found.previous == FEBRUARY
    assert found.notes == [
        "events of revenue begin on 2026-02-15, after the previous period does; what is compared with it is compared "
        "with a part of it"
    ]
    assert computed(warehouse, tenant, "growth", MARCH).groups == found.groups
