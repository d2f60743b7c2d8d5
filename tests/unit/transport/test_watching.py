"""What Watch calls share: the outbox, heartbeats, the cut of slow readers."""

import asyncio

import pytest
from google.protobuf.duration_pb2 import Duration
from trueline_server.errors import TruelineError
from trueline_server.transport.watching import Outbox, cut_when_slow, heartbeat_seconds


def test_outbox_keeps_the_newest_state_per_key() -> None:
    """A state that was superseded before it was read is not sent; the mark tells how far the states reach."""

    async def run() -> None:
        outbox: Outbox[str, int] = Outbox(limit=3)
        outbox.put({"a": 1, "b": 1}, 10)
        outbox.put({"a": 2}, 20)

        assert await outbox.take(60) == {"a": 2, "b": 1}
        assert outbox.mark == 20
        assert await outbox.take(0.001) == {}

    asyncio.run(run())


def test_quiet_ends_early_when_something_changes() -> None:
    """A reader that waits for its next heartbeat gets a change at once."""

    async def run() -> None:
        outbox: Outbox[str, int] = Outbox(limit=3)
        taking = asyncio.create_task(outbox.take(3600))
        await asyncio.sleep(0)
        outbox.put({}, 5)
        await asyncio.sleep(0)
        assert not taking.done()
        outbox.put({"a": 1}, 6)

        assert await taking == {"a": 1}

    asyncio.run(run())


def test_reader_that_blocks_is_cut() -> None:
    """When more keys wait than the limit, the sender is cancelled in its write and the reader is told why."""

    async def run() -> None:
        outbox: Outbox[int, int] = Outbox(limit=2)
        cancelled = asyncio.Event()

        async def blocked() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        cutting = asyncio.create_task(cut_when_slow(blocked(), outbox))
        outbox.put({1: 1, 2: 1}, 1)
        await asyncio.sleep(0)
        assert not cutting.done()
        outbox.put({1: 2, 3: 1}, 2)

        with pytest.raises(TruelineError) as cut:
            await cutting
        assert (cut.value.code, cut.value.reason, cut.value.metadata) == ("ABORTED", "SLOW_READER", {"buffered": "2"})
        assert cancelled.is_set()

    asyncio.run(run())


def test_error_of_the_sender_comes_through() -> None:
    """What a sender raises is what the call fails with."""

    async def run() -> None:
        async def failing() -> None:
            raise TruelineError("NOT_FOUND", "UNKNOWN_METRIC", "no")

        with pytest.raises(TruelineError, match="no"):
            await cut_when_slow(failing(), Outbox[int, int](limit=1))

    asyncio.run(run())


def test_heartbeat_interval() -> None:
    """Absent is ten seconds; less than one is refused."""
    assert heartbeat_seconds(Duration()) == 10
    assert heartbeat_seconds(Duration(seconds=1, nanos=500_000_000)) == 1.5
    with pytest.raises(TruelineError, match="the shortest is 1 s"):
        heartbeat_seconds(Duration(nanos=1))
    with pytest.raises(TruelineError, match="the shortest is 1 s"):
        heartbeat_seconds(Duration(seconds=-5))
