"""Odd journeys on the real warehouse: each has a defined answer, and every number of it is one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

import pytest
from attribution_world import END_US, HOUR_US, MODEL, START_US, Happening, load, order, put, touch
from trueline_rules.attribution_model import Selection
from trueline_server.attribution.asking import Asked, Asking, Question
from trueline_server.attribution.comparing import compare
from trueline_server.attribution.explaining import explain
from trueline_server.attribution.funnel import Step, funnel
from trueline_server.attribution.path_listing import list_paths
from trueline_server.attribution.reporting import Report, report
from trueline_server.attribution.statements import Dimension
from trueline_stores.warehouse.client import Warehouse

EVERY_MODEL = (
    MODEL + "    markov_2: {formula: markov, order: 2}\n    rates: {formula: shapley, form: conversion_rate}\n"
)
# What programs of attribution put between channels, call the ends of a chain, or read as no number.
NAMES = (
    *("(start)", "(conversion)", "(null)", "start", "conversion", "null", "(none)", "NaN", "inf", "None", "0"),
    *(
        ">",
        " > ",
        "a > b",
        ",",
        ";",
        "|",
        "\n",
        "'",
        '"',
        "\\",
        "{x}",
        "%s",
        " ",
        "e\u0301",
        "渠道",
        "🛒",
        "x" * 8192,
    ),
)


def _journey(user: str, channels: Sequence[str], value: float | None = None) -> list[Happening]:
    happenings = [touch(place, name, user) for place, name in enumerate(channels)]
    return happenings if value is None else [*happenings, order(len(channels), value, user, id=f"o-{user}")]


CASES: dict[str, list[Happening]] = {
    "nothing": [],
    "no conversion": [*_journey("u", "ab"), *_journey("v", "b")],
    "conversions without touches": [order(1, 5), order(2, 7, "v")],
    "all at one instant": [*(touch(1, name) for name in "cabca"), order(1, 10)],
    "a touch after its conversion": [order(1, 10), touch(2, "a")],
    "a touch without a channel": [Happening("touched", 1, "u"), order(2, 10)],
    "a channel that only costs": [*_journey("u", "a", 3), Happening("spent", 1, value=5, properties={"channel": "b"})],
    "a cost of zero and one that comes back": [
        *_journey("u", "ab", 3),
        Happening("spent", 1, value=0, properties={"channel": "a"}),
        Happening("spent", 1, value=-2, properties={"channel": "b"}),
    ],
    "values of zero": [*_journey("u", "ab", 0), *_journey("v", "b", 0)],
    "values that add up to nothing": [*_journey("u", "ab", 5), *_journey("v", "ba", -5), *_journey("w", "a")],
    "values below zero": [*_journey("u", "ab", -5), *_journey("v", "b", -1)],
    "all paid back": [*_journey("u", "ab", 5), Happening("refunded", 9, "u", value=5)],
    "more paid back than paid": [*_journey("u", "ab", 5), Happening("refunded", 9, "u", value=50)],
    "a refund of nothing": [Happening("refunded", 1, "u", value=5), touch(2, "a"), order(3, 1)],
    "values without bounds": [*_journey("u", "ab", 1e18), *_journey("v", "b", 1e-9), *_journey("w", "ca", -1e18)],
    "no value": [touch(1, "a"), Happening("ordered", 2, "u")],
    "names": [step for place, name in enumerate(NAMES) for step in _journey(f"u{place}", [name, "b"], place)],
}


def _asked(warehouse: Warehouse, happenings: Sequence[Happening]) -> tuple[Asking, Asked]:
    rules, _ = load(EVERY_MODEL)
    asking = Asking(warehouse, lambda _: rules)
    return asking, asking.ask(Question(put(warehouse, happenings), START_US, END_US, "shop"))


def _numbers(answer: object) -> Iterator[float]:
    """Every number of an answer."""
    if isinstance(answer, int | float | Decimal):
        yield float(answer)
    elif is_dataclass(answer):
        for field in fields(answer):
            if field.name != "asked":
                yield from _numbers(getattr(answer, field.name))
    elif isinstance(answer, Mapping):
        yield from _numbers(list(answer.values()))
    elif isinstance(answer, list | tuple):
        for one in answer:
            yield from _numbers(one)


def _check(answer: object) -> None:
    assert all(map(math.isfinite, _numbers(answer))), answer


def _check_sums(found: Report) -> None:
    """Credits of every model add up to what there is."""
    for model in found.models:
        earned = [row.earned[model] for row in found.rows]
        assert sum((one.value for one in earned), Decimal(0)) == found.totals.value, model
        assert math.fsum(one.conversions for one in earned) == pytest.approx(found.totals.conversions, rel=1e-9), model


@pytest.mark.parametrize("case", CASES)
def test_every_number_is_one(warehouse: Warehouse, case: str) -> None:
    """Of reports by all dimensions, comparisons, paths, funnels and journeys; what is shared out is all there is."""
    happenings = CASES[case]
    asking, asked = _asked(warehouse, happenings)
    for by in ((Dimension.CHANNEL,), tuple(Dimension)):
        found = report(asking, asked, (), by)
        _check(found)
        _check_sums(found)
    _check([row.roi(model) or 0 for row in found.rows for model in found.models])
    compared = compare(asking, asked, (), "")
    _check(compared)
    assert all(0 <= one.spread <= 1 for one in compared.channels)
    for only in (False, True):
        _check(list_paths(asking, asked, converted_only=only))
    steps = [Step("touch", Selection(("touched",))), Step("order", Selection(("ordered",)))]
    _check(funnel(asking, asked, steps, HOUR_US))
    for conversion in [one.id for one in happenings if one.name == "ordered" and one.id][:3]:
        journey = explain(asking, asked.question, conversion, "", ())
        _check(journey)
        for model in journey.models if journey.touches else ():
            assert math.fsum(one.parts[model].weight for one in journey.touches) == pytest.approx(1, rel=1e-9)
            assert sum(one.parts[model].value for one in journey.touches) == journey.value


def test_a_value_beyond_floats_changes_no_other(warehouse: Warehouse) -> None:
    """It has no cents itself, and takes none from small values beside it."""
    sales = {"a": 1e17, "b": 9.0, "c": 1.25, "d": -0.5}
    asking, asked = _asked(warehouse, [one for name, value in sales.items() for one in _journey(name, name, value)])
    found = report(asking, asked, (), (Dimension.CHANNEL,))
    for row in found.rows:
        value = Decimal(str(sales[row.names[Dimension.CHANNEL]]))
        for model in ("first", "last", "linear", "time_decay", "position", "shapley"):
            assert row.earned[model].value == value
    assert found.totals.value == Decimal("100000000000000009.75")


def test_touches_at_one_instant_are_in_the_order_of_the_log(warehouse: Warehouse) -> None:
    """Also at that of their conversion, which is after them; decay tells none from another."""
    asking, asked = _asked(warehouse, [order(1, 9), *(touch(1, name) for name in "cab")])
    found = report(asking, asked, (), (Dimension.CHANNEL,))
    earned = {row.names[Dimension.CHANNEL]: row.earned for row in found.rows}
    assert [row.unattributed for row in found.rows] == [False] * 3
    assert [earned[name]["first"].conversions for name in "cab"] == [1, 0, 0]
    assert [earned[name]["last"].conversions for name in "cab"] == [0, 0, 1]
    assert [earned[name]["time_decay"].conversions for name in "cab"] == pytest.approx([1 / 3] * 3)
    (path,) = list_paths(asking, asked, converted_only=False).paths
    assert path.channels == ("c", "a", "b")


def test_a_touch_after_its_conversion_has_no_part_in_it(warehouse: Warehouse) -> None:
    """It begins a journey of its own, which has not converted."""
    asking, asked = _asked(warehouse, [order(1, 9), touch(1 + 1e-6, "a")])
    found = report(asking, asked, (), (Dimension.CHANNEL,))
    assert (found.totals.unattributed_conversions, found.totals.unattributed_value) == (1, Decimal("9.00"))
    paths = list_paths(asking, asked, converted_only=False).paths
    assert {path.channels: (path.conversions, path.nulls) for path in paths} == {(): (1, 0), ("a",): (0, 1)}


def test_a_touch_without_a_channel_is_of_none(warehouse: Warehouse) -> None:
    """It is a touch like others, and is called (none); so is one whose channel is an empty text."""
    happenings = [Happening("touched", 1, "u"), touch(2, ""), touch(3, "a"), order(4, 10), touch(1, "", "v")]
    asking, asked = _asked(warehouse, [*happenings, order(2, 1, "v")])
    found = report(asking, asked, ("first", "last"), (Dimension.CHANNEL,))
    earned = {row.names[Dimension.CHANNEL]: row.earned for row in found.rows}
    assert {name: one["first"].conversions for name, one in earned.items()} == {"(none)": 2, "a": 0}
    steps = [Step("touch", Selection(("touched",))), Step("order", Selection(("ordered",)))]
    # Nothing came before the first step but itself.
    assert dict(funnel(asking, asked, steps, 9 * HOUR_US).channels) == {"(none)": (2, 2)}


def test_a_channel_may_be_called_anything(warehouse: Warehouse) -> None:
    """What channels are called changes no model: neither the ends of a chain nor what separates channels elsewhere."""
    count = len(NAMES)
    shapes = [([i % count, (3 * i + 1) % count, (7 * i) % count, i % count][: 1 + i % 4], i % 3) for i in range(90)]

    def credited(names: Sequence[str]) -> list[dict[str, Any]]:
        journeys = [
            step
            for place, (shape, converted) in enumerate(shapes)
            for step in _journey(f"u{place}", [names[i] for i in shape], 10 * place if converted else None)
        ]
        asking, asked = _asked(warehouse, journeys)
        found = report(asking, asked, (), (Dimension.CHANNEL,))
        earned = {row.names[Dimension.CHANNEL]: row.earned for row in found.rows}
        assert set(earned) <= set(names)
        assert {name for path in list_paths(asking, asked, converted_only=False).paths for name in path.channels} <= {
            *names
        }
        return [{model: one.conversions for model, one in earned[name].items()} for name in names if name in earned]

    plain = credited([f"c{place:02d}" for place in range(count)])
    odd = credited(NAMES)
    assert len(plain) == len(odd) == count
    for one, other in zip(plain, odd, strict=True):
        # The direct channel of last_non_direct is called direct in neither.
        assert other == pytest.approx(one, rel=1e-9, abs=1e-9)


def test_a_journey_of_100_000_touches(warehouse: Warehouse) -> None:
    """Is answered like any other: reports by every model, its path, its moves, and touch by touch."""
    touches = 100_000
    happenings = [touch(place / 1000, f"c{place * place % 7}") for place in range(touches)]
    asking, asked = _asked(warehouse, [*happenings, order(101, 12.34, id="o"), *_journey("v", ["c1"])])
    found = report(asking, asked, (), (Dimension.CHANNEL,))
    _check(found)
    _check_sums(found)
    assert sum(row.touches for row in found.rows) == touches
    paths = list_paths(asking, asked, converted_only=True)
    assert [(len(path.channels), path.conversions) for path in paths.paths] == [(touches, 1)]
    assert sum(edge.journeys for edge in paths.edges) == touches
    journey = explain(asking, asked.question, "o", "", ("linear", "time_decay", "position"))
    assert len(journey.touches) == touches
    for model in journey.models:
        assert sum(one.parts[model].value for one in journey.touches) == Decimal("12.34")
        assert math.fsum(one.parts[model].weight for one in journey.touches) == pytest.approx(1, rel=1e-9)
