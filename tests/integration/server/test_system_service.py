"""SystemService over a real connection."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from trueline.v1 import system_service_pb2 as pb
from trueline.v1 import system_service_pb2_grpc
from trueline_rules.errors import Problem
from trueline_rules.loader import load_rules
from trueline_rules.model import Place, RuleSet
from trueline_server.rules.in_force import LoadFailure
from trueline_server.system.health import SystemHealth
from trueline_server.system.servicer import SystemServicer
from trueline_server.system.status import SourceState, TenantState
from trueline_server.transport.progress import Progress

from tests.integration.server.serving import info_of, serving, status_of

NAME = "trueline.v1.SystemService"
RULES = load_rules([])
MAPPING = """
apiVersion: trueline/v1
kind: EventMapping
metadata: {name: shop}
spec:
  fields:
    id: {column: order_no, required: true}
    source: {constant: shop}
    name: {constant: order_placed}
    occurred_at: {column: when, format: epoch_s, required: true}
"""
HOUR_US = 3_600_000_000


class States:
    """The states of two tenants."""

    def read(self, tenant: str) -> TenantState:
        """Every tenant but `acme` is empty."""
        if tenant != "acme":
            return TenantState(0, ())
        return TenantState(5, (SourceState("synthetic-podcast", 5, 2 * HOUR_US, HOUR_US, 3 * HOUR_US, True),))


class StandingFlow:
    """A dataflow that has failed once; tests let it stand and run again."""

    def __init__(self) -> None:
        self.healthy = True
        self.error: BaseException | None = OSError("the disk is gone")


FLOW = StandingFlow()


class Files:
    """Rules in force; tests let their files, or those of a tenant, not load."""

    def __init__(self) -> None:
        self.failures: dict[str, LoadFailure] = {}

    def of(self, tenant: str) -> RuleSet:
        """The same for all."""
        return RULES

    def failure(self, tenant: str) -> LoadFailure | None:
        """What a test set."""
        return self.failures.get(tenant)


FILES = Files()


@contextlib.asynccontextmanager
async def stub(progress: Progress) -> AsyncIterator[system_service_pb2_grpc.SystemServiceStub]:
    """A stub of a served SystemService with two tenants."""
    health = SystemHealth(lambda: 9, lambda: progress.position, FLOW, lambda: None, FILES)
    servicer = SystemServicer(States(), health, lambda: 9, progress, rules=lambda _: RULES, started_at_us=HOUR_US)
    async with serving({NAME: servicer}, tokens={"a": "acme", "b": "bolt"}) as channel:
        yield system_service_pb2_grpc.SystemServiceStub(channel)


ACME, BOLT = ((("authorization", f"Bearer {token}"),) for token in "ab")


def test_status_of_a_tenant() -> None:
    """Positions are the server's; events and sources are the tenant's own; synthetic data is labelled."""

    async def run() -> None:
        async with stub(Progress(7)) as system:
            acme = await system.GetStatus(pb.GetStatusRequest(min_position=7), metadata=ACME)
            assert (acme.accepted_position, acme.processed_position, acme.events, acme.synthetic) == (9, 7, 5, True)
            assert acme.started_at == Timestamp(seconds=3600)
            assert list(acme.sources) == [
                pb.SourceStatus(
                    source="synthetic-podcast",
                    events=5,
                    latest_event_at=Timestamp(seconds=7200),
                    watermark=Timestamp(seconds=3600),
                    last_accepted_at=Timestamp(seconds=10800),
                    finished=True,
                )
            ]
            assert acme.rule_revision == RULES.revision
            bolt = await system.GetStatus(pb.GetStatusRequest(), metadata=BOLT)
            assert (bolt.events, list(bolt.sources), bolt.synthetic) == (0, [], False)

    asyncio.run(run())


def test_status_waits_for_a_position() -> None:
    """With min_position the answer comes once the dataflow is there."""

    async def run() -> None:
        progress = Progress(7)
        async with stub(progress) as system:
            waiting = asyncio.ensure_future(system.GetStatus(pb.GetStatusRequest(min_position=8), metadata=ACME))
            await system.GetStatus(pb.GetStatusRequest(), metadata=ACME)
            assert not waiting.done()
            progress.advance(8)
            assert (await waiting).processed_position == 8

    asyncio.run(run())


def test_mapping_from_a_text_and_by_name() -> None:
    """A mapping that is sent is read as the server reads its own; the default one is found by its name."""

    async def run() -> None:
        async with stub(Progress()) as system:
            read = await system.ResolveEventMapping(pb.ResolveEventMappingRequest(yaml=MAPPING), metadata=ACME)
            assert read.name == "shop"
            assert read.fields["id"] == pb.FieldSource(column="order_no", required=True)
            assert read.fields["name"].constant == "order_placed"
            assert read.fields["occurred_at"].format == "epoch_s"
            name = RULES.mapping.metadata.name
            known = await system.ResolveEventMapping(pb.ResolveEventMappingRequest(name=name), metadata=ACME)
            assert known.name == name

    asyncio.run(run())


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        (pb.ResolveEventMappingRequest(), "INVALID_ARGUMENT", "INVALID_FIELD"),
        (pb.ResolveEventMappingRequest(name="no such mapping"), "NOT_FOUND", "UNKNOWN_MAPPING"),
        (pb.ResolveEventMappingRequest(yaml="kind: ["), "INVALID_ARGUMENT", "INVALID_RULE_FILE"),
        (pb.ResolveEventMappingRequest(yaml=""), "INVALID_ARGUMENT", "INVALID_RULE_FILE"),
        (pb.ResolveEventMappingRequest(yaml="x" * (1 << 20) + "y"), "INVALID_ARGUMENT", "INVALID_FIELD"),
    ],
    ids=["neither", "unknown", "no-yaml", "empty", "too-long"],
)
def test_mappings_that_are_none(request_: pb.ResolveEventMappingRequest, code: str, reason: str) -> None:
    """Each mistake has its reason."""

    async def run() -> None:
        async with stub(Progress()) as system:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await system.ResolveEventMapping(request_, metadata=ACME)
            assert (code, reason) == (refused.value.code().name, info_of(refused.value).reason)

    asyncio.run(run())


def test_mistake_in_a_mapping_has_its_place() -> None:
    """An unknown key is told with the caller's file name, line and column."""

    async def run() -> None:
        async with stub(Progress()) as system:
            request = pb.ResolveEventMappingRequest(
                yaml=MAPPING.replace("format: epoch_s", "fromat: epoch_s"), file_name="shop.yaml"
            )
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await system.ResolveEventMapping(request, metadata=ACME)
            assert info_of(refused.value).metadata == {"file": "shop.yaml", "line": "10"}
            bad = error_details_pb2.BadRequest()
            assert status_of(refused.value).details[1].Unpack(bad)
            assert bad.field_violations[0].field.startswith("shop.yaml:10:")
            assert "fromat" in bad.field_violations[0].description

    asyncio.run(run())


def test_health_of_the_parts() -> None:
    """A part that does not do its work is named with the reason, and the server as a whole is not well then."""

    async def scenario() -> None:
        async with stub(Progress(5)) as system:
            well = await system.GetSystemHealth(pb.GetSystemHealthRequest(), metadata=ACME)
            FLOW.healthy = False
            ill = await system.GetSystemHealth(pb.GetSystemHealthRequest(), metadata=ACME)
            FLOW.healthy = True

        assert well.healthy
        assert [part.name for part in well.parts] == ["log", "dataflow", "warehouse", "rules"]
        assert "4 behind" in well.parts[1].message
        assert not ill.healthy
        assert [part.healthy for part in ill.parts] == [True, False, True, True]
        assert "the disk is gone" in ill.parts[1].message

    asyncio.run(scenario())


def test_rules_that_do_not_load_are_a_part_that_is_not_well() -> None:
    """Broken files of the operator's are told to all with their place, those of a tenant to that tenant alone."""

    async def parts(system: system_service_pb2_grpc.SystemServiceStub) -> list[pb.PartHealth]:
        found = [await system.GetSystemHealth(pb.GetSystemHealthRequest(), metadata=who) for who in (ACME, BOLT)]
        return [health.parts[-1] for health in found]

    async def scenario() -> None:
        problems = tuple(Problem(Place("ops.yaml", line, 3), "is wrong") for line in (7, 9))
        async with stub(Progress(0)) as system:
            FILES.failures = {"": LoadFailure(HOUR_US, problems)}
            for part in await parts(system):
                assert not part.healthy
                assert f"revision {RULES.revision} stays in force" in part.message
                assert "ops.yaml:7:3: is wrong; and 1 more" in part.message
            FILES.failures = {"acme": LoadFailure(HOUR_US, problems[:1])}
            own, other = await parts(system)
            assert own.message.startswith("your rules do not load")
            assert (own.healthy, other.healthy) == (False, True)
            FILES.failures = {}
            assert all(part.healthy for part in await parts(system))

    asyncio.run(scenario())


def test_version() -> None:
    """What runs: the version, its Python, since when, with which rules."""

    async def scenario() -> None:
        async with stub(Progress(0)) as system:
            found = await system.GetVersion(pb.GetVersionRequest(), metadata=ACME)

        assert RULES.revision == found.rule_revision
        assert found.started_at.seconds == HOUR_US // 1_000_000
        assert found.version
        assert found.python_version.startswith("3.")

    asyncio.run(scenario())
