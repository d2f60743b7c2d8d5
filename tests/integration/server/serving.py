"""Servers in the process of the tests, with real transport and small parts behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping

import grpc
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.guard import Guard
from trueline_server.transport.health import Health
from trueline_server.transport.server import listen, make_server


@contextlib.asynccontextmanager
async def serving(
    servicers: Mapping[str, object],
    *,
    tokens: Mapping[str, str] | None = None,
    default_deadline_s: float = 60,
    max_bytes_per_call: int = 4 * 1024 * 1024,
    health: Health | None = None,
    guards: list[Guard] | None = None,
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server with these servicers (full service name -> servicer) behind the guard."""
    guard = Guard(Credentials(tokens or {}), FieldRules(), default_deadline_s)
    if guards is not None:
        guards.append(guard)
    server = make_server(guard, health or Health(tuple(servicers)), servicers, max_bytes_per_call)
    address = listen(server, "127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            yield channel
    finally:
        await server.stop(0)


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo of a failed call."""
    info = error_details_pb2.ErrorInfo()
    assert status_of(error).details[0].Unpack(info)
    return info


def status_of(error: grpc.aio.AioRpcError) -> status_pb2.Status:
    """The google.rpc.Status of a failed call."""
    status = rpc_status.from_call(RichCall(error))
    assert isinstance(status, status_pb2.Status)
    return status


class RichCall:
    """An AioRpcError with the methods that grpc_status asks of a call."""

    def __init__(self, error: grpc.aio.AioRpcError) -> None:
        self.code, self.details, self.trailing_metadata = error.code, error.details, error.trailing_metadata
