"""Errors of the clients, decoded from the google.rpc details that every answer of the server carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from trueline.batch import ColumnBatch

_DETAILS_KEY = "grpc-status-details-bin"
_DOMAIN = "trueline"


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of a request's field that is broken."""

    field: str
    description: str


@dataclass(eq=False)
class TruelineError(Exception):
    """A call failed.

    Attributes:
        code: canonical status code, e.g. "NOT_FOUND".
        reason: an ErrorReason without its prefix, e.g. "UNKNOWN_METRIC"; "" if the server gave none.
        message: why, for people.
        metadata: what a program needs to act, as ErrorReason documents it.
        violations: the broken rules of the request.
        retry_after: seconds after which the server asks to try again; None if it does not.

    """

    code: str
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: Sequence[Violation] = ()
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.message} ({self.reason or self.code})"

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.code, self.reason, self.message, self.metadata, self.violations, self.retry_after)
        return type(self), values


class InvalidRequestError(TruelineError):
    """The request is wrong (INVALID_ARGUMENT, OUT_OF_RANGE); `violations` lists the fields."""


class NotFoundError(TruelineError):
    """Nothing has this name; `metadata["nearest"]` may name the nearest (NOT_FOUND)."""


class UnauthenticatedError(TruelineError):
    """The token is missing or not known (UNAUTHENTICATED, PERMISSION_DENIED)."""


class PreconditionError(TruelineError):
    """The state of the server does not allow it (FAILED_PRECONDITION)."""


class BackpressureError(TruelineError):
    """The server cannot take more now, or the disk under its log is full (RESOURCE_EXHAUSTED)."""


class UnavailableError(TruelineError):
    """No server answers at the address, or it is starting or stopping (UNAVAILABLE)."""


class DeadlineExceededError(TruelineError):
    """The call took longer than its deadline (DEADLINE_EXCEEDED)."""


class ResumeTokenExpiredError(TruelineError):
    """The resume token is older than what is kept; `metadata["earliest_token"]` still works (OUT_OF_RANGE)."""


class SlowReaderError(TruelineError):
    """The reader of a stream fell too far behind and was cut (ABORTED)."""


class EtagMismatchError(TruelineError):
    """Somebody else changed it meanwhile: read it again, then decide anew (ABORTED).

    `metadata["etag"]` is the newest.
    """


class OperationCancelledError(TruelineError):
    """An operation was cancelled before it came to a result (CANCELLED)."""


class OperationLostError(TruelineError):
    """The server stopped while an operation ran that it cannot run again; begin it anew (ABORTED)."""


class InternalServerError(TruelineError):
    """Something inside the server or the connection failed, and no caller could have avoided it."""


class SendError(TruelineError):
    """A `BatchingSender` gave up.

    Attributes:
        failed: the batches that are not known to be accepted, in order; sending them again is safe.

    """

    failed: tuple[ColumnBatch, ...] = ()

    @classmethod
    def of(cls, cause: TruelineError, failed: Sequence[ColumnBatch]) -> SendError:
        """The error for batches that could not be sent because of another error."""
        events = sum(map(len, failed))
        text = f"{events} events in {len(failed)} batches were not accepted: {cause.message}"
        error = cls(cause.code, cause.reason, text, cause.metadata, cause.violations, cause.retry_after)
        error.failed = tuple(failed)
        return error


_BY_CODE: Mapping[str, type[TruelineError]] = {
    "INVALID_ARGUMENT": InvalidRequestError,
    "OUT_OF_RANGE": InvalidRequestError,
    "NOT_FOUND": NotFoundError,
    "UNAUTHENTICATED": UnauthenticatedError,
    "PERMISSION_DENIED": UnauthenticatedError,
    "FAILED_PRECONDITION": PreconditionError,
    "RESOURCE_EXHAUSTED": BackpressureError,
    "UNAVAILABLE": UnavailableError,
    "DEADLINE_EXCEEDED": DeadlineExceededError,
    "ABORTED": SlowReaderError,
}
_BY_REASON: Mapping[str, type[TruelineError]] = {
    "RESUME_TOKEN_EXPIRED": ResumeTokenExpiredError,
    "ETAG_MISMATCH": EtagMismatchError,
    "OPERATION_CANCELLED": OperationCancelledError,
    "OPERATION_LOST": OperationLostError,
    "BATCH_TOO_LARGE": InvalidRequestError,
}


def decode(error: Any, target: str = "") -> TruelineError:
    """The typed error of a failed call (a grpc.RpcError of the sync or the async API) to the address `target`."""
    code = error.code().name
    found = _Details()
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            found = _details(value)
    reason, message = found.reason, error.details() or ""
    if not reason:
        reason, message = _plain(code, message, target)
    kind = _BY_REASON.get(reason) or _BY_CODE.get(code, InternalServerError)
    return kind(code, reason, message, found.metadata, found.violations, found.retry_after)


def decode_status(status: Message) -> TruelineError:
    """The typed error in an answer: a google.rpc.Status, or a message with its fields."""
    from google.rpc import code_pb2, status_pb2

    plain, found = status_pb2.Status.FromString(status.SerializeToString()), _details(status.SerializeToString())
    code = code_pb2.Code.Name(plain.code) if plain.code in code_pb2.Code.values() else "UNKNOWN"
    kind = _BY_REASON.get(found.reason) or _BY_CODE.get(code, InternalServerError)
    return kind(code, found.reason, plain.message, found.metadata, found.violations, found.retry_after)


def unbuildable(error: Exception) -> InvalidRequestError:
    """The error of a request that cannot be built, as a value fits no field of the contract."""
    return InvalidRequestError("INVALID_ARGUMENT", "INVALID_FIELD", f"the request cannot be built: {error}")


def unavailable(message: str) -> UnavailableError:
    """The error of a connection that ended or went silent without an answer."""
    return UnavailableError("UNAVAILABLE", "", message)


@dataclass(slots=True)
class _Details:
    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    retry_after: float | None = None


def _details(value: bytes) -> _Details:
    from google.rpc import error_details_pb2, status_pb2

    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    found = _Details()
    for detail in status_pb2.Status.FromString(value).details:
        if detail.Unpack(info) and info.domain == _DOMAIN:
            found.reason, found.metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            found.violations = tuple(Violation(item.field, item.description) for item in bad.field_violations)
        elif detail.Unpack(retry):
            found.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    return found


def _plain(code: str, message: str, target: str) -> tuple[str, str]:
    """Reason and message for what gRPC itself says, without the server's details."""
    if code == "UNAVAILABLE":
        return "", f"no server answers at {target}" if target else message
    if code == "DEADLINE_EXCEEDED":
        return "DEADLINE_EXCEEDED", "the call took longer than its deadline"
    if code == "RESOURCE_EXHAUSTED" and "larger than max" in message:
        return "BATCH_TOO_LARGE", "the request is larger than the server reads"
    return "", message or code
