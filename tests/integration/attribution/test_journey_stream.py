"""Journeys one by one on the real warehouse: each as it is explained, in messages that fit, read as they are taken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from attribution_world import END_US, MODEL, START_US, Happening, load, order, put, touch
from trueline.v1 import attribution_service_pb2 as pb
from trueline_server.attribution.asking import Asked, Asking, Question
from trueline_server.attribution.explaining import explain
from trueline_server.attribution.journey_sending import send_journeys
from trueline_server.attribution.journey_stream import stream_journeys
from trueline_server.errors import TruelineError
from trueline_stores.warehouse.client import Warehouse


def _asked(warehouse: Warehouse, tenant: str) -> tuple[Asking, Asked]:
    rules, _ = load(MODEL)
    asking = Asking(warehouse, lambda _: rules)
    return asking, asking.ask(Question(tenant, START_US, END_US, "shop"))


def _sent(
    warehouse: Warehouse, happenings: Sequence[Happening], models: Sequence[str] = ()
) -> list[pb.StreamJourneysResponse]:
    asking, asked = _asked(warehouse, put(warehouse, happenings))
    return _sent_of(asking, asked, models)


def _sent_of(asking: Asking, asked: Asked, models: Sequence[str] = ()) -> list[pb.StreamJourneysResponse]:
    messages: list[pb.StreamJourneysResponse] = []

    async def take(message: pb.StreamJourneysResponse) -> None:
        messages.append(message)

    asyncio.run(send_journeys(stream_journeys(asking, asked, models), take))
    return messages


def test_each_journey_is_as_it_is_explained(warehouse: Warehouse) -> None:
    """Whose, when, what worth, its touches and what each earned by every model; by time, all of them counted first."""
    happenings = [
        touch(1, "a", campaign="x"),
        touch(2, "b"),
        Happening("became_lead", 2, "u"),
        touch(3, "direct", user="", device="d1"),
        Happening("seen", 4, "u", device="d1"),
        order(9, 12.5, id="o2", properties={"tier": "gold"}),
        order(5, 7, user="v", id="o1"),
        Happening("refunded", 10, "u", value=2.5),
        order(20, -0.001, id="o3"),
    ]
    tenant = put(warehouse, happenings)
    asking, asked = _asked(warehouse, tenant)
    first, *further = _sent_of(asking, asked)
    assert (first.total_journeys, list(first.journeys), first.about.position) == (3, [], asked.question.position)
    journeys = [journey for message in further for journey in message.journeys]
    assert [(one.conversion_id, one.value, len(one.touches)) for one in journeys] == [
        ("o1", "7.00", 0),
        ("o2", "10.00", 3),
        ("o3", "0.00", 0),
    ]
    told = journeys[1]
    explained = explain(asking, asked.question, "o2", "", list(first.models))
    assert list(first.models) == list(explained.models)
    assert (told.person, told.source, told.segment) == (explained.person, "test", "gold")
    assert told.converted_at.ToMicroseconds() == explained.converted_at_us
    for one, same in zip(told.touches, explained.touches, strict=True):
        assert (one.at.ToMicroseconds(), one.channel, one.campaign) == (same.at_us, same.channel, same.campaign)
        assert list(one.weights) == pytest.approx([part.weight for part in same.parts.values()])


def test_many_journeys_come_in_several_messages(warehouse: Warehouse) -> None:
    """None has more than 1,000, all of them are there once, in the order of time."""
    happenings = [
        one for n in range(2500) for one in (touch(1, "a", f"u{n}"), order(2 + n / 10, 1, f"u{n}", id=f"o{n}"))
    ]
    messages = _sent(warehouse, happenings, ["linear"])
    assert messages[0].total_journeys == 2500
    assert max(len(message.journeys) for message in messages) <= 1000
    assert [one.conversion_id for message in messages for one in message.journeys] == [f"o{n}" for n in range(2500)]


def test_a_long_journey_is_parted(warehouse: Warehouse) -> None:
    """100,000 touches come in parts that fit into messages; together they are the journey, and weigh 1."""
    happenings = [touch(1 + n / 10_000, f"channel {n % 7}") for n in range(100_000)] + [
        order(30, 5, id="long"),
        order(31, 5, id="o2"),
    ]
    messages = _sent(warehouse, happenings, ["linear", "last"])
    assert max(message.ByteSize() for message in messages) < 2 << 20
    parts = [one for message in messages for one in message.journeys if one.conversion_id == "long"]
    assert len(parts) > 5
    assert [part.continues for part in parts] == [True] * (len(parts) - 1) + [False]
    touches = [touch for part in parts for touch in part.touches]
    assert [touch.channel for touch in touches] == [f"channel {n % 7}" for n in range(100_000)]
    assert sum(touch.weights[0] for touch in touches) == pytest.approx(1)
    assert touches[-1].weights[1] == 1
    assert [one.conversion_id for one in messages[-1].journeys][-1] == "o2"


def test_a_period_without_conversions_is_one_message(warehouse: Warehouse) -> None:
    """It says so."""
    (message,) = _sent(warehouse, [touch(1, "a")])
    assert message.total_journeys == 0


def test_a_reader_that_leaves_ends_the_statement(warehouse: Warehouse) -> None:
    """Also one that reads no further, who is told."""
    happenings = [one for n in range(3000) for one in (touch(1, "a", f"u{n}"), order(2, 1, f"u{n}"))]
    asking, asked = _asked(warehouse, put(warehouse, happenings))
    before = {thread.ident for thread in threading.enumerate()}

    async def leave() -> None:
        taken = asyncio.Event()

        async def take(message: pb.StreamJourneysResponse) -> None:
            if message.journeys:
                taken.set()
                await asyncio.Event().wait()

        sending = asyncio.create_task(send_journeys(stream_journeys(asking, asked, ()), take))
        await taken.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    asyncio.run(leave())

    async def sleep(message: pb.StreamJourneysResponse) -> None:
        if message.journeys:
            await asyncio.Event().wait()

    with pytest.raises(TruelineError, match=r"no message was taken for 0.05 s") as caught:
        asyncio.run(send_journeys(stream_journeys(asking, asked, ()), sleep, 0.05))
    assert caught.value.reason == "SLOW_READER"
    for thread in threading.enumerate():
        if thread.ident not in before and thread.name.startswith("journeys"):
            thread.join(20)
            assert not thread.is_alive()
    assert warehouse.query("SELECT count() FROM system.processes WHERE startsWith(query, '/* stream')") == [(0,)]


def test_the_position_holds_while_events_come_in(warehouse: Warehouse) -> None:
    """What comes in after the question was asked is not there."""
    tenant = put(warehouse, [order(1, 1, id="o1")])
    asking, asked = _asked(warehouse, tenant)
    put(warehouse, [order(2, 1, id="o2")], tenant)
    first, *further = _sent_of(asking, asked)
    assert first.total_journeys == 1
    assert [one.conversion_id for message in further for one in message.journeys] == ["o1"]
    again = asking.ask(replace(asked.question, position=None))
    assert _sent_of(asking, again)[0].total_journeys == 2
