"""Tells watchers that something happened to cases: one look for all of them, and only while somebody watches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

# How long news may wait; whoever makes it may call `wake` to have it told at once.
LOOK_EVERY_S = 0.25


class CaseFeed:
    """How far the events of all cases have come. Used on the event loop's thread; only `wake` is thread-safe."""

    def __init__(self, newest: Callable[[], int], *, look_every_s: float = LOOK_EVERY_S) -> None:
        """`newest` blocks and answers the number of the last event."""
        self._newest = newest
        self._look_every_s = look_every_s
        self._reached = 0
        # Each with the number beyond which it waits.
        self._waiters: dict[asyncio.Future[None], int] = {}
        self._looking: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    async def look(self) -> int:
        """How far they have come now."""
        self._reached = max(self._reached, await asyncio.to_thread(self._newest))
        return self._reached

    async def beyond(self, number: int, seconds: float) -> int:
        """How far they have come, as soon as that is beyond a number, or after some seconds."""
        if self._reached <= number:
            self._loop = asyncio.get_running_loop()
            waiter: asyncio.Future[None] = self._loop.create_future()
            self._waiters[waiter] = number
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look_out())
            try:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(waiter, seconds)
            finally:
                del self._waiters[waiter]
        return self._reached

    def wake(self) -> None:
        """Look at once. Callable from any thread."""
        if self._loop is not None:
            # News that comes while the loop closes has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._woken.set)

    async def _look_out(self) -> None:
        """Look until nobody waits any more; what fails is told to those who wait."""
        while self._waiters:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 whatever it is, each watcher ends with it
                for waiter in self._waiters:
                    if not waiter.done():
                        waiter.set_exception(error)
                return
            for waiter, number in self._waiters.items():
                if self._reached > number and not waiter.done():
                    waiter.set_result(None)
            self._woken.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._look_every_s)
