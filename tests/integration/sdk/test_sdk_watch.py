"""Watches against a real server: messages, reconnects without a gap, silence, ends."""

from __future__ import annotations

import asyncio
import threading
from itertools import islice

import pytest
from trueline import (
    AsyncTruelineClient,
    Heartbeat,
    InvalidRequestError,
    MetricChanges,
    MetricSnapshot,
    ResumeTokenExpiredError,
    RetryPolicy,
    ScoreChange,
    ScoreSnapshot,
    Synced,
    TruelineClient,
    UnavailableError,
)
from trueline.v1 import kpi_service_pb2, metric_service_pb2

from tests.integration.sdk.recording import Failure, Recorder, Running

NEVER = threading.Event()


def snapshot(token: str, *names: str) -> metric_service_pb2.WatchMetricsResponse:
    """A snapshot of points of these metrics."""
    points = metric_service_pb2.MetricPoints(points=[metric_service_pb2.MetricPoint(metric=name) for name in names])
    return metric_service_pb2.WatchMetricsResponse(snapshot=points, resume_token=token)


def changes(token: str, *names: str) -> metric_service_pb2.WatchMetricsResponse:
    """Changed points of these metrics."""
    points = metric_service_pb2.MetricPoints(points=[metric_service_pb2.MetricPoint(metric=name) for name in names])
    return metric_service_pb2.WatchMetricsResponse(changes=points, resume_token=token)


def synced(token: str, position: int = 1) -> metric_service_pb2.WatchMetricsResponse:
    """The end of the snapshot."""
    return metric_service_pb2.WatchMetricsResponse(
        synced=metric_service_pb2.Synced(position=position), resume_token=token
    )


def heartbeat(token: str) -> metric_service_pb2.WatchMetricsResponse:
    """A sign of life."""
    return metric_service_pb2.WatchMetricsResponse(
        heartbeat=metric_service_pb2.Heartbeat(position=4), resume_token=token
    )


def tokens(recorder: Recorder) -> list[str]:
    """The resume tokens of all connections so far."""
    return [request.resume_token for _, request, _ in recorder.calls]


def test_messages_are_typed(client: TruelineClient, recorder: Recorder) -> None:
    """Snapshot, SYNCED, changes and heartbeats come as values of their own, each with the token after it."""
    recorder.scripts.append([snapshot("", "dau"), synced("t1", 9), changes("t2", "dau", "wau"), heartbeat("t3"), NEVER])
    messages = client.watch_metrics(["dau", "wau"], labels={"plan": "pro"}, heartbeat=2.0)
    first, second, third, fourth = islice(messages, 4)
    messages.close()
    assert isinstance(first, MetricSnapshot)
    assert [point.metric for point in first.points] == ["dau"]
    assert second == Synced(9, "t1")
    assert isinstance(third, MetricChanges)
    assert ([point.metric for point in third.points], third.resume_token) == (["dau", "wau"], "t2")
    assert fourth == Heartbeat(None, 4, "t3")
    request = recorder.calls[0][1]
    assert (list(request.metrics), dict(request.labels)) == (["dau", "wau"], {"plan": "pro"})
    assert request.heartbeat_interval.seconds == 2


@pytest.mark.parametrize(
    "failure",
    [Failure("UNAVAILABLE"), Failure("ABORTED", "SLOW_READER"), Failure("CANCELLED"), None],
    ids=["connection lost", "slow reader", "server stopping", "stream ended"],
)
def test_a_cut_watch_goes_on_from_its_last_token(
    client: TruelineClient, recorder: Recorder, failure: Failure | None
) -> None:
    """Whatever cut the stream, the next connection carries the token of the last message."""
    cut = [] if failure is None else [failure]
    recorder.scripts.append([snapshot("t0", "dau"), synced("t1"), changes("t2", "dau"), *cut])
    recorder.scripts.append([snapshot("t3", "wau"), synced("t4"), NEVER])
    messages = client.watch_metrics()
    assert [message.resume_token for message in islice(messages, 5)] == ["", "t1", "t2", "t2", "t4"]
    messages.close()
    assert tokens(recorder) == ["", "t2"]


def test_a_snapshot_that_was_cut_starts_again(client: TruelineClient, recorder: Recorder) -> None:
    """Within a snapshot the token does not move on, so the points that had not come yet are not skipped."""
    recorder.scripts.append([snapshot("half", "dau"), Failure("UNAVAILABLE")])
    recorder.scripts.append([snapshot("half", "dau"), snapshot("all", "wau"), synced("t1"), NEVER])
    messages = client.watch_metrics(resume_token="t0")
    assert [message.resume_token for message in islice(messages, 4)] == ["t0", "t0", "t0", "t1"]
    messages.close()
    assert tokens(recorder) == ["t0", "t0"]


def test_a_silent_stream_counts_as_cut(client: TruelineClient, recorder: Recorder) -> None:
    """Three heartbeats that do not come: the client connects again."""
    recorder.scripts.append([synced("t1"), NEVER])
    recorder.scripts.append([synced("t2"), NEVER])
    messages = client.watch_metrics(heartbeat=0.1)
    assert [message.resume_token for message in islice(messages, 2)] == ["t1", "t2"]
    messages.close()
    assert tokens(recorder) == ["", "t1"]


def test_an_expired_token_is_told(client: TruelineClient, recorder: Recorder) -> None:
    """Going on from elsewhere would leave a gap, so the caller decides; the earliest token is named."""
    recorder.scripts.append([synced("t1"), Failure("UNAVAILABLE")])
    recorder.scripts.append([Failure("OUT_OF_RANGE", "RESUME_TOKEN_EXPIRED", metadata={"earliest_token": "t7"})])
    messages = client.watch_metrics()
    next(messages)
    with pytest.raises(ResumeTokenExpiredError) as caught:
        next(messages)
    assert caught.value.metadata == {"earliest_token": "t7"}


def test_a_wrong_request_is_not_repeated(client: TruelineClient, recorder: Recorder) -> None:
    """INVALID_TOKEN would be the answer again."""
    recorder.scripts.append([Failure("INVALID_ARGUMENT", "INVALID_TOKEN")])
    with pytest.raises(InvalidRequestError):
        next(client.watch_metrics(resume_token="nonsense"))
    assert len(recorder.calls) == 1


def test_tries_to_connect_are_bounded(running: Running) -> None:
    """Without a server the watch fails after the policy's number of tries."""
    running.stop()
    client = TruelineClient(running.address, retry=RetryPolicy(attempts=2, first=0.01))
    with client, pytest.raises(UnavailableError):
        next(client.watch_metrics())


def test_a_watch_that_was_connected_waits_longer(running: Running, recorder: Recorder) -> None:
    """More tries than a call has, with one notice an absence; then it goes on from its last token."""
    recorder.scripts.append([synced("t1"), Failure("UNAVAILABLE")])
    waits: list[str] = []
    client = TruelineClient(running.address, retry=RetryPolicy(attempts=2, first=0.01, longest=0.02))
    with client:
        messages = client.watch_metrics(on_wait=lambda error: waits.append(error.code))
        assert next(messages).resume_token == "t1"
        for times, token in ((5, "t2"), (4, "t3")):
            # Each of the tries to come fails, and the last one is answered.
            recorder.failures.extend([Failure("UNAVAILABLE")] * times)
            recorder.scripts.append([synced(token), Failure("UNAVAILABLE")])
            assert next(messages).resume_token == token
        messages.close()
    assert waits == ["UNAVAILABLE", "UNAVAILABLE"]
    assert tokens(recorder) == ["", *["t1"] * 6, *["t2"] * 5]


def test_a_watch_gives_up_when_it_was_told_to(running: Running, recorder: Recorder) -> None:
    """After so many seconds without a message the error of the last try is the watch's."""
    recorder.scripts.append([synced("t1"), NEVER])
    waits: list[str] = []
    client = TruelineClient(running.address, retry=RetryPolicy(first=0.01, longest=0.05))
    with client:
        messages = client.watch_metrics(give_up_after=0.3, on_wait=lambda error: waits.append(error.code))
        next(messages)
        running.stop()
        with pytest.raises(UnavailableError):
            next(messages)
    assert waits == ["UNAVAILABLE"]


def test_closing_the_client_ends_the_wait(running: Running, recorder: Recorder) -> None:
    """A watch that waits for a server ends at once, and without an error."""
    recorder.scripts.append([synced("t1"), NEVER])
    heard, waiting = threading.Event(), threading.Event()
    client = TruelineClient(running.address, retry=RetryPolicy(first=60, longest=60))

    def read() -> None:
        for _ in client.watch_metrics(on_wait=lambda _: waiting.set()):
            heard.set()

    reader = threading.Thread(target=read)
    reader.start()
    # A watch that was never answered would not wait.
    assert heard.wait(20)
    running.stop()
    assert waiting.wait(20)
    client.close()
    reader.join(20)
    assert not reader.is_alive()


def test_closing_the_client_ends_its_watches(running: Running, recorder: Recorder) -> None:
    """A reader that waits in another thread sees the end and no error."""
    recorder.scripts.append([synced("t1"), NEVER])
    client = TruelineClient(running.address)
    seen: list[object] = []
    reader = threading.Thread(target=lambda: seen.extend(client.watch_metrics()))
    reader.start()
    recorder.wait_for(lambda: len(recorder.calls) == 1)
    client.close()
    reader.join(20)
    assert not reader.is_alive()


def test_the_score_is_watched_likewise(client: TruelineClient, recorder: Recorder) -> None:
    """WatchAlignment sends scores."""
    response = kpi_service_pb2.WatchAlignmentResponse
    score = kpi_service_pb2.AlignmentScore
    recorder.scripts.append(
        [
            response(snapshot=score(score=50)),
            response(synced=metric_service_pb2.Synced(position=1), resume_token="t1"),
            response(change=score(score=60), resume_token="t2"),
            NEVER,
        ]
    )
    messages = client.watch_alignment(scorecard="alignment")
    first, _, third = islice(messages, 3)
    messages.close()
    assert isinstance(first, ScoreSnapshot)
    assert isinstance(third, ScoreChange)
    assert (first.score.score, third.score.score) == (50, 60)


def test_the_async_watch_waits_likewise(running: Running, recorder: Recorder) -> None:
    """Longer than a call is tried; it gives up when it was told to."""
    recorder.scripts.append([synced("t1"), Failure("UNAVAILABLE")])
    recorder.scripts.append([synced("t2"), NEVER])
    waits: list[str] = []

    async def run() -> None:
        retry = RetryPolicy(attempts=2, first=0.01, longest=0.02)
        async with AsyncTruelineClient(running.address, retry=retry) as client:
            messages = client.watch_metrics(give_up_after=0.3, on_wait=lambda error: waits.append(error.code))
            assert (await anext(messages)).resume_token == "t1"
            recorder.failures.extend([Failure("UNAVAILABLE")] * 5)
            assert (await anext(messages)).resume_token == "t2"
            await asyncio.to_thread(running.stop)
            with pytest.raises(UnavailableError):
                await anext(messages)

    asyncio.run(run())
    assert waits == ["UNAVAILABLE", "UNAVAILABLE"]
    assert tokens(recorder) == ["", *["t1"] * 6]


def test_the_async_watch_does_the_same(running: Running, recorder: Recorder) -> None:
    """Reconnect, silence and the end by closing, with async iteration."""
    recorder.scripts.append([synced("t1"), Failure("UNAVAILABLE")])
    recorder.scripts.append([synced("t2"), NEVER])
    recorder.scripts.append([changes("t3", "dau"), synced("t4"), NEVER])

    async def run() -> list[str]:
        async with AsyncTruelineClient(running.address, retry=RetryPolicy(first=0.01)) as client:
            seen = []
            async for message in client.watch_metrics(heartbeat=0.1):
                seen.append(message.resume_token)
                if len(seen) == 4:
                    await client.close()
            return seen

    assert asyncio.run(run()) == ["t1", "t2", "t2", "t4"]
    assert tokens(recorder) == ["", "t1", "t2"]
