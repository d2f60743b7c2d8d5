"""The audit of attribution through the real server, SDK and command line: what came in late, and what it moved."""

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

import pytest
from trueline import (
    AsyncTruelineClient,
    AttributionCause,
    AttributionReport,
    Event,
    InvalidRequestError,
    NotFoundError,
    TruelineClient,
)
from trueline_cli.app import main

from benchmarks.server_process import ServerProcess

START, END = datetime(2025, 5, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)
PERIOD = ("--from", "2025-05-01", "--until", "2025-06-01")


def _event(name: str, hours: float, source: str = "shop", **further: Any) -> Event:
    return Event(source=source, name=name, occurred_at=START + timedelta(hours=hours), **further)


def _touched(hours: float, channel: str, **further: Any) -> Event:
    return _event("campaign_touched", hours, "web", properties={"channel": channel}, **further)


def _bought(number: str, hours: float, value: float, **further: Any) -> Event:
    return _event("payment_succeeded", hours, id=number, value=value, currency="USD", **further)


KNOWN = (
    _touched(1, "search", user_id="ada"),
    _touched(2, "social", device_id="phone"),
    _bought("o-ada", 5, 100, user_id="ada"),
    _touched(1, "mail", user_id="bob"),
    _touched(3, "podcast", user_id="bob"),
    _bought("o-bob", 9, 50, user_id="bob"),
    _touched(1, "search", user_id="eve"),
    _bought("o-eve", 5, 10, user_id="eve"),
    _touched(1, "mail", user_id="joe"),
    _bought("o-joe", 5, 20, user_id="joe"),
)
LATE = (
    # Ada's phone turns out to be hers, half of Bob's way led to an order that was imported late, Eve had been touched
    # once more, and was paid back; a refund is of nobody who bought.
    _event("user_logged_in", 20, "web", id="login", user_id="ada", device_id="phone"),
    _bought("o-bob-offline", 2, 8, user_id="bob"),
    _touched(2, "video", id="late-touch", user_id="eve"),
    _event("payment_refunded", 30, id="refund", user_id="eve", value=4, currency="USD"),
    _event("payment_refunded", 31, id="stray", user_id="nobody", value=3, currency="USD"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, AttributionReport]]:
    """A server with all events, and the report that it made before the late ones came."""
    with ServerProcess(tmp_path_factory.mktemp("changes")) as process:
        with TruelineClient(process.address, timeout=60) as client:
            position = client.ingest(KNOWN).position
            before = client.attribute_conversions(START, END, min_position=position)
            late = client.ingest(LATE).position
            client.attribute_conversions(START, END, min_position=late)
        yield process.address, before


@pytest.fixture
def client(world: tuple[str, AttributionReport]) -> Iterator[TruelineClient]:
    """A client of it."""
    with TruelineClient(world[0], timeout=60) as made:
        yield made


def test_the_audit_of_a_report(client: TruelineClient, world: tuple[str, AttributionReport]) -> None:
    """From the position of the former report on: which conversions, whose, what they are worth, and because of what."""
    found = client.list_attribution_changes(START, END, since=world[1].about.position, models=["linear"])
    told = {one.conversion_id: one for one in found.changes}
    assert {name: (one.causes, [event.id for event in one.events]) for name, one in told.items()} == {
        "o-bob-offline": ((AttributionCause.CONVERSION,), ["o-bob-offline"]),
        "o-ada": ((AttributionCause.STITCH,), ["login"]),
        "o-bob": ((AttributionCause.OTHER_CONVERSION,), ["o-bob-offline"]),
        "o-eve": ((AttributionCause.REFUND, AttributionCause.TOUCH), ["late-touch", "refund"]),
    }
    assert found.total_changes == len(found.changes) == 4
    ada = told["o-ada"]
    assert (ada.channels_before, ada.channels, ada.person) == (("search",), ("search", "social"), "user:ada")
    assert [(move.channel, move.value_before, move.value) for move in ada.moves] == [
        ("search", Decimal("100.00"), Decimal("50.00")),
        ("social", Decimal("0.00"), Decimal("50.00")),
    ]
    assert (told["o-bob"].channels_before, told["o-bob"].channels) == (("mail", "podcast"), ("podcast",))
    assert (told["o-eve"].value_before, told["o-eve"].value) == (Decimal("10.00"), Decimal("6.00"))
    event = told["o-eve"].events[1]
    assert (event.source, event.name, event.occurred_at) == ("shop", "payment_refunded", START + timedelta(hours=30))

    now = client.attribute_conversions(START, END)
    assert sum(one.value_change for one in found.causes) == now.totals.value - world[1].totals.value == Decimal("4.00")
    assert sum(one.conversions_change for one in found.causes) == 1
    assert (now.totals.unmatched_refunds, now.totals.unmatched_refund_value) == (1, Decimal("3.00"))
    limited = client.list_attribution_changes(START, END, since=world[1].about.position, limit=1)
    assert (len(limited.changes), limited.total_changes, limited.causes) == (1, 4, found.causes)


def test_a_report_tells_the_same_causes(client: TruelineClient, world: tuple[str, AttributionReport]) -> None:
    """By the instant at which the first of the late events was accepted, less a microsecond."""
    by_position = client.list_attribution_changes(START, END, since=world[1].about.position)
    accepted = [event.accepted_at for one in by_position.changes for event in one.events if event.accepted_at]
    since = min(accepted) - timedelta(microseconds=1)
    report = client.attribute_conversions(START, END, changed_since=since)
    assert report.totals_before == world[1].totals
    assert report.causes == by_position.causes
    assert client.list_attribution_changes(START, END, since=since).changes == by_position.changes
    assert report.late_events == {"touches": 1, "conversions": 1, "refunds": 2, "stitches": 1}


def test_journeys_one_by_one(client: TruelineClient) -> None:
    """By time, with the weights of each model; as much as the report has."""
    with client.stream_journeys(START, END, models=["linear", "last"]) as stream:
        assert (stream.models, stream.total_journeys) == (("linear", "last"), 5)
        journeys = list(stream)
    assert [one.conversion_id for one in journeys] == ["o-bob-offline", "o-ada", "o-eve", "o-joe", "o-bob"]
    ada = journeys[1]
    assert [(touch.channel, dict(touch.weights)) for touch in ada.touches] == [
        ("search", {"linear": 0.5, "last": 0.0}),
        ("social", {"linear": 0.5, "last": 1.0}),
    ]
    totals = client.attribute_conversions(START, END).totals
    assert sum(one.value for one in journeys) == totals.value
    known = client.stream_journeys(START, END, known_at=START)
    assert (known.total_journeys, list(known)) == (0, [])
    left = client.stream_journeys(START, END)
    left.close()


def test_the_async_client_answers_the_same(client: TruelineClient, world: tuple[str, AttributionReport]) -> None:
    """Both calls."""

    async def ask() -> tuple[Any, Any]:
        async with AsyncTruelineClient(world[0], timeout=60) as made:
            changes = await made.list_attribution_changes(START, END, since=world[1].about.position)
            async with await made.stream_journeys(START, END) as stream:
                return changes, [journey async for journey in stream]

    changes, journeys = asyncio.run(ask())
    assert changes == client.list_attribution_changes(START, END, since=world[1].about.position)
    assert journeys == list(client.stream_journeys(START, END))


def test_what_cannot_be_answered(client: TruelineClient) -> None:
    """What lies behind the question, unknown models, and those that look at all paths together."""
    with pytest.raises(InvalidRequestError, match="since_position is 1000000, behind"):
        client.list_attribution_changes(START, END, since=1_000_000)
    with pytest.raises(InvalidRequestError, match="changed_since is behind the question's known_at"):
        client.attribute_conversions(START, END, known_at=START, changed_since=END)
    with pytest.raises(InvalidRequestError, match="knows channels only"):
        client.list_attribution_changes(START, END, since=0, models=["markov"])
    with pytest.raises(NotFoundError, match="did you mean 'linear'"):
        client.stream_journeys(START, END, models=["lineer"])


def test_the_command_line_tells_it(
    world: tuple[str, AttributionReport],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Changes as tables of 80 columns, JSON and CSV; journeys as lines, as CSV, and into a file."""
    monkeypatch.setenv("COLUMNS", "80")
    address = ("--address", world[0])
    command = ["attribution", "changes", *PERIOD, "--since-position", str(world[1].about.position), *address]
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    assert "other conversion" in shown
    assert "mail > podcast" in shown
    assert "…" not in shown
    assert main([*command, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_changes"] == 4
    assert main([*command, "--output", "csv", "--model", "last"]) == 0
    header, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert {len(row) for row in rows} == {len(header)}
    assert {row[0] for row in rows} == {"o-bob-offline", "o-ada", "o-bob", "o-eve"}

    command = ["attribution", "journeys", *PERIOD, *address]
    assert main(command) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["conversion_id"] for line in lines] == ["o-bob-offline", "o-ada", "o-eve", "o-joe", "o-bob"]
    path = tmp_path / "journeys.csv"
    assert main([*command, "--output", "csv", "--model", "last", "--file", str(path)]) == 0
    assert "5 journeys in" in capsys.readouterr().err
    header, *rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8")))
    assert header[-1] == "last"
    assert sum(float(row[-1]) for row in rows) == 5
    assert list(tmp_path.iterdir()) == [path]
    assert main(["attribution", "report", *PERIOD, "--model", "last", "--changed-since", "2025-01-01", *address]) == 0
    shown = capsys.readouterr().out
    assert "1 refund (3.00) of nothing that was bought before" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_what_it_is_compared_with_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Either a time or a position."""
    with pytest.raises(SystemExit) as caught:
        main(["attribution", "changes", *PERIOD])
    assert caught.value.code == 2
    assert "--since" in capsys.readouterr().err
