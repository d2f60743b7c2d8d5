"""The methods of the sync client that begin long-running operations, and that are about them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from trueline import operation_calls
from trueline.backtests import RuleSource
from trueline.calls import Answer, Call
from trueline.operations import Operation

# One call waits so long; shorter with somebody who wants to see progress.
WAIT_S = 20.0
HEARD_EVERY_S = 1.0
# What a call may take beyond its wait.
ANSWER_S = 30.0


class OperationMethods:
    """Calls about operations, over the calls of the client that has them."""

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def backtest_rules(
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
        """Begin to replay alert rules over history; `wait_operation` answers what they would have done.

        Args:
            source: the rules; None = those in force.
            baseline: what they are compared with; None = with nothing.
            start: first evaluation; None = `span` before the last.
            end: last evaluation; None = now (or the end of the data, if nothing is live).
            span: length of history, where `start` is None; None = 30 days.
            every: distance of evaluations; None = 6 hours.
            rules: names of alert rules; () = all.
            request_id: asked again with the same, the same operation is answered; "" = a new one.
            timeout: seconds for the call that begins it.

        """
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
        return self._call(call, timeout)

    def simulate_rules(
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
        """Begin to simulate over history who would have been told of what; `wait_operation` answers the timeline.

        Args:
            source: the rules, with routes, silences, escalations and channels; None = those in force.
            start: first evaluation; None = `span` before the last.
            end: last evaluation; None = now (or the end of the data, if nothing is live).
            span: length of history, where `start` is None; None = 30 days.
            every: distance of evaluations; None = 6 hours. A server evaluates every minute.
            rules: names of alert rules; () = all.
            request_id: asked again with the same, the same operation is answered; "" = a new one.
            timeout: seconds for the call that begins it.

        """
        call = operation_calls.simulate_rules(
            source or RuleSource(), start=start, end=end, span=span, every=every, rules=rules, request_id=request_id
        )
        return self._call(call, timeout)

    def get_operation(self, name: str, *, timeout: float | None = None) -> Operation:
        """How an operation is, with its result once it has one."""
        return self._call(operation_calls.get_operation(name), timeout)

    def list_operations(self, kind: str = "", *, limit: int = 0, timeout: float | None = None) -> tuple[Operation, ...]:
        """The operations that are kept, the newest first, without results: of one kind ("" = all), at most `limit`."""
        return self._call(operation_calls.list_operations(kind, limit), timeout)

    def cancel_operation(self, name: str, *, timeout: float | None = None) -> Operation:
        """Ask an operation to end; one that runs ends after the step at hand."""
        return self._call(operation_calls.cancel_operation(name), timeout)

    def wait_operation(
        self, name: str, *, timeout: float | None = None, heard: Callable[[Operation], None] | None = None
    ) -> Operation:
        """An operation once it has ended, or as it is after the timeout.

        Args:
            name: of the operation.
            timeout: seconds; None = as long as it takes.
            heard: hears of it about every second, and in the end.

        """
        deadline = None if timeout is None else time.monotonic() + timeout
        step = WAIT_S if heard is None else HEARD_EVERY_S
        while True:
            left = step if deadline is None else min(step, deadline - time.monotonic())
            # The server keeps a fifth of the call's time for its answer.
            found = self._call(operation_calls.wait_operation(name, left), max(left, 0.0) + ANSWER_S)
            if heard is not None:
                heard(found)
            if found.done or (deadline is not None and time.monotonic() >= deadline):
                return found
