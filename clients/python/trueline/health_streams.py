"""Streams of accounts with their health: the counts first, then accounts one by one, as they are wanted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from trueline.health import ScoredAccount
from trueline.health_calls import accounts
from trueline.streamed import AsyncStreamed, Decode, Streamed, Told


class _Told(Told[ScoredAccount]):
    """What the first message tells.

    Attributes:
        counts: class -> accounts in it, of all accounts, the best class first.
        at: the instant that is told.
        profile: by which they were scored.
        rule_revision: of the rule set that it is from.
        dimensions: names, in the order of the profile.

    """

    def __init__(self, first: Any, call: Any, decode: Decode) -> None:
        super().__init__(call, decode)
        self.counts = {one.health: int(one.accounts) for one in first.counts}
        self.at = first.at.ToDatetime(tzinfo=UTC)
        self.profile = str(first.profile)
        self.rule_revision = str(first.rule_revision)
        self.dimensions = tuple(first.dimensions)

    def read(self, message: Any) -> Iterable[ScoredAccount]:
        """Accounts of a message."""
        return accounts(message, self.dimensions)


class HealthStream(_Told, Streamed[ScoredAccount]):
    """Iterated once, by id; raises TruelineError. Left early, it is closed by `with` or `close`."""


class AsyncHealthStream(_Told, AsyncStreamed[ScoredAccount]):
    """See HealthStream."""
