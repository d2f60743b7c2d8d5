"""Work on threads with a bound on how much is done at once, also of calls that nobody waits for any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


async def on_thread(places: asyncio.Semaphore, work: Callable[[], Answer]) -> Answer:
    """An answer computed on a thread. A call that ends before does not end the thread, so it keeps its place."""
    await places.acquire()
    working = asyncio.ensure_future(asyncio.to_thread(work))

    def ended(_: asyncio.Future[Answer]) -> None:
        places.release()
        # Nobody may be there any more to be told of an error; asking for it says so.
        if not working.cancelled():
            working.exception()

    working.add_done_callback(ended)
    return await asyncio.shield(working)
