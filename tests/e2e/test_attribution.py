"""Attribution of the generated business and of visits beside it, through the real server, SDK and command line."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import grpc
import pytest
from trueline import (
    AsyncTruelineClient,
    AttributionValidation,
    Event,
    FunnelStage,
    InvalidRequestError,
    NotFoundError,
    Operation,
    PathEnd,
    PreconditionError,
    TruelineClient,
)
from trueline.v1 import attribution_service_pb2 as pb
from trueline.v1 import attribution_service_pb2_grpc
from trueline_cli.app import main

from benchmarks.server_process import ServerProcess

START, END = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
PERIOD = ("--from", "2025-05-01", "--until", "2025-06-01")
GENERATED = ("generate", "--events", "30000", "--seed", "5", "--end", "2025-06-12T10:30:00Z", "--output", "json")
# Models that give each conversion to one touch.
WHOLE = ("first", "last")
STEPS = (FunnelStage(roles=("touch",)), FunnelStage(roles=("signup",)), FunnelStage(roles=("payment",), name="paid"))


# A month of visits, before the business was.
VISITED, LEFT = datetime(2024, 11, 1, tzinfo=UTC), datetime(2024, 12, 1, tzinfo=UTC)


def _touched(minutes: float, channel: str, campaign: str = "", **whose: str) -> Event:
    properties = {"channel": channel} | ({"campaign": campaign} if campaign else {})
    return Event(
        source="web",
        name="campaign_touched",
        occurred_at=VISITED + timedelta(minutes=minutes),
        properties=properties,
        **whose,
    )


# A visitor on the web, who signs up, comes back by mail, and pays; another who does not.
VISITS = (
    _touched(1, "paid_search", "spring", anonymous_id="visitor-1"),
    _touched(2, "social", anonymous_id="visitor-1"),
    Event(
        source="web",
        name="user_signed_up",
        occurred_at=VISITED + timedelta(minutes=2.5),
        user_id="ada",
        anonymous_id="visitor-1",
        properties={"channel": "podcast_ads", "persona": "brand"},
    ),
    _touched(3, "newsletter", user_id="ada"),
    Event(
        id="order-17",
        source="shop",
        name="payment_succeeded",
        occurred_at=VISITED + timedelta(minutes=4),
        user_id="ada",
        value=100,
        currency="USD",
        properties={"persona": "brand"},
    ),
    _touched(5, "social", anonymous_id="visitor-2"),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with the generated business and some visits of its own, all of it processed."""
    with ServerProcess(tmp_path_factory.mktemp("attribution")) as process:
        assert main([*GENERATED, "--address", process.address]) == 0
        with TruelineClient(process.address) as client:
            position = client.ingest(VISITS).position
            client.attribute_conversions(START, END, min_position=position, timeout=120)
        yield process.address


@pytest.fixture
def client(address: str) -> Iterator[TruelineClient]:
    """A client of it."""
    with TruelineClient(address, timeout=60) as made:
        yield made


def test_every_model_shares_out_the_same(client: TruelineClient) -> None:
    """Of purchases and of signups: credits add up to all conversions, values to all payments less refunds."""
    for conversion in ("purchase", "signup"):
        report = client.attribute_conversions(START, END, conversion=conversion)
        assert report.about.conversion == conversion
        assert report.totals.conversions > 50
        assert len(report.rows[0].credits) == 9
        for model in report.rows[0].credits:
            earned = [row.credits[model] for row in report.rows]
            assert sum(credit.value for credit in earned) == report.totals.value
            assert sum(credit.conversions for credit in earned) == pytest.approx(report.totals.conversions, rel=1e-9)


def test_costs_are_what_was_spent(client: TruelineClient) -> None:
    """By channel they add up to what the business spent in the month, and returns follow from them."""
    report = client.attribute_conversions(START, END, models=["linear"])
    spent = {row.channel: row.cost for row in report.rows if row.cost}
    assert spent.keys() == {"paid_search", "social", "podcast_ads", "partner"}
    assert sum(spent.values()) == report.totals.cost
    for row in report.rows:
        credit = row.credits["linear"]
        expected = float((credit.value - row.cost) / row.cost) if row.cost else None
        assert credit.roi == (None if expected is None else pytest.approx(expected))


def test_a_journey_over_several_ids_is_explained(client: TruelineClient) -> None:
    """What the visitor touched before the signup is part of it, and says how it is known."""
    journey = client.explain_journey("order-17", models=["linear", "position", "time_decay"])
    assert (journey.person, journey.value, journey.segment) == ("user:ada", Decimal("100.00"), "brand")
    assert [touch.channel for touch in journey.touches] == ["paid_search", "social", "newsletter"]
    assert [touch.stitched_by for touch in journey.touches] == ["anonymous:visitor-1", "anonymous:visitor-1", ""]
    assert [touch.before for touch in journey.touches] == [
        timedelta(minutes=3),
        timedelta(minutes=2),
        timedelta(minutes=1),
    ]
    thirds = [touch.credits["linear"].value for touch in journey.touches]
    assert thirds == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert [touch.credits["position"].weight for touch in journey.touches] == pytest.approx([0.4, 0.2, 0.4])


def test_models_differ_about_the_generated_business(client: TruelineClient) -> None:
    """Podcasts begin more journeys to a signup than they end, search and the typed address end more; most conversions
    had a touch, and some touches led to none."""
    compared = client.compare_models(START, END, conversion="signup", models=["first", "last", "linear", "markov"])
    earned = {one.channel: {name: share.share for name, share in one.shares.items()} for one in compared.channels}
    assert earned["podcast_ads"]["first"] > earned["podcast_ads"]["linear"] > earned["podcast_ads"]["last"]
    for channel in ("paid_search", "direct"):
        assert earned[channel]["first"] < earned[channel]["linear"] < earned[channel]["last"]
    assert max(one["markov"] - one["linear"] for one in earned.values()) > 0.01
    for conversion in ("purchase", "signup"):
        totals = client.attribute_conversions(START, END, conversion=conversion, models=["last"]).totals
        assert totals.unattributed_conversions < totals.conversions / 3
        assert sum(path.nulls for path in client.list_paths(START, END, conversion=conversion, limit=0).paths) > 50


def test_without_touches_there_is_what_signups_name(client: TruelineClient) -> None:
    """The document `self_reported` takes signups alone, and needs no other touch."""
    report = client.attribute_conversions(START, END, document="self_reported", conversion="signup")
    assert report.totals.unattributed_conversions == 0
    named = {row.channel: row.credits["named"].conversions for row in report.rows if not row.unattributed}
    assert named.keys() == {"organic", "paid_search", "social", "podcast_ads", "partner", "newsletter", "referral"}
    assert sum(named.values()) == report.totals.conversions
    purchases = client.attribute_conversions(VISITED, LEFT, document="self_reported")
    assert {row.channel: row.credits["named"].conversions for row in purchases.rows} == {"podcast_ads": 1}


def test_what_changed_since(client: TruelineClient) -> None:
    """Before anything was accepted there was nothing; everything came in since."""
    since = datetime(2025, 1, 1, tzinfo=UTC)
    report = client.attribute_conversions(START, END, models=["last"], changed_since=since)
    assert report.totals_before is not None
    assert (report.totals_before.conversions, report.totals_before.value) == (0, 0)
    assert report.late_events["conversions"] == report.totals.conversions
    assert {row.credits["last"].conversions_before for row in report.rows} == {0}
    assert client.attribute_conversions(START, END, known_at=since).rows == ()


def test_paths_their_moves_and_the_funnel(client: TruelineClient) -> None:
    """Journeys that convert and that do not; moves of converted journeys end in a conversion, once each."""
    visits = client.list_paths(VISITED, LEFT)
    assert {path.channels: (path.conversions, path.nulls) for path in visits.paths} == {
        ("paid_search", "social", "newsletter"): (1, 0),
        ("social",): (0, 1),
    }
    paths = client.list_paths(START, END, converted_only=True, limit=0)
    touched = sum(path.conversions for path in paths.paths if path.channels)
    assert sum(edge.journeys for edge in paths.edges if edge.end is PathEnd.CONVERSION) == touched
    assert len(client.list_paths(START, END, limit=3).paths) == 3

    funnel = client.get_funnel(VISITED, LEFT, STEPS, window=timedelta(days=7))
    assert [(step.name, step.people) for step in funnel.steps] == [("touch", 2), ("signup", 1), ("paid", 1)]
    assert [step.people for step in funnel.channels["paid_search"]] == [1, 1, 1]


def test_models_are_compared(client: TruelineClient) -> None:
    """Shares of each model add up to 1, and those of the baseline differ by nothing."""
    compared = client.compare_models(START, END, models=["first", "linear", "markov"], baseline="linear")
    for model in compared.models:
        assert sum(one.shares[model].share for one in compared.channels) == pytest.approx(1)
    assert {one.shares["linear"].difference for one in compared.channels} == {0}
    assert all(one.shares["markov"].removal_conversions is not None for one in compared.channels)
    assert [one.spread for one in compared.channels] == sorted((one.spread for one in compared.channels), reverse=True)


def test_long_answers_come_in_pages(address: str) -> None:
    """Pages of three hold what one page holds, once; a token of another request does not open."""
    question = pb.AttributionQuestion()
    question.start_time.FromDatetime(START)
    question.end_time.FromDatetime(END)
    by = [pb.ATTRIBUTION_DIMENSION_CHANNEL, pb.ATTRIBUTION_DIMENSION_SEGMENT]
    with grpc.insecure_channel(address) as channel:
        stub: Any = attribution_service_pb2_grpc.AttributionServiceStub(channel)

        def page(token: str, models: tuple[str, ...] = ("last",)) -> Any:
            return stub.AttributeConversions(
                pb.AttributeConversionsRequest(question=question, by=by, models=models, page_size=3, page_token=token)
            )

        answers = [page("")]
        while answers[-1].next_page_token:
            answers.append(page(answers[-1].next_page_token))
        whole = stub.AttributeConversions(pb.AttributeConversionsRequest(question=question, by=by, models=["last"]))
        assert len(answers) > 2
        assert [row for answer in answers for row in answer.rows] == list(whole.rows)
        with pytest.raises(grpc.RpcError) as caught:
            page(answers[0].next_page_token, ("first",))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def _awaited(client: TruelineClient, begun: Operation) -> Any:
    """The result of an operation that comes to one."""
    ended = client.wait_operation(begun.name, timeout=120)
    assert ended.error is None
    return ended.result


def test_models_are_validated(client: TruelineClient) -> None:
    """Each has intervals around its credit, and accuracy or a note; the same seed has the same result."""
    heard: list[Operation] = []
    begun = client.validate_attribution(START, END, resamples=50, seed=3)
    assert begun.kind == "ValidateAttribution"
    found = client.wait_operation(begun.name, timeout=120, heard=heard.append).result
    assert isinstance(found, AttributionValidation)
    assert heard[-1].done
    report = client.attribute_conversions(START, END)
    assert found.about == report.about
    assert found.conversions == report.totals.conversions - report.totals.unattributed_conversions
    earned = {row.channel: row.credits for row in report.rows}
    for model in found.models:
        assert (model.accuracy is None) == (model.bias is None)
        assert model.accuracy is not None or "accuracy and bias" in model.notes[0]
        for one in model.intervals:
            assert one.value == earned[one.channel][model.model].value
            assert one.conversions_low <= one.conversions <= one.conversions_high
            assert one.value_low <= one.value <= one.value_high
    assert [fit.order for fit in found.orders] == [1, 2, 3, 4]
    assert found.supported_order in range(1, 5)
    assert _awaited(client, client.validate_attribution(START, END, resamples=50, seed=3)) == found


def test_a_long_answer_is_an_operation(client: TruelineClient) -> None:
    """Reports, comparisons and paths answer what the calls do; asked again with its id it is the same operation."""
    report = client.begin_report(START, END, models=["last"], by=["channel", "segment"], request_id="march")
    assert client.begin_report(START, END, models=["last"], by=["channel", "segment"], request_id="march").name == (
        report.name
    )
    assert _awaited(client, report) == client.attribute_conversions(
        START, END, models=["last"], by=["channel", "segment"]
    )
    assert _awaited(client, client.begin_comparison(START, END, models=WHOLE)) == client.compare_models(
        START, END, models=WHOLE
    )
    paths = _awaited(client, client.begin_paths(START, END, limit=3))
    assert paths == client.list_paths(START, END, limit=3)
    rest = client.list_paths(START, END, limit=0, page_token=paths.next_page_token)
    assert (*paths.paths, *rest.paths) == client.list_paths(START, END, limit=0).paths
    with pytest.raises(NotFoundError):
        client.begin_report(START, END, models=["lineer"])


def test_the_command_line_leaves_long_work_behind(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--detach prints a name by which the answer is had; a chart is not drawn of what is not there yet."""
    for action in (("report", "--model", "last"), ("compare",), ("paths",), ("validate", "--resamples", "20")):
        assert main(["attribution", *action, *PERIOD, "--detach", "--address", address]) == 0
        name = capsys.readouterr().out.strip()
        assert main(["operations", "wait", name, "--address", address]) == 0
        assert "2025-05-01 00:00 to 2025-06-01 00:00" in capsys.readouterr().out
    assert main(["attribution", "compare", "--detach", "--chart", "x.svg", "--address", address]) == 2
    assert "--detach waits for none" in capsys.readouterr().err


def test_what_cannot_be_answered(client: TruelineClient) -> None:
    """Unknown names with the nearest one, periods without length, roles that nobody plays, funnels without steps."""
    with pytest.raises(NotFoundError) as caught:
        client.attribute_conversions(START, END, models=["lineer"])
    assert (caught.value.reason, caught.value.metadata["nearest"]) == ("UNKNOWN_ATTRIBUTION_MODEL", "linear")
    with pytest.raises(NotFoundError, match="'order-18'"):
        client.explain_journey("order-18")
    with pytest.raises(InvalidRequestError, match="is not after start_time"):
        client.list_paths(END, START)
    with pytest.raises(InvalidRequestError, match="knows channels only"):
        client.attribute_conversions(START, END, models=["markov"], by=["campaign"])
    with pytest.raises(InvalidRequestError, match="at least 2"):
        client.get_funnel(START, END, STEPS[:1])
    with pytest.raises(InvalidRequestError, match="either events or roles"):
        client.get_funnel(START, END, [*STEPS, FunnelStage()])
    with pytest.raises(PreconditionError, match="the role activation is not each such event") as unplayed:
        client.get_funnel(START, END, [*STEPS, FunnelStage(roles=("activation",))])
    assert unplayed.value.reason == "UNPLAYED_ROLE"


def test_the_async_client_answers_the_same(address: str, client: TruelineClient) -> None:
    """Each method, the same question; asked are models without parts of conversions, whose last bit may differ."""

    async def begin(made: AsyncTruelineClient) -> list[Operation]:
        return [
            await made.begin_report(START, END, models=["last"], by=["campaign"]),
            await made.begin_comparison(START, END, models=WHOLE),
            await made.begin_paths(START, END),
            await made.validate_attribution(START, END, models=["last"], resamples=20),
        ]

    async def ask() -> list[Any]:
        async with AsyncTruelineClient(address, timeout=60) as made:
            return [
                await made.attribute_conversions(START, END, models=["last"], by=["campaign"]),
                await made.compare_models(START, END, models=WHOLE),
                await made.explain_journey("order-17"),
                await made.list_paths(START, END),
                await made.get_funnel(START, END, STEPS),
                *[(await made.wait_operation(one.name)).result for one in await begin(made)],
            ]

    assert asyncio.run(ask()) == [
        client.attribute_conversions(START, END, models=["last"], by=["campaign"]),
        client.compare_models(START, END, models=WHOLE),
        client.explain_journey("order-17"),
        client.list_paths(START, END),
        client.get_funnel(START, END, STEPS),
        client.attribute_conversions(START, END, models=["last"], by=["campaign"]),
        client.compare_models(START, END, models=WHOLE),
        client.list_paths(START, END),
        _awaited(client, client.validate_attribution(START, END, models=["last"], resamples=20)),
    ]


ACTIONS = {
    "report": ("report", *PERIOD),
    "one model": ("report", *PERIOD, "--model", "linear", "--by", "channel", "--by", "segment"),
    "by day": ("report", *PERIOD, "--by", "day", "--changed-since", "2025-01-01"),
    "compare": ("compare", *PERIOD, "--baseline", "last"),
    "paths": ("paths", *PERIOD),
    "explain": ("explain", "order-17"),
    "validate": ("validate", *PERIOD, "--resamples", "20", "--highest-order", "2"),
    "funnel": ("funnel", *PERIOD, "role:touch", "role:signup", "event:payment_succeeded+event:payment_refunded"),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_the_command_line_tells_it(
    address: str, action: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a table of 80 columns, as one JSON object, and as CSV with a header and rows as long as it."""
    monkeypatch.setenv("COLUMNS", "80")
    command = ["attribution", *action, "--address", address]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 3
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)

    assert main([*command, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["about"]["document"] == "default"

    assert main([*command, "--output", "csv"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert rows
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize("action", ["report", "compare", "paths"])
def test_the_command_line_draws_it(
    address: str, action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside what it prints, which stays as it is; the picture names the channels that people came by."""
    command = ["attribution", action, *PERIOD, "--address", address, "--output", "json"]
    assert main([*command, "--chart", str(tmp_path / "a.svg")]) == 0
    assert json.loads(capsys.readouterr().out)["about"]["document"] == "default"
    picture = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert "document default · 2025-05-01 00:00 to 2025-06-01 00:00 UTC" in picture
    assert all(channel in picture for channel in ("paid_search", "social"))
    assert main([*command, "--chart", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("report", "--days", "9", "--from", "2025-01-01"), "give either --days or --from"),
        (("report", "--from", "2025-02-01", "--until", "2025-01-01"), "is not after --from"),
        (("paths", "--from", "2023-01-01", "--until", "2025-01-01"), "longer than 400 days"),
    ],
)
def test_wrong_use_is_told_without_a_server(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 2 and a sentence."""
    assert main(["attribution", *arguments, "--address", "127.0.0.1:1"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("step", ["signup", "role:", "role:a+event:b", "colour:red"])
def test_a_step_is_a_role_or_events(step: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is no step is wrong use."""
    with pytest.raises(SystemExit) as caught:
        main(["attribution", "funnel", step, "role:payment"])
    assert caught.value.code == 2
    assert step in capsys.readouterr().err
