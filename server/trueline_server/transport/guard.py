"""The interceptor that every call of Trueline's own services passes: credential, field rules, deadline, errors."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Never

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_status import rpc_status

from trueline_server.errors import TruelineError, invalid_field
from trueline_server.transport.credentials import Credentials
from trueline_server.transport.field_rules import FieldRules
from trueline_server.transport.status import failure_of, map_failure_to_status
from trueline_server.transport.tenant import TENANT

OWN_SERVICES = "/trueline.v1."
# A client that set a deadline stops listening when it is over, so the answer that tells of it leaves a little earlier.
_ANSWER_MARGIN_S = 0.05


class Guard(grpc.aio.ServerInterceptor):  # type: ignore[misc]
    """Wraps the handlers of Trueline's services; health and reflection pass untouched, also without a credential."""

    def __init__(self, credentials: Credentials, rules: FieldRules, default_deadline_s: float) -> None:
        self._credentials = credentials
        self._rules = rules
        self._default_deadline_s = default_deadline_s
        self._draining = asyncio.Event()
        self._wrapped: dict[str, Any] = {}

    def drain(self) -> None:
        """Refuse new calls and end the streams with UNAVAILABLE NOT_SERVING; unary calls in progress go on."""
        self._draining.set()

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], call: grpc.HandlerCallDetails
    ) -> Any:
        """Called by grpc for each call, before its handler runs."""
        known = self._wrapped.get(call.method)
        if known is not None:
            return known
        handler = await continuation(call)
        if handler is None or not call.method.startswith(OWN_SERVICES):
            return handler
        # Methods of a server are fixed, so each is wrapped once.
        self._wrapped[call.method] = wrapped = self._wrap(handler, call.method)
        return wrapped

    def _wrap(self, handler: Any, method: str) -> Any:
        wrap = self._stream_answers if handler.response_streaming else self._one_answer
        if handler.request_streaming and handler.response_streaming:
            kind, inner = grpc.stream_stream_rpc_method_handler, handler.stream_stream
        elif handler.request_streaming:
            kind, inner = grpc.stream_unary_rpc_method_handler, handler.stream_unary
        elif handler.response_streaming:
            kind, inner = grpc.unary_stream_rpc_method_handler, handler.unary_stream
        else:
            kind, inner = grpc.unary_unary_rpc_method_handler, handler.unary_unary
        return kind(
            wrap(inner, method),
            request_deserializer=_forgiving(handler.request_deserializer),
            response_serializer=_passing(handler.response_serializer),
        )

    def _one_answer(self, handler: Callable[[Any, Any], Awaitable[Any]], method: str) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, context: Any) -> Any:
            try:
                request = self._admit(request, context)
                remaining = context.time_remaining()
                seconds = self._default_deadline_s if remaining is None else remaining
                limit = asyncio.timeout(max(seconds - min(_ANSWER_MARGIN_S, seconds / 10), 0.0))
                try:
                    async with limit:
                        return await handler(request, context)
                except TimeoutError:
                    if not limit.expired():
                        raise
                    raise _late(seconds) from None
            except Exception as error:  # noqa: BLE001 every error becomes a status here, and only here
                await _abort(context, error, method)

        return answer

    def _stream_answers(self, handler: Callable[[Any, Any], Any], method: str) -> Callable[[Any, Any], Any]:
        """Streams live until either side ends them, so they get no deadline of ours."""

        async def answer(request: Any, context: Any) -> None:
            try:
                request = self._admit(request, context)
                await self._until_draining(_send_all(handler, request, context))
            except Exception as error:  # noqa: BLE001 every error becomes a status here, and only here
                await _abort(context, error, method)

        return answer

    async def _until_draining(self, sending: Coroutine[None, None, None]) -> None:
        sender = asyncio.ensure_future(sending)
        draining = asyncio.ensure_future(self._draining.wait())
        try:
            await asyncio.wait({sender, draining}, return_when=asyncio.FIRST_COMPLETED)
            if not sender.done():
                raise _not_serving()
        finally:
            for task in (sender, draining):
                task.cancel()
            await asyncio.gather(sender, draining, return_exceptions=True)
        await sender

    def _admit(self, request: Any, context: Any) -> Any:
        """Set the tenant and check the request; the messages of a request stream are checked as they come."""
        if self._draining.is_set():
            raise _not_serving()
        TENANT.set(self._credentials.tenant_of(context.invocation_metadata()))
        if isinstance(request, Message | _Unreadable):
            return self._readable(request)
        return self._checked(request)

    async def _checked(self, requests: AsyncIterator[Message | _Unreadable]) -> AsyncIterator[Message]:
        async for request in requests:
            yield self._readable(request)

    def _readable(self, request: Message | _Unreadable) -> Message:
        if isinstance(request, _Unreadable):
            raise invalid_field("request", f"cannot be read: {request.why}; send the message that the contract names")
        self._rules.check(request)
        return request


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for a request whose bytes are no message of its type. grpc itself would answer UNKNOWN."""

    why: str


def _forgiving(deserializer: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    if deserializer is None:
        return None

    def read(data: bytes) -> Any:
        try:
            return deserializer(data)
        except (DecodeError, ValueError) as error:
            return _Unreadable(" ".join(str(error).split()) or type(error).__name__)

    return read


def _passing(serializer: Callable[[Any], bytes] | None) -> Callable[[Any], bytes] | None:
    """Let answers pass that are bytes already: a handler may have a faster way to write its message."""
    if serializer is None:
        return None

    def write(answer: Any) -> bytes:
        return answer if type(answer) is bytes else serializer(answer)

    return write


async def _send_all(handler: Callable[[Any, Any], Any], request: Any, context: Any) -> None:
    """Run a streaming handler, whether it writes to the context itself or yields its messages."""
    if inspect.iscoroutinefunction(handler):
        await handler(request, context)
        return
    async with contextlib.aclosing(handler(request, context)) as messages:
        async for message in messages:
            await context.write(message)


def _not_serving() -> TruelineError:
    return TruelineError("UNAVAILABLE", "NOT_SERVING", "the server is stopping; try again", retry_after_s=1.0)


def _late(seconds: float) -> TruelineError:
    told = f"there was no answer within {seconds:.3g} s"
    return TruelineError("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", told)


async def _abort(context: Any, error: Exception, method: str) -> Never:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    status = rpc_status.to_status(map_failure_to_status(failure_of(error, method)))
    await context.abort(status.code, status.details, status.trailing_metadata)
    raise AssertionError("abort raises")
