"""WatchMetrics: a snapshot or what was missed, SYNCED, then changes and heartbeats, until either side ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from typing import Protocol

from trueline.v1 import metric_service_pb2 as pb

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_token
from trueline_server.metrics.hub import Change, MetricHub, Subscription
from trueline_server.metrics.mapping import map_point_to_proto
from trueline_server.metrics.points import MetricPoint
from trueline_server.metrics.reader import MetricReader
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of
from trueline_server.transport.watching import cut_when_slow, heartbeat_seconds

# About 200 kB a message.
POINTS_PER_MESSAGE = 1000

Send = Callable[[pb.WatchMetricsResponse], Awaitable[None]]


class LogBounds(Protocol):
    """What a watch asks of the event log; called on a thread."""

    def start(self) -> int:
        """First position still kept."""
        ...

    def end(self) -> int:
        """Last durable position."""
        ...


class MetricWatch:
    """Runs watches.

    A resume token is a log position: the watcher knows every change up to it. Points are sent in the order of their
    revisions (each the log position of its last event), so a token stands after every message, also within a long run
    of changes. Only the snapshot of a new watch has no token before SYNCED: it is read by window, not by position.
    """

    def __init__(self, reader: MetricReader, hub: MetricHub, log: LogBounds, tokens: Tokens, clock: Clock) -> None:
        self._reader = reader
        self._hub = hub
        self._log = log
        self._tokens = tokens
        self._clock = clock

    async def run(self, request: pb.WatchMetricsRequest, send: Send) -> None:
        """Send messages until cancelled.

        Raises:
            TruelineError: UNKNOWN_METRIC, INVALID_FIELD, INVALID_TOKEN, RESUME_TOKEN_EXPIRED, SLOW_READER.

        """
        heartbeat_s = heartbeat_seconds(request.heartbeat_interval)
        binding = binding_of(request, "resume_token", "heartbeat_interval")
        since = await self._resumed_position(request.resume_token, binding) if request.resume_token else None
        metrics, labels = frozenset(request.metrics), dict(request.labels)
        if labels:
            self._reader.check_labels(sorted(metrics), labels)

        def token(position: int) -> str:
            return self._tokens.seal(binding, str(position))

        # Subscribed before the first read: what changes meanwhile waits in the outbox.
        with self._hub.subscribed(current_tenant(), metrics, labels, since=since or 0) as subscription:
            await cut_when_slow(self._send_all(subscription, since, send, token, heartbeat_s), subscription.outbox)

    async def _send_all(
        self,
        subscription: Subscription,
        since: int | None,
        send: Send,
        token: Callable[[int], str],
        heartbeat_s: float,
    ) -> None:
        start = subscription.since
        if since is None:
            await self._send_snapshot(subscription, send)
        else:
            await self._send_missed(subscription, since, send, token)
        await send(pb.WatchMetricsResponse(synced=pb.Synced(position=start), resume_token=token(start)))
        position = start
        while True:
            changes = await subscription.outbox.take(heartbeat_s)
            reached = max(position, subscription.outbox.mark or 0)
            for points, after in _in_messages(list(changes.values()), position, reached):
                await send(pb.WatchMetricsResponse(changes=points, resume_token=token(after)))
            position = reached
            if not changes:
                beat = pb.Heartbeat(time=timestamp_of(self._clock()), position=self._hub.position)
                await send(pb.WatchMetricsResponse(heartbeat=beat, resume_token=token(position)))

    async def _send_snapshot(self, subscription: Subscription, send: Send) -> None:
        points = await asyncio.to_thread(
            self._reader.newest, current_tenant(), sorted(subscription.metrics), subscription.labels
        )
        # The read may be ahead of `since`; the hub will come by the same revisions once more.
        subscription.known = {(p.metric, p.key): p.revision for p in points if p.revision > subscription.since}
        for first in range(0, len(points), POINTS_PER_MESSAGE):
            part = points[first : first + POINTS_PER_MESSAGE]
            await send(pb.WatchMetricsResponse(snapshot=pb.MetricPoints(points=map(map_point_to_proto, part))))

    async def _send_missed(
        self, subscription: Subscription, since: int, send: Send, token: Callable[[int], str]
    ) -> None:
        while since < subscription.since:
            changed = await asyncio.to_thread(
                self._reader.changed_since,
                current_tenant(),
                sorted(subscription.metrics),
                since,
                subscription.labels,
            )
            reached = min(changed.revision, subscription.since) if changed.more else subscription.since
            missed = _changes([point for point in changed.points if point.revision <= reached])
            for points, after in _in_messages(missed, since, reached):
                await send(pb.WatchMetricsResponse(snapshot=points, resume_token=token(after)))
            since = reached

    async def _resumed_position(self, token: str, binding: bytes) -> int:
        position = int(self._tokens.open(binding, token, "resume_token"))
        start, end = await asyncio.to_thread(lambda: (self._log.start(), self._log.end()))
        if position > end:
            raise invalid_token("resume_token", "is from a log that was longer; leave it out to start anew")
        if position < start - 1:
            raise TruelineError(
                "OUT_OF_RANGE",
                "RESUME_TOKEN_EXPIRED",
                "resume_token is older than what is kept; leave it out for a snapshot, or use earliest_token",
                metadata={"earliest_token": self._tokens.seal(binding, str(start - 1))},
            )
        return position


def _changes(points: Sequence[MetricPoint]) -> list[Change]:
    return [Change(point.revision, map_point_to_proto(point)) for point in points]


def _in_messages(changes: list[Change], before: int, reached: int) -> list[tuple[pb.MetricPoints, int]]:
    """Changes in the order of their revisions, cut into messages, each with the position to resume from after it.

    The changes are all that happened between positions `before` and `reached`. Points of one revision (metrics that
    the same event changed) may fall into two messages; the first one's position is then the revision before.
    """
    messages: list[tuple[pb.MetricPoints, int]] = []
    part: list[pb.MetricPoint] = []
    after = before
    for revision, same in groupby(sorted(changes, key=lambda change: change.revision), lambda change: change.revision):
        for change in same:
            if len(part) == POINTS_PER_MESSAGE:
                messages.append((pb.MetricPoints(points=part), after))
                part = []
            part.append(change.message)
        after = revision
    if part:
        messages.append((pb.MetricPoints(points=part), reached))
    return messages
