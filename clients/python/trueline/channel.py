"""Channels to a server: message sizes, keepalive, credentials as metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc

DEFAULT_ADDRESS = "127.0.0.1:7171"
# A page of 100,000 points is about 20 MB.
_LARGEST_ANSWER = 64 * 1024 * 1024
_LARGEST_REQUEST = 64 * 1024 * 1024

OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", _LARGEST_ANSWER),
    # The server has the limit and says it; a limit here would hide its message.
    ("grpc.max_send_message_length", _LARGEST_REQUEST),
    # Finds a dead connection under an open watch within half a minute. Servers allow pings no closer than this.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A server that comes back is found quickly.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # gRPC repeats by itself only what no server has seen. Everything else is RetryPolicy's: two layers would multiply.
    ("grpc.enable_retries", 1),
)


def open_channel(address: str, *, secure: bool) -> grpc.Channel:
    """A channel of the sync API; `secure` takes TLS with the system's certificates."""
    if secure:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(), options=OPTIONS)
    return grpc.insecure_channel(address, options=OPTIONS)


def open_aio_channel(address: str, *, secure: bool) -> grpc.aio.Channel:
    """A channel of the async API; see `open_channel`."""
    if secure:
        return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(), options=OPTIONS)
    return grpc.aio.insecure_channel(address, options=OPTIONS)


def credentials(token: str | None) -> tuple[tuple[str, str], ...]:
    """The metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),) if token else ()
