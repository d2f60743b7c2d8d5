"""Rules over real parts: the state database, rule files, the log, the dataflow and the warehouse of the tests."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from trueline_rules.errors import Problem
from trueline_rules.model import RuleSet
from trueline_server.metrics.reader import MetricReader
from trueline_server.rules.activation import Activation
from trueline_server.rules.book import RuleBook, Sets
from trueline_server.rules.metric_plans import MetricPlans, WithoutMetrics
from trueline_server.rules.moves import Metrics
from trueline_server.rules.operator_files import OperatorFiles
from trueline_server.rules.store import read_metrics
from trueline_stores.bus import InProcessBus
from trueline_stores.log.identities import DIGEST_BYTES
from trueline_stores.log.memory import InMemoryEventLog
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import Tenants
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import FlowSettings
from trueline_streams.runner import FlowRunner
from trueline_streams.warehouse_writer import WarehouseWriter

from tests.unit.streams.reference import Event
from tests.unit.streams.support import DAY, HOUR, SECOND, batch_of

START_US = 1_700_000_000 * SECOND // DAY * DAY
Files = Sequence[tuple[str, str]]


def metric(name: str, window: str = "1h", events: str = "[view]") -> str:
    """A rule document: a count of views."""
    return (
        f"apiVersion: trueline/v1\nkind: Metric\nmetadata: {{name: {name}}}\n"
        f"spec: {{unit: views, events: {events}, aggregation: count, window: {window}}}\n"
    )


def kpi(name: str, statement: str = "SELECT toFloat64(count()) AS value FROM events") -> str:
    """A rule document: a KPI."""
    return (
        f"apiVersion: trueline/v1\nkind: Kpi\nmetadata: {{name: {name}, owner: ops}}\n"
        f"spec:\n  unit: events\n  direction: higher\n  target: 1\n  action: look\n  statement: |\n    {statement}\n"
    )


def joined(*documents: str) -> str:
    """Documents as one file."""
    return "---\n".join(documents)


class TurnedClock:
    """Microseconds since 1970, as a test sets them."""

    def __init__(self, now_us: int = START_US + DAY) -> None:
        self.now_us = now_us

    def __call__(self) -> int:
        return self.now_us


class Life:
    """A book and its activation over a directory, opened as a server opens them; `metrics` None = none are computed."""

    def __init__(
        self,
        folder: Path,
        metrics: Callable[[StateDatabase], Metrics] | None = None,
        *,
        mapping: str = "",
        refused: Callable[[RuleSet], dict[str, Problem]] = lambda _: {},
    ) -> None:
        self.rule_files = folder / "rules"
        self.rule_files.mkdir(exist_ok=True)
        self.clock = TurnedClock()
        self.state = StateDatabase.sqlite(folder / "state.sqlite3")
        self.book = RuleBook(self.state, Sets({}))
        self.metrics = WithoutMetrics() if metrics is None else metrics(self.state)
        files = OperatorFiles([self.rule_files], settle_s=0)
        self.activation = Activation(
            self.state, self.book, self.metrics, refused, files=files, clock=self.clock, mapping=mapping
        )

    def write(self, name: str, text: str) -> None:
        """Put a rule file of the operator's where it is watched; replaced whole, as editors do."""
        part = self.rule_files / f".{name}.part"
        part.write_text(text)
        part.replace(self.rule_files / name)

    def names(self, tenant: str) -> set[str]:
        """The metrics of a tenant that the default pack does not have."""
        return set(self.book.of(tenant).metrics) - PACK

    def kinds(self, tenant: str) -> list[str]:
        """What happened, by kind, the oldest first."""
        return [change.kind for change in self.book.changes(tenant) if change.tenant == tenant]


def _pack() -> set[str]:
    from trueline_rules.loader import load_rules

    return set(load_rules([]).metrics)


PACK = _pack()


@contextmanager
def living(folder: Path, **options: Any) -> Iterator[Life]:
    """Opened, and closed at the end."""
    life = Life(folder, **options)
    try:
        life.activation.open()
        yield life
    finally:
        life.state.close()


class OwnTenants:
    """The warehouse as if the tenants of this test were all that there are."""

    def __init__(self, warehouse: Warehouse, prefix: str) -> None:
        self._warehouse = warehouse
        self._prefix = prefix

    def run(self, statement: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement."""
        rows = self._warehouse.run(statement)
        return [row for row in rows if row[0].startswith(self._prefix)] if isinstance(statement, Tenants) else rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._warehouse, name)


class FlowLife(Life):
    """Rules with the dataflow that computes their metrics.

    Attributes:
        reader: reads metrics by the rules in force.

    """

    _ids = itertools.count()

    def __init__(self, folder: Path, warehouse: Warehouse, log: InMemoryEventLog, prefix: str) -> None:
        self.log = log
        settings = FlowSettings(publish_interval_us=0, poll_interval_us=5_000, epoch_interval_us=0)
        own = cast(Warehouse, OwnTenants(warehouse, prefix))
        recompute, writer = PaneRecompute(warehouse), WarehouseWriter(warehouse, InProcessBus())
        self.flow = FlowRunner(
            log, writer, log_clock, loader=recompute, settings=settings, directory=folder / "flow", first_pause_s=0.01
        )

        def plans(state: StateDatabase) -> MetricPlans:
            with state.reading() as connection:
                taken = read_metrics(connection)
            return MetricPlans(self.flow, own, writer, recompute, settings=settings, taken=taken)

        super().__init__(folder, plans)
        self.reader = MetricReader(warehouse, self.book.of, self.clock)

    def send(self, tenant: str, *hours: int, name: str = "view") -> int:
        """One event in each hour of the day, in one batch; waits until they are written; answers the last position."""
        events = [Event(f"e{next(self._ids)}", "web", name, START_US + hour * HOUR, user_id="u") for hour in hours]
        digests = b"".join(number.to_bytes(DIGEST_BYTES, "big") for number in range(len(events)))
        position = self.log.append(tenant, batch_of(events), digests).result().last_position
        assert self.flow.progress.wait(position, 30), self.flow.error
        return position

    def points(self, tenant: str, name: str) -> dict[int, float | None]:
        """Hour of the day in which a window starts -> its value."""
        page = self.reader.query(tenant, name, start_us=0)
        return {(point.window_start_us - START_US) // HOUR: point.value for point in page.points}


def log_clock() -> int:
    """When events are accepted."""
    return START_US + DAY


@contextmanager
def flowing(folder: Path, warehouse: Warehouse, log: InMemoryEventLog, prefix: str) -> Iterator[FlowLife]:
    """Opened and running, and ended as a server ends."""
    life = FlowLife(folder, warehouse, log, prefix)
    try:
        life.activation.open()
        life.flow.start()
        yield life
    finally:
        life.flow.stop()
        assert life.flow.join(30)
        life.state.close()
