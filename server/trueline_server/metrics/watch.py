"""WatchMetrics: a snapshot or what was missed, SYNCED, then changes and heartbeats, until either side ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
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

    A resume token is a log position, and what the metrics mean: the watcher knows every change up to it. Where other
    rules have come into force that define a watched metric otherwise, all of its points are new, so it gets a snapshot
    and SYNCED once more, while it watches or when it comes back. Points are sent in the order of their revisions (each
    the log position of its last event), so a token stands after every message, also within a long run of changes. Only
    such a snapshot, and that of a new watch, has no token before SYNCED: it is read by window, not by position.
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
        metrics, labels = frozenset(request.metrics), dict(request.labels)
        self._reader.check_labels(current_tenant(), sorted(metrics), labels)
        meaning = self._reader.definitions(current_tenant(), metrics)
        since = await self._resumed_position(request.resume_token, binding, meaning) if request.resume_token else None

        def token(position: int, meaning: str) -> str:
            return self._tokens.seal(binding, f"{position} {meaning}")

        # Subscribed before the first read: what changes meanwhile waits in the outbox.
        with self._hub.subscribed(current_tenant(), metrics, labels, since=since or 0) as subscription:
            sending = self._send_all(subscription, since, meaning, _Sending(send, token, heartbeat_s))
            await cut_when_slow(sending, subscription.outbox)

    async def _send_all(self, subscription: Subscription, since: int | None, meaning: str, out: _Sending) -> None:
        position = subscription.since
        if since is None:
            await self._send_snapshot(subscription, out.send)
        else:
            await self._send_missed(subscription, since, meaning, out)
        await out.synced(position, meaning)
        while True:
            changes = await subscription.outbox.take(out.heartbeat_s)
            reached = max(position, subscription.outbox.mark or 0)
            now = self._reader.definitions(current_tenant(), subscription.metrics)
            if now != meaning:
                meaning = now
                await self._send_snapshot(subscription, out.send)
                await out.synced(position, meaning)
            for points, after in _in_messages(list(changes.values()), position, reached):
                await out.send(pb.WatchMetricsResponse(changes=points, resume_token=out.token(after, meaning)))
            position = reached
            if not changes:
                beat = pb.Heartbeat(time=timestamp_of(self._clock()), position=self._hub.position)
                await out.send(pb.WatchMetricsResponse(heartbeat=beat, resume_token=out.token(position, meaning)))

    async def _send_snapshot(self, subscription: Subscription, send: Send) -> None:
        points = await asyncio.to_thread(
            self._reader.newest, current_tenant(), sorted(subscription.metrics), subscription.labels
        )
        # The read may be ahead of `since`; the hub will come by the same revisions once more.
        subscription.known = {(p.metric, p.key): p.revision for p in points if p.revision > subscription.since}
        for first in range(0, len(points), POINTS_PER_MESSAGE):
            part = points[first : first + POINTS_PER_MESSAGE]
            await send(pb.WatchMetricsResponse(snapshot=pb.MetricPoints(points=map(map_point_to_proto, part))))

    async def _send_missed(self, subscription: Subscription, since: int, meaning: str, out: _Sending) -> None:
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
                await out.send(pb.WatchMetricsResponse(snapshot=points, resume_token=out.token(after, meaning)))
            since = reached

    async def _resumed_position(self, token: str, binding: bytes, meaning: str) -> int | None:
        """The position of a token; None if the metrics meant something else then."""
        known, _, meant = self._tokens.open(binding, token, "resume_token").partition(" ")
        position = int(known)
        start, end = await asyncio.to_thread(lambda: (self._log.start(), self._log.end()))
        if position > end:
            raise invalid_token("resume_token", "is from a log that was longer; leave it out to start anew")
        if position < start - 1:
            raise TruelineError(
                "OUT_OF_RANGE",
                "RESUME_TOKEN_EXPIRED",
                "resume_token is older than what is kept; leave it out for a snapshot, or use earliest_token",
                metadata={"earliest_token": self._tokens.seal(binding, f"{start - 1} {meaning}")},
            )
        return position if meant == meaning else None


@dataclass(frozen=True, slots=True)
class _Sending:
    """How one watcher is told: where to, the token of a position and a meaning, the seconds between heartbeats."""

    send: Send
    token: Callable[[int, str], str]
    heartbeat_s: float

    async def synced(self, position: int, meaning: str) -> None:
        """Tell that all up to a position was told."""
        token = self.token(position, meaning)
        await self.send(pb.WatchMetricsResponse(synced=pb.Synced(position=position), resume_token=token))


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
