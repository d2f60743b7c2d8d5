"""The OperationService over the wire: pages, and waits that hold no thread."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from trueline.v1 import operation_service_pb2 as pb
from trueline.v1 import operation_service_pb2_grpc

from trueline_server.errors import invalid_field
from trueline_server.operations.mapping import map_id_from_name, map_operation_to_proto
from trueline_server.operations.model import Operation
from trueline_server.operations.runner import Operations
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.tokens import Tokens, binding_of

_WAIT_S = 30.0
# Of what is left of a call's deadline, so that the answer is there before it.
_WAIT_SHARE = 0.8


class OperationServicer(operation_service_pb2_grpc.OperationServiceServicer):
    """GetOperation, ListOperations, CancelOperation, WaitOperation."""

    def __init__(self, operations: Operations, tokens: Tokens, default_deadline_s: float = 60.0) -> None:
        """`default_deadline_s` is the deadline of a call that brings none."""
        self._operations = operations
        self._tokens = tokens
        self._default_deadline_s = default_deadline_s

    async def GetOperation(self, request: pb.GetOperationRequest, context: Any) -> pb.GetOperationResponse:
        """An operation with its result."""
        found = await asyncio.to_thread(self._operations.get, current_tenant(), map_id_from_name(request.name))
        return pb.GetOperationResponse(operation=map_operation_to_proto(found))

    async def ListOperations(self, request: pb.ListOperationsRequest, context: Any) -> pb.ListOperationsResponse:
        """A page; its token is the last id on it."""
        binding = binding_of(request, "page_size", "page_token")
        before = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        size = min(request.page_size or 100, 1000)
        found = await asyncio.to_thread(
            self._operations.list, current_tenant(), kind=request.kind, before=before, most=size + 1
        )
        page = found[:size]
        return pb.ListOperationsResponse(
            operations=[map_operation_to_proto(operation) for operation in page],
            next_page_token=self._tokens.seal(binding, page[-1].id) if len(found) > size else "",
        )

    async def CancelOperation(self, request: pb.CancelOperationRequest, context: Any) -> pb.CancelOperationResponse:
        """Ask an operation to end."""
        found = await asyncio.to_thread(self._operations.cancel, current_tenant(), map_id_from_name(request.name))
        return pb.CancelOperationResponse(operation=map_operation_to_proto(found))

    async def WaitOperation(self, request: pb.WaitOperationRequest, context: Any) -> pb.WaitOperationResponse:
        """An operation once it has ended, or as it is when the wait is over."""
        remaining_s = context.time_remaining()
        seconds = _wait_seconds(request, self._default_deadline_s if remaining_s is None else remaining_s)
        operation, tenant = map_id_from_name(request.name), current_tenant()
        ended, loop = asyncio.Event(), asyncio.get_running_loop()

        def heard(told: Operation) -> None:
            # An operation that ends while the loop closes has nobody left to tell.
            with contextlib.suppress(RuntimeError):
                if told.ended:
                    loop.call_soon_threadsafe(ended.set)

        end = self._operations.listen(tenant, operation, heard)
        try:
            found = await asyncio.to_thread(self._operations.get, tenant, operation)
            if not found.ended:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), seconds)
                found = await asyncio.to_thread(self._operations.get, tenant, operation)
        finally:
            end()
        return pb.WaitOperationResponse(operation=map_operation_to_proto(found))


def _wait_seconds(request: pb.WaitOperationRequest, remaining_s: float) -> float:
    seconds = _WAIT_S
    if request.HasField("timeout"):
        seconds = request.timeout.seconds + request.timeout.nanos / 1e9
        if seconds < 0:
            raise invalid_field("timeout", f"is {seconds:g} s; it must not be negative")
    return min(seconds, remaining_s * _WAIT_SHARE)
