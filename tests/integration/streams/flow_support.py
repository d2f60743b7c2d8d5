"""Running the real flow in a thread over a log in memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from trueline_stores.log.identities import DIGEST_BYTES
from trueline_stores.log.memory import InMemoryEventLog
from trueline_streams.records import Changes, ChangeWriter, FlowSettings, MetricPlan
from trueline_streams.runner import FlowRunner

from tests.unit.streams.reference import End, Event, Reference
from tests.unit.streams.support import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Append,
    InMemoryWarehouse,
    ReferenceLoader,
    batch_of,
    feed_all,
    metric_of,
    plan_of,
)

START = 1_700_000_000 * SECOND // DAY * DAY
DISORDER = 120 * SECOND
PLANS = [
    plan_of(metric_of("events", "count"), HOUR),
    plan_of(metric_of("users", "count_distinct", field="user_id", window="1h", step="5m"), HOUR),
    plan_of(metric_of("revenue", "sum", field="value", group_by=("currency",), max_groups=2, window="1d"), DAY),
]


def stream(appends: int, tenants: int = 2) -> list[Append]:
    """A stream with some disorder, a few events of long ago, and an end mark."""
    log: list[Append] = []
    for number in range(appends):
        events = [
            Event(
                id=f"{number}.{row}",
                source="web" if row % 3 else "app",
                name="order" if row % 2 else "view",
                occurred_us=START + number * 40 * SECOND - (row * 7 % 11) * 20 * SECOND - (row == 4) * 40 * MINUTE,
                user_id=f"u{(number * 5 + row) % 13}",
                value=Decimal(number * row) / 100 if row % 2 else None,
                currency=("EUR", "USD", "GBP", None)[(number + row) % 4],
            )
            for row in range(6)
        ]
        log.append((f"tenant{number % tenants}", START + DAY + number * SECOND, events))
    log.append(("tenant0", START + DAY + HOUR, End("web")))
    return log


def expected(appends: list[Append]) -> Reference:
    """What plain Python makes of it."""
    return feed_all(Reference(PLANS, DISORDER), appends)


def machine_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


class TurnedClock:
    """A clock for the log that says what a test sets."""

    def __init__(self) -> None:
        self.now_us = 0

    def __call__(self) -> int:
        return self.now_us


class Crash(BaseException):
    """What no retry catches, so that it takes the whole flow down."""


class FailingWriter:
    """A ChangeWriter that fails on chosen writes, before or after they happened; counted from 1."""

    def __init__(
        self,
        warehouse: InMemoryWarehouse,
        error: type[BaseException],
        *,
        before: Sequence[int] = (),
        after: Sequence[int] = (),
    ) -> None:
        self.warehouse = warehouse
        self.error = error
        self.before = before
        self.after = after
        self.calls = 0

    def write(self, changes: Changes) -> None:
        """Write, unless this call is to fail."""
        self.calls += 1
        if self.calls in self.before:
            raise self.error("the warehouse is out of reach")
        self.warehouse.write(changes)
        if self.calls in self.after:
            raise self.error("the answer of the warehouse was lost")


class Filling:
    """Appends to a log in memory one by one, with ids made unique."""

    def __init__(self) -> None:
        self.clock = TurnedClock()
        self.log = InMemoryEventLog(self.clock)

    def append(self, append: Append) -> int:
        """Append; answers the last position."""
        tenant, accepted_us, content = append
        self.clock.now_us = accepted_us
        if isinstance(content, End):
            return self.log.finish(tenant, content.source).result()
        digests = b"".join(number.to_bytes(DIGEST_BYTES, "big") for number in range(len(content)))
        result = self.log.append(tenant, batch_of(content), digests).result()
        assert result.accepted == len(content)
        return result.last_position


def flow_runner(
    filling: Filling,
    writer: ChangeWriter,
    plans: Sequence[MetricPlan],
    directory: Path,
    appends: Sequence[Append],
    **settings: Any,
) -> FlowRunner:
    """A runner that does not pause between batches, nor long after failures."""
    fast = {"publish_interval_us": 0, "poll_interval_us": 5_000, "epoch_interval_us": 0} | settings
    chosen = FlowSettings(**fast)
    loader = ReferenceLoader(appends, plans, chosen.max_disorder_us)
    return FlowRunner(
        filling.log,
        writer,
        machine_us,
        plans=plans,
        loader=loader,
        settings=chosen,
        directory=directory,
        first_pause_s=0.01,
        longest_pause_s=0.02,
    )


@contextlib.contextmanager
def running(runner: FlowRunner) -> Iterator[FlowRunner]:
    """Started, and stopped at the end."""
    runner.start()
    try:
        yield runner
    finally:
        runner.stop()
        assert runner.join(30)


def reach(runner: FlowRunner, position: int) -> None:
    """Wait until a position is written."""
    assert runner.progress.wait(position, 30), (runner.progress.written, position, runner.error)
