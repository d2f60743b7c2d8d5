"""Journeys on the real warehouse: which touches led to which conversion, and which led to none."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from attribution_world import MODEL, START_US, Happening, answered, journeys, order, put, touch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from plain_journeys import plain_credits, plain_journeys
from trueline_rules.attribution_model import Transform, TransformKind
from trueline_server.attribution.limits import FRUGAL_SETTINGS, NAMES, SETTINGS, telling_limits, within_memory
from trueline_server.attribution.models import (
    CustomWeights,
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    Model,
    PositionBased,
    TimeDecay,
    WShaped,
)
from trueline_server.attribution.statements import CountPaths, Dimension, SumCosts, SumCredits
from trueline_stores.errors import QueryMemoryError, QueryTimeoutError
from trueline_stores.warehouse.client import Warehouse

DAY = 24
MODELS: tuple[Model, ...] = (
    FirstTouch(),
    LastTouch(),
    LastNonDirect(frozenset({"direct"})),
    Linear(),
    TimeDecay(),
    PositionBased(),
    PositionBased(0.5, 0.5),
    WShaped(),
    CustomWeights((3.0, 1.0), (2.0,), 1.0),
    CustomWeights((0.0, 1.0)),
)


def _paths(warehouse: Warehouse, happenings: list[Happening], text: str = MODEL, **further: Any) -> dict[Any, Any]:
    tenant = put(warehouse, happenings)
    rows = answered(warehouse, CountPaths(journeys(tenant, text, warehouse=warehouse, **further)))
    return {tuple(path): (conversions, value, nulls) for path, conversions, value, nulls in rows}


def test_a_journey_begins_anew_after_a_conversion(warehouse: Warehouse) -> None:
    """What came before an earlier conversion led to that one; what comes after the last one led to none."""
    happenings = [touch(1, "a"), touch(2, "b"), order(3, 10), touch(4, "c"), order(5, 20), touch(6, "d")]
    assert _paths(warehouse, happenings) == {("a", "b"): (1, 10, 0), ("c",): (1, 20, 0), ("d",): (0, 0, 1)}


def test_without_splitting_a_touch_leads_to_every_later_conversion(warehouse: Warehouse) -> None:
    """All touches within the lookback count, also those that led to an earlier conversion."""
    text = MODEL.replace("  currency: EUR", "  journeys: {split: false}\n  currency: EUR")
    happenings = [touch(1, "a"), touch(2, "b"), order(3, 10), touch(4, "c"), order(5, 20), touch(6, "d")]
    paths = {("a", "b"): (1, 10, 0), ("a", "b", "c"): (1, 20, 0), ("d",): (0, 0, 1)}
    assert _paths(warehouse, happenings, text) == paths


def test_the_lookback_is_that_of_the_type_of_conversion(warehouse: Warehouse) -> None:
    """A touch as old as the lookback counts, one that is older led to nothing, or to another type with a longer one."""
    happenings = [touch(0, "old"), touch(1, "edge"), order(30 * DAY + 1, 5), Happening("signed_up", 30 * DAY, "u")]
    assert _paths(warehouse, happenings) == {("edge",): (1, 5, 0), ("old",): (0, 0, 1)}
    assert _paths(warehouse, happenings, conversion="signup") == {("old", "edge"): (1, 0, 0)}


def test_a_touch_before_the_period_counts_for_a_conversion_in_it(warehouse: Warehouse) -> None:
    """The period is that of conversions; what led nowhere before it is a matter of the period before."""
    happenings = [touch(-DAY, "before"), order(1, 5), touch(-DAY, "nothing", user="v")]
    assert _paths(warehouse, happenings) == {("before",): (1, 5, 0)}


def test_a_touch_that_leads_to_a_conversion_after_the_period_did_not_lead_nowhere(warehouse: Warehouse) -> None:
    """It is neither credited in this period nor a journey without conversion, as far as is known now."""
    assert _paths(warehouse, [touch(30 * DAY, "a"), order(32 * DAY, 5)]) == {}


def test_a_touch_after_its_conversion_earns_nothing(warehouse: Warehouse) -> None:
    """A conversion without a touch before it is a journey without touches."""
    assert _paths(warehouse, [order(1, 5), touch(2, "late")]) == {(): (1, 5, 0), ("late",): (0, 0, 1)}


def test_all_at_one_instant(warehouse: Warehouse) -> None:
    """At one instant touches are before the conversion, in the order of the log."""
    assert _paths(warehouse, [order(1, 5), touch(1, "b"), touch(1, "a")]) == {("b", "a"): (1, 5, 0)}


def test_refunds_take_from_the_conversion_before_them(warehouse: Warehouse) -> None:
    """Whatever its sign and however late, a refund lessens the value and not the count; one of nothing does nothing."""
    happenings = [
        touch(1, "a"),
        order(2, 10),
        touch(3, "b"),
        order(4, 20),
        Happening("refunded", 5, "u", value=5),
        Happening("refunded", 40 * DAY, "u", value=-20),
        Happening("refunded", 1, "v", value=7),
    ]
    assert _paths(warehouse, happenings) == {("a",): (1, 10, 0), ("b",): (1, -5, 0)}


def test_values_of_other_currencies_are_told_in_that_of_the_model(warehouse: Warehouse) -> None:
    """By the rate of the file; without a currency a value is in that of the model; zero and no value are zero."""
    happenings = [touch(1, "a"), order(2, 10, currency="USD"), order(3, 4), order(4, 0), Happening("ordered", 5, "u")]
    assert _paths(warehouse, happenings) == {("a",): (1, 5, 0), (): (3, 4, 0)}


def test_channels_may_have_any_name(warehouse: Warehouse) -> None:
    """Names of states of a chain and separators are names; a touch that names no channel has one for that."""
    names = ["start", "null", "conversion", "a > b", "'", "\\", "ünï"]
    happenings = [touch(1 + place / 100, name) for place, name in enumerate(names)]
    happenings += [Happening("touched", 2, "u"), order(3, 1)]
    assert _paths(warehouse, happenings) == {(*names, "(none)"): (1, 1, 0)}


def test_what_nobody_did_is_no_journey_but_a_conversion(warehouse: Warehouse) -> None:
    """A touch without any id is on nobody's journey; a conversion without one counts, unattributed."""
    assert _paths(warehouse, [touch(1, "a", user=""), order(2, 5, user=""), order(3, 6, user="")]) == {(): (2, 11, 0)}


def test_frequency_names_channels_by_their_number_of_touches(warehouse: Warehouse) -> None:
    """In paths only: credits go to the channel, whatever the number."""
    text = MODEL.replace("  currency: EUR", "  journeys: {transforms: [frequency]}\n  currency: EUR")
    happenings = [touch(1, "a"), touch(2, "b"), touch(3, "a"), order(4, 1)]
    assert _paths(warehouse, happenings, text, counted=True) == {("a(2)", "b(1)"): (1, 1, 0)}
    assert _paths(warehouse, happenings, text) == {("a", "b"): (1, 1, 0)}


def test_a_journey_of_a_hundred_thousand_touches(warehouse: Warehouse) -> None:
    """It is a journey like any other, and each touch has its part."""
    tenant = put(warehouse, [*(touch(place / 10_000, f"c{place % 3}") for place in range(100_000)), order(20, 9)])
    rows = answered(warehouse, SumCredits(journeys(tenant), [Linear(), TimeDecay()]))
    assert [touches for _, _, touches, *_ in rows] == [33334, 33333, 33333]
    for column in (3, 5):
        assert sum(row[column] for row in rows) == pytest.approx(1)
        assert sum(row[column + 1] for row in rows) == pytest.approx(9)


def test_touches_in_common_are_not_copied_without_end(warehouse: Warehouse) -> None:
    """A hundred thousand touches before a hundred conversions are shared out; before a thousand it is refused."""
    text = MODEL.replace("  currency: EUR", "  journeys: {split: false}\n  currency: EUR")
    happenings = [touch(place / 10_000, f"c{place % 3}") for place in range(100_000)]
    tenant = put(warehouse, [*happenings, *(order(20 + place / 100, 1) for place in range(90))])
    rows = answered(warehouse, SumCredits(journeys(tenant, text), [Linear(), TimeDecay()]))
    assert [touches for _, _, touches, *_ in rows] == [33334 * 90, 33333 * 90, 33333 * 90]
    assert sum(row[3] for row in rows) == pytest.approx(90)
    put(warehouse, [order(21 + place / 100, 1) for place in range(1_000)], tenant)
    with pytest.raises(QueryMemoryError, match="copies for each; shorten `lookback`"), telling_limits():
        answered(warehouse, SumCredits(journeys(tenant, text), [Linear()]))
    # Touches of one conversion after the other are few, however many there are in all.
    near = text.replace("lookback: 30d, value", "lookback: 1h, value")
    rows = answered(warehouse, SumCredits(journeys(tenant, near), [Linear()]))
    assert sum(row[3] for row in rows) == pytest.approx(1_090)


def test_what_does_not_fit_is_done_by_one_thread(warehouse: Warehouse) -> None:
    """Asked again where the first try needed more memory than it may take, with the same answer."""
    tenant = put(warehouse, [touch(1, "a"), order(2, 5)])
    warehouse.command(
        "INSERT INTO trueline.events (tenant, id, name, occurred_at, user_id, value) SELECT {tenant:String}, "
        "toString(number), if(number % 5 = 4, 'ordered', 'touched'), fromUnixTimestamp64Micro({at:Int64} + number), "
        "toString(intDiv(number, 5)), 1 FROM numbers(2000000)",
        {"tenant": tenant, "at": START_US},
    )
    statement, tries = SumCredits(journeys(tenant), [Linear()]), []

    def ask(sql: str, parameters: dict[str, Any], *, settings: dict[str, int]) -> list[tuple[Any, ...]]:
        tries.append(settings)
        return warehouse.query(sql, parameters, settings={**settings, **smaller[len(tries) - 1]})

    # As if the memory were smaller: what the first try may take is less than it needs.
    smaller: list[dict[str, int]] = [{"max_memory_usage": 100 << 20}, {"max_memory_usage": 1 << 30}]
    rows = within_memory(ask, statement)
    assert tries == [SETTINGS, FRUGAL_SETTINGS]
    assert [(name, touches) for name, _, touches, *_ in rows] == [("(none)", 1_600_000), ("a", 1)]


def test_names_are_not_kept_without_end(warehouse: Warehouse) -> None:
    """A campaign for each touch is told as far as a report can be read; beyond, it is refused with the way out."""
    text = MODEL.replace("campaign: properties.campaign}\n  conversions", "campaign: id}\n  conversions")
    tenant = put(warehouse, [*(touch(place / 1_000, "c") for place in range(2_000)), order(20, 9)])
    campaigned = SumCredits(journeys(tenant, text, campaigns=True), [Linear()], (Dimension.CAMPAIGN,))
    assert len(answered(warehouse, campaigned)) == 2_000
    warehouse.command(
        "INSERT INTO trueline.events (tenant, id, name, occurred_at, user_id) SELECT {tenant:String}, "
        "toString(number), 'touched', fromUnixTimestamp64Micro({at:Int64}), 'u' FROM numbers({more:UInt64})",
        {"tenant": tenant, "at": START_US, "more": NAMES.most},
    )
    with pytest.raises(QueryMemoryError, match="name groups, not single things"), telling_limits():
        answered(warehouse, campaigned)
    sql, parameters = campaigned.to_sql()
    with pytest.raises(QueryTimeoutError), telling_limits():
        warehouse.query(sql, parameters, settings={"max_execution_time": 0.001})
    by_channel = answered(warehouse, SumCredits(journeys(tenant, text), [Linear()]))
    assert [(name, touches) for name, _, touches, *_ in by_channel] == [("(none)", NAMES.most), ("c", 2_000)]


def test_an_empty_period_has_no_rows(warehouse: Warehouse) -> None:
    """No event, no conversion: nothing to share out."""
    assert answered(warehouse, SumCredits(journeys("nobody"), [Linear()])) == []
    tenant = put(warehouse, [touch(1, "a")])
    assert answered(warehouse, SumCredits(journeys(tenant), [Linear()])) == []


def test_credits_are_broken_down(warehouse: Warehouse) -> None:
    """By campaign of the touch, and by day and segment of the conversion."""
    happenings = [
        touch(1, "a", campaign="x"),
        touch(2, "a"),
        order(30, 10, properties={"tier": "gold"}),
        touch(31, "a", campaign="x"),
        order(32, 20),
    ]
    every = (Dimension.CHANNEL, Dimension.CAMPAIGN, Dimension.DAY, Dimension.SEGMENT)
    tenant = put(warehouse, happenings)
    rows = answered(warehouse, SumCredits(journeys(tenant, campaigns=True), [Linear()], every))
    assert rows == [
        ("a", "(none)", "2026-03-02", "gold", 0, 1, 0.5, 5.0),
        ("a", "x", "2026-03-02", "(none)", 0, 1, 1.0, 20.0),
        ("a", "x", "2026-03-02", "gold", 0, 1, 0.5, 5.0),
    ]


def test_costs_are_those_of_the_period(warehouse: Warehouse) -> None:
    """By channel, campaign and day, in the currency of the model."""
    spent = [
        Happening("spent", hours, value=value, currency=currency, properties={"channel": channel})
        for hours, value, currency, channel in [(1, 5, "", "a"), (2, 5, "USD", "a"), (30, 1, "", "a"), (-1, 9, "", "a")]
    ]
    chosen = journeys(put(warehouse, spent))
    assert chosen.model.costs is not None
    rows = answered(warehouse, SumCosts(chosen, chosen.model.costs))
    assert rows == [("a", "(none)", "2026-03-01", 7.5), ("a", "(none)", "2026-03-02", 1.0)]


_HOURS = st.sampled_from([-31 * DAY, -DAY, 0, 1, 2, 3, 24, 20 * DAY, 29 * DAY, 30 * DAY, 31 * DAY, 33 * DAY])
_USERS = st.sampled_from(["u", "v"])
_TOUCHES = st.builds(touch, _HOURS, st.sampled_from(["a", "b", "direct"]), _USERS)
_ORDERS = st.builds(order, _HOURS, st.sampled_from([0, 1, 2.5, 64]), _USERS)
_OTHERS = st.builds(
    Happening,
    st.sampled_from(["became_lead", "became_opportunity", "refunded"]),
    _HOURS,
    _USERS,
    value=st.sampled_from([1.5, -2]),
)
_TRANSFORMS = st.lists(
    st.one_of(
        st.sampled_from([Transform(kind) for kind in TransformKind if kind is not TransformKind.TRIM]),
        st.builds(Transform, st.just(TransformKind.TRIM), st.integers(1, 3)),
    ),
    max_size=2,
    unique=True,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    happenings=st.lists(st.one_of(_TOUCHES, _TOUCHES, _ORDERS, _OTHERS), min_size=1, max_size=24),
    split=st.booleans(),
    transforms=_TRANSFORMS,
)
@example(happenings=[order(0, 0, "u")], split=False, transforms=[Transform(TransformKind.EXPOSURE)])
def test_paths_and_credits_are_those_made_by_hand(
    warehouse: Warehouse, happenings: list[Happening], split: bool, transforms: list[Transform]
) -> None:
    """Whatever happened in whatever order: journeys as by hand, and weights as the models have them."""
    steps = [f"{{trim: {one.last}}}" if one.last else str(one.kind) for one in transforms]
    listed = f", transforms: [{', '.join(steps)}]" if steps else ""
    text = MODEL.replace("  currency: EUR", f"  journeys: {{split: {str(split).lower()}{listed}}}\n  currency: EUR")
    tenant = put(warehouse, happenings)
    plain = plain_journeys(happenings, split=split, transforms=transforms)

    counted: Counter[tuple[str, ...]] = Counter(tuple(name for _, name in journey.touches) for journey in plain)
    values = dict.fromkeys(counted, 0.0)
    for journey in plain:
        values[tuple(name for _, name in journey.touches)] += journey.value
    rows = answered(warehouse, CountPaths(journeys(tenant, text)))
    assert {tuple(path): conversions + nulls for path, conversions, _, nulls in rows} == counted
    assert {tuple(path): value for path, _, value, _ in rows} == pytest.approx(values)

    found = answered(warehouse, SumCredits(journeys(tenant, text), MODELS))
    for place, model in enumerate(MODELS):
        totals = {row[0]: (row[3 + 2 * place], row[4 + 2 * place]) for row in found}
        expected = plain_credits(plain, model)
        assert totals.keys() == expected.keys()
        for name, credit in expected.items():
            assert totals[name] == pytest.approx(credit, abs=1e-9), (model, name)
