"""A served RuleService with everything about the life of rule sets behind it, on a thread; callers are the clients."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from trueline import RetryPolicy, TruelineClient
from trueline_rules.alert_rules import compile_rule
from trueline_rules.alerting.vectors import labels_of
from trueline_server.clock import ManualClock
from trueline_server.decisions.calls import DecisionCalls
from trueline_server.decisions.explaining import DecisionExplainer
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.recording import DecisionRecorder, Judged
from trueline_server.decisions.requests import RequestLog
from trueline_server.facts.store import FactStore
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.store import KpiValues
from trueline_server.metrics.reader import MetricReader
from trueline_server.rules.activation import Activation
from trueline_server.rules.book import RuleBook, Sets
from trueline_server.rules.changing import RuleChanger
from trueline_server.rules.life_calls import LifeCalls
from trueline_server.rules.live_facts import LiveFacts
from trueline_server.rules.moves import Needs
from trueline_server.rules.operator_files import OperatorFiles
from trueline_server.rules.service import RuleService
from trueline_server.rules.servicer import RuleServicer
from trueline_server.rules.store import Taken
from trueline_server.rules.watch import RulesWatch
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.server import listen, make_server
from trueline_server.transport.tokens import Tokens
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement

NAME = "trueline.v1.RuleService"
NOON = 1_717_243_200_000_000  # 2024-06-01T12:00Z
SECOND, HOUR = 1_000_000, 3_600_000_000
LOW = """apiVersion: trueline/v1
kind: AlertRule
metadata: {name: low, owner: ann, description: Too few activate.}
spec:
  facts: {rate: {kpi: activation_rate}}
  warning: rate < 0.3
"""
LOWER = LOW.replace("0.3", "0.2")
BROKEN = LOW.replace("rate < 0.3", "rtae < 0.3")
BASE = LOW.replace("name: low", "name: base").replace("Too few activate.", "From the operator.")


class NoMetrics:
    """Metrics that need no computing: no events are here."""

    def prepare(self, needs: Needs) -> None:
        """Nothing to do."""

    def taken(self, needs: Needs) -> Mapping[str, Taken]:
        """Nothing is computed."""
        return {tenant: {} for tenant in needs}

    def settle(self, needs: Needs) -> None:
        """Nothing to do."""


class LifeServer:
    """A server that a test stops and starts again on the same port and directory.

    Attributes:
        clock: of the server; a test turns it.
        address: host:port.
        files: the operator's folder.

    """

    def __init__(self, warehouse: Warehouse, folder: Path, tenants: Sequence[str]) -> None:
        self.clock = ManualClock(NOON)
        self.address = "127.0.0.1:0"
        self.files = folder / "operator"
        self.files.mkdir()
        self.write("base.yaml", BASE)
        self._warehouse = warehouse
        self._folder = folder
        self._tenants = tuple(tenants)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def client(self, tenant: str) -> TruelineClient:
        """A sync client with short pauses."""
        return TruelineClient(self.address, token=tenant, timeout=60, retry=RetryPolicy(first=0.01, longest=0.05))

    def write(self, name: str, text: str) -> None:
        """Write a file of the operator, some time ago as far as the file system knows."""
        path = self.files / name
        path.write_text(text, encoding="utf-8")
        then = time.time() - 60
        os.utime(path, (then, then + len(text) / 1e3))

    def differ(self, tenant: str, before: str, after: str, at_us: int, **labels: str) -> None:
        """Log that the active rules and the shadow decided differently about the rule low."""
        rules = self.book.shadow_of(tenant)
        assert rules is not None
        judged = Judged(
            rules=rules,
            rule=compile_rule(rules.alert_rules["low"], rules.fact_types),
            tenant=tenant,
            at_us=at_us,
            watermark_us=at_us,
            labels=labels_of(labels),
            facts={"rate": 0.25},
            before=before,
            after=after,
            compared=self.book.of(tenant).revision,
        )
        decision = self.recorder.record(judged, kind="shadow", stage="shadow")
        with self.state.writing() as connection:
            self.log.keep(connection, [decision])

    def start(self) -> None:
        """Open all parts and serve."""
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="life-server")
        self._thread.start()
        assert started.wait(60)

    def stop(self) -> None:
        """Stop as a server does: streams are cut."""
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(60)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            servicer = self._open()
        except BaseException:
            started.set()
            raise
        credentials = Credentials({tenant: tenant for tenant in self._tenants})
        server = make_server(Guard(credentials, FieldRules(), 60), Health((NAME,)), {NAME: servicer}, 8 * 1024 * 1024)
        self.address = listen(server, self.address)
        await server.start()
        started.set()
        await self._ended.wait()
        await server.stop(0)
        self._watch.close()
        self._materialiser.stop()
        self.log.close()
        self.state.close()

    def _open(self) -> RuleServicer:
        warehouse, clock, tokens = self._warehouse, self.clock, Tokens(b"k" * 32)
        self.state = StateDatabase.sqlite(self._folder / "state.sqlite3")
        self.book = RuleBook(self.state, Sets({}))
        trial = Evaluator(Confinement(warehouse), clock)
        files = OperatorFiles([self.files])
        self.activation = Activation(self.state, self.book, NoMetrics(), trial.problems, files=files, clock=clock)
        self.activation.open()
        self.log = DecisionLog(self.state, warehouse, clock)
        self.recorder = DecisionRecorder(b"k" * 32, clock)
        clocks = Clocks(warehouse, 120_000_000)
        self._materialiser = Materialiser(trial, KpiValues(warehouse), clocks, self.book.of, clock)
        kpis = KpiService(self._materialiser, trial, clocks, self.book.of, clock)
        reader = MetricReader(warehouse, self.book.of, clock)
        facts = LiveFacts(kpis, reader, warehouse, FactStore(warehouse))
        requests = RequestLog(self.log, self.recorder)
        service = RuleService(self.book.of, facts, clocks, clock, trial.problems, requests=requests)
        self._watch = RulesWatch(self.book, tokens, clock)
        life = LifeCalls(self.book, self.activation, RuleChanger(self.state, clock), self._watch, tokens)
        explainer = DecisionExplainer(self.log, self.book.rules_at, self.recorder)
        decisions = DecisionCalls(self.log, explainer, self.book, tokens, clock)
        # Backtests have tests of their own.
        unused: Any = None
        return RuleServicer(service, life, decisions, tokens, backtests=unused)
