"""Features that are metrics: read of each account as of the instant before, by whoever asks, with what is missing."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.churn.columns import Numbers
from trueline_server.churn.learning import lesson_of
from trueline_server.churn.outlook import Foresight
from trueline_server.errors import TruelineError

from tests.integration.churn.churn_world import BEFORE_US, DAY_US, NOW_US, ChurnWorld

HOUR_US = DAY_US // 24
# Of these two instants windows of a day end, so that what lies a moment before them counts.
MIDNIGHT_US = BEFORE_US // DAY_US * DAY_US
_METRIC = "apiVersion: trueline/v1\nkind: Metric\nmetadata: {{name: {}}}\nspec: {{{}, window: 1d}}\n"
_FACT = "apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: {}}}\nspec: {{subject: account, type: {}}}\n"
_MODEL = """\
apiVersion: trueline/v1
kind: ChurnModel
metadata: {name: small}
spec:
  features:
    - seats
    - {name: size, from: {fact: seats}}
    - {name: opened_7d, from: {metric: opened, over: 7d, agg: sum}, on_missing: {default: 0}}
    - {name: opened_days, from: {metric: opened, over: 30d, agg: count}}
    - {name: people, from: {metric: people, over: 30d, agg: max}}
    - {name: paid, from: {metric: paid, over: 30d, agg: avg}, on_missing: {default: -1}}
  label: {events: [closed]}
  fallback:
    - {when: opened_7d < 2, probability: 0.4}
    - {when: paid > 5 and people > 1, probability: 0.02}
  segments:
    - {name: quiet, when: probability > 0.3 and opened_days < 3, intervention: Call.}
    - {name: small, when: size < 3, intervention: Write.}
"""


def rules_of(model: str = _MODEL) -> RuleSet:
    """Metrics whose values need no look at each window, and ones that need it, a fact, and a model over them."""
    metrics = {
        "opened": "events: [opened], aggregation: count",
        "people": "events: [opened], aggregation: count_distinct, field: user_id",
        "paid": "events: [paid], aggregation: sum, field: value",
    }
    parts = [_METRIC.format(name, spec) for name, spec in metrics.items()]
    return load_texts([("churn.yaml", "---\n".join([*parts, _FACT.format("seats", "number"), model]))])


def _columns(world: ChurnWorld, at_us: int) -> dict[str, dict[str, float | None]]:
    """What is learned from, by account and feature."""
    found: dict[str, dict[str, float | None]] = {}
    for part in world.population.parts(world.tenant, world.rules, world.document, at_us):
        for row, account in enumerate(part.ids):
            found[account] = {
                name: None if np.isnan(column.values[row]) else float(column.values[row])
                for name, column in part.columns.items()
                if isinstance(column, Numbers)
            }
    return found


def test_metrics_are_read_of_each_account_with_what_is_missing(world: ChurnWorld) -> None:
    """Windows that ended; a default only for accounts of which there are events; a fact may have another name."""
    world.rules = rules_of()
    world.put({"known": {"seats": 4.0}}, NOW_US - 90 * DAY_US)
    midnight = NOW_US // DAY_US * DAY_US
    opened = [midnight - 1, midnight - 2 * DAY_US, midnight - 2 * DAY_US + 1, midnight - 20 * DAY_US, midnight + 1]
    world.send([("busy", "opened", at, None) for at in opened])
    world.send([("busy", "paid", midnight - DAY_US, 3.0), ("busy", "paid", midnight - 9 * DAY_US, 6.0)])
    world.send([("payer", "paid", midnight - 40 * DAY_US, 6.0)])
    nothing = {"seats": None, "size": None, "opened_7d": 0.0, "opened_days": None, "people": None, "paid": -1.0}
    assert _columns(world, NOW_US) == {
        "busy": nothing | {"opened_7d": 3.0, "opened_days": 3.0, "people": 2.0, "paid": 4.5},
        "payer": nothing,
        "known": nothing | {"seats": 4.0, "size": 4.0, "opened_7d": None, "paid": None},
    }


def test_a_lesson_knows_nothing_of_what_came_later(world: ChurnWorld) -> None:
    """What accounts do in the time in which they leave changes no feature; a moment earlier it is one."""
    world.rules = rules_of()
    draw = np.random.default_rng(1)
    accounts = [f"account-{number:03}" for number in range(200)]
    for account in accounts:
        days = draw.choice(29, size=draw.integers(1, 12), replace=False)
        world.send([(account, "opened", MIDNIGHT_US - int(day) * DAY_US - HOUR_US, None) for day in days])
    world.send([(account, "closed", NOW_US - DAY_US, None) for account in accounts[::4]])

    def lesson() -> tuple[Counter[bool], dict[str, list[float]]]:
        found = lesson_of(world.population, world.tenant, world.rules, world.document, NOW_US)
        order = np.argsort(found.accounts.ids)
        columns = found.accounts.take(order).columns
        values = {name: list(np.nan_to_num(one.values)) for name, one in columns.items() if isinstance(one, Numbers)}
        return Counter(map(bool, found.labels)), values

    before = lesson()
    assert before[0] == {True: 50, False: 150}
    assert max(before[1]["opened_days"]) > 8
    # Whoever looks ahead learns from nothing else than this.
    world.send([(account, "opened", NOW_US - 2 * DAY_US, None) for account in accounts[::4]] * 9)
    world.send([(account, "paid", BEFORE_US + 1, 900.0) for account in accounts[::4]])
    # Nor from an account that was not there yet.
    world.send([("later", "opened", BEFORE_US + 1, None)])
    assert lesson() == before
    world.send([(account, "paid", MIDNIGHT_US - 1, 900.0) for account in accounts[::4]])
    assert lesson() != before


def test_without_any_account_it_is_told_of_what_nothing_was_known(world: ChurnWorld) -> None:
    """With the instant: what came since is no lesson."""
    world.rules = rules_of()
    world.send([("later", "opened", BEFORE_US + 1, None)])
    told = world.train().insufficient
    assert told.reason == "there is no account to learn from"
    (note,) = told.notes
    assert note.text == (
        "at 2026-12-16 08:00 UTC nothing of seats, size, opened_7d, opened_days, people, paid was known of any account"
    )


def test_accounts_that_closed_before_are_not_learned_from(world: ChurnWorld) -> None:
    """Their last events are no lesson about those who are there."""
    world.rules = rules_of()
    world.send([(account, "opened", MIDNIGHT_US - DAY_US, None) for account in ("left", "leaves", "stays")])
    world.send([("left", "closed", BEFORE_US - HOUR_US, None), ("leaves", "closed", BEFORE_US + HOUR_US, None)])
    lesson = lesson_of(world.population, world.tenant, world.rules, world.document, NOW_US)
    assert dict(zip(lesson.accounts.ids, map(bool, lesson.labels), strict=True)) == {"leaves": True, "stays": False}


_TIMES = st.sampled_from([NOW_US - days * DAY_US - HOUR_US for days in (0, 1, 5, 8, 20, 29, 31, 60)])
_EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "o'hara \\ {x:String}"]),
        st.sampled_from(["opened", "opened", "paid", "other"]),
        _TIMES,
        st.sampled_from([None, 1.0, 5.5, -2.0]),
    ),
    max_size=20,
)


@pytest.mark.parametrize("among", ["", "size > 1 or opened_days >= 2"])
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=_EVENTS, seats=st.dictionaries(st.sampled_from("abd"), st.sampled_from([0.5, 2.0, 9.0])))
def test_all_accounts_are_foreseen_as_each_is_by_itself(
    world: ChurnWorld, events: list[tuple[str, str, int, float | None]], seats: dict[str, float], among: str
) -> None:
    """By facts, by metrics, by both, or by neither: then there is nothing to foresee; nor of whom it is not about."""
    world.rules = rules_of(_MODEL + (f"  among: {among}\n" if among else ""))
    world.tenant = f"churn-{uuid4().hex}"
    world.put({account: {"seats": value} for account, value in seats.items()}, NOW_US - DAY_US)
    if events:
        world.send(events)
    foresight = Foresight(world.document, world.rules.fact_types)
    ids = sorted({"a", "b", "c", "d", "o'hara \\ {x:String}"})
    alone = world.service.outlooks(world.tenant, ids, foresight)
    together = {
        one: (float(probability), int(place))
        for part in world.service.judged(world.tenant, foresight)
        for one, probability, place in zip(part.ids, part.probabilities, part.segments, strict=True)
    }
    names = ["", *(one.name for one in world.document.segments)]
    assert {one: (told.probability, names.index(told.segment)) for one, told in alone.items()} == together
    known = {account for account, *_ in events} | seats.keys()
    assert together.keys() <= known
    if not among:
        assert together.keys() == known
    assert {account for account, size in seats.items() if size > 1} <= together.keys()


def test_a_model_whose_feature_means_something_else_now_is_not_used(world: ChurnWorld) -> None:
    """The rule answers, and says which feature; another document of the same features has the model again."""
    world.rules = rules_of()
    draw = np.random.default_rng(2)
    accounts = [f"account-{number:03}" for number in range(400)]
    often = {account: int(draw.integers(1, 7)) for account in accounts}
    times = [(account, day) for account, days in often.items() for day in range(days)]
    world.send([(account, "opened", MIDNIGHT_US - day * DAY_US - HOUR_US, None) for account, day in times])
    leaving = [account for account, days in often.items() if draw.random() < 0.8 / days**2]
    world.send([(account, "closed", NOW_US - DAY_US, None) for account in leaving])
    model = world.train().model
    assert model.summary.active, model.summary.failed_check
    assert world.service.foresight(world.tenant, "small").model_id == model.summary.id
    world.rules = rules_of(_MODEL.replace("metric: opened, over: 7d, agg: sum", "metric: opened, over: 14d, agg: sum"))
    foresight = world.service.foresight(world.tenant, "small")
    assert foresight.method == "rule"
    assert foresight.why == (
        "the last model is not used: it learned opened_7d from sum of opened over 7d, else 0, which is now "
        "sum of opened over 14d, else 0; train it again"
    )
    by_id = world.service.foresight(world.tenant, "small", model.summary.id)
    with pytest.raises(TruelineError) as caught:
        world.service.require_same_meaning(by_id)
    assert caught.value.message == (
        f"model_id is '{model.summary.id}': it learned opened_7d from sum of opened over 7d, else 0, which is now sum "
        "of opened over 14d, else 0; train it again, or give a table with its features"
    )
    assert world.service.models(world.tenant) == ([world.service.model(world.tenant, "small")], frozenset())
    world.rules = rules_of()
    assert world.service.foresight(world.tenant, "small").method == "model"
    world.service.require_same_meaning(world.service.foresight(world.tenant, "small", model.summary.id))
    assert world.service.models(world.tenant)[1] == {("small", model.summary.id)}


def test_those_it_is_not_about_are_neither_learned_from_nor_foreseen(world: ChurnWorld) -> None:
    """Nor counted in segments; a model that learned from others is not used, and one asked for by its id is refused."""
    world.rules = rules_of(_MODEL + "  among: seats >= 2\n")
    draw = np.random.default_rng(3)
    seats = {f"account-{number:03}": float(draw.integers(0, 6)) for number in range(600)}
    world.put({account: {"seats": value} for account, value in seats.items()}, BEFORE_US - DAY_US)
    about = [account for account, value in seats.items() if value >= 2]
    leaving = [account for account, value in seats.items() if draw.random() < (0.9 if value < 2 else 0.6 / value)]
    world.send([(account, "closed", NOW_US - DAY_US, None) for account in leaving])
    model = world.train().model
    assert model.summary.accounts == len(about)
    assert model.summary.churned == len(set(about) & set(leaving))
    assert model.summary.active, model.summary.failed_check
    foresight = world.service.foresight(world.tenant, "small")
    assert foresight.method == "model"
    assert world.service.outlooks(world.tenant, list(seats), foresight).keys() == set(about)
    counted = world.service.segments(world.tenant, foresight)
    assert sum(one.accounts for one in counted) == len(set(about) - set(leaving))
    assert world.service.drift(world.tenant, foresight).accounts == len(set(about) - set(leaving))
    world.rules = rules_of()
    told = "it learned from accounts with seats >= 2, which is now anything"
    assert world.service.foresight(world.tenant, "small").why == f"the last model is not used: {told}; train it again"
    with pytest.raises(TruelineError, match=told):
        world.service.require_same_meaning(world.service.foresight(world.tenant, "small", model.summary.id))
