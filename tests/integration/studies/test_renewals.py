"""Renewal rates on the real warehouse: which renewal belongs to which term, and what is counted by when."""

from __future__ import annotations

import pytest
from study_world import DAY_US, MARCH, at, computed, deal, figures, inputs, paid, put
from trueline_server.studies.model import Verdict
from trueline_stores.warehouse.client import Warehouse


def test_deals_that_are_due_count_by_what_became_of_them(warehouse: Warehouse) -> None:
    """Renewed and ended ones make the rate with its interval; open ones are told and do not count."""
    events = []
    for number in range(10):
        name = f"d{number}"
        events.append(deal("due", at("2026-03-10", number), name, "100"))
        if number < 6:
            events.append(deal("renewed", at("2026-03-12"), name))
        elif number < 8:
            events.append(deal("ended", at("2026-03-12"), name))
    tenant = put(warehouse, events)

    rate = figures(computed(warehouse, tenant, "renewals"))["renewal_rate"]

    assert inputs(rate) == {"renewed": "6", "ended": "2", "still_open": "2"}
    assert (rate.now.value, rate.now.observations) == (0.75, 8)
    # Wilson's interval of 6 of 8 at 95 %.
    assert (rate.now.low, rate.now.high) == (pytest.approx(0.409, abs=5e-4), pytest.approx(0.929, abs=5e-4))
    assert (rate.previous.value, rate.previous.missing) == (None, "0 of at least 2 decided deals")
    assert rate.verdict is Verdict.INSUFFICIENT_DATA
    assert rate.reason == "the previous period: 0 of at least 2 decided deals"


def test_a_renewal_belongs_to_the_nearest_term(warehouse: Warehouse) -> None:
    """Deals that are always renewed a day early, or ten days late, are renewed once for each term, and then open."""
    events = []
    for place in range(3):
        due = at("2026-01-15") + place * 30 * DAY_US
        events += [deal("due", due, "early"), deal("due", due, "late")]
        events.append(deal("renewed", due - DAY_US, "early"))
        if place < 2:
            events.append(deal("renewed", due + 10 * DAY_US, "late"))
    tenant = put(warehouse, events)

    march = figures(computed(warehouse, tenant, "renewals"))["renewal_rate"]

    assert inputs(march) == {"renewed": "1", "ended": "0", "still_open": "1"}
    assert inputs(march, previous=True) == {"renewed": "2", "ended": "0", "still_open": "0"}


def test_the_first_decision_of_a_term_counts(warehouse: Warehouse) -> None:
    """A deal that is renewed and ends in its next term was renewed."""
    tenant = put(
        warehouse,
        [
            deal("due", at("2026-03-05"), "a"),
            deal("renewed", at("2026-03-06"), "a"),
            deal("ended", at("2026-03-20"), "a"),
            deal("due", at("2026-03-05"), "b"),
            deal("ended", at("2026-03-20"), "b"),
        ],
    )

    assert inputs(figures(computed(warehouse, tenant, "renewals"))["renewal_rate"]) == {
        "renewed": "1",
        "ended": "1",
        "still_open": "0",
    }


def test_what_happens_after_the_period_is_not_known_in_it(warehouse: Warehouse) -> None:
    """A period is judged as of its end, so that two periods compare: what is decided later is open."""
    tenant = put(
        warehouse,
        [
            deal("due", at("2026-03-31"), "a"),
            deal("renewed", at("2026-04-01"), "a"),
            deal("due", at("2026-03-31"), "b"),
            deal("renewed", at("2026-03-31", 23), "b"),
        ],
    )

    assert inputs(figures(computed(warehouse, tenant, "renewals"))["renewal_rate"]) == {
        "renewed": "1",
        "ended": "0",
        "still_open": "1",
    }


def test_values_weigh_and_are_converted(warehouse: Warehouse) -> None:
    """The weighted rate is of values in the study's currency, and tells the value of open deals."""
    tenant = put(
        warehouse,
        [
            deal("due", at("2026-03-05"), "a", "300"),
            deal("renewed", at("2026-03-06"), "a"),
            deal("due", at("2026-03-05"), "b", "100"),
            deal("ended", at("2026-03-06"), "b"),
            deal("due", at("2026-03-05"), "c", "7.5"),
        ],
    )

    weighted = figures(computed(warehouse, tenant, "renewals"))["weighted_renewal_rate"]

    assert weighted.now.value == 0.75
    assert inputs(weighted) == {"renewed": "300", "ended": "100", "still_open": "7.5"}
    assert {each.unit for each in weighted.now.inputs} == {"USD"}


def test_groups_add_up(warehouse: Warehouse) -> None:
    """The counts of the groups of a breakdown add up to all, with a group for deals that say nothing."""
    events = []
    for number in range(30):
        name, persona = f"d{number}", ("agency", "brand", "")[number % 3]
        properties = {"persona": persona} if persona else {}
        events.append(deal("due", at("2026-03-03", number), name, "10", **properties))
        events.append(deal("renewed" if number % 4 else "ended", at("2026-03-09"), name))
    tenant = put(warehouse, events)

    found = computed(warehouse, tenant, "renewals", by=("persona",))

    assert [(group.breakdown, group.name) for group in found.groups] == [
        ("", ""),
        ("persona", "(none)"),
        ("persona", "agency"),
        ("persona", "brand"),
    ]
    parts = [figures(found, "persona", name)["renewal_rate"] for name in ("(none)", "agency", "brand")]
    total = figures(found)["renewal_rate"]
    for name in ("renewed", "ended", "still_open"):
        assert sum(int(inputs(part)[name]) for part in parts) == int(inputs(total)[name])


def test_without_due_events_each_decision_is_a_term(warehouse: Warehouse) -> None:
    """A business that says only what was renewed and ended has a rate of the decisions of the period."""
    tenant = put(
        warehouse,
        [
            deal("renewed", at("2026-02-10"), "a"),
            deal("renewed", at("2026-03-10"), "a"),
            deal("ended", at("2026-03-11"), "b"),
            deal("renewed", at("2026-04-10"), "b"),
        ],
    )

    rate = figures(computed(warehouse, tenant, "decisions"))["renewal_rate"]

    assert inputs(rate) == {"renewed": "1", "ended": "1", "still_open": "0"}
    assert inputs(rate, previous=True) == {"renewed": "1", "ended": "0", "still_open": "0"}


def test_nothing_at_all_is_insufficient_data(warehouse: Warehouse) -> None:
    """A tenant without a deal is told what is missing, and no number."""
    found = computed(warehouse, put(warehouse, [deal("other", MARCH.start_us, "x")]), "renewals")

    rate = figures(found)["renewal_rate"]
    assert (rate.now.value, rate.verdict) == (None, Verdict.INSUFFICIENT_DATA)
    assert found.notes == ["there is no event of deals yet: none is called due or renewed or ended"]


PERSONAS = """\
apiVersion: trueline/v1
kind: Study
metadata: {name: impact}
spec:
  type: persona_impact
  deals: {due: {events: [due]}, renewed: {events: [renewed]}, ended: {events: [ended]}, deal: properties.deal}
  revenue: {payments: {roles: [invoice]}}
  breakdowns: {persona: properties.persona}
  minimum_observations: 2
  previous: year
  currency: USD
---
apiVersion: trueline/v1
kind: EventMapping
metadata: {name: without}
spec:
  fields: {id: id, source: source, name: name, occurred_at: {column: at, format: rfc3339}}
  roles: {invoice: {events: [invoiced], occurrence: 1}}
"""


def test_what_nobody_plays_is_told_beside_the_rest(warehouse: Warehouse) -> None:
    """A study of several parts tells those that it can, and of the others why not; the year before is compared."""
    events = []
    for number, day in enumerate(("2026-03-05", "2026-03-06", "2025-03-05", "2025-03-06")):
        events.append(deal("due", at(day), f"d{number}", persona="agency"))
        events.append(deal("renewed" if number else "ended", at(day, 5), f"d{number}"))

    found = computed(warehouse, put(warehouse, events), "impact", text=PERSONAS)

    rate = figures(found, "persona", "agency")["renewal_rate"]
    assert (rate.now.value, rate.previous.value) == (0.5, 1.0)
    assert rate.verdict is Verdict.NO_EVIDENCE
    assert "revenue_growth" not in figures(found)
    assert any("no event is a payment" in note for note in found.notes)


def test_every_persona_has_every_figure(warehouse: Warehouse) -> None:
    """One that pays and has no deals has a renewal rate, too: data for it are insufficient."""
    text = PERSONAS.replace("roles: [invoice]", "events: [paid]")
    events = [deal("due", at("2026-03-05"), "d", persona="agency"), deal("renewed", at("2026-03-06"), "d")]
    events.append(paid(at("2026-03-07"), "u", "50", "brand"))

    found = computed(warehouse, put(warehouse, events), "impact", text=text)

    for persona in ("agency", "brand"):
        assert tuple(figures(found, "persona", persona)) == tuple(figures(found))
    rate = figures(found, "persona", "brand")["renewal_rate"]
    assert (rate.verdict, rate.now.missing) == (Verdict.INSUFFICIENT_DATA, "0 of at least 2 decided deals")
    assert inputs(figures(found, "persona", "agency")["net_revenue"])["paying_users"] == "0"
