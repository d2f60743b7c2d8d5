"""The standard health service: serving while everything behind it runs."""

from __future__ import annotations

from collections.abc import Sequence

from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """The state of the server as a whole ("") and of each service, told to probes and watchers."""

    def __init__(self, services: Sequence[str]) -> None:
        """Start as NOT_SERVING; `services` are full names, e.g. "trueline.v1.MetricService"."""
        self._services = ("", *services)
        self._servicer = health.aio.HealthServicer()
        self.serving: bool | None = None

    def add_to(self, server: object) -> None:
        """Register the service with a grpc.aio server."""
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def set(self, *, serving: bool) -> None:
        """Tell a state; saying the same again tells watchers nothing."""
        if serving == self.serving:
            return
        self.serving = serving
        for service in self._services:
            await self._servicer.set(service, SERVING if serving else NOT_SERVING)

    async def shut_down(self) -> None:
        """NOT_SERVING for good: nothing can set another state while the server drains."""
        self.serving = False
        await self._servicer.enter_graceful_shutdown()
