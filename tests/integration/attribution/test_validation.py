"""Validation on the real warehouse: every model is checked on the journeys of reports, or it is told why not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from attribution_world import DAY_US, END_US, MODEL, START_US, Happening, load, order, put, touch
from google.protobuf.descriptor import FieldDescriptor
from trueline.v1 import attribution_service_pb2 as pb
from trueline_server.attribution.asking import Asking, Question
from trueline_server.attribution.choosing import choose_models
from trueline_server.attribution.reporting import report
from trueline_server.attribution.statements import Dimension
from trueline_server.attribution.validation.observed import observe
from trueline_server.attribution.validation.validating import HowChecked, steps_of, validate
from trueline_server.attribution.validation_mapping import map_validation_to_proto
from trueline_stores.warehouse.client import Warehouse

HOW = HowChecked(resamples=20, highest_order=3, seed=7)
CHANNELS = ("search", "mail", "direct", "social", "a > b")


def _world(journeys: int, seed: int = 1) -> list[Happening]:
    """Journeys of 0 to 5 touches with leads and opportunities; those with mail convert more often."""
    source = random.Random(seed)
    found = []
    for number in range(journeys):
        user, hours = f"u{number}", source.uniform(0, 200)
        names = [source.choice(CHANNELS) for _ in range(source.randrange(6))]
        for name in names:
            hours += source.uniform(0.5, 90)
            found.append(touch(hours, name, user))
            if source.random() < 0.2:
                kind = source.choice(("became_lead", "became_opportunity"))
                found.append(Happening(kind, hours + 0.1, user))
        if source.random() < (0.7 if "mail" in names else 0.15):
            found.append(order(hours + 1, source.choice((9.99, 25, 100)), user))
            if source.random() < 0.2:
                found.append(Happening("refunded", hours + 2, user, value=5))
    return found


def _checked(
    warehouse: Warehouse, tenant: str, models: Sequence[str] = (), text: str = MODEL, how: HowChecked = HOW
) -> pb.ValidateAttributionResult:
    rules, _ = load(text)
    asking = Asking(warehouse, lambda _: rules)
    asked = asking.ask(Question(tenant, START_US, END_US, "shop"))
    chosen = choose_models(asked.document, models)
    return map_validation_to_proto(validate(asking, asked, chosen, how, lambda message: None))


def _numbers(message: Any) -> list[float]:
    found = []
    for field, value in message.ListFields():
        each = value if field.is_repeated else [value]
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            found += [number for one in each for number in _numbers(one)]
        elif field.type == FieldDescriptor.TYPE_DOUBLE:
            found += list(each)
    return found


def test_every_model_is_checked_on_what_reports_are_of(warehouse: Warehouse) -> None:
    """Credits are those of the report, and lie within their intervals; accuracy, bias and orders are there."""
    tenant = put(warehouse, _world(600))
    rules, _ = load()
    asking = Asking(warehouse, lambda _: rules)
    asked = asking.ask(Question(tenant, START_US, END_US, "shop"))
    told = report(asking, asked, (), (Dimension.CHANNEL,))
    touched = told.totals.conversions - told.totals.unattributed_conversions

    found = _checked(warehouse, tenant)
    assert [one.model for one in found.models] == list(told.models)
    assert found.conversions == touched
    for one in found.models:
        credit = {row.names[Dimension.CHANNEL]: row.earned[one.model] for row in told.rows if not row.unattributed}
        assert {each.channel for each in one.intervals} == set(credit)
        for each in one.intervals:
            assert each.conversions == pytest.approx(credit[each.channel].conversions, rel=1e-9)
            assert each.value == f"{credit[each.channel].value:f}"
            assert each.conversions_low < each.conversions < each.conversions_high
            assert float(each.value_low) < float(each.value) < float(each.value_high)
        assert one.accuracy.journeys == pytest.approx(found.journeys * 0.2, rel=0.3)
        assert one.accuracy.auc > 0.6
        assert one.accuracy.log_loss < one.accuracy.base_log_loss
        assert sum(one.bias.position_shares) == pytest.approx(1)
        assert len(one.bias.channels) == len(CHANNELS)
        assert any("that no touch led to have no part in it" in note for note in one.notes)
    assert [fit.order for fit in found.orders] == [1, 2, 3]
    assert [fit.HasField("p_value") for fit in found.orders] == [False, True, True]
    assert found.supported_order == 1


def test_the_same_seed_gives_the_same_bytes(warehouse: Warehouse) -> None:
    """Whenever it is asked; another seed holds out other journeys."""
    tenant = put(warehouse, _world(300, seed=2))
    one, same = (_checked(warehouse, tenant).SerializeToString(deterministic=True) for _ in range(2))
    assert one == same
    other = _checked(warehouse, tenant, how=replace(HOW, seed=8))
    assert other.models[0].accuracy.journeys != pb.ValidateAttributionResult.FromString(one).models[0].accuracy.journeys


NOTHING: list[Happening] = []
SPARSE = {
    "nothing": (NOTHING, "no journey of the period has a touch"),
    "no touch": ([order(1, 5), order(2, 5, "v")], "no journey of the period has a touch"),
    "one conversion": ([touch(1, "mail"), order(2, 5)], "every journey converted"),
    "no conversion": ([touch(1, "mail"), touch(1, "mail", "v")], "no journey with a touch converted"),
    "few": (_world(12, seed=3), "fewer than 5 journeys"),
    "no null paths": (
        [one for user in range(40) for one in (touch(user, "mail", f"u{user}"), order(user + 1, 5, f"u{user}"))],
        "every journey converted",
    ),
    "one instant": ([touch(1, "mail", campaign=str(n)) for n in range(30)] + [order(1, 5)], "every journey converted"),
    "all refunded": (
        [one for n in range(9) for one in (touch(n, "mail", f"u{n}"), order(n + 1, 5, f"u{n}"))]
        + [Happening("refunded", 20, f"u{n}", value=50) for n in range(9)],
        "every journey converted",
    ),
}


@pytest.mark.parametrize("name", SPARSE)
def test_what_cannot_be_told_is_told(warehouse: Warehouse, name: str) -> None:
    """Too little to go by is an answer with a note; no number on the wire is not finite."""
    happenings, note = SPARSE[name]
    found = _checked(warehouse, put(warehouse, happenings))
    assert len(found.models) == len(load()[1].models)
    for one in found.models:
        assert note in one.notes[0]
        assert not one.HasField("accuracy")
        assert not one.HasField("bias")
        assert bool(one.intervals) == bool(found.conversions)
    assert np.isfinite(_numbers(found)).all()
    assert bool(found.supported_order) == bool(found.journeys) == bool(found.orders)


def test_a_model_without_credit_leaves_the_others_theirs(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of too many states is a note of its model."""
    monkeypatch.setattr("trueline_server.attribution.markov.MOST_STATES", 3)
    markov, linear = _checked(warehouse, put(warehouse, _world(200)), ["markov", "linear"]).models
    assert "makes 5 states of these paths, more than 3" in markov.notes[0]
    assert not markov.intervals
    assert linear.HasField("accuracy")


def test_too_many_touches_are_those_of_some_persons(warehouse: Warehouse) -> None:
    """One in so many, the same ones each time; their journeys are whole."""
    rules, _ = load()
    asking = Asking(warehouse, lambda _: rules)
    asked = asking.ask(Question(put(warehouse, _world(400)), START_US, END_US, "shop"))
    models = choose_models(asked.document, ())
    whole = observe(asking, asked, models)
    some, same = (observe(asking, asked, models, most_touches=int(whole.paths.lengths.sum()) // 3) for _ in range(2))
    assert some.every >= 2
    assert 0.5 < some.journeys * some.every / whole.journeys < 1.5
    np.testing.assert_array_equal(some.paths.codes, same.paths.codes)
    np.testing.assert_array_equal(some.paths.conversions, same.paths.conversions)


def test_every_step_is_told_and_may_end_it(warehouse: Warehouse) -> None:
    """As many as was said; what a step raises ends the work there."""
    rules, _ = load()
    asking = Asking(warehouse, lambda _: rules)
    asked = asking.ask(Question(put(warehouse, _world(100)), START_US, END_US, "shop"))
    models = choose_models(asked.document, ["linear", "markov"])
    told: list[str] = []
    validate(asking, asked, models, HOW, told.append)
    assert len(told) == steps_of(2, HOW)
    assert told[1:3] == ["predicting journeys that were held out by linear", "resample 1 of 20 by linear"]
    assert told[-1] == "fitting a chain of order 3"

    for place in (0, 1, 5, len(told) - 1):
        seen: list[str] = []

        def step(message: str, seen: list[str] = seen, place: int = place) -> None:
            seen.append(message)
            if len(seen) > place:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            validate(asking, asked, models, HOW, step)
        assert seen == told[: place + 1]


def test_a_long_journey_is_a_journey(warehouse: Warehouse) -> None:
    """Of 3,000 touches, over more days than weights have digits; decayed weights add up to it."""
    far = [touch(hours / 10 - 400, "mail" if hours % 2 else "search") for hours in range(3000)]
    text = MODEL.replace("lookback: 30d, value", "lookback: 90d, value")
    found = _checked(warehouse, put(warehouse, [*far, order(40, 12)]), ["time_decay"], text)
    (decay,) = found.models
    assert sum(one.conversions for one in decay.intervals) == pytest.approx(1)
    assert END_US - START_US == 31 * DAY_US
