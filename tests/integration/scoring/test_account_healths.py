"""How accounts are: one by one and all at once come to the same, whatever is known of them."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline.v1 import scoring_service_pb2 as pb
from trueline_server.errors import TruelineError
from trueline_server.scoring.account_health import health_of
from trueline_stores.warehouse.client import Warehouse

from tests.integration.scoring.health_world import DAY_US, NOW_US, PROFILE, HealthWorld, rules_of

_ACCOUNTS = ("a", "b", "ä", "b 1", "z'\\")
_FACT = st.one_of(
    st.tuples(st.just("tickets"), st.none() | st.floats(-3, 12)),
    st.tuples(st.just("price"), st.none() | st.decimals(0, 120, places=9)),
    st.tuples(st.just("state"), st.sampled_from([None, "", "good", "poor", "odd"])),
    st.tuples(st.just("yearly"), st.none() | st.booleans()),
    st.tuples(st.just("persona"), st.sampled_from([None, "agency", "brand"])),
)
_FACTS = st.lists(st.tuples(st.sampled_from(_ACCOUNTS), st.integers(0, 3), _FACT), max_size=30)
_EVENT = st.fixed_dictionaries(
    {
        "account": st.sampled_from(_ACCOUNTS),
        "name": st.sampled_from(["seen", "paid", "other"]),
        "at_us": st.integers(NOW_US - 40 * DAY_US, NOW_US + DAY_US),
    },
    optional={
        "value": st.decimals(0, 90, places=2),
        "size": st.floats(0, 12),
        "ok": st.sampled_from(["fine", "no"]),
        "source": st.sampled_from(["test", "trueline"]),
    },
)


@given(facts=_FACTS, events=st.lists(_EVENT, max_size=40))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_at_once_is_one_by_one(
    warehouse: Warehouse, facts: list[tuple[str, int, tuple[str, object]]], events: list[dict[str, object]]
) -> None:
    """To the last bit: score, class, coverage, persona, dimensions; and by ascending id, in any number of parts."""
    world = HealthWorld(warehouse, f"health-{uuid.uuid4().hex}")
    for account, days_ago, (name, value) in facts:
        world.put(account, NOW_US - days_ago * DAY_US, **{name: value})  # type: ignore[arg-type]
    world.send(events)
    found = world.all()
    known = {one: row for one in _ACCOUNTS if (row := world.row(one))}
    assert [row["account_id"] for row in found] == sorted(known, key=lambda one: one.encode())
    for row in found:
        health = health_of(world.profile, known[str(row["account_id"])])
        ends = health.overall.ends
        dimensions = [one.ends and one.ends[0] for one in health.scores.dimensions]
        assert row == {
            "account_id": row["account_id"],
            "persona": health.persona,
            "score": ends and ends[0],
            "health": health.name,
            "coverage": health.overall.coverage,
            **{f"d{place}": score for place, score in enumerate(dimensions)},
            "churn": None,
        }
    assert world.all(at_once=2) == found


def test_metrics_are_those_of_windows_that_ended(world: HealthWorld) -> None:
    """Worked out by hand: ten days up to midnight; today, what is older and Trueline's own events do not count."""
    world.now_us = NOW_US + DAY_US // 2
    today, long_ago = NOW_US + 1, NOW_US - 10 * DAY_US - 1
    seen = [NOW_US - 1, NOW_US - 2, NOW_US - DAY_US - 1, NOW_US - 10 * DAY_US]
    world.send([{"account": "a", "name": "seen", "at_us": at, "user": "u"} for at in [*seen, today, long_ago]])
    world.send([{"account": "a", "name": "seen", "at_us": NOW_US - 1, "source": "trueline"}])
    world.send(
        [
            {"account": "a", "name": "seen", "at_us": NOW_US - 1, "size": 3.0, "ok": "fine"},
            {"account": "a", "name": "seen", "at_us": NOW_US - 2, "size": 5.0, "ok": "fine"},
            {"account": "a", "name": "seen", "at_us": NOW_US - DAY_US - 2, "size": 8.0, "ok": "fine"},
            {"account": "a", "name": "seen", "at_us": NOW_US - DAY_US - 2, "size": 1.0, "ok": "no"},
            {"account": "a", "name": "paid", "at_us": NOW_US - 1, "value": Decimal("40.10")},
            {"account": "a", "name": "paid", "at_us": NOW_US - 20 * DAY_US, "value": Decimal("70.20")},
            {"account": "a", "name": "paid", "at_us": NOW_US - 31 * DAY_US, "value": Decimal(1000)},
        ]
    )
    row = world.row("a")
    values = {one.name: row[f"x{one.place}"] for one in world.profile.inputs}
    # The mean of the means of two days, (3 + 5) / 2 and 8.
    assert values == {
        "days": 3.0,
        "visits": 8.0,
        "size": 6.0,
        "paid": 110.3,
        "best": 70.2,
        "price": None,
        "yearly": None,
        "tickets": None,
        "state": None,
    }


def test_an_account_without_events_is_not_bad_but_unknown(world: HealthWorld) -> None:
    """Of nothing: no score, no coverage, all dimensions named. Defaults of metrics are for those with events."""
    answer = world.score("nobody")
    assert (answer.health, answer.coverage, answer.HasField("score")) == ("insufficient_data", 0, False)
    assert list(answer.dimensions_without_inputs) == ["activity", "money", "support"]
    assert (list(answer.moves), list(answer.recommendations), answer.HasField("churn")) == ([], [], False)
    world.put("facts_only", tickets=0.0, state="good")
    answer = world.score("facts_only")
    assert (answer.health, list(answer.dimensions_without_inputs)) == ("insufficient_data", ["activity", "money"])
    assert answer.coverage == pytest.approx(0.2)
    world.send([{"account": "old", "name": "other", "at_us": NOW_US - 300 * DAY_US}])
    answer = world.score("old")
    assert answer.dimensions[0].inputs[0].source == pb.INPUT_SOURCE_DEFAULT
    assert answer.dimensions[0].inputs[0].origin == "default; count of metric seen_daily over 10 days has no value"
    assert [one.name for one in answer.recommendations] == ["call"]
    assert answer.recommendations[0].reason == "days == 0: days is 0"


def test_of_too_little_there_is_no_score(world: HealthWorld) -> None:
    """Nor a share of one, nor a move; the dimensions that are known are told, and why there is no more than they."""
    world.put("a", NOW_US - 8 * DAY_US, tickets=0.0, state="good")
    world.put("a", NOW_US - DAY_US, state=None)
    answer = world.score("a")
    assert (answer.health, answer.health_before) == ("insufficient_data", "insufficient_data")
    assert answer.missing == "coverage is 0.14, below the minimum of 0.3"
    assert (answer.HasField("score"), answer.HasField("score_before"), list(answer.moves)) == (False, False, [])
    assert [one.share for one in answer.weights] == [0, 0, 0]
    support = answer.dimensions[2]
    assert (support.score.value, support.coverage) == (100, pytest.approx(0.7))
    (told,) = world.all()
    assert (told["health"], told["score"], told["d2"]) == ("insufficient_data", None, 100)
    world.put("a", price=Decimal(99), yearly=True)
    answer = world.score("a")
    assert (answer.health, answer.missing) == ("insufficient_data", "coverage is 0.29, below the minimum of 0.3")
    world.put("a", state="good")
    answer = world.score("a")
    assert (answer.health, answer.missing, answer.HasField("score")) == ("healthy", "", True)
    assert (answer.HasField("score_before"), list(answer.moves)) == (False, [])


def test_why_there_is_no_score(world: HealthWorld) -> None:
    """An input that the profile requires is named; conditions see no score where there is none."""
    world.rules = rules_of(
        PROFILE.replace("on_missing: {default: 1}", "on_missing: required").replace(
            "when: days == 0, text: Call.", "when: overall >= 0, text: Call."
        )
    )
    assert world.score("nobody").missing == "it has no event, and no fact that the profile reads"
    world.put("a", price=Decimal(99), yearly=True)
    world.send([{"account": "a", "name": "seen", "at_us": NOW_US - 1}])
    answer = world.score("a")
    assert (answer.health, answer.missing) == ("insufficient_data", "tickets must be known")
    assert list(answer.recommendations) == []
    world.put("a", tickets=1.0)
    assert [one.name for one in world.score("a").recommendations] == ["call"]


def test_values_out_of_their_range_count_as_its_end(world: HealthWorld) -> None:
    """The note tells the value that was put in, and conditions see the one that counts."""
    world.put("a", tickets=99.0, state="odd", price=Decimal("12.5"))
    answer = world.score("a")
    tickets, state = answer.dimensions[2].inputs
    assert (tickets.value, tickets.origin) == ("7", "fact tickets; is 99, out of 0 to 7")
    assert (state.source, state.origin) == (
        pb.INPUT_SOURCE_DROPPED,
        "fact state; is 'odd', which the profile does not know",
    )
    assert tickets.observed_at.ToMicroseconds() == NOW_US
    assert tickets.share == 1
    assert [one.name for one in answer.recommendations] == ["help"]


def test_what_moved_adds_up(world: HealthWorld) -> None:
    """Against a week ago, and against any other time; an instant of the past is told as it was then."""
    world.rules = rules_of(PROFILE.replace("minimum_coverage: 0.3", "minimum_coverage: 0.2"))
    world.put("a", NOW_US - 20 * DAY_US, tickets=0.0, yearly=True, persona="default")
    world.send([{"account": "a", "name": "seen", "at_us": NOW_US - day * DAY_US - 1} for day in range(8, 30)])
    world.put("a", NOW_US - DAY_US, tickets=6.0, persona="agency")
    answer = world.score("a")
    assert answer.before_time.ToMicroseconds() == NOW_US - 7 * DAY_US
    assert (answer.health_before, answer.persona) == ("warning", "agency")
    moved = answer.score.value - answer.score_before.value
    assert sum(one.points for one in answer.moves) == pytest.approx(moved, abs=1e-9)
    told = {(one.dimension, one.name): (one.before, one.now) for one in answer.moves}
    assert told["", "persona"] == ("default", "agency")
    assert told["activity", "days"] == ("9", "2")
    request = pb.ScoreAccountHealthRequest(account_id="a")
    request.at.FromMicroseconds(NOW_US - 7 * DAY_US)
    request.trend.FromMicroseconds(60 * DAY_US)
    then = world.calls.score(world.tenant, world.rules, request)
    assert (then.score, then.health) == (answer.score_before, answer.health_before)
    assert (then.health_before, then.HasField("score_before"), list(then.moves)) == ("insufficient_data", False, [])


@pytest.mark.parametrize(
    ("asked", "reason", "told"),
    [
        ({"profile": "account_helth"}, "UNKNOWN_SCORING_PROFILE", "did you mean 'account_health'"),
        ({"profile": "features"}, "UNKNOWN_SCORING_PROFILE", "is not one of the subject account"),
        ({"trend": {"seconds": -1}}, "INVALID_FIELD", "trend must be above 0"),
        ({"at": {"seconds": NOW_US // 1_000_000 + 1}}, "INVALID_FIELD", "at lies ahead of the server's clock"),
        ({"at": {"seconds": -1}}, "INVALID_FIELD", "at is before 1970"),
    ],
)
def test_what_cannot_be_asked(world: HealthWorld, asked: dict[str, object], reason: str, told: str) -> None:
    """It is told with its field."""
    with pytest.raises(TruelineError, match=told) as caught:
        world.score("a", **asked)
    assert caught.value.reason == reason
