"""How far the dataflow has come: told by the bus, waited for without polling."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from trueline_stores.bus import Bus, Written


class Progress:
    """The last log position that is wholly in the warehouse. Waiters live on the event loop's thread.

    Attributes:
        position: the position; 0 before the first event.

    """

    def __init__(self, position: int = 0) -> None:
        self.position = position
        self._waiters: dict[asyncio.Future[None], int] = {}

    def follow(self, bus: Bus, loop: asyncio.AbstractEventLoop) -> Callable[[], None]:
        """Hear of every write from the bus, whose thread is another; the returned function ends it."""

        def heard(message: Written) -> None:
            # A write that ends while the loop closes has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self.advance, message.position)

        return bus.subscribe(heard)

    def advance(self, position: int) -> None:
        """Move on to a position and wake those who wait for it; an older one changes nothing."""
        self.position = max(self.position, position)
        for waiter, wanted in list(self._waiters.items()):
            if wanted <= self.position and not waiter.done():
                waiter.set_result(None)

    async def wait(self, position: int) -> None:
        """Return when everything up to `position` is in the warehouse. The call's deadline bounds the wait."""
        if position <= self.position:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[waiter] = position
        try:
            await waiter
        finally:
            del self._waiters[waiter]
