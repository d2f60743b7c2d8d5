"""Refunds on the real warehouse: of which conversion they are, and that none is passed over in silence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from attribution_world import DAY_US, END_US, MODEL, START_US, Happening, load, order, put, touch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from trueline.v1 import attribution_service_pb2 as pb
from trueline_server.attribution.answer_pages import AnswerPages
from trueline_server.attribution.answering import Answering
from trueline_server.attribution.asking import Asking, Question
from trueline_server.attribution.kept_answers import KeptAnswers
from trueline_server.attribution.reporting import Totals, report
from trueline_server.attribution.statements import Dimension
from trueline_server.errors import TruelineError
from trueline_server.transport.tenant import TENANT
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens
from trueline_stores.warehouse.client import Warehouse


def _refund(hours: float, value: float | None, user: str = "u", **further: Any) -> Happening:
    return Happening("refunded", hours, user, value=value, **further)


def _totals(warehouse: Warehouse, happenings: Sequence[Happening], text: str = MODEL, **further: Any) -> Totals:
    rules, _ = load(text)
    asking = Asking(warehouse, lambda _: rules)
    asked = asking.ask(replace(Question(put(warehouse, happenings), START_US, END_US, "shop"), **further))
    found = report(asking, asked, ["linear", "markov"], (Dimension.CHANNEL,))
    for model in found.models:
        assert sum((row.earned[model].value for row in found.rows), Decimal(0)) == found.totals.value
    return found.totals


def _told(totals: Totals) -> tuple[int, str, int, str]:
    return totals.conversions, f"{totals.value}", totals.unmatched_refunds, f"{totals.unmatched_refund_value}"


CASES: dict[str, tuple[list[Happening], tuple[int, str, int, str]]] = {
    "in parts": ([order(2, 10), _refund(3, 4), _refund(50, 2)], (1, "4.00", 0, "0.00")),
    "whatever its sign": ([order(2, 10), _refund(3, -4)], (1, "6.00", 0, "0.00")),
    "more than was paid": ([order(2, 10), _refund(3, 15)], (1, "-5.00", 0, "0.00")),
    "without a value": ([order(2, 10), _refund(3, None)], (1, "10.00", 0, "0.00")),
    "at the instant of the order": ([order(2, 10), _refund(2, 10)], (1, "0.00", 0, "0.00")),
    "of the last order before it": (
        [order(2, 10), order(4, 20), _refund(3, 1), _refund(5, 2)],
        (2, "27.00", 0, "0.00"),
    ),
    "after the period": ([order(2, 10), _refund(24 * 40, 3)], (1, "7.00", 0, "0.00")),
    "in another currency": ([order(2, 10), _refund(3, 4, currency="USD")], (1, "8.00", 0, "0.00")),
    "by a device": (
        [order(2, 10), Happening("seen", 3, "u", device="d1"), _refund(4, 3, "", device="d1")],
        (1, "7.00", 0, "0.00"),
    ),
    "of nobody known": ([order(2, 10), _refund(4, 3, "", device="d1")], (1, "10.00", 1, "3.00")),
    "of nobody": ([order(2, 10), _refund(4, 3, "")], (1, "10.00", 1, "3.00")),
    "before any order": ([_refund(1, 3), order(2, 10)], (1, "10.00", 1, "3.00")),
    "of somebody else": (
        [order(2, 10), _refund(3, 3, "v"), _refund(4, -2, "w", currency="USD")],
        (1, "10.00", 2, "4.00"),
    ),
    "of nobody, outside the period": ([order(2, 10), _refund(24 * 40, 3, "v")], (1, "10.00", 0, "0.00")),
    "of an order before the period": ([order(-24 * 40, 10), _refund(3, 3)], (0, "0.00", 0, "0.00")),
    "of an order worth nothing": (
        [order(2, 0), order(3, -5, "v"), _refund(4, 1), _refund(4, 1, "v")],
        (2, "-7.00", 0, "0.00"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refund_is_of_the_conversion_before_it(warehouse: Warehouse, name: str) -> None:
    """Its person's, of the type; what has none is told apart, and every model adds up to what is left."""
    happenings, told = CASES[name]
    assert _told(_totals(warehouse, [touch(1, "a"), touch(1, "b", "v"), *happenings])) == told


def test_a_refund_in_a_currency_without_a_rate_is_refused(warehouse: Warehouse) -> None:
    """As every value is."""
    with pytest.raises(TruelineError, match="GBP") as caught:
        _totals(warehouse, [order(2, 10), _refund(3, 1, currency="GBP")])
    assert caught.value.reason == "MIXED_CURRENCIES"


@pytest.mark.parametrize(
    ("happenings", "value"),
    [
        ([order(2, 10), order(24 * 40, 5, currency="GBP")], "10.00"),
        ([order(2, 10), Happening("spent", 24 * 40, value=5, currency="GBP")], "10.00"),
        ([order(2, 10), order(24 * 35, 5), _refund(24 * 40, 1, currency="GBP")], "10.00"),
        ([order(2, 10), _refund(24 * 40, 1, "v", currency="GBP")], "10.00"),
        ([order(2, 10), order(-24, 5), _refund(1, 1, currency="GBP")], "10.00"),
        ([order(2, 10), _refund(24 * 40, 1, currency="GBP")], None),
        ([order(2, 10), _refund(1, 1, currency="GBP")], None),
        ([order(2, 10), Happening("spent", 3, value=5, currency="GBP")], None),
    ],
    ids=[
        "an order after the period",
        "a cost after the period",
        "a refund of an order after the period",
        "a refund after the period that nothing was bought before",
        "a refund of an order before the period",
        "a refund after the period of an order in it",
        "a refund in the period that nothing was bought before",
        "a cost in the period",
    ],
)
def test_only_what_is_added_up_needs_a_rate(
    warehouse: Warehouse, happenings: list[Happening], value: str | None
) -> None:
    """A currency that comes up next month refuses no report of this one, unless it takes something back from it."""
    if value is not None:
        assert _totals(warehouse, happenings).value == Decimal(value)
        return
    with pytest.raises(TruelineError, match="values are in GBP beside EUR") as caught:
        _totals(warehouse, happenings)
    assert caught.value.metadata == {"currencies": "GBP", "currency": "EUR"}


def test_a_document_without_refunds_says_nothing_of_them(warehouse: Warehouse) -> None:
    """There is no figure, and no 0 that means nothing."""
    text = MODEL.replace(", refunds: {events: [refunded]}", "")
    totals = _totals(warehouse, [order(2, 10), _refund(1, 1)], text)
    assert (totals.value, totals.unmatched_refunds, totals.unmatched_refund_value) == (Decimal("10.00"), 0, None)


_ORDERS = st.builds(order, st.integers(0, 40), st.integers(-300, 3000).map(lambda n: n / 100), st.sampled_from("uvw"))
_REFUNDS = st.builds(
    _refund, st.integers(0, 40), st.integers(-300, 3000).map(lambda n: n / 100), st.sampled_from("uvw")
)


@settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(happenings=st.lists(st.one_of(_ORDERS, _REFUNDS), max_size=15))
def test_refunds_are_what_revenue_has_of_them(warehouse: Warehouse, happenings: list[Happening]) -> None:
    """Where all events lie in the period, value less unmatched refunds is what the metric `less: [refund]` says: all
    payments less all refunds, whatever their sign."""
    totals = _totals(warehouse, happenings)
    paid = sum((Decimal(str(one.value)) for one in happenings if one.name == "ordered"), Decimal(0))
    back = sum((abs(Decimal(str(one.value))) for one in happenings if one.name == "refunded"), Decimal(0))
    assert totals.unmatched_refund_value is not None
    assert totals.value - totals.unmatched_refund_value == paid - back


def test_a_report_tells_its_causes_and_changes_come_in_pages(warehouse: Warehouse) -> None:
    """With changed_since; causes add up to the totals, pages to all changes, also when more comes in meanwhile."""
    people = [f"u{n}" for n in range(5)]
    known = [one for user in people for one in (touch(1, "a", user), order(2, 1.5, user))]
    tenant = put(warehouse, [*known, order(3, 7, "USD", currency="USD")])
    late = [one for user in people for one in (touch(1.5, "b", user, accepted_hours=100),)]
    put(warehouse, [*late, order(9, 4, "v", accepted_hours=100), _refund(9, 0.25, "u0", accepted_hours=101)], tenant)
    rules, _ = load()
    answering = Answering(Asking(warehouse, lambda _: rules), AnswerPages(Tokens(b"k" * 32), KeptAnswers()))
    before = TENANT.set(tenant)
    since = timestamp_of(START_US + DAY_US)
    question = pb.AttributionQuestion(document="shop", start_time=timestamp_of(START_US), end_time=timestamp_of(END_US))
    try:
        found = answering.report(pb.AttributeConversionsRequest(question=question, changed_since=since))
        pages = [
            answering.changes(pb.ListAttributionChangesRequest(question=question, changed_since=since, page_size=4))
        ]
        put(warehouse, [touch(1.2, "c", "u3", accepted_hours=200)], tenant)
        pages.append(
            answering.changes(
                pb.ListAttributionChangesRequest(
                    question=question, changed_since=since, page_size=4, page_token=pages[0].next_page_token
                )
            )
        )
    finally:
        TENANT.reset(before)
    assert [
        (total.cause, total.conversions, total.conversions_change, total.value_change) for total in found.causes
    ] == [
        (pb.ATTRIBUTION_CAUSE_CONVERSION, 1, 1, "4.00"),
        (pb.ATTRIBUTION_CAUSE_REFUND, 1, 0, "-0.25"),
        (pb.ATTRIBUTION_CAUSE_TOUCH, 4, 0, "0.00"),
    ]
    assert Decimal(found.totals.value) - Decimal(found.totals_before.value) == Decimal("3.75")
    assert [len(page.changes) for page in pages] == [4, 2]
    assert pages[1].next_page_token == ""
    assert {page.about.position for page in pages} == {found.about.position}
    for page in pages:
        assert (page.total_changes, list(page.causes)) == (6, list(found.causes))
    assert all("c" not in change.channels for page in pages for change in page.changes)
    assert list(pages[0].changes[0].causes) == [pb.ATTRIBUTION_CAUSE_REFUND, pb.ATTRIBUTION_CAUSE_TOUCH]
