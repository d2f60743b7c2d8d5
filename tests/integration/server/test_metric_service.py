"""MetricService over a real connection, with points in memory behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import cast

import grpc
import pytest
from trueline.v1 import metric_service_pb2 as pb
from trueline.v1 import metric_service_pb2_grpc
from trueline_server.clock import ManualClock
from trueline_server.metrics import hub as hub_module
from trueline_server.metrics.hub import MetricHub
from trueline_server.metrics.reader import MetricReader
from trueline_server.metrics.servicer import MetricServicer
from trueline_server.metrics.watch import MetricWatch
from trueline_server.transport.progress import Progress
from trueline_server.transport.tokens import Tokens
from trueline_stores.bus import InProcessBus

from tests.integration.server.in_memory_points import InMemoryPoints, point
from tests.integration.server.serving import info_of, serving

NAME = "trueline.v1.MetricService"
METRICS = ("clicks", "dau", "orders")


class Log:
    """The borders of a log."""

    def __init__(self) -> None:
        self.first, self.last = 1, 1_000_000

    def start(self) -> int:
        """First position kept."""
        return self.first

    def end(self) -> int:
        """Last position."""
        return self.last


@dataclass
class World:
    """A service and the parts that a test turns."""

    stub: metric_service_pb2_grpc.MetricServiceStub
    points: InMemoryPoints
    log: Log
    hub: MetricHub


@contextlib.asynccontextmanager
async def world(
    *, key: bytes = b"k" * 32, tokens: Mapping[str, str] | None = None, interval_s: float = 0.01
) -> AsyncIterator[World]:
    """A served MetricService."""
    loop, bus = asyncio.get_running_loop(), InProcessBus()
    points, log, progress = InMemoryPoints(METRICS, bus), Log(), Progress()
    reader = cast(MetricReader, points)
    hub, signer = MetricHub(reader, 0, interval_s), Tokens(key)
    progress.follow(bus, loop)
    hub.follow(bus, loop)
    running = asyncio.create_task(hub.run())
    watch = MetricWatch(reader, hub, log, signer, ManualClock(1_700_000_000_000_000))
    servicer = MetricServicer(reader, watch, progress, signer)
    async with serving({NAME: servicer}, tokens=tokens) as channel:
        yield World(metric_service_pb2_grpc.MetricServiceStub(channel), points, log, hub)
    running.cancel()
    await asyncio.wait({running})


async def until_synced(watch: grpc.aio.UnaryStreamCall) -> tuple[list[pb.MetricPoint], pb.WatchMetricsResponse]:
    """The points before SYNCED, and its message."""
    points: list[pb.MetricPoint] = []
    while True:
        message = await watch.read()
        if message.WhichOneof("event") == "synced":
            return points, message
        points.extend(message.snapshot.points)


async def next_changes(watch: grpc.aio.UnaryStreamCall) -> tuple[dict[tuple[str, int], int], str]:
    """(metric, second of window end) -> revision of the next changes, and the token."""
    while True:
        message = await watch.read()
        if message.WhichOneof("event") == "changes":
            return {(p.metric, p.window_end.seconds): p.revision for p in message.changes.points}, message.resume_token


async def failure(call: object) -> tuple[str, str, dict[str, str]]:
    """Code, reason and metadata of a call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call  # type: ignore[misc]
    info = info_of(failed.value)
    return failed.value.code().name, info.reason, dict(info.metadata)


def test_pages_of_metrics_and_points() -> None:
    """Pages follow each other without gap or repeat; each has its size; the last has no token."""

    async def run() -> None:
        async with world() as w:
            names, token = [], ""
            for expected in (2, 1):
                page = await w.stub.ListMetrics(pb.ListMetricsRequest(page_size=2, page_token=token))
                assert len(page.metrics) == expected
                names += [metric.name for metric in page.metrics]
                token = page.next_page_token
            assert (list(METRICS), "") == (names, token)

            w.points.write("default", 7, *(point("orders", end, end, shop="a") for end in range(1, 8)))
            ends, token, sizes = [], "", (3, 2, 3)
            for size in sizes:
                answer = await w.stub.QueryMetric(
                    pb.QueryMetricRequest(metric="orders", page_size=size, page_token=token, min_position=7)
                )
                ends += [p.window_end.seconds for p in answer.points]
                token = answer.next_page_token
                assert answer.position == 7
            assert (list(range(1, 8)), "") == (ends, token)

    asyncio.run(run())


def test_page_tokens_hold_for_their_own_question() -> None:
    """A token with changed arguments, of another method, another server or another tenant is INVALID_TOKEN."""

    async def run() -> None:
        metadata = (("authorization", "Bearer a"),)
        other = (("authorization", "Bearer b"),)
        async with world(tokens={"a": "default", "b": "bolt"}) as w, world(key=b"j" * 32) as elsewhere:
            w.points.write("default", 3, *(point("orders", end, end) for end in (1, 2, 3)))
            first = pb.QueryMetricRequest(metric="orders", page_size=1)
            token = (await w.stub.QueryMetric(first, metadata=metadata)).next_page_token
            again = pb.QueryMetricRequest(metric="orders", page_size=5, page_token=token)
            assert len((await w.stub.QueryMetric(again, metadata=metadata)).points) == 2

            changed = pb.QueryMetricRequest(metric="dau", page_size=1, page_token=token)
            listing = pb.ListMetricsRequest(page_token=token)
            expected = ("INVALID_ARGUMENT", "INVALID_TOKEN", {"field": "page_token"})
            assert await failure(w.stub.QueryMetric(changed, metadata=metadata)) == expected
            assert await failure(w.stub.ListMetrics(listing, metadata=metadata)) == expected
            assert await failure(w.stub.QueryMetric(again, metadata=other)) == expected
            assert await failure(elsewhere.stub.QueryMetric(again)) == expected

    asyncio.run(run())


def test_large_page_is_cut_below_what_clients_read() -> None:
    """A page of points with long labels ends before the client's limit of 4 MiB, and the next goes on from there."""

    async def run() -> None:
        async with world() as w:
            w.points.write("default", 1, *(point("orders", end, 1, blob="x" * 8000) for end in range(1, 601)))
            ends, token, pages = [], "", 0
            while pages == 0 or token:
                answer = await w.stub.QueryMetric(
                    pb.QueryMetricRequest(metric="orders", page_size=100_000, page_token=token)
                )
                ends += [p.window_end.seconds for p in answer.points]
                token, pages = answer.next_page_token, pages + 1
            assert list(range(1, 601)) == ends
            assert pages == 2

    asyncio.run(run())


def test_min_position_waits_for_the_dataflow() -> None:
    """A read with min_position answers after that position is written, and not before."""

    async def run() -> None:
        async with world() as w:
            reading = asyncio.ensure_future(w.stub.QueryMetric(pb.QueryMetricRequest(metric="orders", min_position=5)))
            w.points.write("default", 4, point("orders", 1, 4))
            # A read without min_position goes through the same queue and shows that time has passed.
            await w.stub.QueryMetric(pb.QueryMetricRequest(metric="orders"))
            assert not reading.done()
            w.points.write("default", 5, point("orders", 1, 5))
            answer = await reading
            assert (answer.position, answer.points[0].revision) == (5, 5)

            late = w.stub.QueryMetric(pb.QueryMetricRequest(metric="orders", min_position=6), timeout=0.2)
            assert (await failure(late))[:2] == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")

    asyncio.run(run())


def test_watch_begins_with_a_snapshot() -> None:
    """The newest points of the metrics asked for come first, then SYNCED with the position, then changes."""

    async def run() -> None:
        async with world() as w:
            w.points.write("default", 3, point("orders", 1, 1), point("orders", 2, 3), point("dau", 9, 2))
            w.points.write("other", 4, point("orders", 2, 4))
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest(metrics=["orders"]))
            snapshot, synced = await until_synced(watch)
            assert [(p.metric, p.window_end.seconds, p.revision) for p in snapshot] == [("orders", 2, 3)]
            assert synced.synced.position == 4

            w.points.write("default", 6, point("orders", 1, 5), point("dau", 9, 6))
            assert (await next_changes(watch))[0] == {("orders", 1): 5}
            w.points.write("other", 7, point("orders", 3, 7))
            w.points.write("default", 8, point("orders", 3, 8))
            assert (await next_changes(watch))[0] == {("orders", 3): 8}
            watch.cancel()

    asyncio.run(run())


def test_watch_by_labels() -> None:
    """Only points with the labels asked for come, in snapshot and changes."""

    async def run() -> None:
        async with world() as w:
            w.points.write("default", 2, point("orders", 1, 1, shop="a"), point("orders", 1, 2, shop="b"))
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest(labels={"shop": "b"}))
            snapshot, _ = await until_synced(watch)
            assert [p.revision for p in snapshot] == [2]
            w.points.write("default", 4, point("orders", 1, 3, shop="a"), point("orders", 1, 4, shop="b"))
            assert (await next_changes(watch))[0] == {("orders", 1): 4}
            watch.cancel()

    asyncio.run(run())


def test_what_the_snapshot_saw_is_not_sent_again() -> None:
    """A point that was written but not yet published when the snapshot was read comes once, not twice."""

    async def run() -> None:
        async with world() as w:
            w.points.write("default", 1, point("orders", 1, 1))
            w.points.store("default", point("orders", 1, 2))
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            snapshot, synced = await until_synced(watch)
            assert (synced.synced.position, [p.revision for p in snapshot]) == (1, [2])

            w.points.write("default", 3, point("orders", 1, 2), point("dau", 1, 3))
            assert (await next_changes(watch))[0] == {("dau", 1): 3}
            watch.cancel()

    asyncio.run(run())


def test_metrics_that_mean_something_else_are_told_anew() -> None:
    """When other rules define a watched metric, a snapshot and SYNCED come once more, also to who comes back."""

    async def run() -> None:
        async with world() as w:
            w.points.write("default", 1, point("orders", 1, 1), point("orders", 2, 1))
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            _, synced = await until_synced(watch)
            w.points.meaning = "second"
            w.points.store("default", point("orders", 3, 1))
            w.points.write("default", 2, point("dau", 1, 2))
            snapshot, again = await until_synced(watch)
            assert {(p.metric, p.window_end.seconds) for p in snapshot} == {("orders", 3), ("dau", 1)}
            changes, token = await next_changes(watch)
            assert changes == {("dau", 1): 2}
            watch.cancel()

            for resumed, told in ((token, set()), (synced.resume_token, {("orders", 3), ("dau", 1)})):
                watch = w.stub.WatchMetrics(pb.WatchMetricsRequest(resume_token=resumed))
                snapshot, _ = await until_synced(watch)
                assert {(p.metric, p.window_end.seconds) for p in snapshot} == told
                watch.cancel()
            assert again.resume_token != synced.resume_token

    asyncio.run(run())


def test_resuming_brings_what_was_missed_once() -> None:
    """After a reconnect with the last token come exactly the points that changed since, each in its newest state."""

    async def run() -> None:
        async with world() as w:
            w.points.write("default", 1, point("orders", 1, 1))
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            await until_synced(watch)
            w.points.write("default", 2, point("orders", 2, 2))
            _, token = await next_changes(watch)
            watch.cancel()
            w.points.write("default", 4, point("orders", 1, 3), point("orders", 2, 4))
            w.points.write("default", 5, point("orders", 2, 5))

            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest(resume_token=token))
            missed, synced = await until_synced(watch)
            assert sorted((p.window_end.seconds, p.revision) for p in missed) == [(1, 3), (2, 5)]
            assert synced.synced.position == 5
            w.points.write("default", 6, point("orders", 3, 6))
            assert (await next_changes(watch))[0] == {("orders", 3): 6}
            watch.cancel()

    asyncio.run(run())


def test_tokens_within_a_long_run_of_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever message a reader stops at, its token brings the rest; at most one point comes twice."""
    monkeypatch.setattr("trueline_server.metrics.watch.POINTS_PER_MESSAGE", 3)

    async def run() -> None:
        async with world() as w:
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            _, synced = await until_synced(watch)
            # Two metrics change with every event, so each revision stands twice and falls into two messages at times.
            revisions = [*range(1, 9)] * 2
            w.points.write("default", 8, *(point(("orders", "dau")[n // 8], r, r) for n, r in enumerate(revisions)))
            everything = {(("orders", "dau")[n // 8], r) for n, r in enumerate(revisions)}
            seen: list[tuple[set[tuple[str, int]], str]] = [(set(), synced.resume_token)]
            while len(seen[-1][0]) < 16:
                changes, token = await next_changes(watch)
                seen.append((seen[-1][0] | set(changes), token))
            watch.cancel()
            assert len(seen) > 5

            for had, token in seen:
                watch = w.stub.WatchMetrics(pb.WatchMetricsRequest(resume_token=token))
                missed, _ = await until_synced(watch)
                got = {(p.metric, p.window_end.seconds) for p in missed}
                assert had | got == everything
                assert len(had & got) <= 1
                watch.cancel()

    asyncio.run(run())


def test_tokens_of_others_and_old_ones() -> None:
    """A foreign token is INVALID_TOKEN; one older than the log is RESUME_TOKEN_EXPIRED and names one that works."""

    async def run() -> None:
        async with world() as w, world(key=b"j" * 32) as elsewhere:
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest(metrics=["orders"]))
            _, synced = await until_synced(watch)
            watch.cancel()
            w.points.write("default", 20, point("orders", 1, 20))
            resumed = pb.WatchMetricsRequest(metrics=["orders"], resume_token=synced.resume_token)
            invalid = ("INVALID_ARGUMENT", "INVALID_TOKEN", {"field": "resume_token"})

            assert await failure(elsewhere.stub.WatchMetrics(resumed).read()) == invalid
            asks_else = pb.WatchMetricsRequest(metrics=["dau"], resume_token=synced.resume_token)
            assert await failure(w.stub.WatchMetrics(asks_else).read()) == invalid

            w.log.first = 10
            code, reason, metadata = await failure(w.stub.WatchMetrics(resumed).read())
            assert (code, reason) == ("OUT_OF_RANGE", "RESUME_TOKEN_EXPIRED")
            resumed.resume_token = metadata["earliest_token"]
            watch = w.stub.WatchMetrics(resumed)
            missed, _ = await until_synced(watch)
            assert [p.revision for p in missed] == [20]
            watch.cancel()

            # The directory was put back from a copy: positions after it mean something else now.
            w.log.last = 8
            assert await failure(w.stub.WatchMetrics(resumed).read()) == invalid

    asyncio.run(run())


def test_unknown_metrics_and_short_heartbeats_are_refused() -> None:
    """The reasons say what is wrong, also when a token is given."""

    async def run() -> None:
        async with world() as w:
            unknown = w.stub.WatchMetrics(pb.WatchMetricsRequest(metrics=["dua"]))
            assert await failure(unknown.read()) == ("NOT_FOUND", "UNKNOWN_METRIC", {"metric": "dua"})
            hasty = w.stub.WatchMetrics(pb.WatchMetricsRequest(heartbeat_interval={"nanos": 1}))
            assert (await failure(hasty.read()))[1:] == ("INVALID_FIELD", {"field": "heartbeat_interval"})

    asyncio.run(run())


def test_heartbeats_while_nothing_changes() -> None:
    """A quiet stream tells the time, the position processed by now, and a token that reaches as far."""

    async def run() -> None:
        async with world() as w:
            request = pb.WatchMetricsRequest(metrics=["orders"], heartbeat_interval={"seconds": 1})
            watch = w.stub.WatchMetrics(request)
            await until_synced(watch)
            w.points.write("default", 9, point("dau", 1, 9))
            beat = await watch.read()
            assert (beat.WhichOneof("event"), beat.heartbeat.position) == ("heartbeat", 9)
            assert beat.heartbeat.time.seconds == 1_700_000_000
            watch.cancel()

            w.log.first = 10
            request.resume_token = beat.resume_token
            _, synced = await until_synced(w.stub.WatchMetrics(request))
            assert synced.synced.position == 9

    asyncio.run(run())


def test_many_watchers_share_one_read() -> None:
    """Fifty watchers get every change, and the warehouse is read as often as for one."""

    async def run() -> None:
        async with world(interval_s=0.05) as w:
            watches = [w.stub.WatchMetrics(pb.WatchMetricsRequest()) for _ in range(50)]
            for watch in watches:
                await until_synced(watch)
            before = w.points.reads
            w.points.write("default", 1, point("orders", 1, 1))
            for watch in watches:
                assert (await next_changes(watch))[0] == {("orders", 1): 1}
            assert w.points.reads - before == 1
            for watch in watches:
                watch.cancel()

    asyncio.run(run())


def test_changes_are_coalesced_within_the_interval() -> None:
    """Many writes within one interval reach a watcher as one message with the newest state."""

    async def run() -> None:
        async with world(interval_s=0.2) as w:
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            await until_synced(watch)
            w.points.write("default", 1, point("orders", 1, 1))
            assert (await next_changes(watch))[0] == {("orders", 1): 1}
            for revision in range(2, 50):
                w.points.write("default", revision, point("orders", 1, revision))
            assert (await next_changes(watch))[0] == {("orders", 1): 49}
            watch.cancel()

    asyncio.run(run())


def test_slow_reader_is_cut_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that stops reading is ABORTED with SLOW_READER; it can resume; one that reads gets everything."""
    monkeypatch.setattr(hub_module, "OUTBOX_LIMIT", 2000)

    async def run() -> None:
        async with world(interval_s=0.001) as w:
            slow = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            _, synced = await until_synced(slow)
            quick = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            await until_synced(quick)
            got, end = 0, 0
            # Long labels fill the connection's buffers; new windows cannot be coalesced.
            while len(w.hub._watchers["default"]) == 2:
                assert end < 100_000, "the slow reader was never cut"
                batch = [point("orders", end + n, end + n, blob="x" * 2000) for n in range(1, 501)]
                end += 500
                w.points.write("default", end, *batch)
                while got < end:
                    got += len((await next_changes(quick))[0])
            assert got == end

            tokens = [synced.resume_token]

            async def read_to_the_end() -> None:
                while (message := await slow.read()) is not grpc.aio.EOF:
                    tokens.append(message.resume_token)

            with pytest.raises(grpc.aio.AioRpcError) as cut:
                await read_to_the_end()
            assert cut.value.code() == grpc.StatusCode.ABORTED
            assert info_of(cut.value).reason == "SLOW_READER"
            assert info_of(cut.value).metadata["buffered"] == "2000"
            resumed = w.stub.WatchMetrics(pb.WatchMetricsRequest(resume_token=tokens[-1]))
            missed, _ = await until_synced(resumed)
            assert missed[-1].revision == end
            quick.cancel()
            resumed.cancel()

    asyncio.run(run())


def test_failed_read_is_made_up_for(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """When the warehouse cannot answer once, watchers stay connected and the next tick brings what was missed."""

    async def run() -> None:
        async with world() as w:
            watch = w.stub.WatchMetrics(pb.WatchMetricsRequest())
            await until_synced(watch)
            read, failures = w.points.changed_since, iter([TimeoutError("slow"), TimeoutError("slow")])

            def flaky(*args: object, **kwargs: object) -> object:
                for failure_ in failures:
                    raise failure_
                return read(*args, **kwargs)  # type: ignore[arg-type]

            monkeypatch.setattr(w.points, "changed_since", flaky)
            w.points.write("default", 1, point("orders", 1, 1))
            assert (await next_changes(watch))[0] == {("orders", 1): 1}
            watch.cancel()

    asyncio.run(run())
    assert caplog.text.count("reading changed metrics failed") == 2
