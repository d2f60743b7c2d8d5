"""Retries what lies outside the process until it works or the flow is stopped, and tells what is wrong meanwhile.

A failure inside a Bytewax step ends the whole flow with a panic; so a store that is out of reach for a while is waited
for here instead, where the flow stands still and nothing is lost.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import tenacity
from trueline_rules.model import Metric

from trueline_streams.records import Changes, ChangeWriter, MetricPlan, PaneLoader, PointRow

_LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Patience:
    """Calls things until they succeed, with growing pauses.

    Args:
        stop: gives up when it is set: the last error is raised.
        first_pause_s: pause after the first failure; doubles with each further one.
        longest_pause_s: the pause grows no further.

    """

    def __init__(self, stop: threading.Event, *, first_pause_s: float = 0.5, longest_pause_s: float = 30.0) -> None:
        self.stop = stop
        self._wait = tenacity.wait_exponential(multiplier=first_pause_s, max=longest_pause_s)
        self._failing: dict[str, BaseException] = {}
        self._failures = 0

    @property
    def error(self) -> BaseException | None:
        """What fails at present; None if nothing does."""
        return next(iter(list(self._failing.values())), None)

    @property
    def failures(self) -> int:
        """How often something has failed so far."""
        return self._failures

    def call(self, name: str, function: Callable[[], T]) -> T:
        """What the function answers when it succeeds. `name` says in messages what was tried."""
        retrying = tenacity.Retrying(
            wait=self._wait,
            retry=tenacity.retry_if_exception_type(Exception),
            sleep=tenacity.sleep_using_event(self.stop),
            stop=tenacity.stop_when_event_set(self.stop),
            before_sleep=lambda state: self._report(name, state),
            reraise=True,
        )
        answer = retrying(function)
        self.succeeded(name)
        return answer

    def failed(self, name: str, error: BaseException) -> None:
        """Note a failure."""
        self._failures += 1
        self._failing[name] = error

    def succeeded(self, name: str) -> None:
        """Note that something works again."""
        self._failing.pop(name, None)

    def _report(self, name: str, state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        if error is not None:
            self.failed(name, error)
            pause_s = state.next_action.sleep if state.next_action is not None else 0.0
            _LOG.warning("%s failed, next try in %.1f s: %s", name, pause_s, error)


class PatientWriter:
    """A ChangeWriter that waits for the one it writes to."""

    def __init__(self, writer: ChangeWriter, patience: Patience) -> None:
        self._writer = writer
        self._patience = patience

    def write(self, changes: Changes) -> None:
        """Write until it succeeds. From the second try on, the events may be there already, and are marked so."""
        tries = 0

        def write_once() -> None:
            nonlocal tries
            tries += 1
            again = tuple(replace(events, replayed=True) for events in changes.events) if tries > 1 else changes.events
            self._writer.write(replace(changes, events=again))

        self._patience.call("writing to the warehouse", write_once)


class PatientLoader:
    """A PaneLoader that waits for the one it asks."""

    def __init__(self, loader: PaneLoader, patience: Patience) -> None:
        self._loader = loader
        self._patience = patience

    def load(
        self,
        tenant: str,
        metric: Metric,
        events: tuple[str, ...],
        pane_starts_us: Sequence[int],
        before_position: int,
    ) -> list[tuple[PointRow, tuple[str, ...]]]:
        """Load until it succeeds."""
        return self._patience.call(
            "loading panes from the warehouse",
            lambda: self._loader.load(tenant, metric, events, pane_starts_us, before_position),
        )

    def refused(self, plan: MetricPlan, tenant: str, before_position: int) -> tuple[int, int]:
        """Count until it succeeds."""
        return self._patience.call(
            "counting refused events in the warehouse",
            lambda: self._loader.refused(plan, tenant, before_position),
        )
