"""The AlertService over gRPC, with the dispatcher, timers and a turned clock behind it; alerts are raised by hand."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Self

from trueline import RetryPolicy, TruelineClient
from trueline_rules.model import RuleSet
from trueline_server.alerts.notification_calls import NotificationCalls
from trueline_server.alerts.service import AlertService
from trueline_server.alerts.servicer import AlertServicer
from trueline_server.alerts.silence_calls import SilenceCalls
from trueline_server.alerts.silences import SilenceService, silences_at
from trueline_server.alerts.watch import AlertWatch
from trueline_server.cases.retention import CaseRetention
from trueline_server.notifications.store import NotificationStore
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.server import listen, make_server
from trueline_server.transport.tokens import Tokens

from tests.integration.alerts.dispatch_world import TENANT, DispatchWorld

NAME = "trueline.v1.AlertService"
STRANGER = "stranger"


class ServiceWorld(DispatchWorld):
    """A dispatcher that answers over gRPC, and that a test stops and starts again on the same port and directory.

    Attributes:
        address: host:port.
        woken: how often the sender was woken.

    """

    def __init__(self, folder: Path, rules: RuleSet) -> None:
        self.address = "127.0.0.1:0"
        self.woken = 0
        self._thread: threading.Thread | None = None
        super().__init__(folder, rules)

    def _open(self) -> None:
        super()._open()
        # Silences are those of the state database here, put in over the API.
        self.suppressing = self.dispatcher._suppressing
        self.suppressing._silences = silences_at

    def __enter__(self) -> Self:
        self.serve()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        self.state.close()

    def client(self, tenant: str = TENANT) -> TruelineClient:
        """A sync client with short pauses."""
        return TruelineClient(self.address, token=tenant, timeout=60, retry=RetryPolicy(first=0.01, longest=0.05))

    def serve(self) -> None:
        """Open all parts and serve."""
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="alert-server")
        self._thread.start()
        assert started.wait(60)

    def end(self) -> None:
        """Stop as a server does: streams are cut."""
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(60)
            self._thread = None

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            credentials = Credentials({TENANT: TENANT, STRANGER: STRANGER})
            guard = Guard(credentials, FieldRules(), 60)
            server = make_server(guard, Health((NAME,)), {NAME: self._servicer()}, 8 * 1024 * 1024)
            self.address = listen(server, self.address)
            await server.start()
        finally:
            started.set()
        await self._ended.wait()
        await server.stop(0)

    def _servicer(self) -> AlertServicer:
        tokens, state, clock = Tokens(b"k" * 32), self.state, self.clock
        silences = SilenceService(state, lambda _: self.rules, self.dispatcher.silences_changed, clock)
        return AlertServicer(
            AlertService(state, self.dispatcher.take, clock),
            AlertWatch(state, tokens, clock, CaseRetention(state, clock, keep_days=400)),
            tokens,
            silences=SilenceCalls(silences, tokens, clock),
            notifications=NotificationCalls(NotificationStore(state, clock), tokens, self._wake),
        )

    def _wake(self) -> None:
        self.woken += 1
