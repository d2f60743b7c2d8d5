"""KpiService over a real connection, with a real warehouse behind it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1 import kpi_service_pb2 as pb
from trueline.v1 import kpi_service_pb2_grpc
from trueline.v1 import metric_service_pb2 as metric_pb
from trueline_rules.model import Direction, RuleSet, Scorecard
from trueline_server.clock import ManualClock
from trueline_server.kpis import watch as watch_module
from trueline_server.kpis.evaluate import Evaluator
from trueline_server.kpis.instants import Clocks
from trueline_server.kpis.mapping import KpiMapping
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.kpis.servicer import KpiServicer
from trueline_server.kpis.store import KpiValues
from trueline_server.kpis.watch import AlignmentWatch
from trueline_server.transport.progress import Progress
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement

from tests.integration.kpis.tenants import Happened, insert_happened, kpi, rule_set, set_clock, us
from tests.integration.server.serving import info_of, serving

NAME = "trueline.v1.KpiService"
NOW = us("2024-06-01T12:00")
END = us("2024-05-20T12:00")
STATEMENTS = {
    "paid": "SELECT toFloat64(sum(value)) AS value, count() AS numerator FROM payment",
    "looks": "SELECT count() AS value, toDate('2024-06-01') AS period_end FROM events WHERE name = 'look'",
    "nothing": "SELECT count() AS value FROM invitation",
    "away": "SELECT 1 AS value FROM url('http://127.0.0.1:1/')",
}
WEIGHTS = {"paid": 20, "looks": 10, "nothing": 60, "away": 10}


def rules() -> RuleSet:
    """Four KPIs of which two have a value, and a scorecard of limits."""
    kpis = [kpi(name, text, target=100.0) for name, text in STATEMENTS.items()]
    limits = {"late": "SELECT 2 AS value", "clean": "SELECT 0 AS value"}
    kpis += [kpi(name, text, target=1.0, direction=Direction.LOWER) for name, text in limits.items()]
    made = rule_set(kpis, WEIGHTS, "service")
    quality = Scorecard(
        dataclasses.replace(made.scorecards["alignment"].metadata, name="data_quality"),
        {"late": 1, "clean": 1},
        100,
        80,
    )
    return dataclasses.replace(made, scorecards={**made.scorecards, "data_quality": quality})


@dataclass
class World:
    """A served KpiService and the parts that a test turns."""

    stub: kpi_service_pb2_grpc.KpiServiceStub
    warehouse: Warehouse
    tenant: str
    materialiser: Materialiser
    service: KpiService
    progress: Progress
    clock: ManualClock
    rules: list[RuleSet]

    def call(self, name: str, request: Any) -> Awaitable[Any]:
        """A call as the tenant of the test."""
        call: Awaitable[Any] = getattr(self.stub, name)(request, metadata=[("authorization", f"Bearer {self.tenant}")])
        return call

    def watch(self, request: pb.WatchAlignmentRequest) -> grpc.aio.UnaryStreamCall:
        """A watch as the tenant of the test."""
        return self.stub.WatchAlignment(request, metadata=[("authorization", f"Bearer {self.tenant}")])

    def happen(self, *events: Happened, revision: int) -> None:
        """Events of a finished import."""
        insert_happened(self.warehouse, self.tenant, events)
        set_clock(self.warehouse, self.tenant, end_us=END, accepted_us=NOW, revision=revision)

    async def refresh(self) -> None:
        """Compute the values now."""
        await asyncio.to_thread(self.materialiser.refresh, self.tenant)


PAID = Happened("2024-05-10T08:00", "paid", "ann", "50")
LOOK = Happened("2024-05-20T12:00", "look", "ann", accepted_at="2024-05-25")


@contextlib.asynccontextmanager
async def world(warehouse: Warehouse, tenant: str, key: bytes = b"k" * 32) -> AsyncIterator[World]:
    """A served KpiService whose callers are the tenants that their tokens are called like."""
    clock, kept, progress, signer = ManualClock(NOW), [rules()], Progress(), Tokens(key)
    evaluator, clocks = Evaluator(Confinement(warehouse), clock), Clocks(warehouse, 120_000_000)
    materialiser = Materialiser(evaluator, KpiValues(warehouse), clocks, lambda _: kept[-1], clock)
    service = KpiService(materialiser, evaluator, clocks, lambda _: kept[-1], clock)
    mapping = KpiMapping(172_800_000_000)
    watch = AlignmentWatch(service, materialiser, mapping=mapping, progress=progress, tokens=signer, clock=clock)
    servicer = KpiServicer(service, watch, mapping, progress, signer)
    async with serving({NAME: servicer}, tokens={tenant: tenant, "nobody": "served-nobody"}) as channel:
        stub = kpi_service_pb2_grpc.KpiServiceStub(channel)
        yield World(stub, warehouse, tenant, materialiser, service, progress, clock, kept)
    materialiser.stop()


async def failure(call: Awaitable[Any]) -> tuple[str, str, dict[str, str]]:
    """Code, reason and metadata of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    info = info_of(failed.value)
    return failed.value.code().name, info.reason, dict(info.metadata)


def test_score_is_a_tree_that_adds_up(warehouse: Warehouse) -> None:
    """Two of four KPIs have a value: the rest is left out with its reason, the weights are shared, coverage is told."""

    async def run() -> None:
        async with world(warehouse, "served-tree") as w:
            w.happen(PAID, LOOK, revision=4)
            score = (await w.call("GetAlignmentScore", pb.GetAlignmentScoreRequest())).score
            paid, looks, nothing, away = score.items
            assert [item.kpi.name for item in score.items] == list(STATEMENTS)
            assert (paid.kpi.value, paid.kpi.attainment, paid.kpi.band) == (50, 0.5, pb.BAND_AT_RISK)
            assert (paid.weight, paid.effective_weight) == (20, pytest.approx(2 / 3))
            assert (paid.contribution, paid.missed) == (pytest.approx(100 / 3), pytest.approx(100 / 3))
            assert (paid.kpi.numerator, paid.kpi.HasField("denominator")) == (1, False)
            assert (looks.kpi.value, looks.kpi.attainment, looks.kpi.band) == (1, 0.01, pb.BAND_OFF_TRACK)
            assert score.score == pytest.approx(sum(item.contribution for item in score.items))
            assert (score.coverage, score.band, score.synthetic) == (pytest.approx(0.3), pb.BAND_OFF_TRACK, False)
            assert not nothing.kpi.HasField("value")
            assert not nothing.kpi.HasField("attainment")
            assert (nothing.effective_weight, nothing.contribution, nothing.missed) == (0, 0, 0)
            assert nothing.kpi.missing == "no event plays the role 'invitation'"
            assert "the table function url is refused" in away.kpi.missing
            assert (score.at, score.computed_at) == (timestamp_of(END), timestamp_of(NOW))
            assert score.watermark == timestamp_of(END)

    asyncio.run(run())


def test_kpis_tell_their_definition_and_how_final_they_are(warehouse: Warehouse) -> None:
    """By name, in pages; a period that ends after the instant judged is partial."""

    async def run() -> None:
        async with world(warehouse, "served-kpis") as w:
            w.happen(PAID, LOOK, revision=4)
            found, token = {}, ""
            for expected in (4, 2):
                page = await w.call("ListKpis", pb.ListKpisRequest(page_size=4, page_token=token))
                assert len(page.kpis) == expected
                found |= {kpi.name: kpi for kpi in page.kpis}
                token = page.next_page_token
            assert token == ""
            assert list(found) == sorted([*STATEMENTS, "late", "clean"])
            paid = found["paid"]
            assert (paid.unit, paid.direction, paid.target, paid.owner) == ("ratio", pb.DIRECTION_HIGHER, 100, "tests")
            assert (paid.action, paid.source, paid.rule_revision) == ("raise paid", "assumed: a test", "service")
            assert paid.completeness == metric_pb.COMPLETENESS_COMPLETE
            assert found["looks"].completeness == metric_pb.COMPLETENESS_PARTIAL
            assert found["looks"].period_end == timestamp_of(us("2024-06-01"))
            assert found["nothing"].completeness == metric_pb.COMPLETENESS_UNSPECIFIED
            other = pb.ListKpisRequest(page_token=page.next_page_token or "x" * 40)
            assert (await failure(w.call("ListKpis", other)))[:2] == ("INVALID_ARGUMENT", "INVALID_TOKEN")

    asyncio.run(run())


def test_a_read_is_a_lookup(warehouse: Warehouse) -> None:
    """Until the next computation the answer is the computed one; min_position waits, then computes afresh."""

    async def run() -> None:
        async with world(warehouse, "served-lookup") as w:
            w.happen(PAID, revision=4)
            request = pb.GetAlignmentScoreRequest()
            before = (await w.call("GetAlignmentScore", request)).score
            w.happen(LOOK, revision=9)
            w.clock.turn(5)
            assert (await w.call("GetAlignmentScore", request)).score == before
            waiting = asyncio.ensure_future(w.call("GetAlignmentScore", pb.GetAlignmentScoreRequest(min_position=9)))
            done, _ = await asyncio.wait({waiting}, timeout=0.2)
            assert not done
            w.progress.advance(9)
            after = (await waiting).score
            assert after.items[1].kpi.value == 1
            assert after.computed_at == timestamp_of(NOW + 5_000_000)
            assert (await w.call("GetAlignmentScore", request)).score == after

    asyncio.run(run())


def test_past_instants(warehouse: Warehouse) -> None:
    """As corrected since, and as known then; the instant may be left out, and then what was known bounds it."""

    async def run() -> None:
        async with world(warehouse, "served-past") as w:
            early = dataclasses.replace(PAID, at="2024-04-01T08:00", value="30")
            w.happen(
                PAID,
                LOOK,
                early,
                dataclasses.replace(PAID, at="2024-04-02T08:00", value="5", accepted_at="2024-05-30"),
                revision=4,
            )

            async def paid(at: str = "", known_at: str = "") -> tuple[float, Timestamp]:
                request = pb.GetAlignmentScoreRequest(
                    at=timestamp_of(us(at)) if at else None, known_at=timestamp_of(us(known_at)) if known_at else None
                )
                score = (await w.call("GetAlignmentScore", request)).score
                return score.items[0].kpi.value, score.at

            assert await paid() == (85, timestamp_of(END))
            assert await paid("2024-05-01") == (35, timestamp_of(us("2024-05-01")))
            assert await paid("2024-05-01", "2024-05-02") == (30, timestamp_of(us("2024-05-01")))
            assert await paid(known_at="2024-05-15") == (80, timestamp_of(us("2024-05-10T08:00")))
            before = pb.GetAlignmentScoreRequest(known_at=timestamp_of(us("2023-01-01")))
            unknown = (await w.call("GetAlignmentScore", before)).score
            assert unknown.at == timestamp_of(us("2023-01-01"))
            assert {item.kpi.missing for item in unknown.items} == {"nothing had been accepted by then"}
            kpis = await w.call("ListKpis", pb.ListKpisRequest(at=timestamp_of(us("2024-04-01T09:00"))))
            assert {kpi.name: kpi.value for kpi in kpis.kpis}["paid"] == 30
            actions = await w.call(
                "ListPriorityActions", pb.ListPriorityActionsRequest(at=timestamp_of(us("2024-05-01")))
            )
            assert actions.actions[0].kpi.value == 35

    asyncio.run(run())


def test_past_instants_are_kept_until_something_comes(warehouse: Warehouse) -> None:
    """Asked again, an instant is answered as computed before; after new events it is computed anew."""

    async def run() -> None:
        async with world(warehouse, "served-cache") as w:
            w.happen(PAID, revision=4)
            request = pb.GetAlignmentScoreRequest(at=timestamp_of(us("2024-05-15")))
            first = (await w.call("GetAlignmentScore", request)).score
            w.clock.turn(5)
            assert (await w.call("GetAlignmentScore", request)).score == first
            w.happen(PAID, revision=5)
            again = (await w.call("GetAlignmentScore", request)).score
            assert (again.items[0].kpi.value, again.computed_at) == (100, timestamp_of(NOW + 5_000_000))

    asyncio.run(run())


def test_priority_actions_win_the_most_points_first(warehouse: Warehouse) -> None:
    """Each says what to do, and the points that reaching its target would win."""

    async def run() -> None:
        async with world(warehouse, "served-actions") as w:
            w.happen(PAID, LOOK, revision=4)
            actions = (await w.call("ListPriorityActions", pb.ListPriorityActionsRequest())).actions
            assert [(a.rank, a.kpi.name, a.action) for a in actions] == [
                (1, "paid", "raise paid"),
                (2, "looks", "raise looks"),
            ]
            assert [a.points for a in actions] == [pytest.approx(100 / 3), pytest.approx(33)]
            limited = await w.call("ListPriorityActions", pb.ListPriorityActionsRequest(limit=1))
            assert len(limited.actions) == 1

    asyncio.run(run())


def test_data_quality(warehouse: Warehouse) -> None:
    """A check passes when its limit is kept; the score is graded by its own bands."""

    async def run() -> None:
        async with world(warehouse, "served-quality") as w:
            w.happen(PAID, revision=4)
            quality = await w.call("GetDataQuality", pb.GetDataQualityRequest())
            assert [(check.kpi.name, check.passed) for check in quality.checks] == [("late", False), ("clean", True)]
            assert (quality.score, quality.band, quality.coverage) == (75, pb.BAND_OFF_TRACK, 1)

    asyncio.run(run())


def test_a_tenant_without_events_has_no_score(warehouse: Warehouse) -> None:
    """It says that there are no events, and is not told of other tenants' values."""

    async def run() -> None:
        async with world(warehouse, "served-somebody") as w:
            w.happen(PAID, revision=4)
            nobody = [("authorization", "Bearer nobody")]
            score = (await w.stub.GetAlignmentScore(pb.GetAlignmentScoreRequest(), metadata=nobody)).score
            assert not score.HasField("score")
            assert score.coverage == 0
            assert {item.kpi.missing for item in score.items} == {"there are no events yet"}
            past = pb.GetAlignmentScoreRequest(at=timestamp_of(END))
            assert not (await w.stub.GetAlignmentScore(past, metadata=nobody)).score.HasField("score")

    asyncio.run(run())


def test_what_cannot_be_answered(warehouse: Warehouse) -> None:
    """Unknown scorecards name the nearest; instants out of range and tokens of others are refused."""

    async def run() -> None:
        async with world(warehouse, "served-errors") as w:
            unknown = await failure(w.call("GetAlignmentScore", pb.GetAlignmentScoreRequest(scorecard="aligment")))
            assert unknown == ("NOT_FOUND", "UNKNOWN_KPI", {"kpi": "aligment", "nearest": "alignment"})
            for field in ("at", "known_at"):
                for seconds in (-1, 365 * 86_400 - 1, 4_102_444_800, 253_402_300_799):
                    request = pb.ListKpisRequest(**{field: Timestamp(seconds=seconds)})
                    w.happen(PAID, revision=4)
                    refused = await failure(w.call("ListKpis", request))
                    assert refused == ("INVALID_ARGUMENT", "INVALID_FIELD", {"field": field})
            for request in (
                pb.WatchAlignmentRequest(resume_token="x" * 40),
                pb.WatchAlignmentRequest(scorecard="none"),
                pb.WatchAlignmentRequest(heartbeat_interval=Duration(nanos=1000)),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as failed:
                    await w.watch(request).read()
                assert failed.value.code().name in ("INVALID_ARGUMENT", "NOT_FOUND")

    asyncio.run(run())


def test_new_rules_are_answered_by_at_once(warehouse: Warehouse) -> None:
    """Values that other rules gave are not looked up."""

    async def run() -> None:
        async with world(warehouse, "served-rules") as w:
            w.happen(PAID, revision=4)
            await w.call("GetAlignmentScore", pb.GetAlignmentScoreRequest())
            w.rules.append(rule_set([kpi("paid", "SELECT 100 AS value", target=100.0)], {"paid": 1}, "newer"))
            score = (await w.call("GetAlignmentScore", pb.GetAlignmentScoreRequest())).score
            assert (score.score, len(score.items), score.items[0].kpi.rule_revision) == (100, 1, "newer")
            missing = await failure(w.call("GetDataQuality", pb.GetDataQualityRequest()))
            assert missing[1] == "UNKNOWN_KPI"

    asyncio.run(run())


def test_watch_sends_snapshot_synced_changes_and_heartbeats(warehouse: Warehouse) -> None:
    """A computation that changes nothing is no change; a token leaves out the snapshot that the watcher has."""

    async def run() -> None:
        async with world(warehouse, "served-watch") as w:
            w.happen(PAID, revision=4)
            watch = w.watch(pb.WatchAlignmentRequest(heartbeat_interval=Duration(seconds=1)))
            snapshot, synced = await watch.read(), await watch.read()
            assert snapshot.snapshot.items[0].kpi.value == 50
            assert snapshot.resume_token == ""
            assert synced.synced.position == 4
            w.clock.turn(60)
            await w.refresh()
            w.happen(PAID, revision=5)
            await w.refresh()
            change = await watch.read()
            assert change.WhichOneof("event") == "change"
            assert change.change.items[0].kpi.value == 100
            assert change.resume_token not in ("", synced.resume_token)
            w.progress.advance(12)
            beat = await watch.read()
            assert (beat.WhichOneof("event"), beat.heartbeat.position) == ("heartbeat", 12)
            assert beat.heartbeat.time == timestamp_of(NOW + 60_000_000)
            assert beat.resume_token == change.resume_token
            watch.cancel()

            same = w.watch(pb.WatchAlignmentRequest(resume_token=change.resume_token))
            assert (await same.read()).WhichOneof("event") == "synced"
            same.cancel()
            older = w.watch(pb.WatchAlignmentRequest(resume_token=synced.resume_token))
            assert (await older.read()).snapshot.items[0].kpi.value == 100
            older.cancel()

    asyncio.run(run())


def test_watch_hears_of_its_own_tenant_only(warehouse: Warehouse) -> None:
    """What is computed for others does not reach it, and it leaves nothing behind."""

    async def run() -> None:
        async with world(warehouse, "served-own") as w:
            w.happen(PAID, revision=4)
            nobody = w.stub.WatchAlignment(
                pb.WatchAlignmentRequest(heartbeat_interval=Duration(seconds=1)),
                metadata=[("authorization", "Bearer nobody")],
            )
            assert [(await nobody.read()).WhichOneof("event") for _ in range(2)] == ["snapshot", "synced"]
            await w.refresh()
            assert (await nobody.read()).WhichOneof("event") == "heartbeat"
            assert len(w.materialiser._listeners) == 1
            nobody.cancel()
            async with asyncio.timeout(10):
                while w.materialiser._listeners:
                    await asyncio.sleep(0)

    asyncio.run(run())


def test_slow_reader_is_cut_and_can_resume(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that stops reading is ABORTED with SLOW_READER; its last token brings the newest score."""
    monkeypatch.setattr(watch_module, "OUTBOX_LIMIT", 5)

    async def run() -> None:
        async with world(warehouse, "served-slow") as w:
            w.happen(PAID, revision=1)
            slow = w.watch(pb.WatchAlignmentRequest())
            tokens = [(await slow.read()).resume_token, (await slow.read()).resume_token]
            for number in range(2, 400):
                # A long action fills the connection's buffers.
                loud = dataclasses.replace(kpi("paid", f"SELECT {number} AS value"), action="x" * 500_000)
                w.rules.append(rule_set([loud], {"paid": 1}, f"slow{number}"))
                await w.refresh()
                if not w.materialiser._listeners:
                    break
            assert not w.materialiser._listeners, "the slow reader was never cut"

            async def read_to_the_end() -> None:
                while (message := await slow.read()) is not grpc.aio.EOF:
                    tokens.append(message.resume_token)

            with pytest.raises(grpc.aio.AioRpcError) as cut:
                await read_to_the_end()
            assert cut.value.code() == grpc.StatusCode.ABORTED
            assert (info_of(cut.value).reason, info_of(cut.value).metadata["buffered"]) == ("SLOW_READER", "5")
            resumed = w.watch(pb.WatchAlignmentRequest(resume_token=tokens[-1]))
            assert (await resumed.read()).snapshot.items[0].kpi.value == number
            resumed.cancel()

    asyncio.run(run())
