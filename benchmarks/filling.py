"""Fills a server with a generated business, as fast as it takes it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from trueline import TruelineClient
from trueline.v1.event_pb2 import EventColumns
from trueline_server.generator import SOURCE
from trueline_server.generator.sending import OrderedSender, open_channel
from trueline_server.generator.wire import split_batch

from benchmarks.business import business

BATCH = 1_000
SETTLED_S = 600.0


class Filling:
    """One business, sent in portions; events of a later portion come after those of an earlier one.

    Args:
        address: the server.
        events: how many in all.

    """

    def __init__(self, address: str, events: int) -> None:
        self._channel = open_channel(address)
        self._sender = OrderedSender(self._channel)
        self._client = TruelineClient(address)
        self._rest: Iterator[EventColumns] = itertools.chain.from_iterable(
            split_batch(batch, BATCH) for batch in business(events)
        )
        self._sent = 0

    def fill(self, until: int) -> None:
        """Send until so many events are sent, and wait until the dataflow has processed them."""
        self._sent += sum(self._sender.send(self._until(until - self._sent)))
        self._client.status(min_position=self._sender.sent.position, timeout=SETTLED_S)

    def finish(self) -> None:
        """Write the end mark and close the connection."""
        self._sender.finish(SOURCE)
        self._client.close()
        self._channel.close()

    def _until(self, events: int) -> Iterator[EventColumns]:
        """Batches of as many events, give or take a batch."""
        while events > 0 and (batch := next(self._rest, None)) is not None:
            events -= batch.count
            yield batch
