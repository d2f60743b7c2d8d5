"""The methods of the async client that are about the health of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from google.protobuf.message import Message

from trueline import health_calls
from trueline.calls import Answer, Call
from trueline.health import AccountHealth
from trueline.health_streams import AsyncHealthStream


class AsyncHealthMethods:
    """Calls of the ScoringService about accounts, over the calls of the client that has them.

    `profile` is a ScoringProfile of accounts in force; "" = the one called account_health. `at` is an instant of the
    past; None = now.
    """

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    async def _begin(self, service: str, method: str, request: Message, timeout: float | None) -> tuple[Any, Any, Any]:
        raise NotImplementedError

    async def score_account_health(
        self,
        account_id: str,
        *,
        profile: str = "",
        at: datetime | None = None,
        trend: timedelta | None = None,
        timeout: float | None = None,
    ) -> AccountHealth:
        """How an account is, down to its inputs; what moved, what to do, how likely it is to leave.

        An account of which nothing is known is no error: its class is "insufficient_data".

        Args:
            account_id: which one.
            profile: name of a profile.
            at: as it was then.
            trend: how long before `at` it is compared with; None = as the profile says.
            timeout: seconds.

        Raises:
            NotFoundError: there is no such profile; `metadata["nearest"]` may name the nearest.
            InvalidRequestError: `at` lies ahead, or `trend` is not above 0.

        """
        call = health_calls.score_account_health(account_id, profile=profile, at=at, trend=trend)
        return await self._call(call, timeout)

    async def score_account_healths(
        self,
        *,
        health: Sequence[str] = (),
        account_ids: Sequence[str] = (),
        profile: str = "",
        at: datetime | None = None,
        counts_only: bool = False,
        timeout: float | None = None,
    ) -> AsyncHealthStream:
        """How all accounts are: the counts by class, and then the accounts by id; all of one instant.

        Args:
            health: only accounts of these classes; () = all. The counts are of all nevertheless.
            account_ids: only these; () = all of which anything is known.
            profile: name of a profile.
            at: as they were then.
            counts_only: no accounts.
            timeout: seconds until the last account; None = as long as it takes.

        Returns:
            A stream that is begun. One that breaks raises and is not continued: what came in meanwhile would differ.

        """
        request = health_calls.batch(
            health=health, account_ids=account_ids, profile=profile, at=at, counts_only=counts_only
        )
        return AsyncHealthStream(*await self._begin(health_calls.SERVICE, health_calls.STREAM, request, timeout))
