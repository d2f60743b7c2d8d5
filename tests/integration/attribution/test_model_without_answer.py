"""Models that have an answer to the paths of now or of an earlier instant only, and what of money an answer needs."""

from __future__ import annotations

from typing import Any

import pytest
from attribution_world import END_US, HOUR_US, MODEL, START_US, Happening, load, order, put, touch
from trueline.v1 import attribution_service_pb2 as pb
from trueline_server.attribution.answer_pages import AnswerPages
from trueline_server.attribution.answering import Answering
from trueline_server.attribution.asking import Asking
from trueline_server.attribution.kept_answers import KeptAnswers
from trueline_server.attribution.markov import MOST_STATES
from trueline_server.errors import TruelineError
from trueline_server.transport.tenant import TENANT
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens
from trueline_stores.warehouse.client import Warehouse

LAST_TOUCH = MODEL.replace("  currency:", "  journeys: {transforms: [{trim: 1}]}\n  currency:")
# Each a state of its own: more of them than a chain may have.
PEOPLE = [str(number) for number in range(MOST_STATES + 1)]
SINCE_HOURS = 10
QUESTION = pb.AttributionQuestion(document="shop", start_time=timestamp_of(START_US), end_time=timestamp_of(END_US))


def _answering(warehouse: Warehouse, text: str) -> Answering:
    asking = Asking(warehouse, lambda _: load(text)[0])
    return Answering(asking, AnswerPages(Tokens(b"k" * 32), KeptAnswers()))


def _report(warehouse: Warehouse, tenant: str, models: list[str]) -> pb.AttributeConversionsResponse:
    before = TENANT.set(tenant)
    request = pb.AttributeConversionsRequest(
        question=QUESTION, models=models, changed_since=timestamp_of(START_US + SINCE_HOURS * HOUR_US), page_size=10
    )
    try:
        found: pb.AttributeConversionsResponse = _answering(warehouse, LAST_TOUCH).report(request)
        return found
    finally:
        TENANT.reset(before)


def _credits(found: pb.AttributeConversionsResponse, channel: str) -> dict[str, pb.ModelCredit]:
    (row,) = [row for row in found.rows if row.channel == channel]
    return {credit.model: credit for credit in row.credits}


@pytest.mark.parametrize("models", [[], ["last", "markov"], ["markov"]], ids=["all", "named", "alone"])
def test_a_model_that_has_an_answer_only_now_is_new(warehouse: Warehouse, models: list[str]) -> None:
    """Its credits say nothing of before, and the answer why; others tell what they changed by."""
    happenings = [one for user in PEOPLE for one in (touch(1, f"c{user}", user), order(3, 1, user))]
    late = [touch(2, "all", user, accepted_hours=SINCE_HOURS + 1) for user in PEOPLE]
    found = _report(warehouse, put(warehouse, [*happenings, *late]), models)
    assert not found.left_out
    (out,) = found.left_out_before
    assert (out.model, "20,001 states" in out.reason) == ("markov", True)
    earned = _credits(found, "all")
    assert set(earned) == set(models or load(LAST_TOUCH)[1].models)
    assert earned["markov"].conversions == pytest.approx(len(PEOPLE))
    assert (earned["markov"].HasField("conversions_before"), earned["markov"].value_before) == (False, "")
    if "last" in earned:
        assert (earned["last"].conversions_before, earned["last"].value_before) == (0, "0.00")
        gone = _credits(found, "c0")["last"]
        assert (gone.conversions, gone.value, gone.conversions_before, gone.value_before) == (0, "0.00", 1, "1.00")


def test_a_model_that_had_an_answer_only_then_is_left_out(warehouse: Warehouse) -> None:
    """The answer says why, and of then that it had one; named, it is refused as ever."""
    happenings = [one for user in PEOPLE for one in (touch(1, "all", user), order(3, 1, user))]
    late = [touch(2, f"c{user}", user, accepted_hours=SINCE_HOURS + 1) for user in PEOPLE]
    tenant = put(warehouse, [*happenings, *late])
    found = _report(warehouse, tenant, [])
    assert [out.model for out in found.left_out] == ["markov"]
    assert not found.left_out_before
    assert _credits(found, "all")["last"].conversions_before == len(PEOPLE)
    assert "markov" not in _credits(found, "all")
    with pytest.raises(TruelineError, match="20,001 states"):
        _report(warehouse, tenant, ["markov"])


CALLS: dict[str, tuple[str, Any, bool]] = {
    "report": ("report", pb.AttributeConversionsRequest(question=QUESTION), True),
    "comparison": ("compare", pb.CompareModelsRequest(question=QUESTION), True),
    "paths": ("paths", pb.ListPathsRequest(question=QUESTION), False),
    "journey": ("explain", pb.ExplainJourneyRequest(conversion_id="o", document="shop"), False),
    "changes": ("changes", pb.ListAttributionChangesRequest(question=QUESTION, since_position=0), False),
    "stream": ("stream", pb.StreamJourneysRequest(question=QUESTION), False),
}


@pytest.mark.parametrize(("call", "request_", "costs"), CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("of", ["cost", "value"])
def test_only_what_is_told_needs_a_rate(warehouse: Warehouse, call: str, request_: Any, costs: bool, of: str) -> None:
    """A cost in a currency without a rate refuses answers with costs, a value those with values, which are all."""
    spent = Happening("spent", 1, value=5, currency="GBP" if of == "cost" else "", properties={"channel": "a"})
    sold = order(2, 9, currency="GBP" if of == "value" else "", id="o")
    tenant = put(warehouse, [touch(1, "a"), spent, sold])
    before = TENANT.set(tenant)
    try:
        ask = getattr(_answering(warehouse, MODEL), call)
        if of == "value" or costs:
            with pytest.raises(TruelineError, match="GBP") as caught:
                ask(request_)
            assert caught.value.reason == "MIXED_CURRENCIES"
        else:
            assert ask(request_) is not None
    finally:
        TENANT.reset(before)
