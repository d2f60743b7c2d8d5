"""Odd journeys through a real server and the command line: each question has a defined answer or a clear error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from trueline import Event, InvalidRequestError, NotFoundError, TruelineClient
from trueline_cli.app import main

from benchmarks.server_process import ServerProcess

LONG = 20_000
NAMES = ("(start)", "(conversion)", "(null)", "a > b", ">", "", "NaN", "conversion", "null", "(none)")


def _touch(begin: datetime, hours: float, channel: str | None, user: str) -> Event:
    properties = {} if channel is None else {"channel": channel}
    at = begin + timedelta(hours=hours)
    return Event(source="web", name="campaign_touched", occurred_at=at, user_id=user, properties=properties)


def _order(begin: datetime, hours: float, value: float, user: str, currency: str = "USD") -> Event:
    at, name = begin + timedelta(hours=hours), "payment_succeeded"
    return Event(source="shop", id=f"o-{user}", name=name, occurred_at=at, user_id=user, value=value, currency=currency)


def _spent(begin: datetime) -> Event:
    properties = {"channel": "a"}
    return Event(
        source="ads", name="marketing_spend", occurred_at=begin, value=3, currency="EUR", properties=properties
    )


# What happens in a month of its own, and the user whose order is explained; "" = there is none.
CASES: dict[str, tuple[Callable[[datetime], Sequence[Event]], str]] = {
    "empty": (lambda _: [], ""),
    "no conversion": (lambda at: [_touch(at, 1, "a", "n1"), _touch(at, 2, "b", "n2")], ""),
    "long": (
        lambda at: [*(_touch(at, n / 100, f"c{n * n % 7}", "l1") for n in range(LONG)), _order(at, 300, 12.34, "l1")],
        "l1",
    ),
    "one instant": (lambda at: [*(_touch(at, 1, name, "i1") for name in "cabca"), _order(at, 1, 9, "i1")], "i1"),
    "touch after": (lambda at: [_order(at, 1, 9, "t1"), _touch(at, 2, "a", "t1")], "t1"),
    "no channel": (lambda at: [_touch(at, 1, None, "c1"), _order(at, 2, 5, "c1")], "c1"),
    "names": (
        lambda at: [
            one
            for place, name in enumerate(NAMES)
            for one in (
                _touch(at, 1, name, f"s{place}"),
                _touch(at, 2, "b", f"s{place}"),
                _order(at, 3, 1, f"s{place}"),
            )
        ],
        "s0",
    ),
    "values": (
        lambda at: [
            one for value in (0, -5, 5) for one in (_touch(at, 1, "a", f"v{value}"), _order(at, 2, value, f"v{value}"))
        ],
        "v-5",
    ),
    "currencies": (lambda at: [_touch(at, 1, "a", "m1"), _order(at, 2, 5, "m1"), _order(at, 3, 5, "m2", "EUR")], "m1"),
    "cost": (lambda at: [_touch(at, 1, "a", "x1"), _order(at, 2, 5, "x1"), _spent(at)], "x1"),
}
# Whether a question adds up values, and costs beside them.
ACTIONS: dict[str, tuple[tuple[str, ...], bool, bool]] = {
    "report": (("report",), True, True),
    "by all": (("report", "--by", "campaign", "--by", "day", "--by", "segment"), True, True),
    "compare": (("compare",), True, True),
    "paths": (("paths", "--limit", "0"), True, False),
    "explain": (("explain",), True, False),
    "validate": (("validate", "--resamples", "20"), True, False),
    "funnel": (("funnel", "role:touch", "role:payment"), False, False),
}


def _begin(case: str) -> datetime:
    return datetime(2023, 1 + list(CASES).index(case), 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a month for each case, all of it processed."""
    with ServerProcess(tmp_path_factory.mktemp("odd")) as process:
        with TruelineClient(process.address) as client:
            for case, (happens, _) in CASES.items():
                if events := happens(_begin(case)):
                    position = client.ingest(events).position
            client.attribute_conversions(_begin("empty"), _begin("long"), min_position=position, timeout=120)
        yield process.address


def _number(text: str) -> Any:
    pytest.fail(f"{text} is no number")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("case", CASES)
def test_every_question_is_answered(address: str, case: str, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With numbers that are numbers; refused is what adds up a currency without a rate, and the way out is told."""
    arguments, values, costs = ACTIONS[action]
    user = CASES[case][1]
    begin = _begin(case)
    period = ("--from", begin.isoformat(), "--until", (begin + timedelta(days=28)).isoformat())
    asked = (*arguments, f"o-{user}") if action == "explain" else (*arguments, *period)
    status = main(["attribution", *asked, "--output", "json", "--address", address])
    out, err = capsys.readouterr()
    if action == "explain" and not user:
        assert (status, "no event of the id 'o-' is a conversion" in err) == (2, True)
    elif (case == "currencies" and values and action != "explain") or (case == "cost" and costs):
        assert (status, "add `rates: {EUR: …}` to the attribution model 'default'" in err) == (2, True)
    else:
        assert status == 0, err
        assert json.loads(out, parse_constant=_number)["about"]["document"] == "default"


def test_a_long_journey_is_explained_in_pages(address: str) -> None:
    """The SDK puts them together: every touch is there once, and their parts are the whole."""
    with TruelineClient(address, timeout=60) as client:
        journey = client.explain_journey("o-l1", models=["linear", "time_decay", "position"])
        assert len(journey.touches) == LONG
        for model in ("linear", "time_decay", "position"):
            assert sum(touch.credits[model].value for touch in journey.touches) == journey.value
            assert sum(touch.credits[model].weight for touch in journey.touches) == pytest.approx(1)
        (path,) = client.list_paths(_begin("long"), _begin("one instant")).paths
        assert len(path.channels) == LONG


def test_unknown_models_and_a_lookback_of_nothing(address: str) -> None:
    """The first name the nearest, the second is found when the file is read."""
    text = """\
apiVersion: trueline/v1
kind: AttributionModel
metadata: {name: none}
spec:
  touches: {roles: [touch], channel: properties.channel}
  conversions: {purchase: {roles: [payment], lookback: 0d, value: value}}
  currency: USD
  models: {linear: {formula: linear}}
"""
    start, end = _begin("values"), _begin("currencies")
    with TruelineClient(address, timeout=60) as client:
        for ask in (client.attribute_conversions, client.compare_models, client.validate_attribution):
            with pytest.raises(NotFoundError, match="called 'lineer'; did you mean 'linear'"):
                ask(start, end, models=["lineer"])
        with pytest.raises(InvalidRequestError, match="knows channels only"):
            client.explain_journey("o-v-5", models=["markov"])
        (problem,) = client.check_rules({"none.yaml": text}).problems
        assert "lookback must be above 0" in problem.message
