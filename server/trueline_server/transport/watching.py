"""What Watch calls share: a bounded buffer of changes, the quiet time before a heartbeat, the cut of slow readers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Generic, TypeVar

from google.protobuf.duration_pb2 import Duration

from trueline_server.errors import TruelineError, invalid_field

DEFAULT_HEARTBEAT_S = 10.0
SHORTEST_HEARTBEAT_S = 1.0

K = TypeVar("K")
V = TypeVar("V")


class Outbox(Generic[K, V]):
    """Changes that wait for one reader: the newest state per key, and the mark up to which they reach.

    Superseded states are dropped, so a reader that lags a little gets fewer changes, not older ones. Used on the event
    loop's thread only.
    """

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` keys; one more overflows the outbox for good."""
        self._limit = limit
        self._waiting: dict[K, V] = {}
        self._mark: int | None = None
        self._filled = asyncio.Event()
        self._overflowed = asyncio.Event()

    def put(self, changes: Mapping[K, V], mark: int) -> None:
        """Add changes that are complete up to `mark` (a log position, which never falls). Never waits."""
        self._mark = mark
        if self._overflowed.is_set():
            return
        self._waiting.update(changes)
        if len(self._waiting) > self._limit:
            self._overflowed.set()
            self._waiting.clear()
        elif self._waiting:
            self._filled.set()

    async def take(self, quiet_s: float) -> dict[K, V]:
        """All that waits, as soon as something does; empty after `quiet_s` seconds without any."""
        try:
            async with asyncio.timeout(quiet_s):
                await self._filled.wait()
        except TimeoutError:
            return {}
        taken, self._waiting = self._waiting, {}
        self._filled.clear()
        return taken

    @property
    def mark(self) -> int | None:
        """Up to where changes were put; None before the first."""
        return self._mark

    @property
    def limit(self) -> int:
        """Most keys that may wait."""
        return self._limit

    async def overflow(self) -> None:
        """Wait until the outbox overflows."""
        await self._overflowed.wait()


def heartbeat_seconds(interval: Duration, field: str = "heartbeat_interval") -> float:
    """Quiet seconds after which a heartbeat is sent; an unset (zero) interval is the default.

    Raises:
        TruelineError: INVALID_FIELD, if it is shorter than a second.

    """
    seconds = float(interval.seconds + interval.nanos / 1e9)
    if seconds == 0:
        return DEFAULT_HEARTBEAT_S
    if seconds < SHORTEST_HEARTBEAT_S:
        raise invalid_field(field, f"is {seconds} s; the shortest is {SHORTEST_HEARTBEAT_S:.0f} s")
    return seconds


async def cut_when_slow(sending: Coroutine[None, None, None], outbox: Outbox[K, V]) -> None:
    """Run a coroutine that sends what the outbox gets, until it ends or the outbox overflows.

    A reader that does not read blocks the coroutine in a write, where it cannot notice anything; so the overflow is
    watched from beside it.

    Raises:
        TruelineError: ABORTED SLOW_READER, after the coroutine was cancelled.

    """
    sender = asyncio.ensure_future(sending)
    overflow = asyncio.ensure_future(outbox.overflow())
    try:
        await asyncio.wait({sender, overflow}, return_when=asyncio.FIRST_COMPLETED)
        if sender.done():
            await sender
            return
        raise TruelineError(
            "ABORTED",
            "SLOW_READER",
            f"more than {outbox.limit} changes wait because they are not read fast enough; "
            "resume with the last token received",
            metadata={"buffered": str(outbox.limit)},
        )
    finally:
        for task in (sender, overflow):
            task.cancel()
        await asyncio.gather(sender, overflow, return_exceptions=True)
