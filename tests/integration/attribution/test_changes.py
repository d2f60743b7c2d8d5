"""What changed since, on the real warehouse: each cause by hand, and that causes add up whatever comes in late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from attribution_world import END_US, HOUR_US, MODEL, START_US, Happening, load, order, put, touch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from trueline_server.attribution.asking import Asked, Asking, Question
from trueline_server.attribution.causes import Cause
from trueline_server.attribution.changes import Change, Changes, known_earlier, list_changes
from trueline_server.attribution.reporting import report
from trueline_server.attribution.statements import Dimension
from trueline_server.errors import TruelineError
from trueline_stores.warehouse.client import Warehouse

CONVERSION, REFUND, TOUCH, STITCH, OTHER = Cause
NOTHING = Decimal("0.00")


def _refund(hours: float, value: float, user: str = "u", **further: Any) -> Happening:
    return Happening("refunded", hours, user, value=value, **further)


def _seen(hours: float, user: str = "", **ids: Any) -> Happening:
    return Happening("seen", hours, user, **ids)


def _asked(warehouse: Warehouse, tenant: str, text: str = MODEL, **further: Any) -> tuple[Asking, Asked]:
    rules, _ = load(text)
    asking = Asking(warehouse, lambda _: rules)
    return asking, asking.ask(replace(Question(tenant, START_US, END_US, "shop"), **further))


def _changes(
    warehouse: Warehouse,
    known: Sequence[Happening],
    late: Sequence[Happening],
    models: Sequence[str] = ("linear",),
    text: str = MODEL,
) -> Changes:
    """What changed by late events, after those that were known."""
    tenant = put(warehouse, known)
    _, before = _asked(warehouse, tenant, text)
    put(warehouse, late, tenant)
    asking, now = _asked(warehouse, tenant, text)
    position = before.journeys.scope.position
    return list_changes(asking, now, known_earlier(asking, now, position=position), models, skip=0, size=100)


def _one(changes: Changes) -> Change:
    (change,) = changes.changes
    assert changes.total_changes == 1
    return change


def _told(change: Change) -> dict[str, tuple[float, float]]:
    """Channel -> conversions before and now, by the linear model."""
    return {move.channel: (move.conversions_before, move.conversions) for move in change.moves}


def test_a_conversion_came_in(warehouse: Warehouse) -> None:
    """It was not there, and what it earned is the channels' of its touches."""
    changes = _changes(warehouse, [touch(1, "a"), touch(2, "b")], [order(3, 10, id="o1")])
    change = _one(changes)
    assert (change.existed, change.event.id, change.event.person, change.person_before) == (False, "o1", "user:u", "")
    assert (change.value_before, change.value) == (NOTHING, Decimal("10.00"))
    assert (change.channels_before, change.channels) == ((), ("a", "b"))
    assert change.causes == (CONVERSION,)
    assert [(event.id, cause) for event, cause in change.events] == [("o1", CONVERSION)]
    assert _told(change) == {"a": (0, 0.5), "b": (0, 0.5)}
    assert [
        (total.cause, total.conversions, total.conversions_change, total.value_change) for total in changes.totals
    ] == [(CONVERSION, 1, 1, Decimal("10.00"))]


def test_a_refund_came_in(warehouse: Warehouse) -> None:
    """The conversion is worth less; it is one still, and its touches are the same."""
    changes = _changes(warehouse, [touch(1, "a"), order(3, 10)], [_refund(50, 4, id="r1")])
    change = _one(changes)
    assert (change.value_before, change.value) == (Decimal("10.00"), Decimal("6.00"))
    assert change.causes == (REFUND,)
    assert [(event.id, cause) for event, cause in change.events] == [("r1", REFUND)]
    assert [(move.conversions_before, move.conversions, move.value_before, move.value) for move in change.moves] == [
        (1, 1, Decimal("10.00"), Decimal("6.00"))
    ]
    assert [(total.conversions_change, total.value_change) for total in changes.totals] == [(0, Decimal("-4.00"))]


def test_a_touch_came_in(warehouse: Warehouse) -> None:
    """It takes its part from those that were there; one outside the lookback changes nothing."""
    late = [touch(2, "b", id="t2"), touch(-24 * 31, "c")]
    change = _one(_changes(warehouse, [touch(1, "a"), order(3, 10)], late))
    assert change.causes == (TOUCH,)
    assert [(event.id, event.at_us, cause) for event, cause in change.events] == [("t2", START_US + 2 * HOUR_US, TOUCH)]
    assert _told(change) == {"a": (1, 0.5), "b": (0, 0.5)}


def test_a_first_touch_on_what_nothing_led_to(warehouse: Warehouse) -> None:
    """What was nobody's is the channel's."""
    change = _one(_changes(warehouse, [order(3, 10)], [touch(2, "b")]))
    assert change.causes == (TOUCH,)
    assert _told(change) == {"": (1, 0), "b": (0, 1)}


def test_a_milestone_came_in(warehouse: Warehouse) -> None:
    """Which touch led to the lead matters to the W-shaped model, and to no other."""
    known = [*(touch(hours, name) for hours, name in enumerate("abc", start=1)), order(10, 10)]
    late = [Happening("became_lead", 2.5, "u", id="l1")]
    change = _one(_changes(warehouse, known, late, ["w_shaped"]))
    assert change.causes == (TOUCH,)
    assert [event.id for event, _ in change.events] == ["l1"]
    assert change.channels == change.channels_before
    assert {move.channel for move in change.moves} == {"b", "c"}
    assert _changes(warehouse, known, late, ["linear"]).changes == ()


def test_ids_were_joined(warehouse: Warehouse) -> None:
    """A device's touch moves to the user who signed in on it; the event that joined them is told."""
    known = [touch(1, "a", user="", device="d1"), touch(2, "b"), order(3, 10), _seen(0, "x", device="d9")]
    late = [_seen(4, "u", device="d1", id="s1"), _seen(5, "x", device="d9", id="s2")]
    change = _one(_changes(warehouse, known, late))
    assert (change.person_before, change.event.person, change.causes) == ("user:u", "user:u", (STITCH,))
    assert [(event.id, cause) for event, cause in change.events] == [("s1", STITCH)]
    assert _told(change) == {"a": (0, 0.5), "b": (1, 0.5)}


def test_a_conversion_is_of_another_person(warehouse: Warehouse) -> None:
    """An order without a user, through two ids that are joined one by one; the event that told whose it is is told."""
    known = [
        order(3, 10, user="", anonymous="a1"),
        _seen(1, anonymous="a1", device="d1"),
        touch(2, "b", user="u"),
    ]
    late = [_seen(4, "u", device="d1", id="s1"), _seen(5, "v", device="d2", id="s2")]
    change = _one(_changes(warehouse, known, late))
    assert (change.person_before, change.event.person) == ("anonymous:a1", "user:u")
    assert change.causes == (STITCH,)
    assert [event.id for event, _ in change.events] == ["s1"]
    assert _told(change) == {"": (1, 0), "b": (0, 1)}


def test_ids_were_told_apart(warehouse: Warehouse) -> None:
    """A touch on a device that somebody else turns out to have used then is theirs; the conversion loses it."""
    known = [touch(1, "a", user="", device="d1"), touch(2, "b"), order(3, 10), _seen(4, "u", device="d1")]
    late = [_seen(1.5, "v", device="d1", id="s1")]
    change = _one(_changes(warehouse, known, late))
    assert change.causes == (STITCH,)
    assert [event.id for event, _ in change.events] == ["s1"]
    assert _told(change) == {"a": (0.5, 0), "b": (0.5, 1)}


def test_another_conversion_came_in(warehouse: Warehouse) -> None:
    """It has the touches before it, and refunds between; what did it is the other conversion."""
    known = [touch(1, "a"), touch(3, "b"), order(4, 10, id="o1"), order(6, 20, id="o2"), _refund(10, 5)]
    changes = _changes(warehouse, known, [order(2, 1, id="late1"), order(8, 2, id="late2")])
    found = {change.event.id: change for change in changes.changes}
    assert {name: change.causes for name, change in found.items()} == {
        "late1": (CONVERSION,),
        "o1": (OTHER,),
        "o2": (OTHER,),
        "late2": (CONVERSION,),
    }
    assert [(event.id, cause) for event, cause in found["o1"].events] == [("late1", OTHER)]
    assert [(event.id, cause) for event, cause in found["o2"].events] == [("late2", OTHER)]
    assert (found["o1"].channels_before, found["o1"].channels) == (("a", "b"), ("b",))
    assert (found["o2"].value_before, found["o2"].value) == (Decimal("15.00"), Decimal("20.00"))
    assert found["late2"].value == Decimal("-3.00")
    assert [(total.cause, total.conversions_change, total.value_change) for total in changes.totals] == [
        (CONVERSION, 2, Decimal("-2.00")),
        (OTHER, 0, Decimal("5.00")),
    ]


def test_a_conversion_that_was_known_moves_in_between(warehouse: Warehouse) -> None:
    """It came with the ids that were joined, so they are the cause, and not the conversion, which is not new."""
    known = [touch(1, "a"), order(2, 1, user="", device="d1", id="o1"), order(3, 10, id="o2")]
    changes = _changes(warehouse, known, [_seen(4, "u", device="d1", id="s1")])
    found = {change.event.id: change for change in changes.changes}
    assert {name: change.causes for name, change in found.items()} == {"o1": (STITCH,), "o2": (STITCH,)}
    assert {name: [event.id for event, _ in change.events] for name, change in found.items()} == {
        "o1": ["s1"],
        "o2": ["s1"],
    }
    assert _told(found["o2"]) == {"a": (1, 0), "": (0, 1)}


def test_several_causes(warehouse: Warehouse) -> None:
    """All of them are told, in the order of their numbers; totals count the conversion for the first."""
    known = [touch(1, "a", user="", device="d1"), touch(2, "b"), order(3, 10)]
    late = [_seen(4, "u", device="d1", id="s1"), touch(2.5, "c", id="t1"), _refund(9, 3, id="r1")]
    changes = _changes(warehouse, known, late)
    change = _one(changes)
    assert change.causes == (REFUND, TOUCH, STITCH)
    assert [(event.id, cause) for event, cause in change.events] == [("s1", STITCH), ("t1", TOUCH), ("r1", REFUND)]
    assert [(total.cause, total.conversions, total.value_change) for total in changes.totals] == [
        (REFUND, 1, Decimal("-3.00"))
    ]


def test_what_transforms_leave_out_changes_nothing(warehouse: Warehouse) -> None:
    """A repeated touch of a channel is no change to `exposure`; one that only pushes another out is one."""
    exposure = MODEL.replace("  currency:", "  journeys: {transforms: [exposure]}\n  currency:")
    known = [touch(1, "a"), touch(2, "b"), order(9, 10)]
    assert _changes(warehouse, known, [touch(1.5, "a")], text=exposure).changes == ()
    both = exposure.replace("[exposure]", "[{trim: 2}, exposure]")
    change = _one(_changes(warehouse, known, [touch(2.5, "b", id="t1")], text=both))
    assert (change.channels, change.causes, [event.id for event, _ in change.events]) == (("b",), (TOUCH,), ["t1"])


def test_at_most_twenty_events(warehouse: Warehouse) -> None:
    """Those that were accepted first."""
    late = [touch(2 + place / 100, "b", id=f"t{place}") for place in range(30)]
    change = _one(_changes(warehouse, [touch(1, "a"), order(3, 10)], late))
    assert [event.id for event, _ in change.events] == [f"t{place}" for place in range(20)]
    assert len(change.channels) == 31


def test_pages_are_parts_of_one_answer(warehouse: Warehouse) -> None:
    """By time; each page tells the same totals."""
    known = [one for n in range(5) for one in (touch(1, "a", f"u{n}"), order(10 - n, n, f"u{n}", id=f"o{n}"))]
    tenant = put(warehouse, [*known, touch(1, "a", "v"), order(2, 3, "v")])
    _, before = _asked(warehouse, tenant)
    put(warehouse, [touch(1.5, "b", f"u{n}") for n in range(5)], tenant)
    asking, now = _asked(warehouse, tenant)
    earlier = known_earlier(asking, now, position=before.journeys.scope.position)
    pages = [list_changes(asking, now, earlier, ["linear"], skip=skip, size=2) for skip in (0, 2, 4, 6)]
    assert [[change.event.id for change in page.changes] for page in pages] == [["o4", "o3"], ["o2", "o1"], ["o0"], []]
    assert all(change.channels == ("a", "b") for page in pages for change in page.changes)
    assert {page.total_changes for page in pages} == {5}
    assert len({page.totals for page in pages}) == 1


def test_an_instant_is_as_good_as_a_position(warehouse: Warehouse) -> None:
    """What had been accepted by then was known, to the microsecond."""
    happenings = [touch(1, "a", accepted_hours=1), order(3, 10, accepted_hours=3), touch(2, "b", accepted_hours=4)]
    tenant = put(warehouse, happenings)
    asking, now = _asked(warehouse, tenant)
    for at_hours, causes in ((0, (CONVERSION, TOUCH)), (2, (CONVERSION, TOUCH)), (3, (TOUCH,))):
        at_us = START_US + at_hours * HOUR_US
        change = _one(list_changes(asking, now, known_earlier(asking, now, at_us=at_us), ["last"], skip=0, size=9))
        assert change.causes == causes
    at_us = START_US + 4 * HOUR_US
    assert list_changes(asking, now, known_earlier(asking, now, at_us=at_us), [], skip=0, size=9).changes == ()


def test_what_lies_behind_the_question_is_refused(warehouse: Warehouse) -> None:
    """An instant after known_at, a position that the question does not reach, and neither of them."""
    tenant = put(warehouse, [order(3, 10)])
    asking, now = _asked(warehouse, tenant, known_us=START_US)
    with pytest.raises(TruelineError, match="changed_since is behind the question's known_at"):
        known_earlier(asking, now, at_us=START_US + 1)
    with pytest.raises(TruelineError, match="since_position is 1000000000, behind the question's"):
        known_earlier(asking, now, position=10**9)
    with pytest.raises(TruelineError, match="name changed_since or since_position"):
        known_earlier(asking, now)


_EVENTS = st.one_of(
    st.builds(
        touch,
        st.integers(0, 40),
        st.sampled_from("abc"),
        st.sampled_from(["u", "v", ""]),
        device=st.sampled_from(["d", "e"]),
    ),
    st.builds(
        order,
        st.integers(0, 40),
        st.integers(-300, 3000).map(lambda cents: cents / 50),
        st.sampled_from(["u", "v", ""]),
        device=st.sampled_from(["", "d", "e"]),
        currency=st.sampled_from(["EUR", "USD"]),
    ),
    st.builds(
        _refund,
        st.integers(0, 40),
        st.integers(0, 3000).map(lambda cents: cents / 100),
        st.sampled_from(["u", "v"]),
    ),
    st.builds(Happening, st.just("became_lead"), st.integers(0, 40), st.sampled_from(["u", "v"])),
    st.builds(
        Happening,
        st.just("seen"),
        st.integers(0, 40),
        st.sampled_from(["u", "v", ""]),
        device=st.sampled_from(["d", "e"]),
        anonymous=st.sampled_from(["", "n"]),
    ),
)
# A failing case is small enough as it is, and shrinking takes minutes.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
_SPLIT = MODEL.replace("  currency:", "  journeys: {split: true, transforms: [exposure, {trim: 3}]}\n  currency:")
_WHOLE = MODEL.replace("  currency:", "  journeys: {split: false}\n  currency:")


@settings(max_examples=25, deadline=None, phases=_PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    known=st.lists(_EVENTS, max_size=12),
    late=st.lists(_EVENTS, min_size=1, max_size=8),
    text=st.sampled_from([MODEL, _SPLIT, _WHOLE]),
)
def test_causes_add_up_to_what_changed(
    warehouse: Warehouse, known: list[Happening], late: list[Happening], text: str
) -> None:
    """Whatever comes in late: totals of causes are the difference of the reports, moves that of each conversion, each
    change has a cause and an event that came in late, what did not change is not told, and nothing vanishes."""
    tenant = put(warehouse, [order(1, 1, "somebody"), *known])
    _, before = _asked(warehouse, tenant, text)
    put(warehouse, late, tenant)
    asking, now = _asked(warehouse, tenant, text)
    last = before.journeys.scope.position
    assert last is not None
    earlier = known_earlier(asking, now, position=last)
    models = ["linear", "w_shaped", "time_decay"]
    found = list_changes(asking, now, earlier, models, skip=0, size=100)
    reports = [report(asking, one, models, (Dimension.CHANNEL,)) for one in (earlier.asked, now)]
    totals = [one.totals for one in reports]
    assert sum(total.conversions_change for total in found.totals) == totals[1].conversions - totals[0].conversions
    assert sum((total.value_change for total in found.totals), NOTHING) == totals[1].value - totals[0].value
    assert sum(total.conversions for total in found.totals) == len(found.changes) == found.total_changes
    for change in found.changes:
        assert change.causes
        assert change.events
        assert all(event.position > last for event, _ in change.events)
        assert {cause for _, cause in change.events} == set(change.causes)
        assert change.existed == (Cause.CONVERSION not in change.causes)
        for model in models:
            own = [move for move in change.moves if move.model == model]
            difference = sum((move.value - move.value_before for move in own), NOTHING)
            assert difference == change.value - change.value_before
            parts = sum(move.conversions - move.conversions_before for move in own)
            assert parts == pytest.approx(0 if change.existed else 1)
    for model in models:
        moved: dict[str, float] = {}
        for change in found.changes:
            for move in change.moves:
                if move.model == model:
                    moved[move.channel] = moved.get(move.channel, 0.0) + move.conversions - move.conversions_before
        for channel in {*"abc", ""}:
            was, is_now = (_credit(one.rows, channel, model) for one in reports)
            assert moved.get(channel, 0.0) == pytest.approx(is_now - was, abs=1e-9)


def _credit(rows: Sequence[Any], channel: str, model: str) -> float:
    """Conversions of a channel in a report; "" = those that no touch led to."""
    return sum(
        float(row.earned[model].conversions)
        for row in rows
        if row.unattributed == (channel == "") and (not channel or row.names[Dimension.CHANNEL] == channel)
    )
