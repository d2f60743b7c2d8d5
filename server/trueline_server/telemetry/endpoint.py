"""The HTTP endpoint that Prometheus scrapes; off unless a setting gives it an address."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.registry import Collector

from trueline_server.settings import SettingError, split_address

SETTING = "TRUELINE_METRICS_ADDRESS"


class MetricsEndpoint:
    """Serves what a collector tells, and the memory and CPU of the process, at /metrics until it is closed.

    Attributes:
        port: where, also if the address said 0.

    """

    def __init__(self, address: str, collector: Collector) -> None:
        """Listen on "host:port".

        Raises:
            SettingError: the address cannot be used.

        """
        host, port = split_address(address, SETTING)
        registry = CollectorRegistry()
        registry.register(collector)
        ProcessCollector(registry=registry)
        try:
            self._server, self._thread = start_http_server(port, host.strip("[]"), registry)
        except OSError as error:
            told = f"{SETTING} has value '{address}', where nothing can listen: {error.strerror or error}"
            raise SettingError(told) from error
        self.port = self._server.server_port

    def close(self) -> None:
        """Answer no more. Idempotent."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
