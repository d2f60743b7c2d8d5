"""Work on threads: places are taken as long as threads work, whether somebody waits or not."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest
from trueline_server.scoring.places import on_thread


def test_who_waits_no_more_keeps_the_place_until_the_thread_is_free() -> None:
    """The next one starts when the first thread has ended, not when its call has."""
    go_on, second = threading.Event(), threading.Event()

    async def calls() -> bool:
        places = asyncio.Semaphore(1)
        first = asyncio.ensure_future(on_thread(places, go_on.wait))
        while not places.locked():
            await asyncio.sleep(0)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        following = asyncio.ensure_future(on_thread(places, lambda: second.set() or True))
        for _ in range(100):
            await asyncio.sleep(0)
        assert places.locked()
        assert not second.is_set()
        go_on.set()
        return await following

    assert asyncio.run(calls())


def test_errors_are_raised_and_places_given_back() -> None:
    """As many as there are places may fail, and more."""

    async def calls() -> int:
        places = asyncio.Semaphore(1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await on_thread(places, lambda: 1 // 0)
        return await on_thread(places, lambda: 7)

    assert asyncio.run(calls()) == 7
