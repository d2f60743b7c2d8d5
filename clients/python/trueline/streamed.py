"""Answers that come as a stream: what they hold one by one, as it is wanted; for sync and async clients alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Generic, Self, TypeVar

import grpc

from trueline.errors import TruelineError

Decode = Callable[[grpc.RpcError], TruelineError]
T = TypeVar("T")


class Told(Generic[T]):
    """A stream whose first message was read; a subclass tells what is in it, and reads the others.

    Args:
        call: the call, behind its first message.
        decode: makes an error of the SDK of one of gRPC.

    """

    def __init__(self, call: Any, decode: Decode) -> None:
        self._call = call
        self._decode = decode

    def read(self, message: Any) -> Iterable[T]:
        """What a message holds."""
        raise NotImplementedError

    def close(self) -> None:
        """Read no further; the server stops. Idempotent."""
        self._call.cancel()


class Streamed(Told[T]):
    """Iterated once; raises TruelineError. Left early, it is closed by `with` or `close`."""

    def __iter__(self) -> Iterator[T]:
        try:
            for message in self._call:
                yield from self.read(message)
        except grpc.RpcError as error:
            raise self._decode(error) from None
        finally:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStreamed(Told[T]):
    """See Streamed."""

    async def __aiter__(self) -> AsyncIterator[T]:
        try:
            async for message in self._call:
                for one in self.read(message):
                    yield one
        except grpc.RpcError as error:
            raise self._decode(error) from None
        finally:
            self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
