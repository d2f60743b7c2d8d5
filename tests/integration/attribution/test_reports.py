"""Reports on the real warehouse: what they add up to, what they cost, and what they refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from attribution_world import DAY_US, END_US, HOUR_US, MODEL, START_US, Happening, load, order, put, touch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_rules.attribution_model import Selection
from trueline_rules.loader import load_rules
from trueline_server.attribution.asking import Asking, Question
from trueline_server.attribution.comparing import compare
from trueline_server.attribution.explaining import explain
from trueline_server.attribution.funnel import Step, funnel
from trueline_server.attribution.markov import MOST_STATES
from trueline_server.attribution.path_listing import Edge, list_paths
from trueline_server.attribution.reporting import Report, Row, report
from trueline_server.attribution.statements import Dimension
from trueline_server.errors import TruelineError
from trueline_stores.warehouse.client import Warehouse

CHANNEL = (Dimension.CHANNEL,)


def _asking(warehouse: Warehouse, text: str = MODEL) -> Asking:
    rules, _ = load(text)
    return Asking(warehouse, lambda _: rules)


def _question(tenant: str, **further: object) -> Question:
    return replace(Question(tenant, START_US, END_US, "shop"), **further)  # type: ignore[arg-type]


def _reported(
    warehouse: Warehouse,
    happenings: Sequence[Happening],
    models: Sequence[str] = (),
    by: Sequence[Dimension] = CHANNEL,
    text: str = MODEL,
) -> Report:
    asking = _asking(warehouse, text)
    return report(asking, asking.ask(_question(put(warehouse, happenings))), models, by)


def _row(found: Report, channel: str) -> Row:
    (row,) = [row for row in found.rows if row.names[Dimension.CHANNEL] == channel]
    return row


def test_the_hand_computed_case(warehouse: Warehouse) -> None:
    """C1 > C2 > C3 converts, C1 does not, C2 > C3 does not: Markov gives 1/5, 2/5 and 2/5, Shapley thirds."""
    happenings = [
        *(touch(hours, name, user="a") for hours, name in enumerate(("C1", "C2", "C3"))),
        order(5, 10, user="a"),
        touch(1, "C1", user="b"),
        *(touch(hours, name, user="c") for hours, name in enumerate(("C2", "C3"))),
    ]
    found = _reported(warehouse, happenings, ["markov", "shapley"])
    markov = {row.names[Dimension.CHANNEL]: row.earned["markov"] for row in found.rows}
    assert [markov[name].conversions for name in ("C1", "C2", "C3")] == pytest.approx([0.2, 0.4, 0.4])
    assert [markov[name].removal_conversions for name in ("C1", "C2", "C3")] == pytest.approx([0.5, 1, 1])
    assert [markov[name].value for name in ("C1", "C2", "C3")] == [Decimal("2.00"), Decimal("4.00"), Decimal("4.00")]
    shapley = [row.earned["shapley"] for row in found.rows]
    assert [one.conversions for one in shapley] == pytest.approx([1 / 3] * 3)
    assert [one.value for one in shapley] == [Decimal("3.34"), Decimal("3.33"), Decimal("3.33")]
    assert (found.totals.conversions, found.totals.value) == (1, Decimal("10.00"))


def test_what_was_spent_and_what_came_back(warehouse: Warehouse) -> None:
    """Return on spend by model; a channel that only cost has a line, one that cost nothing no return."""
    spent = [Happening("spent", 1, value=value, properties={"channel": name}) for name, value in (("a", 4), ("x", 1))]
    found = _reported(warehouse, [touch(1, "a"), touch(2, "b"), order(3, 10), *spent], ["first", "last"])
    a, b, x = (_row(found, name) for name in "abx")
    assert (a.cost, a.roi("first"), a.roi("last")) == (Decimal("4.00"), 1.5, -1.0)
    assert (b.cost, b.roi("last")) == (Decimal("0.00"), None)
    assert (x.cost, x.touches, x.roi("first")) == (Decimal("1.00"), 0, -1.0)
    assert found.totals.cost == Decimal("5.00")


def test_what_nothing_led_to_is_a_line_of_its_own(warehouse: Warehouse) -> None:
    """The same for every model; also by day it is apart from what touches earned."""
    happenings = [order(1, 5), touch(2, "a"), order(3, 7)]
    for by in (CHANNEL, (Dimension.DAY,), (Dimension.DAY, Dimension.SEGMENT)):
        found = _reported(warehouse, happenings, by=by)
        alone = [row for row in found.rows if row.unattributed]
        assert [(row.touches, row.earned["linear"].value) for row in alone] == [(0, Decimal("5.00"))]
        assert (found.totals.unattributed_conversions, found.totals.unattributed_value) == (1, Decimal("5.00"))
        assert (found.totals.conversions, found.totals.value) == (2, Decimal("12.00"))
    assert found.models == tuple(name for name in load()[1].models if name not in ("markov", "shapley"))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.integers(-500, 10_000), min_size=1, max_size=6),
    touches=st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abcde")), max_size=20),
)
def test_every_model_adds_up_to_the_total(
    warehouse: Warehouse, values: list[int], touches: list[tuple[int, str]]
) -> None:
    """To the cent, whatever the model; a channel in no path earns nothing."""
    happenings = [touch(hours, name) for hours, name in touches]
    happenings += [order(1 + 10 * place, value / 100) for place, value in enumerate(values)]
    found = _reported(warehouse, happenings)
    total = Decimal(sum(values)).scaleb(-2)
    assert (found.totals.conversions, found.totals.value) == (len(values), total)
    for name in found.models:
        assert sum((row.earned[name].value for row in found.rows), Decimal(0)) == total
        assert sum(row.earned[name].conversions for row in found.rows) == pytest.approx(len(values))


def test_currencies_without_minor_units_are_told_in_whole_ones(warehouse: Warehouse) -> None:
    """Yen have none; the largest remainder gets what is left."""
    text = MODEL.replace("currency: EUR", "currency: JPY").replace("USD: 0.5", "USD: 150")
    happenings = [touch(1, "a"), touch(2, "b"), touch(3, "c"), order(4, 100)]
    found = _reported(warehouse, happenings, ["linear"], text=text)
    assert [row.earned["linear"].value for row in found.rows] == [Decimal(34), Decimal(33), Decimal(33)]


def test_mixed_currencies_without_a_rate_are_refused(warehouse: Warehouse) -> None:
    """Naming the currencies, the document and the way out; with a rate they are told."""
    tenant = put(warehouse, [order(1, 5, currency="GBP"), order(2, 5, currency="USD"), order(3, 5, currency="EUR")])
    with pytest.raises(TruelineError) as caught:
        _asking(warehouse).ask(_question(tenant))
    assert (caught.value.code, caught.value.reason) == ("FAILED_PRECONDITION", "MIXED_CURRENCIES")
    assert caught.value.metadata == {"currencies": "GBP", "currency": "EUR"}
    assert "values are in GBP beside EUR, and have no rate; add `rates: {GBP: …}`" in caught.value.message
    asking = _asking(warehouse, MODEL.replace("USD: 0.5", "USD: 0.5, GBP: 2"))
    assert report(asking, asking.ask(_question(tenant)), ["last"], CHANNEL).totals.value == Decimal("17.50")


@pytest.mark.parametrize(
    ("further", "reason", "message"),
    [
        ({"document": "shpo"}, "UNKNOWN_ATTRIBUTION_MODEL", "no attribution model called 'shpo'; did you mean 'shop'?"),
        ({"conversion": "ordr"}, "UNKNOWN_ATTRIBUTION_MODEL", "called 'ordr'; did you mean 'order'?"),
        ({"end_us": START_US}, "INVALID_FIELD", "question.end_time is not after start_time"),
        ({"end_us": START_US + 401 * DAY_US}, "INVALID_FIELD", "more than 400 days after start_time"),
        ({"start_us": -1}, "INVALID_FIELD", "question.start_time is not a time between the years 1971 and 2100"),
    ],
    ids=["document", "conversion", "empty period", "long period", "no time"],
)
def test_what_cannot_be_asked(warehouse: Warehouse, further: dict[str, object], reason: str, message: str) -> None:
    """An error with the field or name, and the way out."""
    with pytest.raises(TruelineError) as caught:
        _asking(warehouse).ask(_question("nobody", **further))
    assert caught.value.reason == reason
    assert message in caught.value.message


def test_models_that_are_unknown_or_do_not_fit(warehouse: Warehouse) -> None:
    """An unknown model names the nearest; one that knows channels only says so."""
    asking = _asking(warehouse)
    asked = asking.ask(_question("nobody"))
    with pytest.raises(TruelineError, match="'lineer'; did you mean 'linear'"):
        report(asking, asked, ["lineer"], CHANNEL)
    with pytest.raises(TruelineError, match="knows channels only"):
        report(asking, asked, ["markov"], (Dimension.CAMPAIGN,))
    with pytest.raises(TruelineError, match="that are compared called 'last'"):
        compare(asking, asked, ["first", "linear"], "last")


def test_a_model_without_an_answer_is_left_out_and_told(warehouse: Warehouse) -> None:
    """Where nobody names it the others answer beside the reason; who names it alone, or as the baseline, is refused."""
    asking = _asking(warehouse)
    people = [str(number) for number in range(MOST_STATES + 1)]
    happenings = [one for user in people for one in (touch(1, f"c{user}", user), order(2, 1, user))]
    asked = asking.ask(_question(put(warehouse, happenings)))
    found = report(asking, asked, (), CHANNEL)
    assert found.models == tuple(name for name in asked.document.models if name != "markov")
    assert found.left_out.keys() == {"markov"}
    assert "order 1 makes 20,001 states of these paths, more than 20,000" in found.left_out["markov"]
    assert all(row.earned.keys() == {*found.models} for row in found.rows)
    compared = compare(asking, asked, (), "")
    assert compared.report.left_out == found.left_out
    assert len(compared.channels) == len(people)
    with pytest.raises(TruelineError, match="order 1 makes 20,001 states"):
        report(asking, asked, ("linear", "markov"), CHANNEL)
    with pytest.raises(TruelineError, match="baseline 'markov' has no answer: order 1 makes 20,001 states"):
        compare(asking, asked, (), "markov")
    only = _asking(warehouse, MODEL[: MODEL.index("  models:")] + "  models: {markov: {formula: markov}}\n")
    with pytest.raises(TruelineError, match="order 1 makes 20,001 states"):
        report(only, only.ask(asked.question), (), CHANNEL)


def test_a_role_that_nobody_plays(warehouse: Warehouse) -> None:
    """Nobody could have touched anything: that is told, and where to say what touches are."""
    text = MODEL.replace("touches: {events: [touched]", "touches: {roles: [touch]")
    mapping = """\
---
apiVersion: trueline/v1
kind: EventMapping
metadata: {name: plain}
spec:
  fields: {id: id, source: source, name: name, occurred_at: at}
"""
    with pytest.raises(TruelineError) as caught:
        _asking(warehouse, text + mapping).ask(_question("nobody"))
    assert (caught.value.reason, caught.value.metadata) == ("UNPLAYED_ROLE", {"roles": "touch"})


@pytest.mark.parametrize("part", ["refunds: {events: [refunded]}", "lead: {events: [became_lead]}"])
def test_a_role_that_only_kpis_read(warehouse: Warehouse, part: str) -> None:
    """Refunds or leads that are the first such event of each user would silently be none."""
    key = part.partition(":")[0]
    text = MODEL.replace(part, f"{key}: {{roles: [activation]}}")
    assert text != MODEL
    with pytest.raises(TruelineError, match="the role activation is not each such event but one of each") as caught:
        _asking(warehouse, text).ask(_question("nobody"))
    assert (caught.value.reason, caught.value.metadata) == ("UNPLAYED_ROLE", {"roles": "activation"})


def test_nothing_happened(warehouse: Warehouse) -> None:
    """A report about nothing is empty and adds up to nothing, whatever the model."""
    found = _reported(warehouse, [])
    assert (found.rows, found.totals.conversions, found.totals.value) == ((), 0, Decimal("0.00"))
    asking = _asking(warehouse)
    assert compare(asking, asking.ask(_question("nobody")), (), "").channels == ()
    assert list_paths(asking, asking.ask(_question("nobody")), converted_only=False).paths == ()


def test_zero_and_negative_values_are_values(warehouse: Warehouse) -> None:
    """They are shared out like all others; a channel may earn less than nothing."""
    found = _reported(warehouse, [touch(1, "a"), order(2, -5), touch(3, "b"), order(4, 0)])
    for name in found.models:
        assert _row(found, "b").earned[name].value <= Decimal(0) or name == "markov"
        assert sum(row.earned[name].value for row in found.rows) == Decimal("-5.00")


def test_models_are_compared(warehouse: Warehouse) -> None:
    """Channels about which models differ most come first, with shares and their difference to the baseline."""
    happenings = [touch(1, "a"), touch(2, "b"), touch(3, "c"), order(4, 9), order(5, 1)]
    asking = _asking(warehouse)
    found = compare(asking, asking.ask(_question(put(warehouse, happenings))), ["linear", "first", "last"], "first")
    assert [(one.row.names[Dimension.CHANNEL], round(one.spread, 9)) for one in found.channels] == [
        ("a", 1.0),
        ("c", 1.0),
        ("b", round(1 / 3, 9)),
    ]
    assert found.channels[0].shares == pytest.approx({"linear": 1 / 3, "first": 1, "last": 0})


def test_paths_and_moves(warehouse: Warehouse) -> None:
    """The most frequent path first; moves count journeys, and end where journeys end."""
    happenings = [
        *(touch(hours, name, user="u") for hours, name in enumerate("ab")),
        order(5, 9, user="u"),
        touch(1, "a", user="v"),
        touch(1, "a", user="w"),
    ]
    asking = _asking(warehouse)
    asked = asking.ask(_question(put(warehouse, happenings)))
    found = list_paths(asking, asked, converted_only=False)
    assert [(path.channels, path.conversions, path.nulls) for path in found.paths] == [
        (("a",), 0, 2),
        (("a", "b"), 1, 0),
    ]
    assert found.edges == (
        Edge(1, "a", "null", "", 2),
        Edge(1, "a", "touch", "b", 1),
        Edge(2, "b", "conversion", "", 1),
    )
    only = list_paths(asking, asked, converted_only=True)
    assert [path.channels for path in only.paths] == [("a", "b")]
    assert Edge(1, "a", "null", "", 2) not in only.edges


def test_a_journey_is_explained(warehouse: Warehouse) -> None:
    """Touch by touch, with the part that each model gives and why; values add up to the conversion's."""
    happenings = [
        touch(0, "ad", user="", anonymous="n", campaign="spring"),
        Happening("signed_up", 1, "u", anonymous="n"),
        touch(7 * 24, "mail"),
        order(14 * 24, 10, id="o1", properties={"tier": "gold"}),
        Happening("refunded", 15 * 24, "u", value=4),
    ]
    asking = _asking(warehouse)
    question = _question(put(warehouse, happenings))
    found = explain(asking, question, "o1", "", ["time_decay", "position"])
    assert (found.person, found.value, found.segment) == ("user:u", Decimal("6.00"), "gold")
    ad, mail = found.touches
    assert (ad.channel, ad.campaign, ad.stitch.id) == ("ad", "spring", "anonymous:n")
    assert (mail.channel, mail.campaign, mail.stitch.id) == ("mail", "(none)", "")
    assert [touch.parts["time_decay"].value for touch in found.touches] == [Decimal("2.00"), Decimal("4.00")]
    assert ad.parts["time_decay"].reason == "14 days before the conversion; 7 days earlier is worth half"
    assert ad.parts["position"].reason.startswith("the first touch has 0.4")
    for models in ((), ("first",)):
        for name in explain(asking, question, "o1", "test", models).models:
            parts = [one.parts[name] for one in explain(asking, question, "o1", "test", models).touches]
            assert sum(part.value for part in parts) == Decimal("6.00")
            assert all(part.reason for part in parts)


def test_a_conversion_that_is_none_or_several(warehouse: Warehouse) -> None:
    """An id that no conversion has, or an event that is something else; a model that knows no single journey."""
    asking = _asking(warehouse)
    question = _question(put(warehouse, [touch(1, "a", id="t1"), order(2, 5, id="o1")]))
    for wrong in ("o2", "t1"):
        with pytest.raises(TruelineError) as caught:
            explain(asking, question, wrong, "", ())
        assert (caught.value.reason, caught.value.metadata) == ("UNKNOWN_CONVERSION", {"id": wrong})
        assert "is a conversion of the type order; the document 'shop' has order, signup" in caught.value.message
    with pytest.raises(TruelineError, match="looks at the paths of all journeys"):
        explain(asking, question, "o1", "", ["shapley"])
    assert explain(asking, question, "o1", "", ()).touches[0].channel == "a"


def test_a_funnel_counts_people_once(warehouse: Warehouse) -> None:
    """In order, within the window, from the first entry; by the channel of the last touch before it."""
    steps = [Step("signup", Selection(("signed_up",))), Step("order", Selection(("ordered",)))]
    happenings = [
        touch(0, "ad", user="u"),
        touch(1, "mail", user="u"),
        Happening("signed_up", 2, "u"),
        order(3, 1, user="u"),
        order(4, 1, user="u"),
        touch(0, "ad", user="v"),
        Happening("signed_up", 2, "v"),
        order(2 + 49, 1, user="v"),
        order(1, 1, user="w"),
        Happening("signed_up", 2, "w"),
        Happening("signed_up", -5, "x"),
    ]
    asking = _asking(warehouse)
    asked = asking.ask(_question(put(warehouse, happenings)))
    found = funnel(asking, asked, steps, 48 * HOUR_US)
    assert found.people == (3, 1)
    assert found.channels == (("", (1, 0)), ("ad", (1, 0)), ("mail", (1, 1)))
    assert funnel(asking, asked, steps, 49 * HOUR_US).people == (3, 2)
    twice = [steps[1], steps[1]]
    assert funnel(asking, asked, twice, 49 * HOUR_US).people == (3, 1)
    with pytest.raises(TruelineError, match="no event is a step nothing"):
        funnel(asking, asked, [steps[0], Step("nothing", Selection(roles=("workflow_x",)))], HOUR_US)


def test_the_documents_of_the_pack_can_be_asked(warehouse: Warehouse) -> None:
    """With the mapping of the pack, about purchases first: by touches, or by the channel that the signup names."""
    tenant = put(
        warehouse,
        [
            Happening("campaign_touched", 0, "u", properties={"channel": "social"}),
            Happening("user_signed_up", 1, "u", properties={"channel": "podcast_ads"}),
            Happening("payment_succeeded", 2, "u", value=19, currency="USD", properties={"persona": "agency"}),
        ],
    )
    rules = load_rules([])
    asking = Asking(warehouse, lambda _: rules)
    for document, channel in (("", "social"), ("self_reported", "podcast_ads")):
        asked = asking.ask(Question(tenant, START_US, END_US, document))
        found = report(asking, asked, (), (Dimension.CHANNEL, Dimension.SEGMENT))
        assert asked.question.conversion == "purchase"
        assert [tuple(row.names.values()) for row in found.rows] == [(channel, "agency")]
        signups = asking.ask(Question(tenant, START_US, END_US, document, conversion="signup"))
        assert report(asking, signups, (), CHANNEL).totals.unattributed_conversions == 0


def test_a_chain_may_credit_what_only_lost_journeys_touched(warehouse: Warehouse) -> None:
    """It leads to what converts: a comparison has it, too, so that the shares of each model add up to 1."""
    tenant = put(
        warehouse,
        [
            Happening("campaign_touched", 1, "u", properties={"channel": "mail"}),
            Happening("payment_succeeded", 2, "u", value=19, currency="USD"),
            Happening("campaign_touched", 1, "v", properties={"channel": "partner"}),
            Happening("campaign_touched", 2, "v", properties={"channel": "mail"}),
        ],
    )
    rules = load_rules([])
    asking = Asking(warehouse, lambda _: rules)
    compared = compare(asking, asking.ask(Question(tenant, START_US, END_US)), ["first", "markov"], "first")
    shares = {one.row.names[Dimension.CHANNEL]: one.shares for one in compared.channels}
    assert shares == {
        "mail": {"first": 1, "markov": pytest.approx(2 / 3)},
        "partner": {"first": 0, "markov": pytest.approx(1 / 3)},
    }
