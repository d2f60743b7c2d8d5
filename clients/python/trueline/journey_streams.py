"""Streams of journeys: what is told first, and journeys one by one, as they are wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Self

import grpc

from trueline.attribution_change_mapping import JourneyReader
from trueline.attribution_changes import Journey
from trueline.attribution_mapping import about
from trueline.errors import TruelineError

Decode = Callable[[grpc.RpcError], TruelineError]


class _Told:
    """What the first message tells.

    Attributes:
        about: what the journeys are about.
        models: in the order of weights.
        total_journeys: how many there are in all.

    """

    def __init__(self, first: Any, call: Any, decode: Decode) -> None:
        self.about = about(first.about)
        self.models = tuple(first.models)
        self.total_journeys = int(first.total_journeys)
        self._call = call
        self._decode = decode
        self._reader = JourneyReader(self.models)

    def close(self) -> None:
        """Read no further; the server stops. Idempotent."""
        self._call.cancel()


class JourneyStream(_Told):
    """Iterated once, by time of the conversion; raises TruelineError. Left early, it is closed by `with` or `close`."""

    def __iter__(self) -> Iterator[Journey]:
        try:
            for message in self._call:
                yield from self._reader.read(message)
        except grpc.RpcError as error:
            raise self._decode(error) from None
        finally:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncJourneyStream(_Told):
    """See JourneyStream."""

    async def __aiter__(self) -> AsyncIterator[Journey]:
        try:
            async for message in self._call:
                for journey in self._reader.read(message):
                    yield journey
        except grpc.RpcError as error:
            raise self._decode(error) from None
        finally:
            self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
