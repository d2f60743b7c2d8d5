"""Checkpoints, backlog and schedules over gRPC, with both clients and the command line."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from trueline import (
    AsyncTruelineClient,
    BacklogItem,
    CellChangeKind,
    CellOutcome,
    Checkpoint,
    CheckpointVerdict,
    EtagMismatchError,
    InvalidRequestError,
    NotFoundError,
    OperationState,
    PreconditionError,
    Priority,
    RetryPolicy,
    TruelineClient,
)
from trueline.errors import decode
from trueline.v1 import checkpoint_service_pb2 as pb
from trueline.v1 import checkpoint_service_pb2_grpc
from trueline_cli.app import main
from trueline_rules.loader import load_texts
from trueline_server.checkpoints.mapping import result_of
from trueline_server.checkpoints.operation import CheckpointOperation
from trueline_server.checkpoints.scheduled import checkpoint_runs
from trueline_server.checkpoints.service import CheckpointService
from trueline_server.checkpoints.servicer import CheckpointServicer
from trueline_server.kpis.instants import Clocks
from trueline_server.operations.servicer import OperationServicer
from trueline_server.schedules.runner import ScheduleRunner
from trueline_server.schedules.service import ScheduleService
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.server import listen, make_server
from trueline_server.transport.tokens import Tokens
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import DISORDER_US, document
from tests.integration.checkpoints.checkpoint_world import BASE, NPS, CheckpointWorld, cell

POLICY = document(
    "CheckpointPolicy",
    "scaling",
    f"personas: {{agency: Sells.}}\n  cells:\n    {NPS}\n    {cell('{fact: answers}', 'answers', 10)}",
)
WEEKLY = document("Schedule", "weekly", "cron: '0 6 * * 1'\n  run: {checkpoint: scaling}")


class CallWorld(CheckpointWorld):
    """Checkpoints that answer over gRPC."""

    def serve(self) -> None:
        """Open all parts and serve, on a thread of their own."""
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="checkpoint-server")
        self._thread.start()
        assert started.wait(60)

    def end(self) -> None:
        """Stop as a server does."""
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(60)
        self.close()

    def client(self) -> TruelineClient:
        """A sync client with short pauses."""
        return TruelineClient(self.address, token=self.tenant, timeout=60, retry=RetryPolicy(first=0.01, longest=0.05))

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        tokens = Tokens(b"k" * 32)
        servicers = {
            "trueline.v1.CheckpointService": self._servicer(tokens),
            "trueline.v1.OperationService": OperationServicer(self.operations, tokens),
        }
        self.operations.begin()
        guard = Guard(Credentials({self.tenant: self.tenant}), FieldRules(), 60)
        server = make_server(guard, Health(tuple(servicers)), servicers, 8 * 1024 * 1024)
        self.address = listen(server, "127.0.0.1:0")
        await server.start()
        started.set()
        await self._ended.wait()
        await server.stop(0)

    def _servicer(self, tokens: Tokens) -> CheckpointServicer:
        operation = CheckpointOperation(
            self.state,
            self.rules_of,
            self.reader,
            self.cases,
            self.operations,
            clock=self.clock,
            result_of=result_of,
        )
        clocks = Clocks(self.warehouse, DISORDER_US)
        checkpoints = CheckpointService(self.state, self.rules_of, operation, clocks, self.clock)
        runner = ScheduleRunner(
            self.state, self.rules_of, lambda: [self.tenant], {"checkpoint": checkpoint_runs(checkpoints)}, self.clock
        )
        schedules = ScheduleService(self.state, self.rules_of, runner, self.clock)
        return CheckpointServicer(checkpoints, self.backlog, schedules, tokens)


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[CallWorld]:
    """Two cells, of which one has data, and a schedule."""
    rules = load_texts([("world.yaml", "---\n".join([*BASE, POLICY, WEEKLY]))], default_pack=False)
    made = CallWorld(warehouse, tmp_path, rules)
    made.serve()
    yield made
    made.end()


@pytest.fixture
def client(world: CallWorld) -> Iterator[TruelineClient]:
    """A client."""
    with world.client() as client:
        yield client


def run(client: TruelineClient, **asked: object) -> Checkpoint:
    """A checkpoint, waited for."""
    found = client.wait_operation(client.run_checkpoint("scaling", **asked).name, timeout=60)  # type: ignore[arg-type]
    assert (found.state, found.error) == (OperationState.SUCCEEDED, None)
    assert isinstance(found.result, Checkpoint)
    return found.result


def test_a_checkpoint_is_run_and_read(world: CallWorld, client: TruelineClient) -> None:
    """The operation answers it with its cells, which are then kept; a miss has its item and its alert."""
    world.put("nps", agency=30.0)
    first = run(client, title="Q1", days=30)
    assert (first.title, first.days, first.verdict) == ("Q1", 30, CheckpointVerdict.FAILED)
    assert (first.passed, first.failed, first.insufficient) == (0, 1, 1)
    nps, answers = first.cells
    assert (nps.outcome, nps.value, nps.target, nps.priority) == (CellOutcome.FAIL, 30.0, 40.0, Priority.HIGH)
    assert (nps.backlog_item, nps.alert, nps.owner) == ("backlog-1", "escalation-1", "ann")
    assert (answers.outcome, answers.value, answers.backlog_item) == (CellOutcome.INSUFFICIENT_DATA, None, "")
    assert client.get_checkpoint(first.id) == first
    world.put("nps", agency=50.0)
    world.put("answers", agency=12.0)
    second = run(client)
    assert second.verdict is CheckpointVerdict.PASSED
    assert [each.id for each in client.list_checkpoints()] == [second.id, first.id]
    assert [each.id for each in client.list_checkpoints(limit=1)] == [second.id]
    assert client.list_checkpoints("other") == ()
    compared = client.compare_checkpoints(second.id)
    assert [each.change for each in compared.changes] == [CellChangeKind.FIXED, CellChangeKind.DATA_CAME]
    assert (compared.changes[0].moved, compared.changes[0].better) == (20.0, True)
    assert compared.changes[1].moved is None
    with pytest.raises(InvalidRequestError, match="is the first checkpoint of scaling"):
        client.compare_checkpoints(first.id)


def test_a_run_is_begun_once(world: CallWorld, client: TruelineClient) -> None:
    """With its request id; a trial begins none and tells what would be judged."""
    names = {client.run_checkpoint("scaling", request_id="r").name for _ in range(3)}
    assert len(names) == 1
    tried = world_stub(world).RunCheckpoint(
        pb.RunCheckpointRequest(policy="scaling", validate_only=True),
        metadata=[("authorization", f"Bearer {world.tenant}")],
    )
    assert (tried.HasField("operation"), tried.days, tried.title.startswith("scaling ")) == (False, 90, True)
    with pytest.raises(NotFoundError, match="did you mean 'scaling'") as unknown:
        client.run_checkpoint("scalign")
    assert unknown.value.metadata == {"name": "scalign", "nearest": "scaling"}
    with pytest.raises(InvalidRequestError, match="days is 400"):
        client.run_checkpoint("scaling", days=400)
    with pytest.raises(InvalidRequestError, match="has not happened"):
        client.run_checkpoint("scaling", at=datetime(2100, 1, 1, tzinfo=UTC))
    with pytest.raises(NotFoundError, match="no checkpoint 'checkpoint-99'"):
        client.get_checkpoint("checkpoint-99")


def world_stub(world: CallWorld) -> Any:
    """The raw stub."""
    return checkpoint_service_pb2_grpc.CheckpointServiceStub(grpc.insecure_channel(world.address))


def test_the_backlog_is_worked_off(world: CallWorld, client: TruelineClient) -> None:
    """Owner, priority and state change together and once; what a checkpoint mends is closed by it."""
    world.put("nps", agency=30.0)
    run(client)
    (item,) = client.list_backlog_items()
    assert (item.priority, item.owner, item.origin, item.cell) == (
        Priority.HIGH,
        "ann",
        "scaling",
        "persona:agency:nps",
    )
    assert (item.value, item.target, item.misses, item.alert) == (30.0, 40.0, 1, "escalation-1")
    tried = client.update_backlog_item(item.id, author="bob", owner="cy", validate_only=True)
    assert (tried.owner, client.get_backlog_item(item.id).item) == ("cy", item)
    done = client.update_backlog_item(
        item.id, author="bob", owner="cy", priority="low", state="acknowledged", note="mine", etag=item.etag
    )
    assert (done.owner, done.priority, done.state.value, done.acknowledged_by) == (
        "cy",
        Priority.LOW,
        "acknowledged",
        "bob",
    )
    with pytest.raises(EtagMismatchError):
        client.update_backlog_item(item.id, author="ann", owner="ann", etag=item.etag)
    assert client.update_backlog_item(item.id, author="bob", owner="").owner == ""
    assert client.list_backlog_items(owner="", priority="low", states=["acknowledged"], origin="scaling") != ()
    assert client.list_backlog_items(priority="high") == client.list_backlog_items(owner="ann") == ()
    world.put("nps", agency=20.0)
    run(client)
    again = client.get_backlog_item(item.id)
    assert (again.item.misses, again.item.priority, len(client.list_backlog_items())) == (2, Priority.LOW, 1)
    world.put("nps", agency=50.0)
    run(client)
    assert client.get_backlog_item(item.id).item.state.value == "resolved"
    with pytest.raises(PreconditionError):
        client.update_backlog_item(item.id, author="ann", owner="ann")


def test_a_change_of_the_backlog_that_comes_again_changes_nothing_more(
    world: CallWorld, client: TruelineClient
) -> None:
    """With its request id it is answered with the item as it is now, though its etag is out of date by then."""
    world.put("nps", agency=30.0)
    run(client)
    (item,) = client.list_backlog_items()

    def change(owner: str) -> BacklogItem:
        return client.update_backlog_item(
            item.id, author="bob", owner=owner, note="mine", etag=item.etag, request_id="r-1"
        )

    done = change("cy")
    client.update_backlog_item(item.id, author="ann", owner="ann")
    again = change("cy")
    assert (done.owner, again.owner) == ("cy", "ann")
    timeline = client.get_backlog_item(item.id).timeline
    assert sum(event.text == "mine" for event in timeline) == 1
    with pytest.raises(InvalidRequestError, match="was given with another request"):
        change("dee")


def test_what_cannot_be_changed_is_refused(world: CallWorld, client: TruelineClient) -> None:
    """Unknown paths, values that are none, nothing at all, and items that there are not."""
    world.put("nps", agency=30.0)
    run(client)
    metadata = [("authorization", f"Bearer {world.tenant}")]
    stub = world_stub(world)

    def refused(**request: Any) -> str:
        with pytest.raises(grpc.RpcError) as failed:
            stub.UpdateBacklogItem(pb.UpdateBacklogItemRequest(author="ann", **request), metadata=metadata)
        return str(decode(failed.value))

    item = {"id": "backlog-1"}
    assert "item is required" in refused()
    assert "item.id is required" in refused(item={"owner": "x"})
    assert "names nothing to change" in refused(item=item)
    assert "'titel', which cannot be changed" in refused(item=item, update_mask={"paths": ["titel"]})
    assert "item.priority is in the update mask" in refused(item=item, update_mask={"paths": ["priority"]})
    assert "item.state is in" in refused(item={**item, "priority": 1}, update_mask={"paths": ["*"]})
    assert "no backlog item 'alert-1'" in refused(item={"id": "alert-1", "owner": "x"})
    with pytest.raises(InvalidRequestError, match="names nothing to change"):
        client.update_backlog_item("backlog-1", author="ann")


def test_a_schedule_is_run_out_of_turn(world: CallWorld, client: TruelineClient) -> None:
    """Once for each request id; the list tells when it ran and when it runs next."""
    (schedule,) = client.list_schedules()
    assert (schedule.name, schedule.action, schedule.target) == ("weekly", "checkpoint", "scaling")
    assert (schedule.cron, schedule.time_zone, schedule.last_outcome, schedule.runs) == ("0 6 * * 1", "UTC", "", 0)
    assert schedule.next_run == datetime(2024, 6, 3, 6, tzinfo=UTC)
    begun = {client.run_schedule("weekly", request_id="r").operation for _ in range(2)}
    (name,) = begun
    assert client.wait_operation(name, timeout=60).state is OperationState.SUCCEEDED
    assert len(client.list_checkpoints()) == 1
    assert client.list_schedules()[0].last_outcome == "ok"
    with pytest.raises(NotFoundError, match="did you mean 'weekly'"):
        client.run_schedule("weekl")


def test_the_async_client_does_the_same(world: CallWorld) -> None:
    """Every call has its twin."""
    world.put("nps", agency=30.0)

    async def calls() -> str:
        async with AsyncTruelineClient(world.address, token=world.tenant) as client:
            begun = await client.run_checkpoint("scaling")
            done = await client.wait_operation(begun.name, timeout=60)
            assert isinstance(done.result, Checkpoint)
            assert await client.get_checkpoint(done.result.id) == done.result
            assert len(await client.list_checkpoints()) == 1
            assert len(await client.list_schedules()) == 1
            (item,) = await client.list_backlog_items()
            await client.update_backlog_item(item.id, author="ann", state="resolved")
            return (await client.get_backlog_item(item.id)).item.state.value

    assert asyncio.run(calls()) == "resolved"


def test_on_the_command_line(world: CallWorld, capsys: pytest.CaptureFixture[str]) -> None:
    """A failed checkpoint ends with 1 and tells what is missed; the backlog is listed and worked off."""

    def trueline(*words: str) -> tuple[int, str, str]:
        status = main(["--address", world.address, "--token", world.tenant, *words])
        told = capsys.readouterr()
        return status, told.out, told.err

    world.put("nps", agency=30.0)
    status, out, _ = trueline("checkpoint", "run")
    assert status == 1
    assert "failed" in out.splitlines()[0]
    assert "0 pass, 1 fail, 1 without enough data" in out
    assert "backlog-1" in out
    assert trueline("checkpoint", "show")[0] == 0
    assert json.loads(trueline("checkpoint", "list", "--output", "json")[1])["checkpoints"][0]["failed"] == 1
    assert "ann" in trueline("backlog")[1]
    assert trueline("backlog", "update", "backlog-1")[0] == 2
    changes = ("--owner", "bob", "--priority", "low", "--state", "doing", "--author", "cy")
    # The same words as --state has.
    assert trueline("backlog", "update", "backlog-1", *changes)[1].startswith("backlog-1  low, doing (cy), bob ")
    assert "doing (cy)" in trueline("backlog", "list", "--state", "doing")[1]
    with pytest.raises(SystemExit):
        trueline("checkpoint", "run", "--days", "0")
    assert "'0' is not a number of days from 1 to 366" in capsys.readouterr().err
    assert "owner   bob" in trueline("backlog", "show", "backlog-1")[1]
    world.put("nps", agency=45.0)
    world.put("answers", agency=12.0)
    assert trueline("checkpoint", "run", "--title", "Q2")[0] == 0
    assert "fixed" in trueline("checkpoint", "compare", "checkpoint-2")[1]
    assert "nothing is to be mended" in trueline("backlog")[1]
    assert "weekly" in trueline("schedules")[1]
    assert "trueline operations wait" in trueline("schedules", "run", "weekly")[1]
    status, _, err = trueline("checkpoint", "run", "scalign")
    assert (status, "did you mean 'scaling'" in err) == (2, True)
    name = json.loads(trueline("operations", "--output", "json")[1])["operations"][0]["name"]
    assert "without enough data" in trueline("operations", "wait", name)[1]
