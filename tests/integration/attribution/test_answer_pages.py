"""Pages on the real warehouse: all of one state, whatever comes in, is forgotten, restarted or activated meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from attribution_world import DAY_US, END_US, HOUR_US, MODEL, START_US, Happening, load, order, put, touch
from trueline.v1 import attribution_service_pb2 as pb
from trueline_rules.model import RuleSet
from trueline_server.attribution.answer_pages import AnswerPages
from trueline_server.attribution.answering import Answering
from trueline_server.attribution.asking import Asking
from trueline_server.attribution.kept_answers import KeptAnswers
from trueline_server.errors import TruelineError
from trueline_server.rules.book import unknown_revision
from trueline_server.transport.tenant import TENANT
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens
from trueline_stores.warehouse.client import Warehouse


@dataclass
class World:
    """A server's attribution for one tenant, whose rules and memory a test changes."""

    warehouse: Warehouse
    tenant: str
    rules: RuleSet = field(default_factory=lambda: load()[0])
    stored: dict[str, RuleSet] = field(default_factory=dict)
    statements: int = 0

    def __post_init__(self) -> None:
        self.stored[self.rules.revision] = self.rules
        self.restart()

    def restart(self, most_bytes: int = 1 << 20) -> None:
        """Nothing is remembered but the key of the tokens; answers are kept where there is room."""
        asking = Asking(self.warehouse, lambda _: self.rules, self._rules_at)
        rows = asking.rows

        def counted(statement: Any) -> Any:
            self.statements += 1
            return rows(statement)

        asking.rows = counted  # type: ignore[method-assign]
        self.answering = Answering(asking, AnswerPages(Tokens(b"k" * 32), KeptAnswers(most_bytes)))

    def activate(self, text: str) -> None:
        """Other rules come into force."""
        self.rules = load(text)[0]
        self.stored[self.rules.revision] = self.rules

    def report(self, token: str = "", **further: Any) -> pb.AttributeConversionsResponse:
        """A page of a report with two rows."""
        request = pb.AttributeConversionsRequest(
            question=_question(), models=["linear"], page_size=2, page_token=token, **further
        )
        return self._as_tenant(self.answering.report, request)

    def paths(self, token: str = "", size: int = 2) -> pb.ListPathsResponse:
        """A page of paths."""
        request = pb.ListPathsRequest(question=_question(), page_size=size, page_token=token)
        return self._as_tenant(self.answering.paths, request)

    def page(self, call: str, token: str = "", size: int = 2) -> Any:
        """A page of an answer."""
        request = type(REQUESTS[call])()
        request.CopyFrom(REQUESTS[call])
        request.page_size, request.page_token = size, token
        return self._as_tenant(getattr(self.answering, call), request)

    def _as_tenant(self, call: Any, request: Any) -> Any:
        before = TENANT.set(self.tenant)
        try:
            return call(request)
        finally:
            TENANT.reset(before)

    def _rules_at(self, tenant: str, revision: str) -> RuleSet:
        if revision not in self.stored:
            raise unknown_revision(revision)
        return self.stored[revision]


def _question() -> pb.AttributionQuestion:
    return pb.AttributionQuestion(document="shop", start_time=timestamp_of(START_US), end_time=timestamp_of(END_US))


# Calls with one list of rows.
REQUESTS: dict[str, Any] = {
    "compare": pb.CompareModelsRequest(question=_question(), models=["first", "linear"]),
    "explain": pb.ExplainJourneyRequest(document="shop", conversion_id="long", models=["linear"]),
    "funnel": pb.GetFunnelRequest(
        question=_question(),
        steps=[pb.FunnelStepDefinition(events=["touched"]), pb.FunnelStepDefinition(events=["ordered"])],
    ),
}
ROWS = {"compare": "channels", "explain": "touches", "funnel": "channels"}


def _shop() -> list[Happening]:
    return [one for n, name in enumerate("abcde") for one in (touch(n, name, name), order(n + 1, 10 * (n + 1), name))]


def _many() -> list[Happening]:
    """Five channels that end in one, and a journey of five touches."""
    long = [*(touch(10 + n, name, "long") for n, name in enumerate("abcde")), order(20, 7, "long", id="long")]
    pairs = [
        one
        for n, name in enumerate("abcde")
        for one in (touch(n, name, name), touch(n + 0.5, "z", name), order(n + 1, 1, name))
    ]
    return [*pairs, *long]


@pytest.fixture
def world(warehouse: Warehouse) -> World:
    """Five channels, each with an order of its own."""
    return World(warehouse, put(warehouse, _shop()))


def _all(world: World, between: Any = lambda: None, **further: Any) -> list[pb.AttributeConversionsResponse]:
    """All pages, with something that happens before each further one."""
    pages = [world.report(**further)]
    while pages[-1].next_page_token:
        between()
        pages.append(world.report(pages[-1].next_page_token, **further))
    return pages


def test_further_pages_are_looked_up(world: World) -> None:
    """The warehouse is asked for the first page only; pages of another size go on where the last one ended."""
    first = world.report()
    asked = world.statements
    second = world.report(first.next_page_token)
    third = world.report(second.next_page_token)
    assert world.statements == asked
    assert [row.channel for page in (first, second, third) for row in page.rows] == list("abcde")
    assert (third.next_page_token, third.totals, third.about) == ("", first.totals, first.about)

    paths = world.paths()
    assert len(paths.edges) == 5
    asked = world.statements
    rest = world.paths(paths.next_page_token, size=9)
    assert (len(rest.paths), len(rest.edges), rest.total_paths) == (3, 0, 5)
    assert world.statements == asked


def test_events_that_come_in_meanwhile_are_in_no_page(world: World) -> None:
    """A report that is asked anew has them."""

    def happen() -> None:
        put(world.warehouse, [touch(2, "aa", "x"), order(3, 70, "x")], world.tenant)

    pages = _all(world, happen)
    assert [row.channel for page in pages for row in page.rows] == list("abcde")
    assert {page.totals.value for page in pages} == {"150.00"}
    assert len({page.about.position for page in pages}) == 1
    assert world.report().totals.value == "290.00"


@pytest.mark.parametrize("further", [{}, {"changed_since": timestamp_of(START_US + 2 * HOUR_US)}])
@pytest.mark.parametrize("forget", ["evicted", "restarted"])
def test_what_is_forgotten_is_computed_again(world: World, forget: str, further: dict[str, Any]) -> None:
    """At the same position, with the same answer, though events came in; also beside what was known then."""
    expected = _all(world, **further)
    if forget == "evicted":
        world.restart(most_bytes=0)

    def forgotten() -> None:
        put(world.warehouse, [touch(2, "aa", "x"), order(3, 70, "x")], world.tenant)
        if forget == "restarted":
            world.restart()

    first, *rest = _all(world, forgotten, **further)
    assert [page.rows for page in (first, *rest)] == [page.rows for page in expected]
    assert [page.totals_before for page in (first, *rest)] == [page.totals_before for page in expected]
    assert {page.about.position for page in (first, *rest)} == {expected[0].about.position}


def test_pages_are_of_the_rules_of_the_first_one(world: World) -> None:
    """Other rules that come into force, and a restart, change no page; a revision that is gone is an error."""
    former = world.rules.revision
    without_a = MODEL.replace("touches: {events: [touched]", "touches: {events: [visited]")

    def other() -> None:
        world.activate(without_a)
        world.restart()

    pages = _all(world, other)
    assert [row.channel for page in pages for row in page.rows] == list("abcde")
    assert {page.about.rule_revision for page in pages} == {former}
    assert [row.channel for row in world.report().rows] == [""]

    world.activate(MODEL)
    token = world.report().next_page_token
    other()
    del world.stored[former]
    with pytest.raises(TruelineError) as caught:
        world.report(token)
    assert caught.value.reason == "UNKNOWN_REVISION"
    assert caught.value.metadata == {"revision": former}
    assert "ask again without page_token" in caught.value.message


def test_a_token_is_good_for_its_tenant_and_request(world: World) -> None:
    """Another one is refused; so is one from before tokens said of what state they are."""
    token = world.report().next_page_token
    with pytest.raises(TruelineError, match="was made for other arguments"):
        world.report(token, by=[pb.ATTRIBUTION_DIMENSION_DAY])
    with pytest.raises(TruelineError, match="was made for other arguments"):
        World(world.warehouse, "other").report(token)
    assert END_US - START_US == 31 * DAY_US


def test_a_page_ends_where_a_message_is_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are too large for one page are on the next; one that is too large alone is alone."""
    whole = [row for page in _all(world) for row in page.rows]
    monkeypatch.setattr("trueline_server.attribution.answer_pages.PAGE_BYTES", 1)
    pages = _all(world)
    assert [len(page.rows) for page in pages] == [1] * 5
    assert [row for page in pages for row in page.rows] == whole


@pytest.mark.parametrize("call", ROWS)
@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "forgotten"])
def test_every_list_comes_in_pages(warehouse: Warehouse, call: str, *, forgotten: bool) -> None:
    """Together they are what one page has, also if events come in between; what is beside the rows is on each."""
    world = World(warehouse, put(warehouse, _many()))
    whole = world.page(call, size=0)
    assert (len(getattr(whole, ROWS[call])), whole.next_page_token) == (6 if call == "compare" else 5, "")
    pages = [world.page(call)]
    while pages[-1].next_page_token:
        put(world.warehouse, [touch(2, "aa", "x"), order(3, 70, "x")], world.tenant)
        if forgotten:
            world.restart()
        asked = world.statements
        pages.append(world.page(call, pages[-1].next_page_token))
        assert forgotten or world.statements == asked
    assert len(pages) == 3
    assert [row for page in pages for row in getattr(page, ROWS[call])] == list(getattr(whole, ROWS[call]))
    for page in (whole, *pages):
        page.ClearField(ROWS[call])
        page.ClearField("next_page_token")
    assert all(page == whole for page in pages)
    with pytest.raises(TruelineError, match="was made for other arguments"):
        World(warehouse, "other").page(call, world.page(call).next_page_token)


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("forgotten", [False, True], ids=["kept", "forgotten"])
def test_moves_go_on_beside_paths(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, size: int, *, forgotten: bool
) -> None:
    """Both lists are told once, whichever is longer; the answer says whether moves go on."""
    world = World(warehouse, put(warehouse, _many()))
    whole = world.paths(size=100)
    assert (len(whole.paths), len(whole.edges), whole.more_edges, whole.next_page_token) == (6, 11, False, "")
    monkeypatch.setattr("trueline_server.attribution.answer_pages.MOST_ROWS", 2 if size < 100 else 7)
    pages = [world.paths(size=size)]
    while pages[-1].next_page_token:
        if forgotten:
            world.restart()
        pages.append(world.paths(pages[-1].next_page_token, size=size))
    assert [path for page in pages for path in page.paths] == list(whole.paths)
    assert [edge for page in pages for edge in page.edges] == list(whole.edges)
    told = 0
    for page in pages:
        told += len(page.edges)
        assert page.more_edges == (told < len(whole.edges))
        assert page.total_paths == len(whole.paths)


def test_of_an_answer_too_large_to_keep_the_next_pages_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed again once for all the pages that there was room for, not for each."""
    monkeypatch.setattr("trueline_server.attribution.answer_pages.PAGE_BYTES", 1)
    expected = [row for page in _all(world) for row in page.rows]
    whole = sum(row.ByteSize() for row in expected)
    # Room for two rows of five, and what is beside them.
    world.restart(most_bytes=whole + 2 * (world.report().ByteSize() - expected[0].ByteSize()))
    asked: list[int] = []
    pages = [world.report()]
    while pages[-1].next_page_token:
        asked.append(world.statements)
        pages.append(world.report(pages[-1].next_page_token))
    assert [row for page in pages for row in page.rows] == expected
    computed = 1 + sum(before != after for before, after in zip(asked, [*asked[1:], world.statements], strict=True))
    assert 1 < computed < len(pages)
