"""Backtests as operations over a real connection: begun, waited for, listed, cancelled, cut off, forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from trueline.v1 import backtest_pb2, decision_pb2, operation_service_pb2_grpc, rule_service_pb2_grpc, rule_set_pb2
from trueline.v1 import operation_service_pb2 as ops
from trueline.v1 import rule_service_pb2 as pb
from trueline_server.backtests.calls import BacktestCalls
from trueline_server.backtests.operation import BacktestOperation
from trueline_server.operations.model import Work
from trueline_server.operations.runner import Operations
from trueline_server.operations.servicer import OperationServicer
from trueline_server.operations.store import OperationStore
from trueline_server.rules.servicer import RuleServicer
from trueline_server.simulation.operation import SimulationOperation
from trueline_server.simulation.service import Simulations
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

from tests.integration.backtests.backtest_world import NOON, RULES, World, looks
from tests.integration.server.serving import info_of, serving
from tests.integration.warehouse.playing import tenant_name
from tests.unit.streams.support import HOUR

DAY_S = 86_400


class Served:
    """The two services, as the tenant of a world or as another."""

    def __init__(self, channel: grpc.aio.Channel, world: World, operations: Operations) -> None:
        self.rules = rule_service_pb2_grpc.RuleServiceStub(channel)
        self.stub = operation_service_pb2_grpc.OperationServiceStub(channel)
        self.world = world
        self.operations = operations

    async def begin(self, *, request_id: str = "", every_s: int = 3600, rules: tuple[str, ...] = ("few",)) -> Any:
        """BacktestRules over six hours before noon; the operation."""
        request = pb.BacktestRulesRequest(
            start_time=timestamp_of(NOON - 6 * HOUR),
            end_time=timestamp_of(NOON),
            every=Duration(seconds=every_s),
            rule_names=rules,
            request_id=request_id,
        )
        return (await self.call(self.rules.BacktestRules, request)).operation

    async def wait(self, name: str, seconds: float = 30) -> Any:
        """WaitOperation; the operation."""
        timeout = Duration(seconds=int(seconds), nanos=round(seconds % 1 * 1e9))
        return (
            await self.call(self.stub.WaitOperation, ops.WaitOperationRequest(name=name, timeout=timeout))
        ).operation

    async def call(self, method: Callable[..., Any], request: Any, token: str = "mine") -> Any:
        """A call with a credential."""
        return await method(request, metadata=[("authorization", f"Bearer {token}")], timeout=60)


@contextlib.asynccontextmanager
async def served(world: World, database: StateDatabase, gate: Gate | None = None) -> AsyncIterator[Served]:
    """The services over a state database; with a gate, backtests run when they are let."""
    operations = Operations(OperationStore(database, world.clock), world.clock)
    backtest = BacktestOperation(world.backtests, operations)
    if gate is not None:
        operations.register("BacktestRules", gate.before(backtest.run), resumable=True)
    calls = BacktestCalls(backtest, SimulationOperation(Simulations(world.backtests), operations))
    tokens = Tokens(b"k" * 32)
    unused: Any = None
    servicers = {
        "trueline.v1.RuleService": RuleServicer(unused, unused, unused, tokens, backtests=calls),
        "trueline.v1.OperationService": OperationServicer(operations, tokens),
    }
    operations.begin()
    try:
        async with serving(servicers, tokens={"mine": world.tenant, "other": tenant_name()}) as channel:
            yield Served(channel, world, operations)
    finally:
        await asyncio.to_thread(operations.close)


class Gate:
    """Holds work until it is let, or is to end."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.free = threading.Event()

    def before(self, runner: Callable[[Work], bytes]) -> Callable[[Work], bytes]:
        """The runner behind the gate."""

        def run(work: Work) -> bytes:
            self.running.set()
            while not self.free.wait(0.01):
                work.go_on()
            return runner(work)

        return run


@pytest.fixture
def database(tmp_path: Path) -> Any:
    """The state of a server."""
    opened = StateDatabase.sqlite(tmp_path / "state.sqlite3")
    yield opened
    opened.close()


@pytest.fixture
def world(warehouse: Warehouse) -> World:
    """Some hours of looks."""
    made = World(warehouse, tenant_name())
    made.happen(looks({6: 4, 5: 2, 4: 1, 3: 0, 2: 5, 1: 3, 0: 4}))
    return made


def result_of(operation: Any) -> backtest_pb2.BacktestRulesResult:
    """The result, by its own type."""
    result = backtest_pb2.BacktestRulesResult()
    assert operation.response.Unpack(result)
    return result


def metadata_of(operation: Any) -> ops.OperationMetadata:
    """What it is and how far."""
    metadata = ops.OperationMetadata()
    assert operation.metadata.Unpack(metadata)
    return metadata


def test_begun_waited_for_and_read(world: World, database: StateDatabase) -> None:
    """The call answers a name at once; the wait answers the result, as does a later look; the list leaves it out."""

    async def run() -> None:
        async with served(world, database) as s:
            begun = await s.begin()
            assert begun.name.startswith("operations/")
            ended = await s.wait(begun.name)
            assert ended.done
            result = result_of(ended)
            (rule,) = result.rules
            (firing,) = rule.firings
            assert (rule.rule, rule.evaluations, rule.total_firings) == ("few", 7, 1)
            assert (firing.since, firing.until) == (timestamp_of(NOON - 5 * HOUR), timestamp_of(NOON - 2 * HOUR))
            assert (firing.severity, result.rule_revision) == (decision_pb2.SEVERITY_CRITICAL, world.rules.revision)
            metadata = metadata_of(ended)
            assert (metadata.kind, metadata.state) == ("BacktestRules", ops.OPERATION_STATE_SUCCEEDED)
            found = await s.call(s.stub.GetOperation, ops.GetOperationRequest(name=begun.name))
            assert found.operation == ended
            listed = await s.call(s.stub.ListOperations, ops.ListOperationsRequest())
            (one,) = listed.operations
            assert (one.name, one.done, one.WhichOneof("result")) == (begun.name, True, None)

    asyncio.run(run())


def test_other_tenants_see_nothing(world: World, database: StateDatabase) -> None:
    """By name it is not found, in lists it is not there, and it cannot be cancelled or waited for."""

    async def run() -> None:
        async with served(world, database) as s:
            name = (await s.begin()).name
            for method, request in (
                (s.stub.GetOperation, ops.GetOperationRequest(name=name)),
                (s.stub.CancelOperation, ops.CancelOperationRequest(name=name)),
                (s.stub.WaitOperation, ops.WaitOperationRequest(name=name)),
                (s.stub.GetOperation, ops.GetOperationRequest(name="nothing")),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await s.call(method, request, token="other")
                assert refused.value.code() is grpc.StatusCode.NOT_FOUND
                assert info_of(refused.value).reason == "UNKNOWN_OPERATION"
            listed = await s.call(s.stub.ListOperations, ops.ListOperationsRequest(), token="other")
            assert list(listed.operations) == []
            assert (await s.wait(name)).done

    asyncio.run(run())


def test_cancelled_while_it_runs(world: World, database: StateDatabase) -> None:
    """It is told so at once, and has ended soon; its error has the reason."""

    async def run() -> None:
        gate = Gate()
        async with served(world, database, gate) as s:
            name = (await s.begin()).name
            await asyncio.to_thread(gate.running.wait, 30)
            waiting = await s.wait(name, 0.01)
            assert (waiting.done, metadata_of(waiting).state) == (False, ops.OPERATION_STATE_RUNNING)
            told = await s.call(s.stub.CancelOperation, ops.CancelOperationRequest(name=name))
            assert metadata_of(told.operation).cancelled
            ended = await s.wait(name)
            assert metadata_of(ended).state == ops.OPERATION_STATE_CANCELLED
            assert (ended.error.code, ended.error.message) == (1, f"{name} was cancelled")
            assert b"OPERATION_CANCELLED" in ended.error.details[0].value

    asyncio.run(run())


def test_a_request_id_begins_one(world: World, database: StateDatabase) -> None:
    """The same call again is the same operation, also once it has ended; with other arguments it is refused."""

    async def run() -> None:
        async with served(world, database) as s:
            first = await s.begin(request_id="r")
            assert (await s.begin(request_id="r")).name == first.name
            await s.wait(first.name)
            assert (await s.begin(request_id="r")).name == first.name
            assert (await s.begin()).name != first.name
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await s.begin(request_id="r", every_s=1800)
            assert dict(info_of(refused.value).metadata)["field"] == "request_id"

    asyncio.run(run())


def test_it_runs_again_after_a_restart(world: World, database: StateDatabase) -> None:
    """What ran when the server stopped has its result from the next one, of the span that was asked for first."""

    async def run() -> None:
        gate = Gate()
        async with served(world, database, gate) as s:
            name = (await s.begin()).name
            await asyncio.to_thread(gate.running.wait, 30)
        world.clock.turn(DAY_S)
        async with served(world, database) as s:
            result = result_of(await s.wait(name))
            assert (result.end_time, result.rules[0].total_firings) == (timestamp_of(NOON), 1)

    asyncio.run(run())


def test_it_is_forgotten_after_thirty_days(world: World, database: StateDatabase) -> None:
    """As its metadata says when."""

    async def run() -> None:
        async with served(world, database) as s:
            ended = await s.wait((await s.begin()).name)
            assert metadata_of(ended).expire_time == timestamp_of(world.clock() + 30 * DAY_S * 1_000_000)
            world.clock.turn(30 * DAY_S - 1)
            assert (await s.wait(ended.name)).done
            world.clock.turn(1)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await s.wait(ended.name)
            assert refused.value.code() is grpc.StatusCode.NOT_FOUND

    asyncio.run(run())


def test_what_is_wrong_is_told_before_it_begins(world: World, database: StateDatabase) -> None:
    """Fields, rules that do not load with each place, a rule that is not there; nothing is begun."""

    async def run() -> None:
        async with served(world, database) as s:
            broken = RULES.replace("n < 3", "n < nobody")
            source = rule_set_pb2.RuleSource(files=[rule_set_pb2.RuleFile(name="broken.yaml", text=broken)])
            for request, code, reason in (
                (pb.BacktestRulesRequest(every=Duration(nanos=1)), "INVALID_ARGUMENT", "INVALID_FIELD"),
                (pb.BacktestRulesRequest(source=source), "FAILED_PRECONDITION", "RULES_DO_NOT_LOAD"),
                (pb.BacktestRulesRequest(baseline=source), "FAILED_PRECONDITION", "RULES_DO_NOT_LOAD"),
                (pb.BacktestRulesRequest(rule_names=["fwe"]), "NOT_FOUND", "UNKNOWN_RULE"),
                (
                    pb.BacktestRulesRequest(source=rule_set_pb2.RuleSource(revision="x")),
                    "NOT_FOUND",
                    "UNKNOWN_REVISION",
                ),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await s.call(s.rules.BacktestRules, request)
                assert (refused.value.code().name, info_of(refused.value).reason) == (code, reason)
            assert not (await s.call(s.stub.ListOperations, ops.ListOperationsRequest())).operations

    asyncio.run(run())


def test_pages_and_waits_with_wrong_arguments(world: World, database: StateDatabase) -> None:
    """A page goes on behind the last; a token of another list and a negative wait are refused."""

    async def run() -> None:
        async with served(world, database) as s:
            names = [(await s.begin()).name for _ in range(3)]
            first = await s.call(s.stub.ListOperations, ops.ListOperationsRequest(page_size=2))
            rest = ops.ListOperationsRequest(page_size=2, page_token=first.next_page_token)
            second = await s.call(s.stub.ListOperations, rest)
            assert [one.name for one in (*first.operations, *second.operations)] == names[::-1]
            assert second.next_page_token == ""
            strange = ops.ListOperationsRequest(kind="Other", page_token=first.next_page_token)
            negative = ops.WaitOperationRequest(name=names[0], timeout=Duration(seconds=-1))
            for method, request in ((s.stub.ListOperations, strange), (s.stub.WaitOperation, negative)):
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await s.call(method, request)
                assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            for name in names:
                await s.wait(name)

    asyncio.run(run())
