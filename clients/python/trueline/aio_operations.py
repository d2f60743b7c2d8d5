"""The methods of the async client that begin long-running operations, and that are about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from trueline import operation_calls
from trueline.backtests import RuleSource
from trueline.calls import Answer, Call
from trueline.operation_methods import ANSWER_S, HEARD_EVERY_S, WAIT_S
from trueline.operations import Operation


class AsyncOperationMethods:
    """Calls about operations, over the calls of the client that has them."""

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    async def backtest_rules(
        self,
        source: RuleSource | None = None,
        *,
        baseline: RuleSource | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        span: timedelta | None = None,
        every: timedelta | None = None,
        rules: Sequence[str] = (),
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """See `TruelineClient.backtest_rules`."""
        call = operation_calls.backtest_rules(
            source or RuleSource(),
            baseline=baseline,
            start=start,
            end=end,
            span=span,
            every=every,
            rules=rules,
            request_id=request_id,
        )
        return await self._call(call, timeout)

    async def simulate_rules(
        self,
        source: RuleSource | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        span: timedelta | None = None,
        every: timedelta | None = None,
        rules: Sequence[str] = (),
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """See `TruelineClient.simulate_rules`."""
        call = operation_calls.simulate_rules(
            source or RuleSource(), start=start, end=end, span=span, every=every, rules=rules, request_id=request_id
        )
        return await self._call(call, timeout)

    async def get_operation(self, name: str, *, timeout: float | None = None) -> Operation:
        """See `TruelineClient.get_operation`."""
        return await self._call(operation_calls.get_operation(name), timeout)

    async def list_operations(
        self, kind: str = "", *, limit: int = 0, timeout: float | None = None
    ) -> tuple[Operation, ...]:
        """See `TruelineClient.list_operations`."""
        return await self._call(operation_calls.list_operations(kind, limit), timeout)

    async def cancel_operation(self, name: str, *, timeout: float | None = None) -> Operation:
        """See `TruelineClient.cancel_operation`."""
        return await self._call(operation_calls.cancel_operation(name), timeout)

    async def wait_operation(
        self, name: str, *, timeout: float | None = None, heard: Callable[[Operation], None] | None = None
    ) -> Operation:
        """See `TruelineClient.wait_operation`."""
        deadline = None if timeout is None else time.monotonic() + timeout
        step = WAIT_S if heard is None else HEARD_EVERY_S
        while True:
            left = step if deadline is None else min(step, deadline - time.monotonic())
            found = await self._call(operation_calls.wait_operation(name, left), max(left, 0.0) + ANSWER_S)
            if heard is not None:
                heard(found)
            if found.done or (deadline is not None and time.monotonic() >= deadline):
                return found
