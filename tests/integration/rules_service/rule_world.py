"""A served RuleService over a real warehouse, with small rules and a small shop."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_service_pb2_grpc
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.decisions.log import DecisionLog
from trueline_server.decisions.recording import DecisionRecorder
from trueline_server.decisions.requests import RequestLog
from trueline_server.facts.store import FactRow, FactStore
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.store import KpiValues
from trueline_server.metrics.reader import MetricReader
from trueline_server.rules.live_facts import LiveFacts
from trueline_server.rules.service import RuleService
from trueline_server.rules.servicer import RuleServicer
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.server import listen, make_server
from trueline_server.transport.tokens import Tokens
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement
from trueline_streams.plans import plan_metrics
from trueline_streams.records import FlowSettings

from tests.integration.server.serving import info_of
from tests.integration.warehouse.playing import play
from tests.unit.streams.reference import End, Event
from tests.unit.streams.support import HOUR, MINUTE, SECOND, Append

NAME = "trueline.v1.RuleService"
NOON = 1_717_243_200_000_000  # 2024-06-01T12:00Z
AT = datetime(2024, 6, 1, 12, tzinfo=UTC)
_TARGET = "unit: looks\n  direction: higher\n  target: 10\n  statement: "


def document(kind: str, name: str, spec: str) -> str:
    """A rule document; the spec is indented by two."""
    return f"apiVersion: trueline/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n"


def alert(name: str, facts: str, conditions: str) -> str:
    """An AlertRule."""
    return document("AlertRule", name, f"facts: {{{facts}}}\n  {conditions}")


WORLD = "---\n".join(
    [
        document("EventMapping", "shop", "fields: {id: id, source: source, name: name, occurred_at: at}"),
        document("Kpi", "looks", _TARGET + "SELECT count() AS value FROM events WHERE name = 'look'"),
        document("Kpi", "nothing", _TARGET + "SELECT toFloat64OrNull('') AS value"),
        document("Metric", "hourly", "events: [look]\n  aggregation: count\n  window: 1h"),
        document(
            "Metric", "by_plan", "events: [look]\n  aggregation: count\n  group_by: [properties.plan]\n  window: 1h"
        ),
        document("Metric", "by_currency", "events: [look]\n  aggregation: count\n  group_by: [currency]\n  window: 1h"),
        document("FactType", "tier", "subject: account\n  type: text"),
        document("FactType", "owed", "subject: account\n  type: decimal\n  unit: GBP"),
        document("FactType", "since", "subject: account\n  type: datetime"),
        document("FactType", "tags", "subject: account\n  type: texts"),
        document("FactType", "trial", "subject: account\n  type: bool"),
        document("FactType", "iban", "subject: account\n  type: text\n  sensitive: true"),
        alert("looks_low", "looks: {kpi: looks}", "warning: looks < 4\n  critical: looks < 2\n  for: 5m"),
        alert("nothing_low", "nothing: {kpi: nothing}", "warning: nothing < 4"),
        alert("looks_once", "looks: {kpi: looks, over: 2h, agg: max}", "warning: looks >= 3"),
        alert("quiet", "n: {metric: hourly}", "critical: n == 0"),
        alert("plans", "n: {metric: by_plan}, tier: {fact: tier}", "warning: n < 2 and tier == 'gold'"),
        alert("all_plans", "n: {metric: by_plan, by: [], agg: sum, over: 3h}", "warning: n == 4"),
        alert("apart", "a: {metric: by_plan}, b: {metric: by_currency}", "warning: a < b"),
        alert("rich", "tier: {fact: tier}, owed: {fact: owed}", "critical: owed > 10 and tier == 'gold'"),
        alert("seen", "looks: {kpi: looks}, tier: {fact: tier}", "warning: looks >= 3 and tier == 'gold'"),
        alert("mixed", "looks: {kpi: looks}, owed: {fact: owed}", "warning: owed > looks"),
        alert("watched", "n: {metric: by_plan}, tier: {fact: tier}", "warning: n < 2 and tier == 'gold'"),
        alert("loud", "tier: {fact: tier}", "warning: tier.as_upper == 'GOLD'"),
        alert("early", "tier: {fact: tier, offset: 2h}, owed: {fact: owed}", "warning: owed > 10 and tier == 'gold'"),
        alert("banked", "iban: {fact: iban}, tier: {fact: tier}", "warning: iban =~ 'DE.*' and tier == 'gold'"),
        alert(
            "account",
            "tier: {fact: tier}, owed: {fact: owed}, since: {fact: since}, tags: {fact: tags}, trial: {fact: trial}",
            "warning: (owed > 10.50 and not trial) or 'vip' in tags\n"
            "  critical: tier == 'gold' and since < d'2024-01-01'",
        ),
    ]
)


def looked(hours_ago: float, plan: str = "free", **given: Any) -> Event:
    """A look before noon."""
    at_us = NOON - round(hours_ago * HOUR)
    name = f"look-{hours_ago}-{plan}-{given}"
    return Event(name, "web", "look", at_us, properties={"plan": plan}, **given)


# From ten to eleven two looks of pro; from eleven to noon two of free, one of pro.
LOOKS = (
    looked(1.9, "pro"),
    looked(1.1, "pro", currency="EUR"),
    looked(0.9),
    looked(0.8, currency="GBP"),
    looked(0.5, "pro"),
)


@dataclass
class World:
    """A served RuleService, and what a test turns."""

    stub: rule_service_pb2_grpc.RuleServiceStub
    address: str
    tenant: str
    warehouse: Warehouse
    materialiser: Materialiser
    service: RuleService
    clock: ManualClock
    rules: RuleSet
    log: DecisionLog
    recorder: DecisionRecorder
    plans: Sequence[Any] = field(default=())

    def happen(self, *events: Event, finished: bool = False) -> None:
        """Events that are accepted now; of a live source unless it is finished."""
        live = [] if finished else [Event("tick", "web", "tick", NOON + 30 * SECOND)]
        appends: list[Append] = [(self.tenant, self.clock(), [*events, *live])]
        if finished:
            appends.append((self.tenant, self.clock(), End("web")))
        play(self.warehouse, self.plans, appends)

    def put(self, name: str, observed_us: int, **values: Any) -> None:
        """A fact about accounts: account=value."""
        rows = [FactRow("account", account, name, observed_us, value) for account, value in values.items()]
        FactStore(self.warehouse).write(self.tenant, rows, 1)

    async def call(self, method: str, request: Any) -> Any:
        """A call as the tenant of the test."""
        metadata = [("authorization", f"Bearer {self.tenant}")]
        return await getattr(self.stub, method)(request, metadata=metadata, timeout=60)

    async def evaluate(self, rule: str, **fields: Any) -> pb.EvaluateRuleResponse:
        """EvaluateRule."""
        answer = await self.call("EvaluateRule", pb.EvaluateRuleRequest(rule=rule, **fields))
        assert isinstance(answer, pb.EvaluateRuleResponse)
        return answer

    async def failure(self, method: str, request: Any) -> tuple[str, str, dict[str, str], str]:
        """Code, reason, metadata and message of a call that fails."""
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await self.call(method, request)
        info = info_of(failed.value)
        return failed.value.code().name, info.reason, dict(info.metadata), failed.value.details() or ""


@contextlib.contextmanager
def _decision_log(warehouse: Warehouse, clock: ManualClock) -> Iterator[DecisionLog]:
    with (
        tempfile.TemporaryDirectory() as directory,
        contextlib.closing(StateDatabase.sqlite(Path(directory) / "state.sqlite3")) as state,
        contextlib.closing(DecisionLog(state, warehouse, clock)) as log,
    ):
        yield log


@contextlib.asynccontextmanager
async def world(warehouse: Warehouse, tenant: str) -> AsyncIterator[World]:
    """A served RuleService whose callers are the tenants that their tokens are called like; now is just after noon."""
    stack = contextlib.ExitStack()
    rules, clock = load_texts([("world.yaml", WORLD)], default_pack=False), ManualClock(NOON + MINUTE)
    evaluator, clocks = Evaluator(Confinement(warehouse), clock), Clocks(warehouse, 120_000_000)
    materialiser = Materialiser(evaluator, KpiValues(warehouse), clocks, lambda _: rules, clock)
    kpis = KpiService(materialiser, evaluator, clocks, lambda _: rules, clock)
    facts = LiveFacts(kpis, MetricReader(warehouse, lambda _: rules, clock), warehouse, FactStore(warehouse))
    trial = Evaluator(Confinement(warehouse), clock)
    log, recorder = stack.enter_context(_decision_log(warehouse, clock)), DecisionRecorder(b"k" * 32, clock)
    service = RuleService(lambda _: rules, facts, clocks, clock, trial.problems, requests=RequestLog(log, recorder))
    # The life of rules, the decision log and backtests have worlds of their own.
    unused: Any = None
    servicer = RuleServicer(service, unused, unused, Tokens(b"k" * 32), backtests=unused)
    guard = Guard(Credentials({tenant: tenant}), FieldRules(), 60)
    server = make_server(guard, Health((NAME,)), {NAME: servicer}, 4 * 1024 * 1024)
    address = listen(server, "127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            stub = rule_service_pb2_grpc.RuleServiceStub(channel)
            plans = plan_metrics(rules, FlowSettings())
            yield World(stub, address, tenant, warehouse, materialiser, service, clock, rules, log, recorder, plans)
    finally:
        await server.stop(0)
        materialiser.stop()
        stack.close()
