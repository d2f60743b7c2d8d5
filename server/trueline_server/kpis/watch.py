"""WatchAlignment: the score, SYNCED, then each new score and heartbeats, until either side ends it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import Awaitable, Callable

from trueline.v1 import kpi_service_pb2 as pb
from trueline.v1 import metric_service_pb2
from trueline_rules.model import Scorecard

from trueline_server.clock import Clock
from trueline_server.kpis.board import AlignmentScore, TenantKpis, fingerprint
from trueline_server.kpis.mapping import KpiMapping
from trueline_server.kpis.materialiser import Materialiser
from trueline_server.kpis.service import KpiService
from trueline_server.transport.progress import Progress
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of
from trueline_server.transport.watching import Outbox, cut_when_slow, heartbeat_seconds

# Scores that may wait for a reader: an hour of them at the default interval.
OUTBOX_LIMIT = 64

Send = Callable[[pb.WatchAlignmentResponse], Awaitable[None]]


class AlignmentWatch:
    """Runs watches.

    A resume token is a digest of the score that it came with: a watcher that comes back needs the newest score, unless
    it is the one that it has. So tokens never expire.
    """

    def __init__(
        self,
        service: KpiService,
        materialiser: Materialiser,
        *,
        mapping: KpiMapping,
        progress: Progress,
        tokens: Tokens,
        clock: Clock,
    ) -> None:
        self._service = service
        self._materialiser = materialiser
        self._mapping = mapping
        self._progress = progress
        self._tokens = tokens
        self._clock = clock

    async def run(self, request: pb.WatchAlignmentRequest, send: Send) -> None:
        """Send messages until cancelled.

        Raises:
            TruelineError: UNKNOWN_KPI, INVALID_TOKEN, SLOW_READER.

        """
        heartbeat_s = heartbeat_seconds(request.heartbeat_interval)
        tenant, loop = current_tenant(), asyncio.get_running_loop()
        scorecard = self._service.scorecard(tenant, request.scorecard)
        binding = binding_of(request, "resume_token", "heartbeat_interval")
        known = self._tokens.open(binding, request.resume_token, "resume_token") if request.resume_token else ""
        outbox: Outbox[int, TenantKpis] = Outbox(OUTBOX_LIMIT)
        numbers = itertools.count(1)

        def put(kpis: TenantKpis) -> None:
            number = next(numbers)
            # Each computation has a key of its own: every score is sent, none superseded.
            outbox.put({number: kpis}, number)

        def heard(kpis: TenantKpis) -> None:
            if kpis.tenant == tenant:
                # A computation that ends while the loop closes has nobody left to tell.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(put, kpis)

        sending = self._send_all(
            tenant, scorecard, outbox, known=known, send=send, binding=binding, heartbeat_s=heartbeat_s
        )
        # Subscribed before the first read: what is computed meanwhile waits in the outbox.
        unsubscribe = self._materialiser.subscribe(heard)
        try:
            await cut_when_slow(sending, outbox)
        finally:
            unsubscribe()

    async def _send_all(
        self,
        tenant: str,
        scorecard: Scorecard,
        outbox: Outbox[int, TenantKpis],
        *,
        known: str,
        send: Send,
        binding: bytes,
        heartbeat_s: float,
    ) -> None:
        found = self._service.lookup(tenant)
        kpis = found if found is not None else await asyncio.to_thread(self._service.current, tenant)
        score = self._service.score(scorecard, kpis)
        digest = _digest(score)
        if digest != known:
            await send(pb.WatchAlignmentResponse(snapshot=self._mapping.score(score)))
        token = self._tokens.seal(binding, digest)
        synced = metric_service_pb2.Synced(position=kpis.position)
        await send(pb.WatchAlignmentResponse(synced=synced, resume_token=token))
        while True:
            waiting = await outbox.take(heartbeat_s)
            for newer in waiting.values():
                score = self._service.score(scorecard, newer)
                if _digest(score) != digest:
                    digest = _digest(score)
                    token = self._tokens.seal(binding, digest)
                    await send(pb.WatchAlignmentResponse(change=self._mapping.score(score), resume_token=token))
            if not waiting:
                beat = metric_service_pb2.Heartbeat(time=timestamp_of(self._clock()), position=self._progress.position)
                await send(pb.WatchAlignmentResponse(heartbeat=beat, resume_token=token))


def _digest(score: AlignmentScore) -> str:
    return hashlib.blake2b(repr(fingerprint(score)).encode(), digest_size=16).hexdigest()
