"""Sends a stream of journeys: read on a thread of its own as the reader takes them, ended when the reader leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor

from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.journey_mapping import map_batch_to_proto
from trueline_server.attribution.journey_stream import JourneyStream
from trueline_server.attribution.mapping import map_about_to_proto
from trueline_server.attribution.money import minor_unit_digits
from trueline_server.errors import TruelineError

# A reader that takes nothing for so long holds the statement of nobody else up.
PATIENCE_S = 60.0

Write = Callable[[pb.StreamJourneysResponse], Awaitable[None]]


async def send_journeys(stream: JourneyStream, write: Write, patience_s: float = PATIENCE_S) -> None:
    """Send all of them; the statement has ended when this has.

    Raises:
        TruelineError: SLOW_READER, a message was not taken within `patience_s` seconds.
        StoreError: the warehouse cannot answer.

    """
    about = map_about_to_proto(stream.asked)
    await _write(
        write, pb.StreamJourneysResponse(about=about, models=stream.models, total_journeys=stream.total), patience_s
    )
    messages = _messages(stream, minor_unit_digits(stream.asked.document.currency))
    loop = asyncio.get_running_loop()
    # One thread, because the client of the warehouse that streams is that of its thread.
    reader = ThreadPoolExecutor(1, "journeys")
    try:
        while (message := await loop.run_in_executor(reader, next, messages, None)) is not None:
            await _write(write, message, patience_s)
    finally:
        # Stopping asks the warehouse, on another thread than the one that may wait for it.
        stopping = asyncio.ensure_future(asyncio.to_thread(stream.stop))
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(stopping)
        reader.submit(messages.close)
        reader.shutdown(wait=False)


def _messages(stream: JourneyStream, digits: int) -> Generator[pb.StreamJourneysResponse, None, None]:
    for batch in stream.batches():
        yield from map_batch_to_proto(batch, digits)


async def _write(write: Write, message: pb.StreamJourneysResponse, patience_s: float) -> None:
    try:
        async with asyncio.timeout(patience_s):
            await write(message)
    except TimeoutError:
        told = f"no message was taken for {patience_s:g} s; read faster, or ask for a shorter period"
        raise TruelineError("ABORTED", "SLOW_READER", told) from None
