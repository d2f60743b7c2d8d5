"""Streams of accounts with their health: the counts first, then accounts one by one, as they are wanted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC
from typing import Any, Self

import grpc

from trueline.errors import TruelineError
from trueline.health import ScoredAccount
from trueline.health_calls import accounts

Decode = Callable[[grpc.RpcError], TruelineError]


class _Told:
    """What the first message tells.

    Attributes:
        counts: class -> accounts in it, of all accounts, the best class first.
        at: the instant that is told.
        profile: by which they were scored.
        rule_revision: of the rule set that it is from.
        dimensions: names, in the order of the profile.

    """

    def __init__(self, first: Any, call: Any, decode: Decode) -> None:
        self.counts = {one.health: int(one.accounts) for one in first.counts}
        self.at = first.at.ToDatetime(tzinfo=UTC)
        self.profile = str(first.profile)
        self.rule_revision = str(first.rule_revision)
        self.dimensions = tuple(first.dimensions)
        self._call = call
        self._decode = decode

    def close(self) -> None:
        """Read no further; the server stops. Idempotent."""
        self._call.cancel()


class HealthStream(_Told):
    """Iterated once, by id; raises TruelineError. Left early, it is closed by `with` or `close`."""

    def __iter__(self) -> Iterator[ScoredAccount]:
        try:
            for message in self._call:
                yield from accounts(message, self.dimensions)
        except grpc.RpcError as error:
            raise self._decode(error) from None
        finally:
            self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncHealthStream(_Told):
    """See HealthStream."""

    async def __aiter__(self) -> AsyncIterator[ScoredAccount]:
        try:
            async for message in self._call:
                for account in accounts(message, self.dimensions):
                    yield account
        except grpc.RpcError as error:
            raise self._decode(error) from None
        finally:
            self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
