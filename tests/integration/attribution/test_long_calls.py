"""Validations and long calls as operations: checked at the call, done of that state, once for a request id."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from attribution_world import END_US, MODEL, START_US, load, order, put, touch
from trueline.v1 import attribution_service_pb2 as pb
from trueline.v1 import operation_service_pb2 as ops
from trueline_server.attribution.answer_pages import AnswerPages
from trueline_server.attribution.answering import Answering
from trueline_server.attribution.asking import Asking
from trueline_server.attribution.kept_answers import KeptAnswers
from trueline_server.attribution.long_calls import LongCalls
from trueline_server.clock import ManualClock
from trueline_server.errors import TruelineError
from trueline_server.operations.mapping import map_operation_to_proto
from trueline_server.operations.model import WorkStoppedError
from trueline_server.operations.runner import Operations
from trueline_server.operations.store import OperationStore
from trueline_server.transport.tenant import TENANT
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

QUICK = {"resamples": 20, "highest_order": 2}


def _question(**further: Any) -> pb.AttributionQuestion:
    named = {"document": "shop", "start_time": timestamp_of(START_US), "end_time": timestamp_of(END_US)}
    return pb.AttributionQuestion(**(named | further))


@dataclass
class World:
    """A server's long calls, as one tenant."""

    warehouse: Warehouse
    tenant: str
    operations: Operations
    text: str = MODEL
    calls: LongCalls = field(init=False)
    answering: Answering = field(init=False)

    def __post_init__(self) -> None:
        rules = load(self.text)[0]
        asking = Asking(self.warehouse, lambda _: rules)
        self.answering = Answering(asking, AnswerPages(Tokens(b"k" * 32), KeptAnswers()))
        self.calls = LongCalls(asking, self.answering, self.operations)

    def call(self, method: Callable[[Any], Any], request: Any) -> Any:
        """A call of the tenant."""
        before = TENANT.set(self.tenant)
        try:
            return method(request)
        finally:
            TENANT.reset(before)

    def begin(self, **further: Any) -> Any:
        """The operation of a validation."""
        request = pb.ValidateAttributionRequest(**({"question": _question(), **QUICK} | further))
        return self.call(self.calls.begin_validation, request).operation

    def run(self, **call: Any) -> Any:
        """The operation of another call."""
        return self.call(self.calls.begin_call, pb.RunAttributionRequest(**call)).operation

    def ended(self, operation: Any) -> Any:
        """The operation once it has ended."""
        found = self.operations.wait(self.tenant, operation.name.removeprefix("operations/"), 60)
        return map_operation_to_proto(found)


@pytest.fixture
def operations(tmp_path: Path) -> Iterator[Operations]:
    """Long work that is not run yet."""
    database = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    clock = ManualClock(END_US)
    made = Operations(OperationStore(database, clock), clock)
    yield made
    made.close()
    database.close()


@pytest.fixture
def world(warehouse: Warehouse, operations: Operations) -> World:
    """Sixty journeys over six channels, half of which convert."""
    happenings = []
    for number in range(60):
        happenings += [touch(number, "abcdef"[number % 6], f"u{number}"), touch(number + 1, "g", f"u{number}")]
        happenings += [order(number + 2, 10, f"u{number}")] if number % 2 else []
    return World(warehouse, put(warehouse, happenings), operations)


def test_a_validation_is_of_what_was_there_when_it_began(world: World) -> None:
    """Events that come in before its turn have no part; asked again it is the same bytes."""
    first = world.begin()
    put(world.warehouse, [touch(1, "late", "z"), order(2, 500, "z")], world.tenant)
    world.operations.begin()
    found = pb.ValidateAttributionResult()
    assert world.ended(first).response.Unpack(found)
    assert (found.journeys, found.conversions) == (60, 30)
    assert [one.model for one in found.models] == list(load()[1].models)
    assert all("late" not in {each.channel for each in one.intervals} for one in found.models)

    again = pb.ValidateAttributionResult()
    world.ended(world.begin()).response.Unpack(again)
    assert again.journeys == 61
    assert again.about.position > found.about.position


def test_the_same_request_id_is_the_same_operation(world: World) -> None:
    """With other arguments it is refused; also beside it of another kind."""
    one, same = (world.begin(request_id="r") for _ in range(2))
    assert one.name == same.name
    with pytest.raises(TruelineError, match="request_id began ValidateAttribution"):
        world.begin(request_id="r", seed=4)
    assert world.run(paths={"question": _question()}, request_id="r").name != one.name


WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "model": ({"models": ["lineer"]}, "UNKNOWN_ATTRIBUTION_MODEL", "did you mean 'linear'"),
    "document": ({"question": _question(document="shpo")}, "UNKNOWN_ATTRIBUTION_MODEL", "did you mean 'shop'"),
    "empty period": ({"question": _question(end_time=timestamp_of(START_US))}, "INVALID_FIELD", "is not after"),
    "share": ({"held_out_share": 0.7}, "INVALID_FIELD", "at most 0.5, or 0 for the default; is 0.7"),
    "no share": ({"held_out_share": float("nan")}, "INVALID_FIELD", "is nan"),
    "confidence": ({"confidence": 1.0}, "INVALID_FIELD", "confidence must be above 0"),
    "few resamples": ({"resamples": 19}, "INVALID_FIELD", "resamples must be 20 to 2,000, or 0 for 200; is 19"),
    "order": ({"highest_order": 11}, "INVALID_FIELD", "highest_order must be 1 to 10"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_validated_is_told_at_the_call(world: World, name: str) -> None:
    """And nothing was begun."""
    further, reason, message = WRONG[name]
    with pytest.raises(TruelineError) as caught:
        world.begin(**further)
    assert caught.value.reason == reason
    assert message in caught.value.message
    assert world.operations.list(world.tenant) == []


def test_currencies_and_roles_are_looked_at_before_it_begins(warehouse: Warehouse, operations: Operations) -> None:
    """As by every call."""
    tenant = put(warehouse, [touch(1, "a"), order(2, 5, currency="GBP")])
    world = World(warehouse, tenant, operations)
    for begin in (world.begin, lambda: world.run(comparison={"question": _question()})):
        with pytest.raises(TruelineError, match="values are in GBP"):
            begin()
    text = MODEL.replace("touches: {events: [touched]", "touches: {roles: [touch]")
    fields = "{id: id, source: source, name: name, occurred_at: at}"
    plain = f"---\napiVersion: trueline/v1\nkind: EventMapping\nmetadata: {{name: plain}}\nspec: {{fields: {fields}}}\n"
    unplayed = World(warehouse, tenant, operations, text + plain)
    with pytest.raises(TruelineError) as caught:
        unplayed.begin()
    assert caught.value.reason == "UNPLAYED_ROLE"


def test_a_call_as_an_operation_answers_as_the_call(world: World) -> None:
    """Each of the three, of the state at the call; its page token is good for the call."""
    calls = {
        "report": pb.AttributeConversionsRequest(question=_question(), page_size=2, models=["linear", "markov"]),
        "comparison": pb.CompareModelsRequest(question=_question()),
        "paths": pb.ListPathsRequest(question=_question(), page_size=4),
    }
    answers = [world.answering.report, world.answering.compare, world.answering.paths]
    expected = [world.call(answer, request) for answer, request in zip(answers, calls.values(), strict=True)]
    begun = [world.run(**{which: request}) for which, request in calls.items()]
    put(world.warehouse, [touch(1, "late", "z"), order(2, 500, "z")], world.tenant)
    world.operations.begin()
    for operation, told in zip(begun, expected, strict=True):
        found = type(told)()
        ended = world.ended(operation)
        assert ended.response.Unpack(found)
        assert found == told
        metadata = ops.OperationMetadata()
        ended.metadata.Unpack(metadata)
        assert metadata.kind == "RunAttribution"
    request = calls["report"]
    request.page_token = expected[0].next_page_token
    page = world.call(world.answering.report, request)
    assert page.about == expected[0].about
    assert page.rows
    assert "late" not in {row.channel for row in page.rows}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({}, "call names no call; give one of report, comparison, paths"),
        ({"paths": {}}, "paths.question is required"),
        ({"paths": {"question": _question(), "page_token": "x"}}, "paths.page_token must be empty"),
        ({"report": {"question": _question(), "models": ["x"]}}, "no model in the document 'shop' called 'x'"),
        ({"report": {"question": _question(), "models": ["markov"], "by": [2]}}, "knows channels only"),
        ({"report": {"question": _question(), "by": [77]}}, "is 77, which is no AttributionDimension"),
        ({"comparison": {"question": _question(), "baseline": "x"}}, "no model among those that are compared"),
    ],
)
def test_what_cannot_be_run_is_told_at_the_call(world: World, call: dict[str, Any], message: str) -> None:
    """With the field and the way out; nothing was begun."""
    with pytest.raises(TruelineError) as caught:
        world.run(**call)
    assert message in caught.value.message
    assert world.operations.list(world.tenant) == []


@dataclass
class Ending:
    """A work that is to end before one of its steps."""

    tenant: str
    request: bytes
    steps: int
    told: list[tuple[int, int, str]] = field(default_factory=list)

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Note it."""
        self.told.append((done, total, message))

    def stopped(self) -> bool:
        """Whether it has had its steps."""
        return len(self.told) >= self.steps

    def go_on(self) -> None:
        """As the work of an operation."""
        if self.stopped():
            raise WorkStoppedError


def test_it_ends_between_any_two_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress goes from 0 up to the last step, with what it is at."""
    runners: dict[str, Callable[[Any], bytes]] = {}
    monkeypatch.setattr(world.operations, "register", lambda kind, runner, resumable: runners.update({kind: runner}))
    kept: list[bytes] = []
    start = world.operations.start

    def started(tenant: str, kind: str, request: bytes, **further: Any) -> Any:
        kept.append(request)
        return start(tenant, kind, request, **further)

    monkeypatch.setattr(world.operations, "start", started)
    world.__post_init__()
    world.begin(models=["linear", "shapley"])
    whole = Ending(world.tenant, kept[0], 10_000)
    runners["ValidateAttribution"](whole)
    total = 1 + 2 * 21 + 2
    assert [(done, of) for done, of, _ in whole.told] == [(done, total) for done in range(total)]
    assert whole.told[0][2] == "reading journeys"
    for steps in (0, 1, 2, 30, total - 1):
        work = Ending(world.tenant, kept[0], steps)
        with pytest.raises(WorkStoppedError):
            runners["ValidateAttribution"](work)
        assert work.told == whole.told[:steps]
