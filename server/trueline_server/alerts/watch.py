"""WatchAlerts: the alerts that are not resolved, SYNCED, then each change and heartbeats, until either side ends it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, func, select
from trueline.v1 import alert_service_pb2 as pb
from trueline.v1 import metric_service_pb2
from trueline_stores.state.case_tables import CASE_EVENTS
from trueline_stores.state.database import StateDatabase

from trueline_server.alerts.feed import CaseFeed
from trueline_server.alerts.listing import ALERT_KINDS, open_cases
from trueline_server.alerts.mapping import map_alert_to_proto, map_event_to_proto
from trueline_server.cases import store
from trueline_server.cases.model import Case, CaseEvent
from trueline_server.cases.retention import CaseRetention, first_kept
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_token
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of
from trueline_server.transport.watching import heartbeat_seconds

# Alerts in one message of the snapshot, and events that are read at once. A reader that is slow holds one such page.
_SNAPSHOT_PAGE = 200
_EVENT_PAGE = 500

Send = Callable[[pb.WatchAlertsResponse], Awaitable[None]]


class AlertWatch:
    """Runs watches. A resume token is the number of the last event that was told; the events are read from where they
    are kept, so that a slow reader costs no memory and misses nothing.
    """

    def __init__(self, state: StateDatabase, tokens: Tokens, clock: Clock, kept: CaseRetention) -> None:
        self._state = state
        self._tokens = tokens
        self._kept = kept
        self._clock = clock
        self._feed = CaseFeed(self._newest)

    def wake(self) -> None:
        """Something happened to cases just now. Callable from any thread."""
        self._feed.wake()

    async def run(self, request: pb.WatchAlertsRequest, send: Send) -> None:
        """Send messages until cancelled.

        Raises:
            TruelineError: INVALID_FIELD, INVALID_TOKEN, RESUME_TOKEN_EXPIRED.

        """
        quiet_s = heartbeat_seconds(request.heartbeat_interval)
        binding = binding_of(request, "resume_token", "heartbeat_interval")
        watcher = _Watcher(self._state, current_tenant(), lambda number: self._tokens.seal(binding, str(number)), send)
        if request.resume_token:
            watcher.number = int(self._tokens.open(binding, request.resume_token, "resume_token"))
            if watcher.number > await self._feed.look():
                raise invalid_token("resume_token", "is of events that this server does not have; leave it out")
            earliest = await asyncio.to_thread(watcher.first_kept, self._kept.kept_since_us)
            if earliest is not None:
                raise TruelineError(
                    "OUT_OF_RANGE",
                    "RESUME_TOKEN_EXPIRED",
                    "resume_token is older than the cases that are kept; leave it out, or use earliest_token",
                    metadata={"earliest_token": self._tokens.seal(binding, str(earliest))},
                )
            await watcher.send_changes()
        else:
            await watcher.send_snapshot()
        await watcher.send_synced()
        reached, loop = watcher.number, asyncio.get_running_loop()
        silent_since = loop.time()
        while True:
            # News of other tenants is none here, and must not put the heartbeat off.
            left_s = silent_since + quiet_s - loop.time()
            news = await self._feed.beyond(reached, left_s) if left_s > 0 else reached
            if news > reached:
                reached = news
                told = await watcher.send_changes()
            else:
                await watcher.send_heartbeat(self._clock())
                told = True
            silent_since = loop.time() if told else silent_since

    def _newest(self) -> int:
        with self._state.reading() as connection:
            return int(connection.execute(select(func.max(CASE_EVENTS.c.number))).scalar_one() or 0)


class _Watcher:
    """One watch: what was told so far, and how it is told."""

    def __init__(self, state: StateDatabase, tenant: str, token: Callable[[int], str], send: Send) -> None:
        self.number = 0
        self._state = state
        self._tenant = tenant
        self._token = token
        self._send = send

    def first_kept(self, kept_since_us: int) -> int | None:
        """See `retention.first_kept`."""
        found: int | None = self._read(
            lambda connection, tenant: first_kept(connection, tenant, self.number, kept_since_us)
        )
        return found

    async def send_snapshot(self) -> None:
        self.number, cases = await asyncio.to_thread(self._read, _snapshot)
        for page in _pages(cases):
            message = pb.AlertList(alerts=[map_alert_to_proto(case) for case in page])
            await self._send(pb.WatchAlertsResponse(snapshot=message))

    async def send_changes(self) -> bool:
        """Tell all that happened since; answers whether there was anything."""
        before = self.number
        while True:
            events, cases = await asyncio.to_thread(
                self._read, lambda connection, tenant: _changes(connection, tenant, self.number)
            )
            for case_id, run in itertools.groupby(events, key=lambda event: event.case_id):
                told = list(run)
                self.number = told[-1].number
                if case_id in cases:
                    change = pb.AlertChange(
                        alert=map_alert_to_proto(cases[case_id]), events=[map_event_to_proto(event) for event in told]
                    )
                    await self._send(pb.WatchAlertsResponse(change=change, resume_token=self._token(self.number)))
            if len(events) < _EVENT_PAGE:
                return self.number > before

    async def send_synced(self) -> None:
        synced = metric_service_pb2.Synced(position=self.number)
        await self._send(pb.WatchAlertsResponse(synced=synced, resume_token=self._token(self.number)))

    async def send_heartbeat(self, now_us: int) -> None:
        beat = metric_service_pb2.Heartbeat(time=timestamp_of(now_us), position=self.number)
        await self._send(pb.WatchAlertsResponse(heartbeat=beat, resume_token=self._token(self.number)))

    def _read(self, what: Callable[[Connection, str], Any]) -> Any:
        with self._state.reading() as connection:
            return what(connection, self._tenant)


def _snapshot(connection: Connection, tenant: str) -> tuple[int, list[Case]]:
    return store.last_event(connection, tenant), open_cases(connection, tenant)


def _changes(connection: Connection, tenant: str, after: int) -> tuple[Sequence[CaseEvent], dict[str, Case]]:
    """Events of all cases, and the cases of those that are alerts."""
    events = store.changed_since(connection, tenant, after, _EVENT_PAGE)
    cases = store.find_cases(connection, tenant, {event.case_id for event in events})
    return events, {name: case for name, case in cases.items() if case.kind in ALERT_KINDS}


def _pages(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    return (cases[start : start + _SNAPSHOT_PAGE] for start in range(0, len(cases), _SNAPSHOT_PAGE))
