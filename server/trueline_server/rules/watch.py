"""WatchRules: what is in force, SYNCED, then each change and heartbeats, until either side ends it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from trueline.v1 import metric_service_pb2, rule_set_pb2
from trueline.v1 import rule_service_pb2 as pb

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_token
from trueline_server.rules.book import RuleBook
from trueline_server.rules.in_force import ACTIVE, EVERYBODY, SHADOW, LoadFailure, RuleChange
from trueline_server.rules.life_mapping import map_change_to_proto, map_failure_to_proto, map_stage_to_proto
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of
from trueline_server.transport.watching import Outbox, cut_when_slow, heartbeat_seconds

# Changes that may wait for a reader; people make them.
OUTBOX_LIMIT = 1_000
# Changes that are read at once for a watcher that comes back.
_PAGE = 500

Send = Callable[[pb.WatchRulesResponse], Awaitable[None]]


class RulesWatch:
    """Runs watches. A resume token is the number of the last change that was told."""

    def __init__(self, book: RuleBook, tokens: Tokens, clock: Clock) -> None:
        """Read how far the rules in force have come; blocks. Made before the first call is answered."""
        self._book = book
        self._tokens = tokens
        self._clock = clock
        # Changes are stored before they hold. All up to this one do.
        self._reached = 0
        self._unsubscribe = book.subscribe(self._follow)
        self._reached = max(self._reached, book.newest_change())

    def close(self) -> None:
        """Follow the rules no longer."""
        self._unsubscribe()

    async def run(self, request: pb.WatchRulesRequest, send: Send) -> None:
        """Send messages until cancelled.

        Raises:
            TruelineError: INVALID_FIELD, INVALID_TOKEN, RESUME_TOKEN_EXPIRED, SLOW_READER.

        """
        heartbeat_s = heartbeat_seconds(request.heartbeat_interval)
        binding = binding_of(request, "resume_token", "heartbeat_interval")
        tenant, loop = current_tenant(), asyncio.get_running_loop()
        since = await self._resumed(tenant, request.resume_token, binding) if request.resume_token else None
        outbox: Outbox[int, RuleChange] = Outbox(OUTBOX_LIMIT)

        def heard(change: RuleChange) -> None:
            if change.tenant in (tenant, EVERYBODY):
                # A change that is made while the loop closes has nobody left to tell.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(outbox.put, {change.number: change}, change.number)

        watcher = _Watcher(self._book, tenant, lambda number: self._tokens.seal(binding, str(number)), send)
        # Subscribed before the first read: what changes meanwhile waits in the outbox.
        unsubscribe = self._book.subscribe(heard)
        try:
            await cut_when_slow(self._send_all(watcher, outbox, since, heartbeat_s), outbox)
        finally:
            unsubscribe()

    async def _send_all(
        self, watcher: _Watcher, outbox: Outbox[int, RuleChange], since: int | None, heartbeat_s: float
    ) -> None:
        if since is None:
            # Read first: what comes after it may be in the snapshot and is told once more.
            watcher.number = self._reached
            await watcher.send_snapshot()
        else:
            watcher.number = since
            await watcher.send_missed()
        await watcher.send_synced()
        while True:
            waiting = await outbox.take(heartbeat_s)
            for number in sorted(waiting):
                await watcher.send_change(waiting[number])
            if not waiting:
                await watcher.send_heartbeat(self._clock())

    async def _resumed(self, tenant: str, token: str, binding: bytes) -> int:
        since = int(self._tokens.open(binding, token, "resume_token"))
        earliest = await asyncio.to_thread(self._book.earliest_resumable, tenant)
        if since > self._reached:
            raise invalid_token("resume_token", "is of changes that this server does not have; leave it out")
        if since < earliest:
            raise TruelineError(
                "OUT_OF_RANGE",
                "RESUME_TOKEN_EXPIRED",
                "resume_token is older than the changes that are kept; leave it out, or use earliest_token",
                metadata={"earliest_token": self._tokens.seal(binding, str(earliest))},
            )
        return since

    def _follow(self, change: RuleChange) -> None:
        self._reached = max(self._reached, change.number)


class _Watcher:
    """One watch: what was told so far, and how it is told."""

    def __init__(self, book: RuleBook, tenant: str, token: Callable[[int], str], send: Send) -> None:
        self.number = 0
        self._book = book
        self._tenant = tenant
        self._token = token
        self._send = send

    async def send_snapshot(self) -> None:
        state = rule_set_pb2.RulesState(active=staged(self._book, self._tenant, ACTIVE))
        shadow = staged(self._book, self._tenant, SHADOW)
        if shadow is not None:
            state.shadow.CopyFrom(shadow)
        failure = failure_of(self._book, self._tenant)
        if failure is not None:
            state.failure.CopyFrom(map_failure_to_proto(failure))
        await self._send(pb.WatchRulesResponse(snapshot=state))

    async def send_missed(self) -> None:
        while missed := await asyncio.to_thread(self._book.changes, self._tenant, self.number, _PAGE):
            for change in missed:
                await self.send_change(change)

    async def send_change(self, change: RuleChange) -> None:
        """Tell a change, unless it was told."""
        if change.number > self.number:
            self.number = change.number
            message = pb.WatchRulesResponse(change=map_change_to_proto(change), resume_token=self._token(self.number))
            await self._send(message)

    async def send_synced(self) -> None:
        synced = metric_service_pb2.Synced(position=self.number)
        await self._send(pb.WatchRulesResponse(synced=synced, resume_token=self._token(self.number)))

    async def send_heartbeat(self, now_us: int) -> None:
        beat = metric_service_pb2.Heartbeat(time=timestamp_of(now_us), position=self.number)
        await self._send(pb.WatchRulesResponse(heartbeat=beat, resume_token=self._token(self.number)))


def failure_of(book: RuleBook, tenant: str) -> LoadFailure | None:
    """Why the files of a tenant, or those below them, do not load."""
    return book.failure(tenant) or book.failure(EVERYBODY)


def staged(book: RuleBook, tenant: str, name: str) -> rule_set_pb2.StagedRules | None:
    """What is in a stage of a tenant; in the active one that of everybody, if it has no rules of its own."""
    stage = book.stage(tenant, name)
    if stage is None and name == ACTIVE:
        stage = book.stage(EVERYBODY, ACTIVE)
    return None if stage is None else map_stage_to_proto(name, stage, book.etag(tenant, name))
