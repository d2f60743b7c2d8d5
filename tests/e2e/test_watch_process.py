"""WatchMetrics against a whole server while events come in: nothing is missed, nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from trueline.v1 import event_pb2, ingest_service_pb2, ingest_service_pb2_grpc, metric_service_pb2_grpc
from trueline.v1 import metric_service_pb2 as pb

from benchmarks.server_process import ServerProcess

METRICS = ("daily_active_users", "events_by_name", "events_per_minute")
# 2024-01-01T00:00:00Z
JANUARY = 1_704_067_200
BATCHES, BATCH = 12, 200

Key = tuple[str, int, tuple[tuple[str, str], ...]]


def send(channel: grpc.Channel, number: int) -> int:
    """One batch of events, a minute after the other, some of them out of order; the position of the last."""
    events = [
        event_pb2.Event(
            id=f"{number}-{n}",
            source="s",
            name=("opened", "closed")[n % 2],
            occurred_at=Timestamp(seconds=JANUARY + 60 * (number * BATCH + n - 7 * (n % 3))),
            user_id=f"u{n % 17}",
        )
        for n in range(BATCH)
    ]
    request = ingest_service_pb2.IngestEventsRequest(events=events)
    answer = ingest_service_pb2_grpc.IngestServiceStub(channel).IngestEvents(request, timeout=30)
    assert answer.outcome.accepted == BATCH
    return int(answer.outcome.position)


def key_of(point: pb.MetricPoint) -> Key:
    """What identifies a point."""
    return point.metric, point.window_end.seconds, tuple(sorted(point.labels.items()))


def points_of(message: pb.WatchMetricsResponse) -> Iterator[pb.MetricPoint]:
    """The points of a message of either kind."""
    yield from message.snapshot.points
    yield from message.changes.points


def test_watch_through_reconnects(shared_server: ServerProcess) -> None:
    """A watcher that reconnects after every few messages ends with exactly what queries answer."""
    with grpc.insecure_channel(shared_server.address) as channel:
        stub = metric_service_pb2_grpc.MetricServiceStub(channel)
        known: dict[Key, pb.MetricPoint] = {}
        token, position, sent = "", 0, 0
        while sent < BATCHES or max((p.revision for p in known.values()), default=0) < position:
            request = pb.WatchMetricsRequest(metrics=METRICS, resume_token=token, heartbeat_interval={"seconds": 1})
            watch = stub.WatchMetrics(request, timeout=60)
            within: dict[Key, int] = {}
            for number, message in enumerate(watch):
                for point in points_of(message):
                    key = key_of(point)
                    # Within one stream each state comes once; a reconnect may bring a state again, never an older one.
                    assert point.revision > within.get(key, 0)
                    assert key not in known or point.revision >= known[key].revision
                    within[key] = point.revision
                    known[key] = point
                token = message.resume_token or token
                if message.HasField("synced") and sent < BATCHES:
                    position, sent = send(channel, sent), sent + 1
                # Some streams end before SYNCED, some after a change or two, some when nothing comes any more.
                if message.HasField("heartbeat") or number >= sent % 4:
                    break
            watch.cancel()

        for metric in METRICS:
            answer = stub.QueryMetric(
                pb.QueryMetricRequest(
                    metric=metric, start_time=Timestamp(seconds=JANUARY - 86_400), min_position=position
                ),
                timeout=30,
            )
            expected = {key_of(point): (point.revision, point.value) for point in answer.points}
            got = {key: (point.revision, point.value) for key, point in known.items() if key[0] == metric}
            assert got == expected
        counted = sum(p.value for k, p in known.items() if k[0] == "events_per_minute")
        assert counted == BATCHES * BATCH
